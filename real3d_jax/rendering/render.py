"""Rendering of a triplane field: the process pi(T, Phi) of Section 3."""

import functools
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from real3d_jax.cameras import Cameras, camera_rays
from real3d_jax.config.model import RenderConfig
from real3d_jax.kernels.fused_field import TILE_RAYS, TILE_SAMPLES
from real3d_jax.rendering.compositing import composite
from real3d_jax.rendering.field import RAW_OUTPUTS, TriplaneField, choose_implementation, query_field
from real3d_jax.rendering.rays import intersect_box, midpoints

_FUSED_CHUNKS = 4  # chunks of the plain query that the fused one takes at once: it needs a fraction of the memory


def render_views(
    field: TriplaneField, cameras: Cameras, config: RenderConfig, *, resolution: int | None = None
) -> tuple[Float[Array, "B V h w 3"], Float[Array, "B V h w 1"]]:
    """Square views of each field.

    Args:
      field: B fields.
      cameras: of leading shape (B, V).
      config: samples, box and background.
      resolution: pixels per side; the training resolution if None.

    Returns:
      Colours over the background, and opacities, in [0, 1].
    """
    resolution = config.resolution if resolution is None else resolution
    origins, directions = camera_rays(cameras, resolution, resolution)
    side = TILE_RAYS if resolution % TILE_RAYS == 0 else 1
    rgb, opacity = render_rays(field, _to_tiles(origins, side), _to_tiles(directions, side), config)
    return _from_tiles(rgb), _from_tiles(opacity)


def render_rays(
    field: TriplaneField,
    origins: Float[Array, "B *rays 3"],
    directions: Float[Array, "B *rays 3"],
    config: RenderConfig,
) -> tuple[Float[Array, "B *rays 3"], Float[Array, "B *rays 1"]]:
    """Colour and opacity of rays, `config.rays_per_chunk` of each field at a time.

    A chunk is computed again in the backward pass, so the memory hardly grows with the number of rays. Rays that miss
    the box give the background and have no gradient.
    """
    batch, *shape, _ = origins.shape
    count = origins[0].size // 3
    # The fused query keeps four numbers a sample for the backward pass, and little else; the plain one keeps nothing.
    fused = choose_implementation(config.implementation, field) == "pallas"
    policies = jax.checkpoint_policies
    kept = policies.save_only_these_names(RAW_OUTPUTS) if fused else policies.nothing_saveable
    chunk = min(config.rays_per_chunk * (max(1, _FUSED_CHUNKS // batch) if fused else 1), count)
    chunks = -(-count // chunk)

    def split(rays):
        rays = jnp.pad(rays.reshape(batch, count, 3), ((0, 0), (0, chunks * chunk - count), (0, 0)))
        return jnp.moveaxis(rays.reshape(batch, chunks, chunk, 3), 1, 0)

    def join(values):
        values = jnp.moveaxis(values, 0, 1).reshape(batch, chunks * chunk, -1)
        return values[:, :count].reshape(batch, *shape, -1)

    @functools.partial(jax.checkpoint, policy=kept)
    def render_chunk(rays):
        origins, directions = rays
        return _render_chunk(field, origins, directions, config)

    rgb, opacity = jax.lax.map(render_chunk, (split(origins), split(directions)))
    return join(rgb), join(opacity)


def _render_chunk(
    field: TriplaneField,
    origins: Float[Array, "B N 3"],
    directions: Float[Array, "B N 3"],
    config: RenderConfig,
) -> tuple[Float[Array, "B N 3"], Float[Array, "B N 1"]]:
    t_near, t_far, hit = intersect_box(
        origins,
        directions,
        half_size=config.radius * (1 - config.box_inset),
        min_interval=config.min_interval,
    )
    distances = midpoints(t_near, t_far, config.samples)
    points = origins[..., None, :] + distances[..., None] * directions[..., None, :]
    batch, rays, samples, _ = points.shape
    density, rgb = query_field(field, _near_together(points).reshape(batch, rays * samples, 3), config)
    density = jnp.where(hit[..., None], _along_rays(density[..., None], rays, samples)[..., 0], 0.0)
    return composite(
        density,
        _along_rays(rgb, rays, samples),
        step=1.0 / config.samples,
        background=config.background,
    )


def _to_tiles(image: Float[Array, "B V h w 3"], side: int) -> Float[Array, "B V rows columns side side 3"]:
    """Pixels in squares, so that consecutive rays are neighbours in both directions."""
    batch, views, height, width, channels = image.shape
    image = image.reshape(batch, views, height // side, side, width // side, side, channels)
    return jnp.swapaxes(image, 3, 4)


def _from_tiles(tiles: Float[Array, "B V rows columns side side C"]) -> Float[Array, "B V h w C"]:
    batch, views, rows, columns, side, _, channels = tiles.shape
    return jnp.swapaxes(tiles, 3, 4).reshape(batch, views, rows * side, columns * side, channels)


def _near_together(points: Float[Array, "B R S 3"]) -> Float[Array, "B blocks 3"]:
    """Samples in the order in which the fused query wants them: a few neighbouring samples of a few rays at a time."""
    batch, rays, samples, _ = points.shape
    group, run = _block(rays, samples)
    blocks = points.reshape(batch, rays // group, group, samples // run, run, 3)
    return jnp.swapaxes(blocks, 2, 3).reshape(batch, rays * samples, 3)


def _along_rays(values: Float[Array, "B N C"], rays: int, samples: int) -> Float[Array, "B rays samples C"]:
    """The inverse of `_near_together`."""
    batch, _, channels = values.shape
    group, run = _block(rays, samples)
    blocks = values.reshape(batch, rays // group, samples // run, group, run, channels)
    return jnp.swapaxes(blocks, 2, 3).reshape(batch, rays, samples, channels)


def _block(rays: int, samples: int) -> tuple[int, int]:
    return math.gcd(rays, TILE_RAYS**2), math.gcd(samples, TILE_SAMPLES)
