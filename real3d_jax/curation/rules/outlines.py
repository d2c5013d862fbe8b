"""Boundaries of instances, each in its own window of the image, and where they meet."""

import dataclasses
import functools
from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool

from real3d_jax.curation.instances import Box, Instance
from real3d_jax.curation.rules.morphology import dilate, erode


@dataclasses.dataclass(frozen=True)
class Outline:
    """An instance in the window around it; what is computed here is computed once, for it and for its neighbours.

    Attributes:
      instance: whose mask is not empty.
      boundary_kernel: side of the eroding square, pixels.
      margin: how far the window reaches beyond the mask's box, pixels, at least half a kernel.
    """

    instance: Instance
    boundary_kernel: int
    margin: int

    @functools.cached_property
    def box(self) -> Box:
        """The mask's."""
        box = self.instance.box
        assert box is not None, "outlines are of masks that are not empty"
        return box

    @functools.cached_property
    def window(self) -> Box:
        """The box and its margin, cut at the image's border."""
        left, top, right, bottom = self.box
        height, width = self.instance.mask.shape
        margin = self.margin
        return max(left - margin, 0), max(top - margin, 0), min(right + margin, width), min(bottom + margin, height)

    @functools.cached_property
    def mask(self) -> Bool[np.ndarray, "h w"]:
        """In the window."""
        return cut(self.instance.mask, self.window)

    @functools.cached_property
    def boundary(self) -> Bool[np.ndarray, "h w"]:
        """What erosion takes off the mask, in the window."""
        return self.mask & ~erode(self.mask, self.boundary_kernel)

    @functools.cached_property
    def scale(self) -> float:
        """s of Appendix B: the mean side of the box, pixels."""
        left, top, right, bottom = self.box
        return (right - left + bottom - top) / 2


def contact(outline: Outline, others: Iterable[Outline], kernel: int) -> Bool[np.ndarray, "h w"]:
    """Pixels of the boundary that have a boundary pixel of another instance in their square of side `kernel`."""
    theirs = np.zeros_like(outline.mask)
    for other in others:
        overlap = intersection(outline.window, other.window)
        if overlap is not None:
            cut(theirs, overlap, outline.window)[:] |= cut(other.boundary, overlap, other.window)
    if not theirs.any():
        return theirs
    return outline.boundary & dilate(theirs, kernel)


def cut(array: np.ndarray, box: Box, window: Box = (0, 0, 0, 0)) -> np.ndarray:
    """The part of an array in `box`, where the array's corner is that of `window`; a view."""
    left, top, right, bottom = box
    x, y = window[:2]
    return array[top - y : bottom - y, left - x : right - x]


def intersection(a: Box, b: Box) -> Box | None:
    """Of two boxes; None if they have no pixel in common."""
    left, top, right, bottom = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    return (left, top, right, bottom) if left < right and top < bottom else None
