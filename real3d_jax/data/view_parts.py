"""The part of a view that a target shows, so that a small picture holds details of a large one."""

import numpy as np
from jaxtyping import Float


def random_parts(unit: Float[np.ndarray, "V 3"], least: float) -> Float[np.ndarray, "V 3"]:
    """Left and upper border and side of squares within a view, as fractions of it.

    A side lies between `least` and 1; the place is anywhere, near the middle twice as often as at the border.

    Args:
      unit: numbers from [0, 1), from which sides and places follow.
      least: least side, in (0, 1].
    """
    side = least + (1 - least) * unit[:, :1]
    spread = 0.5 + np.where(unit[:, 1:] < 0.5, np.sqrt(unit[:, 1:] / 2) - 0.5, 0.5 - np.sqrt((1 - unit[:, 1:]) / 2))
    return np.concatenate([(1 - side) * spread, side], axis=1).astype(np.float32)


def intrinsics_of_parts(whole: Float[np.ndarray, "V 4"], parts: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 4"]:
    """Normalised `fx, fy, cx, cy` of the parts of views, from those of the whole views."""
    left, top, side = np.asarray(parts, np.float64).T
    zeros = np.zeros_like(side)
    return (np.asarray(whole, np.float64) - np.stack([zeros, zeros, left, top], axis=1)) / side[:, None]
