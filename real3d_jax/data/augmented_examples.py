"""Examples of records that are changed at random: targets show parts of views, and objects come mirrored.

A set of few objects with few views each is learnt by heart. A part of a view shows details that a small target of the
whole one has no pixels for, and a mirrored object is another one.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from real3d_jax.config.data import AugmentedSourceConfig
from real3d_jax.data import transforms
from real3d_jax.data.examples import Example, MultiviewExamples
from real3d_jax.data.records import View
from real3d_jax.data.view_parts import intrinsics_of_parts, random_parts


@dataclasses.dataclass(frozen=True)
class AugmentedExamples(MultiviewExamples):
    """Makes examples of a multi-view data set; the attributes are those of `MultiviewExamples`."""

    source: AugmentedSourceConfig

    def _example(self, shots: Sequence[View], rng: np.random.Generator) -> Example:
        if rng.uniform() < self.source.mirrored:
            shots = [mirrored(shot) for shot in shots]
        parts = random_parts(rng.uniform(size=(len(shots), 3)), self.source.zoom)
        shown = [_part(shot, part) for shot, part in zip(shots, parts, strict=True)]
        image = transforms.composite(
            transforms.premultiply(shots[0].image), size=self.sizes.input, background=transforms.GREY
        )
        targets = [self.sizes.target_images(shot.image, self.data.mask_threshold) for shot in shown]
        return self._put_together(image, targets, shown)


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


def _part(shot: View, part: np.ndarray) -> View:
    """The part of a view that has those left and upper borders and that side, in whole pixels of it."""
    pixels = shot.image.shape[0]
    side = max(1, round(float(part[2]) * pixels))
    left, top = (min(round(float(edge) * pixels), pixels - side) for edge in part[:2])
    shown = np.array([[left, top, side]]) / pixels
    return dataclasses.replace(
        shot,
        image=transforms.window(shot.image, left, top, side),
        intrinsics=intrinsics_of_parts(shot.intrinsics[None], shown)[0],
    )
