"""Erosion and dilation of masks by squares.

Pixels beyond the array do not count: erosion takes them as part of the mask, dilation as not. In an array cut from an
image this makes the image's border no contour, as long as the cut keeps half a kernel around the mask elsewhere.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool


def erode(mask: Bool[np.ndarray, "H W"], kernel: int) -> Bool[np.ndarray, "H W"]:
    """Pixels whose whole square of side `kernel` (odd) is in the mask."""
    return _over_squares(np.logical_and, mask, kernel, outside=True)


def dilate(mask: Bool[np.ndarray, "H W"], kernel: int) -> Bool[np.ndarray, "H W"]:
    """Pixels whose square of side `kernel` (odd) meets the mask."""
    return _over_squares(np.logical_or, mask, kernel, outside=False)


def rim(mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """Pixels of the mask with at least one of their eight neighbours outside it."""
    return mask & ~erode(mask, 3)


def _over_squares(combine: Callable, mask: np.ndarray, kernel: int, *, outside: bool) -> np.ndarray:
    result = np.pad(mask, kernel // 2, constant_values=outside)
    for _ in range(2):  # rows, then columns of the transpose
        width = 1
        while width < kernel:  # windows of 1, 2, 4, ... and the rest: a handful of passes instead of `kernel`
            step = min(width, kernel - width)
            result = combine(result[:-step], result[step:])
            width += step
        result = result.T
    return result
