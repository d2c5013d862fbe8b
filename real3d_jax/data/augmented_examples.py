"""Examples of records that are changed at random: targets show parts of views, and objects come mirrored.

A set of few objects with few views each is learnt by heart. A part of a view shows details that a small target of the
whole one has no pixels for, and a mirrored object is another one.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from real3d_jax.config.data import AugmentedSourceConfig
from real3d_jax.data import frames, transforms
from real3d_jax.data.examples import Example, MultiviewExamples
from real3d_jax.data.records import View
from real3d_jax.data.view_parts import intrinsics_of_parts, random_parts


@dataclasses.dataclass(frozen=True)
class AugmentedExamples(MultiviewExamples):
    """Makes examples of a multi-view data set; the attributes are those of `MultiviewExamples`."""

    source: AugmentedSourceConfig

    def _example(self, shots: Sequence[View], rng: np.random.Generator) -> Example:
        threshold = self.data.mask_threshold
        if rng.uniform() < self.source.mirrored:
            shots = [mirrored(shot) for shot in shots]
        sides = [shot.image.shape[0] for shot in shots]
        squares = [_square(part, side) for part, side in zip(self._parts(rng, len(shots)), sides, strict=True)]
        shown = [transforms.window(shot.image, *square) for shot, square in zip(shots, squares, strict=True)]
        image = transforms.composite(
            transforms.premultiply(shots[0].image), size=self.sizes.input, background=transforms.GREY
        )
        targets = [self.sizes.target_images(rgba, threshold) for rgba in shown]
        parts = np.array(squares, np.float64) / np.array(sides)[:, None]
        poses = np.stack([shot.c2w for shot in shots])
        return {
            "image": image,
            "rgb": np.stack([rgb for rgb, _ in targets]),
            "mask": np.stack([mask for _, mask in targets]),
            "c2w": frames.to_input_frame(poses[0], poses, self.source.distance),
            "intrinsics": intrinsics_of_parts(np.stack([shot.intrinsics for shot in shots]), parts).astype(np.float32),
        }

    def _parts(self, rng: np.random.Generator, views: int) -> np.ndarray:
        return random_parts(rng.uniform(size=(views, 3)), self.source.zoom)


def mirrored(shot: View) -> View:
    """The view of the object in a mirror through the world's z axis: its picture with left and right exchanged."""
    # World and camera each change hands, so that the pose stays a rotation.
    world, camera = np.diag([1.0, -1.0, 1.0, 1.0]), np.diag([-1.0, 1.0, 1.0, 1.0])
    fx, fy, cx, cy = shot.intrinsics
    return dataclasses.replace(
        shot,
        image=np.ascontiguousarray(shot.image[:, ::-1]),
        c2w=(world @ shot.c2w @ camera).astype(shot.c2w.dtype),
        intrinsics=np.array([fx, fy, 1 - cx, cy], shot.intrinsics.dtype),
    )


def _square(part: np.ndarray, pixels: int) -> tuple[int, int, int]:
    """Left and upper border and side of a part of a view, in whole pixels of it."""
    left, top, side = part
    whole = max(1, round(float(side) * pixels))
    return min(round(float(left) * pixels), pixels - whole), min(round(float(top) * pixels), pixels - whole), whole
