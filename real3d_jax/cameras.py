"""Cameras: poses, rays and the canonical frame.

The world is right-handed with z up; the object lies in the cube of half-size 0.87 around the origin. A camera has
OpenGL axes (x right, y up, looking along -z) and its pose `c2w` maps camera to world. The canonical camera sits at
(+distance, 0, 0) and looks at the origin; the model places every input view there. Angles are radians in this module.

Small products run at the highest matmul precision: an accelerator's default (TF32, bfloat16) would move rays.
"""

from typing import no_type_check

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_HIGHEST = jax.lax.Precision.HIGHEST


@no_type_check  # JAX rebuilds it around placeholders
@flax.struct.dataclass
class Cameras:
    """Poses and intrinsics of any leading shape.

    Attributes:
      c2w: camera-to-world matrices, OpenGL axes.
      intrinsics: normalised `fx, fy, cx, cy`: focal lengths and principal point as fractions of the image's width
        (fx, cx) and height (fy, cy), from the upper left corner. They survive resizing; crops move `cx, cy`.
    """

    c2w: Float[Array, "*batch 4 4"]
    intrinsics: Float[Array, "*batch 4"]


def intrinsics_from_fov(fov_y: Float[Array, "*batch"] | float, aspect: float = 1.0) -> Float[Array, "*batch 4"]:
    """Normalised intrinsics of a centred camera. `fov_y` in radians, `aspect` = width / height."""
    fy = 0.5 / jnp.tan(0.5 * jnp.asarray(fov_y, jnp.float32))
    centre = jnp.full_like(fy, 0.5)
    return jnp.stack([fy / aspect, fy, centre, centre], axis=-1)


def spherical_c2w(
    azimuth: Float[Array | np.ndarray, "*#batch"] | float,
    elevation: Float[Array | np.ndarray, "*#batch"] | float,
    distance: Float[Array | np.ndarray, "*#batch"] | float,
) -> Float[Array, "*batch 4 4"]:
    """Poses on a sphere, looking at the origin, with z up.

    Position = distance * (cos el cos az, cos el sin az, sin el). The axes are written in closed form, so that the
    poles (elevation of +-90 degrees) are regular.

    Args:
      azimuth: radians, counter-clockwise seen from above; 0 is the canonical direction (+x).
      elevation: radians, positive is above.
      distance: from the origin, in world units.
    """
    azimuth, elevation, distance = jnp.broadcast_arrays(
        *(jnp.asarray(v, jnp.float32) for v in (azimuth, elevation, distance))
    )
    sin_az, cos_az, sin_el, cos_el = (
        jnp.sin(azimuth),
        jnp.cos(azimuth),
        jnp.sin(elevation),
        jnp.cos(elevation),
    )
    zero = jnp.zeros_like(azimuth)
    right = jnp.stack([-sin_az, cos_az, zero], -1)
    up = jnp.stack([-sin_el * cos_az, -sin_el * sin_az, cos_el], -1)
    back = jnp.stack([cos_el * cos_az, cos_el * sin_az, sin_el], -1)
    top = jnp.stack([right, up, back, distance[..., None] * back], axis=-1)
    bottom = jnp.broadcast_to(jnp.array([0.0, 0.0, 0.0, 1.0]), (*top.shape[:-2], 1, 4))
    return jnp.concatenate([top, bottom], axis=-2)


def canonical_c2w(distance: Float[Array, "*batch"] | float) -> Float[Array, "*batch 4 4"]:
    """The canonical pose phi of every input view (Section 3): at (+distance, 0, 0), looking at the origin."""
    return spherical_c2w(0.0, 0.0, distance)


def compose(a: Float[Array, "*#batch 4 4"], b: Float[Array, "*#batch 4 4"]) -> Float[Array, "*batch 4 4"]:
    """The product of two poses, in full float32."""
    return jnp.matmul(a, b, precision=_HIGHEST)


def invert_rigid(pose: Float[Array, "*batch 4 4"]) -> Float[Array, "*batch 4 4"]:
    """The inverse of a rotation and translation, without a linear solve."""
    rotation = jnp.swapaxes(pose[..., :3, :3], -1, -2)
    translation = -jnp.matmul(rotation, pose[..., :3, 3:], precision=_HIGHEST)
    return jnp.concatenate([jnp.concatenate([rotation, translation], -1), pose[..., 3:, :]], -2)


def cycle_return_pose(
    c2w: Float[Array, "*#batch 4 4"], canonical: Float[Array, "*#batch 4 4"]
) -> Float[Array, "*batch 4 4"]:
    """The pose that sees the original input again once the view from `c2w` has become the input (Eq. 4).

    With Phi = phi dPhi, the return pose phi dPhi^-1 equals phi Phi^-1 phi. It keeps distance and look-at point.
    """
    return compose(compose(canonical, invert_rigid(c2w)), canonical)


def to_input_frame(
    input_c2w: Float[Array, "*batch 4 4"],
    view_c2w: Float[Array, "*batch views 4 4"],
    distance: float | Float[Array, ""],
) -> Float[Array, "*batch views 4 4"]:
    """Maps views from a source's world to the frame in which the input camera is canonical.

    Translations are scaled by `distance` / |input position|, then each view's pose relative to the input camera is
    multiplied onto the canonical pose. The result's z axis is the input camera's up, not gravity. Assumes that the
    input camera looks at the source's origin, which then stays at the origin.
    """
    scale = distance / jnp.linalg.norm(input_c2w[..., :3, 3], axis=-1)

    def scaled(c2w, factor):
        return c2w.at[..., :3, 3].multiply(factor[..., None])

    relative = compose(invert_rigid(scaled(input_c2w, scale))[..., None, :, :], scaled(view_c2w, scale[..., None]))
    return compose(canonical_c2w(distance), relative)


def camera_rays(
    cameras: Cameras, height: int, width: int
) -> tuple[Float[Array, "*batch {height} {width} 3"], Float[Array, "*batch {height} {width} 3"]]:
    """Origins and unit directions of the rays through all pixel centres, in world coordinates."""
    u = (jnp.arange(width, dtype=jnp.float32) + 0.5) / width
    v = (jnp.arange(height, dtype=jnp.float32) + 0.5) / height
    fx, fy, cx, cy = (cameras.intrinsics[..., i, None, None] for i in range(4))
    x = (u - cx) / fx
    y = -(v[:, None] - cy) / fy
    x, y = jnp.broadcast_arrays(x, y)
    local = jnp.stack([x, y, -jnp.ones_like(x)], axis=-1)
    directions = jnp.einsum("...ij,...hwj->...hwi", cameras.c2w[..., :3, :3], local, precision=_HIGHEST)
    directions /= jnp.linalg.norm(directions, axis=-1, keepdims=True)
    origins = jnp.broadcast_to(cameras.c2w[..., None, None, :3, 3], directions.shape)
    return origins, directions


def with_intrinsics(c2w: Float[Array, "B V 4 4"], cameras: Cameras) -> Cameras:
    """Several poses for each example, all with that example's intrinsics."""
    intrinsics = jnp.broadcast_to(cameras.intrinsics[:, None], (*c2w.shape[:2], 4))
    return Cameras(c2w, intrinsics)
