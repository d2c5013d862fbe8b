"""A mask's contour as evenly spaced points in order, with smooth normals, and disparity along the normals."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage
from skimage.measure import find_contours


@dataclasses.dataclass(frozen=True)
class Contour:
    """All closed curves around a mask and its holes.

    Attributes:
      points: (x, y) between the last pixel inside and the first outside, in the coordinates of the mask given.
      normals: unit vectors out of the mask.
      curve: number of the closed curve that each point is on; a curve's points follow one another.
    """

    points: Float[np.ndarray, "N 2"]
    normals: Float[np.ndarray, "N 2"]
    curve: Int[np.ndarray, " N"]


def trace(mask: Bool[np.ndarray, "h w"], *, spacing: float, smoothing: float, least_length: float) -> Contour:
    """The contour of a mask.

    Args:
      mask: beyond it there is nothing.
      spacing: between points, pixels.
      smoothing: standard deviation of the Gaussian along the curve that smooths the normals, pixels.
      least_length: shorter curves, of specks and pinholes, are left out, pixels.
    """
    points, normals, curves = [np.zeros((0, 2))], [np.zeros((0, 2))], [np.zeros(0, int)]
    for number, curve in enumerate(find_contours(np.pad(mask, 1).astype(np.float32), 0.5)):
        curve = curve[:, ::-1] - 1
        along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
        if along[-1] < least_length:
            continue
        count = max(int(along[-1] / spacing), 8)
        even = np.arange(count) * along[-1] / count
        resampled = np.stack([np.interp(even, along, curve[:, axis]) for axis in range(2)], -1)
        smooth = ndimage.gaussian_filter1d(resampled, smoothing * count / along[-1], axis=0, mode="wrap")
        tangent = np.roll(smooth, -1, 0) - np.roll(smooth, 1, 0)
        normal = np.stack([tangent[:, 1], -tangent[:, 0]], -1)
        points.append(resampled)
        normals.append(normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6))
        curves.append(np.full(count, number))
    return Contour(np.concatenate(points), np.concatenate(normals), np.concatenate(curves))
