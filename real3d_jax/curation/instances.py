"""What a segmentation finds in a photograph: one mask, name and score an object."""

import dataclasses
import functools

import numpy as np
from jaxtyping import Bool

Box = tuple[int, int, int, int]


@dataclasses.dataclass(frozen=True)
class Instance:
    """One segmented object.

    Attributes:
      instance_id: unique among the instances of its photograph; samples are drawn from it.
      mask: of the whole photograph, shape (H, W).
      category: its name; '' if unknown.
      score: confidence in [0, 1]; 1.0 where the source gives none.
    """

    instance_id: int | str
    mask: Bool[np.ndarray, "H W"]
    category: str = ""
    score: float = 1.0

    @functools.cached_property
    def box(self) -> Box | None:
        """The mask's (left, top, right, bottom) in pixels, right and bottom exclusive; None for an empty mask."""
        rows = np.flatnonzero(self.mask.any(1))
        if not rows.size:
            return None
        top, bottom = int(rows[0]), int(rows[-1]) + 1
        columns = np.flatnonzero(self.mask[top:bottom].any(0))
        return int(columns[0]), top, int(columns[-1]) + 1, bottom
