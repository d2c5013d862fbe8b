"""Common Objects in 3D, version 2 (https://github.com/facebookresearch/co3d): videos, masks, cameras, point clouds.

Each category has an annotation file of its frames and one of its sequences: gzipped JSON lists of the data set's own
`FrameAnnotation` and `SequenceAnnotation`. Paths in them start at the folder of the categories.
"""

import collections
import dataclasses
import functools
import gzip
import json
import pathlib
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from real3d_jax.data.records import MULTIVIEW, Item, Rejection, Unusable
from real3d_jax.data.sources import captures, pytorch3d, renders
from real3d_jax.data.sources.captures import Shot, Squares
from real3d_jax.data.sources.layout import PHOTOGRAPHS
from real3d_jax.data.sources.point_clouds import check_reader, read_points
from real3d_jax.errors import UserError

_FRAMES, _SEQUENCES = "frame_annotations.jgz", "sequence_annotations.jgz"
_BOX = 180  # masks are soft; the published evaluation takes an object's box from what is greater


@dataclasses.dataclass(frozen=True)
class CO3D:
    """`CATEGORY/SEQUENCE/images/frame000001.jpg` and `CATEGORY/frame_annotations.jgz`; a key is `CATEGORY/SEQUENCE`.

    Attributes:
      source: the folder of the categories.
      masks: masks in place of the data set's own, such as better segmentations, in a tree like that of the source.
      subset: takes only the frames that `CATEGORY/set_lists/set_lists_SUBSET.json` names, such as 'fewview_dev'.
      frames: takes at most so many frames of a sequence, spread evenly; 0 takes all.
      squares: how pictures become squares.
    """

    source: pathlib.Path
    masks: pathlib.Path | None = None
    subset: str = ""
    frames: int = 0
    squares: Squares = dataclasses.field(default_factory=Squares)

    schema = MULTIVIEW
    mask_threshold = PHOTOGRAPHS
    unit = "sequence"

    def __post_init__(self) -> None:
        if self.frames and self.frames < self.squares.min_views:
            raise UserError(
                f"The option frames must be 0 or at least min_views, {self.squares.min_views}, not {self.frames}."
            )

    def settings(self) -> Mapping[str, Any]:
        """See `Layout`."""
        own = {"masks": self.masks is not None, "subset": self.subset, "frames": self.frames}
        return {"dataset": "co3d", **own, **self.squares.settings()}

    def keys(self) -> Sequence[str]:
        """See `Layout`."""
        check_reader()
        if self.masks is not None and not self.masks.is_dir():
            raise UserError(f"There is no folder '{self.masks}': correct --masks.")
        categories = [name for name in renders.subfolders(self.source) if (self.source / name / _FRAMES).is_file()]
        keys = [f"{category}/{sequence}" for category in categories for sequence in self._sequences(category)]
        if not categories:
            raise UserError(
                f"'{self.source}' does not hold CO3D: name a folder with CATEGORY/{_FRAMES} and "
                "CATEGORY/SEQUENCE/images in it."
            )
        if not keys:
            what = f"a 'set_lists_{self.subset}.json' with frames in it" if self.subset else "folders of sequences"
            raise UserError(f"No category of '{self.source}' has {what}: correct --source or --subset.")
        return keys

    def read(self, key: str) -> Item:
        """See `Layout`. Frames without a sound picture, mask or camera are dropped."""
        category, _, sequence = key.partition("/")
        points = self._point_cloud(category, sequence)
        shots, dropped = [], []
        for number, frame in captures.evenly(self._frames(category, sequence), self.frames):
            try:
                shot = self._shot(frame, where=f"frame {number} of '{_FRAMES}'")
                if any(shot.name == other.name for other in shots):
                    raise Unusable(f"frame {number} of '{_FRAMES}' names '{shot.image.name}' a second time")
                shots.append(shot)
            except Unusable as error:
                dropped.append(Rejection(f"{key}/{number}", str(error)))
        surveyed = captures.survey(key, shots, threshold=_BOX)
        surveyed.dropped.extend(dropped)
        return captures.make_item(
            key,
            shots,
            surveyed,
            centre=points.mean(0),
            squares=self.squares,
            threshold=self.mask_threshold,
        )

    def _sequences(self, category: str) -> list[str]:
        """The sequences of a category of which there are pictures."""
        folder = self.source / category
        there = [name for name in renders.subfolders(folder) if name not in ("set_lists", "eval_batches")]
        return [name for name in there if name in self._listed(category)] if self.subset else there

    def _listed(self, category: str) -> Mapping[str, frozenset[int]]:
        """The frames that the subset has of each sequence of a category."""
        return _set_list(self.source / category / "set_lists" / f"set_lists_{self.subset}.json")

    def _frames(self, category: str, sequence: str) -> list[tuple[int, Mapping[str, Any]]]:
        """The annotations of a sequence's frames and their numbers, in the order of these.

        Raises:
          Unusable: there are none, or the file is damaged.
        """
        texts = _entries(self.source / category / _FRAMES, sequence)
        numbered = []
        for frame in map(json.loads, texts):
            number = int(renders.numbers(frame, "frame_number", (), where=f"a frame of '{sequence}' in '{_FRAMES}'"))
            if not self.subset or number in self._listed(category)[sequence]:
                numbered.append((number, frame))
        return sorted(numbered, key=lambda pair: pair[0])

    def _shot(self, frame: Mapping[str, Any], *, where: str) -> Shot:
        image, mask, viewpoint = (_part(frame, name, where=where) for name in ("image", "mask", "viewpoint"))
        height, width = renders.numbers(image, "size", (2,), where=where).astype(int).tolist()
        path = self.source / _path(image, where=where)
        return Shot(
            name=path.stem,
            image=path,
            mask=(self.masks or self.source) / _path(mask, where=where),
            camera_file=_FRAMES,
            size=(width, height),
            c2w=pytorch3d.camera_to_world(viewpoint, where=where),
            intrinsics=pytorch3d.pixel_intrinsics(viewpoint, (width, height), where=where),
        )

    def _point_cloud(self, category: str, sequence: str) -> Float[np.ndarray, "n 3"]:
        """Points on the object.

        Raises:
          Unusable: the sequence has none, or the file is damaged.
        """
        (text, *_) = _entries(self.source / category / _SEQUENCES, sequence)
        cloud = json.loads(text).get("point_cloud")
        if not isinstance(cloud, dict):
            raise Unusable(f"'{sequence}' has no point cloud in '{_SEQUENCES}', so its centre is not known")
        return read_points(self.source / _path(cloud, where=f"'{sequence}' in '{_SEQUENCES}'"))


