"""What the occlusion filter looked at, for drawing."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float, Int


@dataclasses.dataclass(frozen=True)
class OcclusionEvidence:
    """Positions are (x, y) in pixels of the whole photograph; pixel centres are whole numbers.

    Attributes:
      boundary: pixels of the instance's boundary.
      contact: those of them in contact with another instance.
      points: where the boundary was examined.
      normals: unit vectors there, out of the mask; zero at ambiguous points.
      inner: where the inner disparity was read; NaN at ambiguous points.
      outer: where the outer disparity was read; NaN at ambiguous points.
      inner_disparity: at `inner`, or its estimate from several places; NaN if unknown.
      outer_disparity: at `outer`, or its estimate from several places; NaN if unknown.
      occluded: points that say the object is behind its neighbour.
      ambiguous: points at which the mask does not tell inside from outside.
    """

    boundary: Int[np.ndarray, "B 2"]
    contact: Int[np.ndarray, "C 2"]
    points: Float[np.ndarray, "N 2"]
    normals: Float[np.ndarray, "N 2"]
    inner: Float[np.ndarray, "N 2"]
    outer: Float[np.ndarray, "N 2"]
    inner_disparity: Float[np.ndarray, " N"]
    outer_disparity: Float[np.ndarray, " N"]
    occluded: Bool[np.ndarray, " N"]
    ambiguous: Bool[np.ndarray, " N"]


def pixels(mask: Bool[np.ndarray, "h w"]) -> Int[np.ndarray, "B 2"]:
    """(x, y) of the pixels of a mask, in the order of reading."""
    rows, columns = np.nonzero(mask)
    return np.stack([columns, rows], -1)
