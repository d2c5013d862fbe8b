"""Boxes of objects in their images, and squares around them, in pixels."""

import math

import numpy as np
from jaxtyping import UInt8

from real3d_jax.errors import UserError

Box = tuple[int, int, int, int]  # left, top, right, bottom; the last two are the places after the last pixel
Square = tuple[int, int, int]  # left, top, side; it may reach beyond the image
Size = tuple[int, int]  # width, height
SPECK = 0.01  # of the largest part's pixels; a hand's finger, a cup's separate handle or a second shoe is more


def object_box(alpha: UInt8[np.ndarray, "H W"], *, threshold: int) -> Box:
    """The box of what has an alpha above the threshold.

    Raises:
      UserError: nothing has.
    """
    top, bottom = _span(alpha.max(1) > threshold)
    left, right = _span(alpha.max(0) > threshold)
    return left, top, right, bottom


def main_box(alpha: UInt8[np.ndarray, "H W"], *, threshold: int) -> tuple[Box, int]:
    """The box of an object without specks, and how many specks lie beyond it.

    A speck is a connected part (over sides and corners) with less than SPECK times the pixels of the largest one.

    Args:
      alpha: of an image.
      threshold: the object is where alpha is greater.

    Raises:
      UserError: nothing is there.
    """
    from scipy import ndimage  # it takes 0.1 s to import, and training on records needs none of it

    whole = object_box(alpha, threshold=threshold)
    parts = np.zeros(alpha.shape, np.int32)
    if ndimage.label(alpha > threshold, structure=np.ones((3, 3)), output=parts) == 1:
        return whole, 0
    sizes = np.bincount(parts.ravel())[1:]
    is_speck = sizes < SPECK * sizes.max()
    found = [(rows, columns, is_speck[number]) for number, (rows, columns) in enumerate(ndimage.find_objects(parts))]
    kept = [(rows, columns) for rows, columns, speck in found if not speck]
    top, left = (min(span[axis].start for span in kept) for axis in (0, 1))
    bottom, right = (max(span[axis].stop for span in kept) for axis in (0, 1))
    beyond = [
        rows.start < top or rows.stop > bottom or columns.start < left or columns.stop > right
        for rows, columns, speck in found
        if speck
    ]
    return (left, top, right, bottom), sum(beyond)


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