def _part(frame: Mapping[str, Any], name: str, *, where: str) -> Mapping[str, Any]:
    part = frame.get(name)
    if not isinstance(part, dict):
        raise Unusable(f"{where} has no '{name}'")
    return part


def _path(part: Mapping[str, Any], *, where: str) -> str:
    if not isinstance(part.get("path"), str):
        raise Unusable(f"{where} has no 'path'")
    return part["path"]


@functools.lru_cache(maxsize=1)  # items are read category by category
def _set_list(path: pathlib.Path) -> Mapping[str, frozenset[int]]:
    """The frames of each sequence in a file of set lists; none if it is missing."""
    if not path.is_file():
        return {}
    try:
        frames = collections.defaultdict(set)
        for entries in json.loads(path.read_bytes()).values():
            for sequence, number, _ in entries:
                frames[sequence].add(number)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"'{path}' cannot be read ({error}): download it again.") from error
    return {sequence: frozenset(numbers) for sequence, numbers in frames.items()}


def _entries(path: pathlib.Path, sequence: str) -> list[str]:
    """The JSON texts of a sequence's entries in an annotation file.

    Raises:
      Unusable: there are none, or the file is damaged.
    """
    entries, fault = _annotations(path)
    if fault:
        raise Unusable(fault)
    if sequence not in entries:
        raise Unusable(f"'{sequence}' is not in '{path.name}'")
    return entries[sequence]


@functools.lru_cache(maxsize=2)  # both files of a category
def _annotations(path: pathlib.Path) -> tuple[Mapping[str, list[str]], str]:
    """The JSON text of every entry of an annotation file by its sequence, or what is wrong with the file.

    Text, because a category's hundreds of thousands of frames take ten times the memory once they are parsed.
    """
    try:
        with gzip.open(path, "rt", encoding="utf8") as file:
            text = file.read()
        entries = collections.defaultdict(list)
        decoder, position = json.JSONDecoder(), text.index("[") + 1
        while text[position := _next_entry(text, position)] != "]":
            entry, end = decoder.raw_decode(text, position)
            entries[entry["sequence_name"]].append(text[position:end])
            position = end
    except FileNotFoundError:
        return {}, f"'{path.name}' is missing"
    except (OSError, EOFError, zlib.error, ValueError, IndexError, KeyError, TypeError) as error:
        return {}, f"'{path.name}' cannot be read ({error or type(error).__name__})"
    return entries, ""


def _next_entry(text: str, position: int) -> int:
    """Where the next entry of a list begins, or its bracket is."""
    while text[position] in ", \t\r\n":
        position += 1
    return position
