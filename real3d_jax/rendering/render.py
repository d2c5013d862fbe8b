"""Rendering of a triplane field: the process pi(T, Phi) of Section 3."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from real3d_jax.cameras import Cameras, camera_rays
from real3d_jax.config.conditioned import AnyRenderConfig, MetricRenderConfig
from real3d_jax.config.model import RenderConfig
from real3d_jax.kernels.fused_field import folded_decoder
from real3d_jax.kernels.fused_march import march_fused
from real3d_jax.rendering.chunks import map_rays
from real3d_jax.rendering.compositing import composite
from real3d_jax.rendering.field import (
    RAW_OUTPUTS,
    TriplaneField,
    choose_implementation,
    choose_ray_implementation,
    query_samples,
)
from real3d_jax.rendering.metric import render_views_metric
from real3d_jax.rendering.rays import intersect_box, midpoints
from real3d_jax.rendering.sample_order import from_tiles, to_tiles

_FUSED_CHUNKS = 4  # chunks of the plain query that the fused one takes at once: it needs a fraction of the memory


def render_views(
    field: TriplaneField, cameras: Cameras, config: AnyRenderConfig, *, resolution: int | None = None
) -> tuple[Float[Array, "B V h w 3"], Float[Array, "B V h w 1"]]:
    """Square views of each field.

    Args:
      field: B fields.
      cameras: of leading shape (B, V).
      config: samples, box and background.
      resolution: pixels per side; the training resolution if None.

    Returns:
      Colours over the background, and opacities, in [0, 1]; of the camera-conditioned model as `metric` says.
    """
    if isinstance(config, MetricRenderConfig):
        rendered = render_views_metric(field, cameras, config, resolution=resolution)
        return rendered.rgb, rendered.opacity
    resolution = config.resolution if resolution is None else resolution
    origins, directions = camera_rays(cameras, resolution, resolution)
    rgb, opacity = render_rays(field, to_tiles(origins), to_tiles(directions), config)
    return from_tiles(rgb), from_tiles(opacity)


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
    if choose_ray_implementation(config, field) == "pallas_march":
        return _march_rays(field, origins, directions, config)

    def render_chunk(origins, directions):
        density, rgb, _, _ = sample_rays(field, origins, directions, config)
        return composite(density, rgb, step=1.0 / config.samples, background=config.background)

    rgb, opacity = in_chunks(render_chunk, field, origins, directions, config)
    return rgb, opacity


def _march_rays(
    field: TriplaneField,
    origins: Float[Array, "B *rays 3"],
    directions: Float[Array, "B *rays 3"],
    config: RenderConfig,
) -> tuple[Float[Array, "B *rays 3"], Float[Array, "B *rays 1"]]:
    folded, decoder = folded_decoder(field.planes, field.decoder_params)
    count, chunk = origins[0, ..., 0].size, _fused_chunk(origins, config)

    def render_chunk(origins, directions):
        t_near, t_far, _ = _way(origins, directions, config)
        in_box = [origins / config.radius, directions / config.radius, t_near[..., None], t_far[..., None]]
        rgb, opacity = march_fused(
            folded,
            decoder,
            jnp.concatenate(in_box, axis=-1),
            samples=config.samples,
            density_bias=config.density_bias,
            dtype=jnp.dtype(field.decoder.dtype),
            keep=count <= chunk,
            interpret=jax.default_backend() != "gpu",
        )
        return rgb + (1.0 - opacity) * config.background, opacity

    rgb, opacity = map_rays(render_chunk, (origins, directions), chunk=chunk, policy=None)
    return rgb, opacity


def _fused_chunk(origins: Float[Array, "B *rays 3"], config: RenderConfig) -> int:
    return config.rays_per_chunk * max(1, _FUSED_CHUNKS // len(origins))


def _way(
    origins: Float[Array, "B *rays 3"], directions: Float[Array, "B *rays 3"], config: RenderConfig
) -> tuple[Float[Array, "B *rays"], Float[Array, "B *rays"], Bool[Array, "B *rays"]]:
    """Where rays enter and leave the box, and whether they do."""
    return intersect_box(
        origins,
        directions,
        half_size=config.radius * (1 - config.box_inset),
        min_interval=config.min_interval,
    )


def in_chunks(
    render_chunk: Callable[[Float[Array, "B N 3"], Float[Array, "B N 3"]], tuple[Array, ...]],
    field: TriplaneField,
    origins: Float[Array, "B *rays 3"],
    directions: Float[Array, "B *rays 3"],
    config: RenderConfig,
) -> tuple[Float[Array, "B *rays _"], ...]:
    """What `render_chunk` makes of rays, arrays (B, N, channels) of a chunk, for all rays; computed again backward."""
    # The fused query keeps four numbers a sample for the backward pass, and little else; the plain one keeps nothing.
    fused = choose_implementation(config.implementation, field) == "pallas"
    policies = jax.checkpoint_policies
    kept = policies.save_only_these_names(RAW_OUTPUTS) if fused else policies.nothing_saveable
    chunk = _fused_chunk(origins, config) if fused else config.rays_per_chunk
    return map_rays(render_chunk, (origins, directions), chunk=chunk, policy=kept)


def sample_rays(
    field: TriplaneField,
    origins: Float[Array, "B N 3"],
    directions: Float[Array, "B N 3"],
    config: RenderConfig,
) -> tuple[Float[Array, "B N samples"], Float[Array, "B N samples 3"], Float[Array, "B N"], Float[Array, "B N"]]:
    """Density and colour in the middles of equal parts of each ray's way through the box; where that begins and ends.

    Rays that miss the box have no density, and their way is from 0 to 0.
    """
    t_near, t_far, hit = _way(origins, directions, config)
    distances = midpoints(t_near, t_far, config.samples)
    points = origins[..., None, :] + distances[..., None] * directions[..., None, :]
    density, rgb = query_samples(field, points, config)
    return jnp.where(hit[..., None], density, 0.0), rgb, t_near, t_far
