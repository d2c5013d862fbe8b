"""Input views that show an object as a photograph does: in the middle, at a size that says nothing of the camera.

Objects fill one sphere, so that in views from one distance the size of an object's outline follows from where the
camera stands. Photographs are cropped by the outline, whose size then follows from nothing. A camera that comes nearer
and moves aside sees what such a crop shows, without its change of perspective.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from real3d_jax.cameras import Cameras
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.render import render_views

NEARER = (0.6, 1.25)  # how many times nearer a camera may come; beyond it, objects would leave the model's cube
_SIZE = 64  # pixels per side of the outline's picture


def frame_outline(
    objects: ProceduralObject, cameras: Cameras, crop_ratio: Float[Array | np.ndarray, "B"], **how
) -> tuple[Float[Array, "B 4 4"], Float[Array, "B 3"]]:
    """Moves cameras so that the outline is in the middle and fills 1 / crop_ratio of the picture, as near as may be.

    Args:
      objects: leading shape (B,).
      cameras: leading shape (B,), looking at the origin.
      crop_ratio: side of the picture relative to the longer side of the outline's box; 0 leaves a camera as it is.
      **how: options of `render_views`.

    Returns:
      The moved poses, and the point that each now looks at, as deep in its view as the origin.
    """
    alpha = render_views(objects, cameras, size=_SIZE, supersample=1, **how)[..., 3]
    centre, side = _box(alpha > 0)
    nearer = jnp.clip(1 / jnp.maximum(crop_ratio * side, 1e-6), *NEARER)
    moves = (crop_ratio > 0) & (side > 0)
    right, up, position = cameras.c2w[:, :3, 0], cameras.c2w[:, :3, 1], cameras.c2w[:, :3, 3]
    aside = (centre - cameras.intrinsics[:, 2:]) / cameras.intrinsics[:, :2]
    aside *= jnp.linalg.norm(position, axis=-1, keepdims=True)
    target = jnp.where(moves[:, None], aside[:, :1] * right - aside[:, 1:] * up, 0.0)
    position = target + position / jnp.where(moves, nearer, 1.0)[:, None]
    return cameras.c2w.at[:, :3, 3].set(position), target


def _box(mask: Bool[Array, "B H W"]) -> tuple[Float[Array, "B 2"], Float[Array, "B"]]:
    """Centre (x, y) and longer side of a mask's box, in parts of the picture; the side of an empty one is 0."""
    ends = []
    for axis in (1, 2):  # over rows for x, over columns for y
        along = mask.any(axis)
        places = jnp.arange(along.shape[1])
        first = jnp.min(jnp.where(along, places, along.shape[1]), axis=1)
        last = jnp.max(jnp.where(along, places + 1, 0), axis=1)
        ends.append(jnp.stack([first, last], -1) / along.shape[1])
    box = jnp.stack(ends, axis=1)  # (B, x and y, first and last)
    return box.mean(-1), jnp.maximum(box[..., 1] - box[..., 0], 0.0).max(-1)
