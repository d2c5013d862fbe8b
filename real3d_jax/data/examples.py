"""Turns records into single examples: chooses views, decodes only those, and prepares images and cameras.

An example is a dict of arrays with the fields of `MultiviewBatch` or `SingleViewBatch` without the batch axis, the
cameras as `c2w` and `intrinsics`. The classes below are what Grain sends to its reader processes.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from PIL import Image

from real3d_jax.config.data import MultiviewSourceConfig, SingleViewSourceConfig
from real3d_jax.data import frames, transforms
from real3d_jax.data.record_reader import RecordSet
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
    """Makes examples of a multi-view data set. `views` counts the input view too."""

    data: RecordSet
    source: MultiviewSourceConfig
    sizes: ImageSizes
    views: int

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
        """An input view and other views of an object, at random."""
        count = int(self.data.counts[item])
        among = min(count, self.source.input_views or count)
        first = int(rng.integers(among))
        others = np.delete(np.arange(count), first)
        if self.views == 1:
            return self.chosen(item, [first])
        rest = rng.choice(others, self.views - 1, replace=self.source.replacement)
        return self.chosen(item, [first, *rest.tolist()])

    def held_out(self, item: int) -> Example:
        """The same input view and other views of an object whenever it is asked."""
        return self(item, np.random.default_rng([_VALIDATION, item]))

    def chosen(self, item: int, views: Sequence[int]) -> Example:
        """The example of the given views, the first of which is the input."""
        read = {view: self._view(item, view) for view in dict.fromkeys(views)}
        shots = [read[view] for view in views]
        threshold = self.data.mask_threshold
        image, *target = self.sizes.input_and_target_images(shots[0].image, threshold)
        targets = [target, *(self.sizes.target_images(shot.image, threshold) for shot in shots[1:])]
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
            raise UserError(f"{where} is not square ({shot.image.shape[:2]}): prepare it again with square images.")
        return shot


@dataclasses.dataclass(frozen=True)
class SingleViewExamples:
    """Makes examples of a set of photographs."""

    data: RecordSet
    source: SingleViewSourceConfig
    sizes: ImageSizes

    def __post_init__(self):
        _check_schema(self.data, SINGLE_VIEW)
        low, high = self.source.crop_ratio
        if not 0 < low <= high:
            raise UserError(
                f"crop_ratio of '{self.source.path}' must be two growing numbers above 0, not {low}, {high}."
            )

    def __call__(self, item: int, rng: np.random.Generator) -> Example:
        """The photograph (any one of the object, if there are several), cropped, and seen by the assumed camera."""
        count = int(self.data.counts[item])
        photograph = self.data.read(item, int(rng.integers(count)) if count > 1 else 0)
        assert isinstance(photograph, Photograph)
        threshold = self.data.mask_threshold
        try:
            crop = transforms.square_crop(
                photograph.image, threshold=threshold, ratio=rng.uniform(*self.source.crop_ratio)
            )
        except UserError as error:
            raise UserError(f"Photograph '{photograph.key}' in '{self.data.folder}': {error}") from error
        image, rgb, mask = self.sizes.input_and_target_images(crop, threshold)
        return {
            "image": image,
            "rgb": rgb,
            "mask": mask,
            "c2w": frames.canonical_c2w(self.source.distance),
            "intrinsics": frames.centred_intrinsics(self.source.fov_y),
        }


def _check_schema(data: RecordSet, schema: str) -> None:
    if data.schema != schema:
        wanted = "multi-view" if schema == MULTIVIEW else "single-view"
        raise UserError(
            f"'{data.folder}' does not hold {wanted} records (its schema is '{data.schema}'): "
            "give the path of another data set."
        )
