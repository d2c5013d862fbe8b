"""Data sets whose cameras a camera-conditioned model is told: each example keeps its own distance and intrinsics."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class PosedSourceConfig:
    """A data set of objects with several known views, for a model that is told its input camera (Section 3).

    Of `scale` and `extent` one is above 0 and the other 0.

    Attributes:
      path: folder of records, relative to `data.root` or absolute.
      weight: share in the mixture relative to the others; 0 means in proportion to the number of objects.
      scale: the model's units in one of the records', whose objects are of one known size.
      extent: half of the longer side of the outline's box in the input view, at the depth of the object's centre, in
        the model's units: for captures, whose units mean nothing.
      input_views: the input view is drawn among the first so many views of an object; 0 means all.
      replacement: whether target views are drawn with replacement.
      target_sizes: least and greatest pixels per side of the whole picture that a target is a patch of; one for all
        views of an example. Held-out views are whole, of the render's resolution.
      backgrounds: grey values in [0, 1], of which each target has one at random; held-out views have white.
    """

    path: str
    weight: float
    scale: float
    extent: float
    input_views: int
    replacement: bool
    target_sizes: tuple[int, int]
    backgrounds: tuple[float, ...]
