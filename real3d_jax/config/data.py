"""Data sets, and how they are mixed."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from real3d_jax.config.posed import PosedSourceConfig


@dataclasses.dataclass(frozen=True)
class MultiviewSourceConfig:
    """A data set of objects with several known views.

    Attributes:
      path: folder of records, relative to `data.root` or absolute.
      weight: share in the mixture relative to the others; 0 means in proportion to the number of objects.
      distance: of the input camera from the object once mapped to the input-camera frame, in world units.
      input_views: the input view is drawn among the first so many views of an object; 0 means all.
      replacement: whether target views are drawn with replacement.
    """

    path: str
    weight: float
    distance: float
    input_views: int
    replacement: bool


@dataclasses.dataclass(frozen=True)
class AugmentedSourceConfig(MultiviewSourceConfig):
    """The same, whose objects and views are changed at random, for sets of few.

    Attributes:
      zoom: least side of the part of a view that a target shows, relative to the whole; the greatest is 1.
      mirrored: share of the examples whose object is mirrored, in [0, 1].
    """

    zoom: float
    mirrored: float


# Of a data set's group, the one whose keys it has.
AnyMultiviewConfig = MultiviewSourceConfig | AugmentedSourceConfig | PosedSourceConfig


@dataclasses.dataclass(frozen=True)
class SingleViewSourceConfig:
    """A data set of photographs of one cut-out object each.

    Attributes:
      path: folder of records, relative to `data.root` or absolute.
      weight: share in the mixture relative to the others; 0 means in proportion to the number of photographs.
      distance: assumed distance of the camera, in world units.
      fov_y: assumed field of view, in degrees.
      crop_ratio: least and greatest side of the square crop, relative to the longer side of the object's box.
      fraction: share of the photographs that is used, chosen by their names; 1 uses all. Those of a smaller share are
        among those of a greater one (Figure 5).
    """

    path: str
    weight: float
    distance: float
    fov_y: float
    crop_ratio: tuple[float, float]
    fraction: float


@dataclasses.dataclass(frozen=True)
class EmbeddedSourceConfig:
    """A data set that the package makes itself, if its folder is missing, so that nothing need be downloaded.

    Attributes:
      path: folder of records to make, relative to `data.root` or absolute.
      kind: 'procedural_views' (multi-view records), 'procedural_captures' (likewise, filmed by hand: cameras that look
        past the object, off-centre, in a world of any direction and unit), 'procedural_single' (one view an
        object, as if a photograph) or 'photographs' (the cut-out photographs of scikit-image).
      family: of procedural objects: one, several joined by '+', 'named' for all named families or 'home' for all of
        things in and around a house; '' for photographs.
      objects: training objects; 0 for photographs, which are as many as there are.
      held_out: test objects, after the training ones.
      views: rendered views of each object.
      image_size: pixels per side of the stored images.
      seed: of objects and cameras.
      raw: share of the photographs of 'procedural_single' that is occluded or truncated, as before curation; 0 for
        none.
    """

    path: str
    kind: str
    family: str
    objects: int
    held_out: int
    views: int
    image_size: int
    seed: int
    raw: float


@dataclasses.dataclass(frozen=True)
class StreamedSourceConfig:
    """Procedural objects that the devices draw while training goes on; every step sees new ones.

    Attributes:
      family: one, several joined by '+', 'named' for all named families, or 'home' for all of things in and around a
        house.
      seed: of objects and cameras.
      weight: share among the streams relative to the others; 0 means equal shares.
      distance: of the input camera from the object once mapped to the input-camera frame, in world units.
      zoom: least side of the part of a view that a target shows, relative to the whole; the greatest is 1.
      cropped: share of the objects whose input view is framed as a photograph's crop, in [0, 1]; of the others the size
        of the outline tells where the camera stands.
      crop_ratio: least and greatest side of such a view, relative to the longer side of the outline's box. An outline
        that would have to be more than 1.25 times as large as it is stays smaller.
    """

    family: str
    seed: int
    weight: float
    distance: float
    zoom: float
    cropped: float
    crop_ratio: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where examples come from.

    Attributes:
      root: folder that relative paths start from.
      embedded: data sets to make on the first run, by name; empty where all data come from outside.
      synthetic: supervised data sets, by name; a camera-conditioned model's are `PosedSourceConfig`.
      streamed: supervised objects that are drawn as training goes on, by name.
      streamed_share: of the supervised half of a batch, in [0, 1]; the rest comes from `synthetic`.
      real: self-training data sets, by name.
      validation: data sets whose held-out objects are scored, by name.
      target_antialias: whether targets are shrunk with an antialiasing filter (the released code does not).
      workers: reader processes a host; 0 reads in the training process.
      prefetch: batches read ahead.
      max_quarantined: records that cannot be read, in whose place others come and training goes on; one more ends it.
    """

    root: str
    embedded: Mapping[str, EmbeddedSourceConfig]
    synthetic: Mapping[str, AnyMultiviewConfig]
    streamed: Mapping[str, StreamedSourceConfig]
    streamed_share: float
    real: Mapping[str, SingleViewSourceConfig]
    validation: Mapping[str, AnyMultiviewConfig]
    target_antialias: bool
    workers: int
    prefetch: int
    max_quarantined: int


_NEW_VIEWS = MappingProxyType({"weight": 0.0, "distance": 2.4, "input_views": 0, "replacement": False})
_NEW_PHOTOGRAPHS = MappingProxyType(
    {"weight": 0.0, "distance": 3.0, "fov_y": 39.6, "crop_ratio": (1.45, 1.7), "fraction": 1.0}
)
# What a data set has that the command line adds to a group of `DataConfig` by naming its `path`.
ADDED_SETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"synthetic": _NEW_VIEWS, "validation": _NEW_VIEWS, "real": _NEW_PHOTOGRAPHS}
)
