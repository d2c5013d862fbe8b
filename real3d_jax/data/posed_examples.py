"""Examples of a camera-conditioned model: patches of views on grey backgrounds, and each view's own camera.

An example has the fields of `MultiviewBatch`, the source's as `source_c2w` and `source_intrinsics`.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from real3d_jax.config.posed import PosedSourceConfig
from real3d_jax.data import boxes, transforms
from real3d_jax.data.examples import Example, MultiviewExamples
from real3d_jax.data.posed_frames import WHOLE, posed_cameras, scale_to_extent
from real3d_jax.data.record_reader import BadRecordError
from real3d_jax.data.records import View
from real3d_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class PosedExamples(MultiviewExamples):
    """Makes examples of a multi-view data set; the attributes are those of `MultiviewExamples`."""

    source: PosedSourceConfig  # type: ignore[assignment]

    def __post_init__(self):
        super().__post_init__()
        if self.source.target_sizes[0] < self.sizes.target:
            raise UserError(
                f"target_sizes of '{self.source.path}' begin at {self.source.target_sizes[0]} pixels, of which no "
                f"patch of {self.sizes.target} (config.render.resolution) can be cut: raise them."
            )

    def _example(self, shots: Sequence[View], rng: np.random.Generator) -> Example:
        source, threshold, patch = self.source, self.data.mask_threshold, self.sizes.target
        whole = int(rng.integers(source.target_sizes[0], source.target_sizes[1] + 1))
        anchors = rng.integers(0, whole - patch + 1, (len(shots), 2))
        background = rng.choice(source.backgrounds, len(shots)).astype(np.float32)
        where = f"'{shots[0].object_id}' in '{self.data.folder}'"
        windows = np.array([WHOLE, *((left / whole, top / whole, patch / whole) for left, top in anchors)])
        c2w, intrinsics = posed_cameras(
            np.stack([shots[0].c2w, *(shot.c2w for shot in shots)]),
            np.stack([shots[0].intrinsics, *(shot.intrinsics for shot in shots)]),
            windows,
            scale=source.scale or self._scale(shots[0], where),
            where=where,
        )
        rgb, mask = [], []
        for shot, (left, top), grey in zip(shots, anchors, background, strict=True):
            options = {"size": whole, "antialias": self.sizes.target_antialias}
            premultiplied = transforms.premultiply(shot.image)
            colours = transforms.composite(premultiplied, background=float(grey), **options)
            outline = transforms.object_mask(shot.image, threshold=threshold, **options)
            shown = np.s_[top : top + patch, left : left + patch]
            rgb.append(colours[shown])
            mask.append(outline[shown])
        image = transforms.composite(
            transforms.premultiply(shots[0].image), size=self.sizes.input, background=transforms.WHITE
        )
        return {
            "image": image,
            "rgb": np.stack(rgb),
            "mask": np.stack(mask),
            "c2w": c2w[1:],
            "intrinsics": intrinsics[1:],
            "source_c2w": c2w[0],
            "source_intrinsics": intrinsics[0],
            "background": background,
        }

    def _scale(self, shot: View, where: str) -> float:
        try:
            box = boxes.object_box(shot.image[..., 3], threshold=self.data.mask_threshold)
            size = shot.image.shape[1], shot.image.shape[0]
            return scale_to_extent(shot.c2w, shot.intrinsics, box, size, extent=self.source.extent)
        except UserError as error:
            raise BadRecordError(f"View '{shot.view}' of {where}: {error}") from error
