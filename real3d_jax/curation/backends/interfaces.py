"""What the pipeline asks of a segmentation and of a depth estimation.

Both take a batch and answer for each photograph alone, so that a bad one costs no other. Before they run, they are
options: small dataclasses that travel to worker processes and are loaded there, once a process.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from real3d_jax.curation.depth import DepthKind
from real3d_jax.curation.instances import Box, Instance
from real3d_jax.data.photograph_files import PhotographFile
from real3d_jax.data.records import Unusable

T_co = TypeVar("T_co", covariant=True)


class SourceImage(NamedTuple):
    """A photograph as backends get it.

    Attributes:
      photograph: its file and names.
      rgb: its pixels.
      annotations: what an instances file says of it, as `coco` prepares it; empty without such a file.
      orientation: what the file's EXIF data ask for, 1 to 8; `rgb` is upright already.
    """

    photograph: PhotographFile
    rgb: UInt8[np.ndarray, "H W 3"]
    annotations: Sequence[Mapping[str, Any]] = ()
    orientation: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.rgb.shape[:2]
        return height, width


class UnknownNeighbour(NamedTuple):
    """Something that may hide others, whose mask is not known.

    Attributes:
      box: where it is; None if that is not known either.
      score: its confidence.
    """

    box: Box | None
    score: float = 1.0


@dataclasses.dataclass(frozen=True)
class Segmentation:
    """The instances of a photograph.

    Attributes:
      instances: all that were found: those below the least score too.
      crowds: ids of instances that are several objects under one mask (COCO's `iscrowd`): neighbours, but no objects.
      unusable: ids of annotations that are no instances, each with the reason.
      neighbours: the masks of those that have one.
      unknown: those that have none.
    """

    instances: Sequence[Instance]
    crowds: frozenset[int | str] = frozenset()
    unusable: Sequence[tuple[int | str, str]] = ()
    neighbours: Sequence[Instance] = ()
    unknown: Sequence[UnknownNeighbour] = ()


@runtime_checkable
class SegmentationBackend(Protocol):
    """Finds the instances of photographs."""

    def __call__(self, images: Sequence[SourceImage]) -> Sequence[Segmentation | Unusable]:
        """The instances of each photograph, or why it cannot be used."""
        ...


@runtime_checkable
class DepthBackend(Protocol):
    """Estimates the depth of photographs.

    Attributes:
      kind: 'disparity' (larger is nearer, any scale) or 'metric' (distance).
    """

    @property
    def kind(self) -> DepthKind: ...

    def __call__(self, images: Sequence[SourceImage]) -> Sequence[Float[np.ndarray, "H W"] | Unusable]:
        """The depth of each photograph at its own size, or why there is none."""
        ...


@runtime_checkable
class Loadable(Protocol[T_co]):
    """The options of a backend: a frozen dataclass."""

    def settings(self) -> Mapping[str, Any]:
        """What shapes the result, as JSON, without paths of files that are read one by one."""
        ...

    def load(self) -> T_co:
        """The backend. May take minutes and gigabytes.

        Raises:
          UserError: there is no such model or folder, or an extra is not installed.
        """
        ...
