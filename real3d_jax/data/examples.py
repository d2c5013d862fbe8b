"""Turns records into single examples: chooses views, decodes only those, and prepares images and cameras.

An example is a dict of arrays with the fields of `MultiviewBatch` or `SingleViewBatch` without the batch axis, the
cameras as `c2w` and `intrinsics`. The classes below are what Grain sends to its reader processes.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from PIL import Image

from real3d_jax.config.data import AnyMultiviewConfig, MultiviewSourceConfig, SingleViewSourceConfig
from real3d_jax.data import frames, transforms
from real3d_jax.data.quarantine import Quarantine
from real3d_jax.data.record_reader import BadRecordError, RecordSet
from real3d_jax.data.records import MULTIVIEW, SINGLE_VIEW, Photograph, View
from real3d_jax.errors import UserError

Example = dict[str, np.ndarray]

_VALIDATION = 2024  # seed of the views that are scored, of every run


@dataclasses.dataclass(frozen=True)
class ImageSizes:
    """Pixels per side of the model's input and of the targets, and how targets are shrunk."""

    input: int
    target: int
    target_antialias: bool

    def target_images(self, rgba: np.ndarray, threshold: int) -> tuple[np.ndarray, np.ndarray]:
        """Colours on white, and the mask."""
        return self._target(transforms.premultiply(rgba), rgba, threshold)

    def input_and_target_images(self, rgba: np.ndarray, threshold: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The object on grey, and what `target_images` gives."""
        premultiplied = transforms.premultiply(rgba)
        image = transforms.composite(premultiplied, size=self.input, background=transforms.GREY)
        return image, *self._target(premultiplied, rgba, threshold)

    def _target(self, premultiplied: Image.Image, rgba: np.ndarray, threshold: int) -> tuple[np.ndarray, np.ndarray]:
        options = {"size": self.target, "antialias": self.target_antialias}
        rgb = transforms.composite(premultiplied, background=transforms.WHITE, **options)
        return rgb, transforms.object_mask(rgba, threshold=threshold, **options)


@dataclasses.dataclass(frozen=True)
class MultiviewExamples:
    """Makes examples of a multi-view data set.

    Attributes:
      data: the data set.
      source: its settings.
      sizes: of the images.
      views: of an example, the input view too.
      quarantine: takes up records that cannot be read, in whose place other views of the object come; None raises.
    """

    data: RecordSet
    source: AnyMultiviewConfig
    sizes: ImageSizes
    views: int
    quarantine: Quarantine | None = None

    def __post_init__(self):
        _check_schema(self.data, MULTIVIEW)
        needed = 2 if self.source.replacement else self.views
        if len(self.data) and self.views > 1 and (fewest := int(self.data.counts.min())) < needed:
            name = self.data.keys[int(self.data.counts.argmin())]
            raise UserError(
                f"'{name}' in '{self.data.folder}' has {fewest} views where {needed} are needed: prepare more views, "
                "or use fewer in the config."
            )

    def __call__(self, item: int, rng: np.random.Generator) -> Example:
        """An input view and other views of an object, at random; of the next one if it lacks readable views."""
        for shift in range(len(self.data)):
            views = self._draw(used := (item + shift) % len(self.data), rng)
            try:
                return self._example(self._shots(used, views), rng)
            except _NothingLeftError:
                continue
        raise UserError(f"Not one object in '{self.data.folder}' has enough views that can be read: prepare it again.")

    def _draw(self, item: int, rng: np.random.Generator) -> list[int]:
        count = int(self.data.counts[item])
        among = min(count, self.source.input_views or count)
        first = int(rng.integers(among))
        others = np.delete(np.arange(count), first)
        if self.views == 1:
            return [first]
        return [first, *rng.choice(others, self.views - 1, replace=self.source.replacement).tolist()]

    def held_out(self, item: int) -> Example:
        """The same input view and other views of an object whenever it is asked."""
        return self(item, np.random.default_rng([_VALIDATION, item]))

    def chosen(self, item: int, views: Sequence[int]) -> Example:
        """The example of the given views, the first of which is the input; what is drawn beside is always the same."""
        return self._example(self._shots(item, views), np.random.default_rng([_VALIDATION, item]))

    def _shots(self, item: int, views: Sequence[int]) -> list[View]:
        """The given views, or others in place of those that cannot be read."""
        count, taken = int(self.data.counts[item]), set(views)
        read = {}
        for view in dict.fromkeys(views):
            spare = [other for other in _following(view, count) if other not in taken]
            read[view], used = _first_readable(self.data, self.quarantine, item, [view, *spare], self._view)
            taken.add(used)
        return [read[view] for view in views]

    def _example(self, shots: Sequence[View], rng: np.random.Generator) -> Example:
        """The example of views, the first of which is the input; other kinds of examples draw something beside."""
        threshold = self.data.mask_threshold
        image, *target = self.sizes.input_and_target_images(shots[0].image, threshold)
        targets = [target, *(self.sizes.target_images(shot.image, threshold) for shot in shots[1:])]
        return self._put_together(image, targets, shots)

    def _put_together(
        self, image: np.ndarray, targets: Sequence[Sequence[np.ndarray]], shots: Sequence[View]
    ) -> Example:
        """The example of an input image, and of colours and mask of each target, with the cameras of `shots`."""
        assert isinstance(self.source, MultiviewSourceConfig)
        poses = np.stack([shot.c2w for shot in shots])
        return {
            "image": image,
            "rgb": np.stack([rgb for rgb, _ in targets]),
            "mask": np.stack([mask for _, mask in targets]),
            "c2w": frames.to_input_frame(poses[0], poses, self.source.distance),
            "intrinsics": np.stack([shot.intrinsics for shot in shots]).astype(np.float32),
        }

    def _view(self, item: int, view: int) -> View:
        shot = self.data.read_view(item, view)
        if shot.image.shape[0] != shot.image.shape[1]:
            where = f"View '{shot.view}' of '{shot.object_id}' in '{self.data.folder}'"
            raise BadRecordError(
                f"{where} is not square ({shot.image.shape[:2]}): prepare it again with square images."
            )
        return shot


@dataclasses.dataclass(frozen=True)
class SingleViewExamples:
    """Makes examples of a set of photographs; the attributes are those of `MultiviewExamples`."""

    data: RecordSet
    source: SingleViewSourceConfig
    sizes: ImageSizes
    quarantine: Quarantine | None = None

    def __post_init__(self):
        _check_schema(self.data, SINGLE_VIEW)
        low, high = self.source.crop_ratio
        if not 0 < low <= high:
            raise UserError(
                f"crop_ratio of '{self.source.path}' must be two growing numbers above 0, not {low}, {high}."
            )

    def __call__(self, item: int, rng: np.random.Generator) -> Example:
        """The photograph (any one of the object, if there are several), cropped, and seen by the assumed camera."""
        for shift in range(len(self.data)):
            used = (item + shift) % len(self.data)
            count = int(self.data.counts[used])
            first = int(rng.integers(count)) if count > 1 else 0
            ratio = rng.uniform(*self.source.crop_ratio)
            try:
                crop, _ = _first_readable(
                    self.data,
                    self.quarantine,
                    used,
                    [first, *_following(first, count)],
                    lambda item, record, ratio=ratio: self._crop(item, record, ratio),
                )
            except _NothingLeftError:
                continue
            return self._example(crop)
        raise UserError(f"Not one photograph in '{self.data.folder}' can be read: prepare it again.")

    def _crop(self, item: int, record: int, ratio: float) -> np.ndarray:
        photograph = self.data.read(item, record)
        assert isinstance(photograph, Photograph)
        try:
            return transforms.square_crop(photograph.image, threshold=self.data.mask_threshold, ratio=ratio)
        except UserError as error:
            raise BadRecordError(f"Photograph '{photograph.key}' in '{self.data.folder}': {error}") from error

    def _example(self, crop: np.ndarray) -> Example:
        threshold = self.data.mask_threshold
        image, rgb, mask = self.sizes.input_and_target_images(crop, threshold)
        return {
            "image": image,
            "rgb": rgb,
            "mask": mask,
            "c2w": frames.canonical_c2w(self.source.distance),
            "intrinsics": frames.centred_intrinsics(self.source.fov_y),
        }


class _NothingLeftError(Exception):
    """No record of an item can take the place of one that is left out."""


_Read = TypeVar("_Read")


def _first_readable(
    data: RecordSet,
    quarantine: Quarantine | None,
    item: int,
    candidates: Sequence[int],
    read: Callable[[int, int], _Read],
) -> tuple[_Read, int]:
    """What `read` gives for the first of an item's records that it can read, and the number of that record.

    Raises:
      _NothingLeftError: it can read none.
      BadRecordError: likewise, or it cannot read the first one, without a quarantine.
    """
    for record in candidates:
        if quarantine is not None and quarantine.holds(data, item, record):
            continue
        try:
            return read(item, record), record
        except BadRecordError as error:
            if quarantine is None:
                raise
            quarantine.add(data, item, record, error)
    raise _NothingLeftError


def _following(record: int, count: int) -> list[int]:
    """The other records of an item, from the next one on."""
    return [(record + shift) % count for shift in range(1, count)]


def _check_schema(data: RecordSet, schema: str) -> None:
    if data.schema != schema:
        wanted = "multi-view" if schema == MULTIVIEW else "single-view"
        raise UserError(
            f"'{data.folder}' does not hold {wanted} records (its schema is '{data.schema}'): "
            "give the path of another data set."
        )
