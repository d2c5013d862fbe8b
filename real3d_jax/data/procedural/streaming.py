"""Procedural objects drawn on the devices while training goes on, so that every step sees new ones.

Reader processes make numbers of which objects and cameras follow (`StreamedExamples`); the devices draw the pictures
(`draw_examples`). Example number i of a stream is object number i: nothing repeats, and a resumed run goes on exactly.
"""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Float, UInt8

from real3d_jax.batches import MultiviewBatch
from real3d_jax.cameras import Cameras, spherical_c2w, to_input_frame
from real3d_jax.config.data import StreamedSourceConfig
from real3d_jax.data.procedural import numbering, source
from real3d_jax.data.procedural.framing import frame_outline
from real3d_jax.data.procedural.objects import MAX_SOLIDS, ProceduralObject, padded
from real3d_jax.data.procedural.render import render_views
from real3d_jax.data.transforms import WHITE, behind_input
from real3d_jax.data.view_parts import random_parts
from real3d_jax.errors import UserError

# Keep an example's cameras, and how its input is framed, apart from the random numbers of its object.
_VIEW_STREAM = 2
_FRAME_STREAM = 3


class ObjectBatch(NamedTuple):
    """Objects to be drawn; numpy arrays on the host. View 0 is the input view."""

    objects: ProceduralObject  # leading shape (B,)
    orbits: Float[Array | np.ndarray, "B V 3"]  # azimuth and elevation in radians, distance
    windows: Float[Array | np.ndarray, "B V 3"]  # left, upper border and side of what a target shows, of the whole view
    crop_ratio: Float[Array | np.ndarray, "B"]  # of the picture to the outline in the input view; 0 leaves it as it is
    distance: Float[Array | np.ndarray, "B"]  # of the input camera once mapped to the input-camera frame
    weight: Float[Array | np.ndarray, "B"] | None = None  # as of `MultiviewBatch`


@dataclasses.dataclass(frozen=True)
class StreamedExamples:
    """Makes the examples of a stream. `views` counts the input view too.

    Raises:
      UserError: there is no such family, or a number is out of range.
    """

    source: StreamedSourceConfig
    views: int

    def __post_init__(self):
        numbering.members(self.source.family)
        if not 0 < self.source.zoom <= 1:
            raise UserError(f"config.data.streamed: zoom must lie above 0 and be at most 1, not {self.source.zoom}.")
        if not 0 <= self.source.cropped <= 1:
            raise UserError(f"config.data.streamed: cropped must be between 0 and 1, not {self.source.cropped}.")
        low, high = self.source.crop_ratio
        if not 1 <= low <= high:
            raise UserError(f"config.data.streamed: crop_ratio must be two growing numbers from 1, not {low}, {high}.")

    def __call__(self, number: int) -> ObjectBatch:
        """Example `number`, without the batch axis."""
        family, seed = self.source.family, self.source.seed
        found = numbering.sample(family, seed, number)
        if found.turned is None:
            found = padded(found, MAX_SOLIDS)
        rng = np.random.default_rng([*numbering.stream(family, seed, number), _VIEW_STREAM])
        unit = rng.uniform(size=(self.views, 6))
        framing = np.random.default_rng([*numbering.stream(family, seed, number), _FRAME_STREAM])
        cropped, ratio = framing.uniform() < self.source.cropped, framing.uniform(*self.source.crop_ratio)
        return ObjectBatch(
            found,
            source.orbits(unit[:, :3]),
            random_parts(unit[:, 3:], self.source.zoom),
            np.asarray(ratio if cropped else 0.0, np.float32),
            np.asarray(self.source.distance, np.float32),
        )


def draw_examples(batch: ObjectBatch, *, image_size: int, target_size: int, posed: bool = False) -> MultiviewBatch:
    """The pictures of a batch of objects, in uint8 as the readers of records give them.

    Args:
      batch: objects and views.
      image_size: pixels per side of the model's input.
      target_size: of the targets.
      posed: for a camera-conditioned model: the input is on white, and its camera is told.
    """
    rows, views = batch.orbits.shape[:2]
    poses = spherical_c2w(*(batch.orbits[..., i] for i in range(3)))
    whole = jnp.broadcast_to(jnp.asarray(source.intrinsics()), (rows, views, 4))
    left, top, side = (batch.windows[..., i] for i in range(3))
    shown = jnp.stack(
        [whole[..., 0] / side, whole[..., 1] / side, (whole[..., 2] - left) / side, (whole[..., 3] - top) / side], -1
    )
    how = source.how_to_draw(jax.default_backend())
    draw = functools.partial(render_views, supersample=source.SUPERSAMPLE, **how)
    framed, looked_at = frame_outline(batch.objects, Cameras(poses[:, 0], whole[:, 0]), batch.crop_ratio, **how)
    poses = poses.at[:, 0].set(framed)
    seen = draw(batch.objects, Cameras(poses[:, 0], whole[:, 0]), size=image_size)
    each_view = jax.tree.map(lambda leaf: jnp.repeat(leaf, views, axis=0), batch.objects)
    flat = Cameras(poses.reshape(-1, 4, 4), shown.reshape(-1, 4))
    targets = draw(each_view, flat, size=target_size).reshape(rows, views, target_size, target_size, 4)
    around = poses.at[..., :3, 3].add(-looked_at[:, None])
    cameras = Cameras(jax.vmap(to_input_frame)(around[:, 0], around, jnp.asarray(batch.distance)), shown)
    weight = None if batch.weight is None else jnp.asarray(batch.weight)
    image = _on(seen, behind_input(conditioned=posed))
    known = {}
    if posed:
        known["source"] = Cameras(cameras.c2w[:, 0], whole[:, 0])
        known["background"] = jnp.full((rows, views), WHITE)
    return MultiviewBatch(image, _on(targets, WHITE), targets[..., 3:], cameras, weight, **known)


def _on(rgba: UInt8[Array, "*batch h w 4"], background: float) -> UInt8[Array, "*batch h w 3"]:
    """Straight alpha on a plain background."""
    alpha = rgba[..., 3:].astype(jnp.float32) / 255
    return jnp.round(rgba[..., :3] * alpha + 255 * background * (1 - alpha)).astype(jnp.uint8)


def draw_on_mesh(
    batch: ObjectBatch,
    others: MultiviewBatch | None,
    mesh: Mesh,
    *,
    image_size: int,
    target_size: int,
    posed: bool = False,
) -> MultiviewBatch:
    """`draw_examples` where each device draws its own rows; `others`, read from records, are put before them.

    Args:
      batch: rows spread over all axes of `mesh`.
      others: likewise.
      mesh: the devices.
      image_size: as in `draw_examples`.
      target_size: likewise.
      posed: likewise.
    """

    def here(batch, others):
        drawn = draw_examples(batch, image_size=image_size, target_size=target_size, posed=posed)
        if others is None:
            return drawn
        return jax.tree.map(lambda a, b: jnp.concatenate([a, b.astype(a.dtype)]), others, drawn)

    rows = PartitionSpec(mesh.axis_names)
    spread = jax.shard_map(here, mesh=mesh, in_specs=(rows, rows), out_specs=rows, check_vma=False)
    return spread(batch, others)
