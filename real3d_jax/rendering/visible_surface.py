"""Depth and normals of views: where each ray meets the surface that is seen, and which way that faces.

The surface is where half of the light is stopped (the median of a ray's compositing weights): fog before or behind it
does not move it, as it moves a mean. No density of a surface is needed. Conventions are those of
`launch/render_objects.py`: depth is along the viewing axis in world units, normals are in the world on the side that is
seen, and both are 0 where less than half of the light is stopped. There is no gradient.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from real3d_jax.cameras import Cameras, camera_rays
from real3d_jax.config.model import RenderConfig
from real3d_jax.rendering.compositing import composite
from real3d_jax.rendering.field import TriplaneField, query_field, query_raw
from real3d_jax.rendering.render import in_chunks, sample_rays
from real3d_jax.rendering.sample_order import from_tiles, to_tiles
from real3d_jax.rendering.sparse import sample_occupied

_HALF = 0.6931472  # optical depth, ln 2
_FINE = 8  # samples in the two parts of a ray between which the half lies
_RAYS_AT_ONCE = 2**11
_TETRAHEDRON = ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1))

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
        distance, normal = _meet(field, origins, directions, first, last, before, t_far - t_near, config)
        return rgb, opacity, jnp.where(found, distance, 0.0)[..., None], jnp.where(found[..., None], normal, 0.0)

    rendered = in_chunks(render_chunk, field, to_tiles(origins), to_tiles(directions), config)
    rgb, opacity, distance, normal = (from_tiles(values) for values in rendered)
    return rgb, opacity, distance[..., 0] * _along_axis(directions, cameras), normal


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
    met = _meet_some(field, jnp.concatenate(rays, axis=-1).reshape(-1, 10), found.ravel(), config)
    met = met.reshape(*found.shape, 4)
    return rgb, opacity, met[..., 0] * _along_axis(directions, cameras), met[..., 1:]


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
    before = jnp.take_along_axis(total - depth, start[..., None], axis=-1)[..., 0]
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
) -> tuple[Float[Array, "B N"], Float[Array, "B N 3"]]:
    """Distance along each ray at which half of its light is stopped, and the normal there.

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
    fine = (last - first) / _FINE
    distances = first[..., None] + (jnp.arange(_FINE) + 0.5) * fine[..., None]
    points = origins[..., None, :] + distances[..., None] * directions[..., None, :]
    density = query_field(field, points.reshape(batch, -1, 3), config)[0].reshape(batch, count, _FINE)
    depth = density * (fine / jnp.maximum(length, 1e-9))[..., None]
    total = before[..., None] + jnp.cumsum(depth, axis=-1)
    reached = (total >= _HALF).at[..., -1].set(True)
    number = jnp.argmax(reached, axis=-1)
    inside, end = (jnp.take_along_axis(x, number[..., None], axis=-1)[..., 0] for x in (depth, total))
    share = jnp.clip(1 - (end - _HALF) / jnp.maximum(inside, 1e-9), 0.0, 1.0)
    distance = first + (number + share) * fine
    return distance, _normals(field, origins + distance[..., None] * directions, directions, config)


def _meet_some(
    field: TriplaneField, rays: Float[Array, "N 10"], wanted: Bool[Array, "N"], config: RenderConfig
) -> Float[Array, "N 4"]:
    """`_meet` of the wanted rays, packed together; zeros of the others."""
    count = rays.shape[0]
    padded = -(-count // _RAYS_AT_ONCE) * _RAYS_AT_ONCE
    order = jnp.nonzero(wanted, size=padded, fill_value=count)[0]
    chunks = -(-wanted.sum() // _RAYS_AT_ONCE)

    def meet_chunk(number, values):
        places = jax.lax.dynamic_slice(order, (number * _RAYS_AT_ONCE,), (_RAYS_AT_ONCE,))
        chosen = rays.at[places].get(mode="clip")[None]
        distance, normal = _meet(
            field, chosen[..., :3], chosen[..., 3:6], *jnp.moveaxis(chosen[..., 6:], -1, 0), config
        )
        return values.at[places].set(jnp.concatenate([distance[0, :, None], normal[0]], axis=-1), mode="drop")

    return jax.lax.fori_loop(0, chunks, meet_chunk, jnp.zeros((count, 4)))


def _normals(
    field: TriplaneField, points: Float[Array, "B N 3"], directions: Float[Array, "B N 3"], config: RenderConfig
) -> Float[Array, "B N 3"]:
    """Where the raw density falls most, from its differences at the corners of a tetrahedron as large as a texel.

    The raw density's gradient is not lost where the activated one is 0 or clipped. Between texels the planes are
    linear, so that smaller differences would show their facets.
    """
    texel = 2 * config.radius / field.planes.shape[-2]
    corners = jnp.array(_TETRAHEDRON, jnp.float32) / 3**0.5
    places = points[..., None, :] + texel * corners
    places = jnp.clip(places, -config.radius, config.radius) / config.radius
    raw = query_raw(field, places.reshape(points.shape[0], -1, 3), config.implementation)[..., 0]
    gradient = (raw.reshape(*points.shape[:-1], len(corners), 1) * corners).sum(axis=-2)
    length = jnp.linalg.norm(gradient, axis=-1, keepdims=True)
    normal = -gradient / jnp.maximum(length, 1e-12)
    return jnp.where((normal * directions).sum(-1, keepdims=True) > 0, -normal, normal)


def _along_axis(directions: Float[Array, "*views h w 3"], cameras: Cameras) -> Float[Array, "*views h w"]:
    """How far along its camera's axis a ray leads per unit of distance."""
    return -(directions * cameras.c2w[..., None, None, :3, 2]).sum(-1)
