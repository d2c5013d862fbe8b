"""The schema of `configs/adapting.py`. No field has a default: every number stands in the config file."""

import dataclasses

from real3d_jax.config.evaluation import BootstrapConfig


@dataclasses.dataclass(frozen=True)
class DrawnPhotographsConfig:
    """Drawn photographs: an object of one family somewhere before a backdrop, now and then cut by the border.

    Attributes:
      family: of procedural objects.
      count: of photographs, each of another object.
      seed: of objects and of where they stand.
      drawn: pixels per side of the object's view, a multiple of 4.
      width: of a photograph, pixels.
      height: of a photograph, pixels.
      cut: share of the photographs whose object the border cuts.
    """

    family: str
    count: int
    seed: int
    drawn: int
    width: int
    height: int
    cut: float


@dataclasses.dataclass(frozen=True)
class CuratedConfig:
    """Settings of curation that are not its defaults.

    Attributes:
      min_side: least shorter side of an object's box, pixels.
      border: least distance of the box from the border, pixels.
      image_size: longer side of a record's image at most, pixels.
    """

    min_side: int
    border: int
    image_size: int


@dataclasses.dataclass(frozen=True)
class AdaptingConfig:
    """From which number of photographs on adapting a model to them helps.

    Attributes:
      name: of the study.
      init_from: the checkpoint that is adapted.
      photographs: what is curated.
      curation: how.
      numbers: of curated photographs that runs train on, growing; 0 goes on with supervised data alone, for as long.
      seeds: that every number is repeated with.
      training: the config of all runs, whose real data are one set, 'own'.
      changes: of its keys, `--config.KEY=VALUE`.
      evaluation: the config of the scores, of other objects of the family.
      shown: objects in the picture of before and after.
      bootstrap: of intervals.
    """

    name: str
    init_from: str
    photographs: DrawnPhotographsConfig
    curation: CuratedConfig
    numbers: tuple[int, ...]
    seeds: tuple[int, ...]
    training: str
    changes: tuple[str, ...]
    evaluation: str
    shown: int
    bootstrap: BootstrapConfig
