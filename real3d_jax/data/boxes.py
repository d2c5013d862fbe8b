"""Boxes of objects in their images, and squares around them, in pixels."""

import math

import numpy as np
from jaxtyping import UInt8

from real3d_jax.errors import UserError

Box = tuple[int, int, int, int]  # left, top, right, bottom; the last two are the places after the last pixel
Square = tuple[int, int, int]  # left, top, side; it may reach beyond the image
Size = tuple[int, int]  # width, height


def object_box(alpha: UInt8[np.ndarray, "H W"], *, threshold: int) -> Box:
    """The box of what has an alpha above the threshold.

    Raises:
      UserError: nothing has.
    """
    top, bottom = _span(alpha.max(1) > threshold)
    left, right = _span(alpha.max(0) > threshold)
    return left, top, right, bottom


def square_around(box: Box, *, ratio: float) -> Square:
    """A square about a box's centre, to the pixel, `ratio` times its longer side wide."""
    left, top, right, bottom = box
    side = max(1, round(ratio * max(bottom - top, right - left)))
    return (left + right - side) // 2, (top + bottom - side) // 2, side


def square_about_middle(size: Size, side: int) -> Square:
    """The square of a given side about the image's middle."""
    return (size[0] - side) // 2, (size[1] - side) // 2, side


def side_about_middle(box: Box, size: Size, *, ratio: float) -> int:
    """Side of the square about the image's middle that is `ratio` times the smallest one around a box."""
    reach = max(abs(2 * edge - size[number % 2]) for number, edge in enumerate(box))
    return max(1, round(ratio * reach))


def off_middle(box: Box, size: Size) -> tuple[bool, float]:
    """How little centred an object is: whether its box touches the border, and how far it is off the middle, in pixels.

    What is cut off by the border looks centred, so it comes after all that is whole.
    """
    left, top, right, bottom = box
    cut = left == 0 or top == 0 or right == size[0] or bottom == size[1]
    return cut, math.hypot(left + right - size[0], top + bottom - size[1]) / 2


def _span(occupied: np.ndarray) -> tuple[int, int]:
    """First occupied place, and the one after the last."""
    (places,) = np.nonzero(occupied)
    if not len(places):
        raise UserError("An image shows nothing: no alpha is above the mask threshold, so take the record out.")
    return int(places[0]), int(places[-1]) + 1
