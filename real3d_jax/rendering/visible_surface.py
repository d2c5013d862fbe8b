"""Depth and normals of views: where each ray meets the surface that is seen, and which way that faces.

The surface is where half of the light is stopped (the median of a ray's compositing weights): fog before or behind it
does not move it, as it moves a mean. No density of a surface is needed. Normals are those of this surface, from the
places that neighbouring pixels see: the gradient of the density is noise where an object is soft inside. Conventions
are those of `launch/render_objects.py`: depth is along the viewing axis in world units, normals are in the world on the
side that is seen, and both are 0 where less than half of the light is stopped. There is no gradient.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from real3d_jax.cameras import Cameras, camera_rays
from real3d_jax.config.model import RenderConfig
from real3d_jax.rendering.compositing import composite
from real3d_jax.rendering.field import TriplaneField, query_field
from real3d_jax.rendering.render import in_chunks, sample_rays
from real3d_jax.rendering.sample_order import from_tiles, to_tiles
from real3d_jax.rendering.sparse import of_wanted, sample_occupied

_HALF = 0.6931472  # optical depth, ln 2
_FINE = 6  # samples in the two parts of a ray between which the half lies,
_STAGES = 2  # and then in two of those
_RAYS_AT_ONCE = 2**11
_UNLIKE = 2.0  # steps to both neighbours of which one is so often the other's length lead across an edge

Surfaces = tuple[
    Float[Array, "*views h w 3"], Float[Array, "*views h w 1"], Float[Array, "*views h w"], Float[Array, "*views h w 3"]
]


def render_surfaces(field: TriplaneField, cameras: Cameras, config: RenderConfig, *, resolution: int) -> Surfaces:
    """Square views of each field, as `render_views` has them, with their depth and normals.

    Args:
      field: B fields.
      cameras: of leading shape (B, V).
      config: samples, box and background.
      resolution: pixels per side.

    Returns:
      Colours over the background and opacities in [0, 1]; depths and normals as this module's head says.
    """
    origins, directions = camera_rays(cameras, resolution, resolution)

    def render_chunk(origins, directions):
        density, rgb, t_near, t_far = sample_rays(field, origins, directions, config)
        rgb, opacity = composite(density, rgb, step=1.0 / config.samples, background=config.background)
        found, first, last, before = _around_half(density, t_near, t_far)
        distance = _meet(field, origins, directions, first, last, before, t_far - t_near, config)
        return rgb, opacity, jnp.where(found, distance, 0.0)[..., None]

    rendered = in_chunks(render_chunk, field, to_tiles(origins), to_tiles(directions), config)
    rgb, opacity, distance = (from_tiles(values) for values in rendered)
    return rgb, opacity, *_depth_and_normals(distance[..., 0], origins, directions, cameras)


def render_surfaces_sparse(
    field: TriplaneField, occupied: Bool[Array, "x y z"], cameras: Cameras, config: RenderConfig, *, resolution: int
) -> Surfaces:
    """`render_surfaces` of one field, with colours as `sparse.render_views_sparse` has them.

    Args:
      field: one field (a batch of one).
      occupied: of `sparse.occupied_cells`.
      cameras: of leading shape (V,).
      config: samples, box and background.
      resolution: pixels per side.
    """
    origins, directions = camera_rays(cameras, resolution, resolution)
    density, rgb, t_near, t_far = sample_occupied(field, occupied, origins, directions, config)
    rgb, opacity = composite(density, rgb, step=1.0 / config.samples, background=config.background)
    found, first, last, before = _around_half(density, t_near, t_far)
    rays = (origins, directions, *(x[..., None] for x in (first, last, before, t_far - t_near)))
    distance = _meet_some(field, jnp.concatenate(rays, axis=-1).reshape(-1, 10), found.ravel(), config)
    return rgb, opacity, *_depth_and_normals(distance.reshape(found.shape), origins, directions, cameras)


def _around_half(
    density: Float[Array, "*rays samples"], t_near: Float[Array, "*rays"], t_far: Float[Array, "*rays"]
) -> tuple[Bool[Array, "*rays"], Float[Array, "*rays"], Float[Array, "*rays"], Float[Array, "*rays"]]:
    """Whether half of a ray's light is stopped; the part of the ray in which it is, with the part before it; and the
    optical depth before both.
    """
    samples = density.shape[-1]
    depth = density / samples
    total = jnp.cumsum(depth, axis=-1)
    reached = total >= _HALF
    number = jnp.argmax(reached, axis=-1)
    start = jnp.maximum(number - 1, 0)
    before = _at(total - depth, start)
    part = (t_far - t_near) / samples
    return reached[..., -1], t_near + start * part, t_near + (number + 1) * part, jnp.maximum(before, 0.0)


def _meet(
    field: TriplaneField,
    origins: Float[Array, "B N 3"],
    directions: Float[Array, "B N 3"],
    first: Float[Array, "B N"],
    last: Float[Array, "B N"],
    before: Float[Array, "B N"],
    length: Float[Array, "B N"],
    config: RenderConfig,
) -> Float[Array, "B N"]:
    """Distance along each ray at which half of its light is stopped.

    Args:
      field: B fields.
      origins: of the rays.
      directions: of the rays.
      first: distance from which on
      last: and up to which the half is looked for.
      before: optical depth up to `first`.
      length: of the ray's whole way, whose optical depth is its mean density, whatever that length is.
      config: box, bias and implementation.
    """
    batch, count, _ = origins.shape
    distance = first
    for _ in range(_STAGES):
        fine = (last - first) / _FINE
        distances = first[..., None] + (jnp.arange(_FINE) + 0.5) * fine[..., None]
        points = origins[..., None, :] + distances[..., None] * directions[..., None, :]
        density = query_field(field, points.reshape(batch, -1, 3), config)[0].reshape(batch, count, _FINE)
        depth = density * (fine / jnp.maximum(length, 1e-9))[..., None]
        total = before[..., None] + jnp.cumsum(depth, axis=-1)
        number = jnp.argmax((total >= _HALF).at[..., -1].set(True), axis=-1)
        share = jnp.clip(1 - (_at(total, number) - _HALF) / jnp.maximum(_at(depth, number), 1e-9), 0.0, 1.0)
        distance = first + (number + share) * fine
        start = jnp.maximum(number - 1, 0)
        before = _at(total, start) - _at(depth, start)
        first, last = first + start * fine, first + (number + 1) * fine
    return distance


def _at(values: Float[Array, "*rays samples"], number: Int[Array, "*rays"]) -> Float[Array, "*rays"]:
    return jnp.take_along_axis(values, number[..., None], axis=-1)[..., 0]


def _meet_some(
    field: TriplaneField, rays: Float[Array, "N 10"], wanted: Bool[Array, "N"], config: RenderConfig
) -> Float[Array, "N"]:
    """`_meet` of the wanted rays; 0 of the others."""

    def meet(rays):
        first, last, before, length = jnp.moveaxis(rays[None, :, 6:], -1, 0)
        distance = _meet(field, rays[None, :, :3], rays[None, :, 3:6], first, last, before, length, config)
        return distance[0, :, None]

    return of_wanted(meet, rays, wanted, at_once=_RAYS_AT_ONCE, channels=1)[:, 0]


def _depth_and_normals(
    distance: Float[Array, "*views h w"],
    origins: Float[Array, "*views h w 3"],
    directions: Float[Array, "*views h w 3"],
    cameras: Cameras,
) -> tuple[Float[Array, "*views h w"], Float[Array, "*views h w 3"]]:
    """Depth along the cameras' axes, and normals, of what is seen at a distance along each ray; 0 is nothing."""
    seen = distance > 0
    points = origins + distance[..., None] * directions
    normal = jnp.cross(_step(points, seen, -2), _step(points, seen, -3))
    length = jnp.linalg.norm(normal, axis=-1, keepdims=True)
    normal = jnp.where(length > 0, normal / jnp.where(length > 0, length, 1.0), -directions)  # of a pixel alone
    normal = jnp.where((normal * directions).sum(-1, keepdims=True) > 0, -normal, normal)
    along_axis = -(directions * cameras.c2w[..., None, None, :3, 2]).sum(-1)
    return distance * along_axis, jnp.where(seen[..., None], normal, 0.0)


def _step(
    points: Float[Array, "*views h w 3"], seen: Bool[Array, "*views h w"], axis: int
) -> Float[Array, "*views h w 3"]:
    """The way on the surface from a pixel to its neighbours along an axis: the mean of both, or the shorter one."""
    side = points.shape[axis]
    place = jnp.arange(side).reshape(-1, *(1,) * (-axis - 2))
    steps, lengths = [], []
    for sign, border in ((1, side - 1), (-1, 0)):
        step = sign * (jnp.roll(points, -sign, axis) - points)
        both = seen & jnp.roll(seen, -sign, axis + 1) & (place != border)
        steps.append(jnp.where(both[..., None], step, 0.0))
        lengths.append(jnp.where(both, jnp.linalg.norm(step, axis=-1), jnp.inf))
    (ahead, back), (far, near) = steps, lengths
    smooth = jnp.isfinite(far + near) & (jnp.maximum(far, near) < _UNLIKE * jnp.minimum(far, near))
    return jnp.where(smooth[..., None], (ahead + back) / 2, jnp.where((far <= near)[..., None], ahead, back))
