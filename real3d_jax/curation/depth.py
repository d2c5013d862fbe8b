"""Depth as the rules want it: disparity, larger is nearer."""

from typing import Literal

import numpy as np
from jaxtyping import Float, Real

DepthKind = Literal["disparity", "metric"]
DEPTH_KINDS: tuple[DepthKind, ...] = ("disparity", "metric")


def to_disparity(
    depth: Real[np.ndarray, "H W"], *, kind: DepthKind = "disparity", epsilon: float = 1e-6
) -> Float[np.ndarray, "H W"]:
    """Disparity, float32, not negative, with NaN where it is unknown.

    Args:
      depth: what a model or a file gives.
      kind: 'disparity' (larger is nearer; any scale, as of Depth Anything V1 and V2) or 'metric' (distance; inverted).
      epsilon: the least distance that is inverted; nearer ones count as this.

    Returns:
      Of 'disparity': the same numbers, with 0 for negative and NaN for infinite ones. Of 'metric': 1 / distance, 0 for
      an infinite distance (sky), NaN for NaN and for distances of 0 or less (how sensors say "no reading").
    """
    values = np.asarray(depth, np.float32)
    if kind == "disparity":
        return np.where(np.isfinite(values), np.maximum(values, 0), np.float32(np.nan))
    return np.where(values > 0, 1 / np.maximum(values, np.float32(epsilon)), np.float32(np.nan))
