"""Volume rendering of the camera-conditioned LRM's fields: metric lengths, and a second pass where something is.

Beside `render.py`, whose samples all count as equally long, a segment here lies between two neighbouring samples and
counts with its length; its density and colour are the means of both ends. As many samples again are drawn where the
first ones found something (importance sampling, Mildenhall et al. 2020), and both sets are composited together.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from real3d_jax.cameras import Cameras, camera_rays
from real3d_jax.config.conditioned import MetricRenderConfig
from real3d_jax.rendering.chunks import map_rays
from real3d_jax.rendering.field import TriplaneField, query_raw, wide_colours

_FLOOR = 1e-10  # of a segment's transparency
_BLUR = 0.01  # of the weights that samples are drawn by
_LEAST_PROBABILITY = 1e-5


class Draws(NamedTuple):
    """Uniform numbers of [0, 1) that place the samples of each ray.

    Attributes:
      first: where in its part of the ray each sample of the first pass lies.
      second: which of the second pass's places, by probability.
    """

    first: Float[Array, "B *rays S"]
    second: Float[Array, "B *rays S"]


class Rendered(NamedTuple):
    """Colours over the background, opacities in [0, 1], and distances along the rays."""

    rgb: Float[Array, "B *rays 3"]
    opacity: Float[Array, "B *rays 1"]
    depth: Float[Array, "B *rays 1"]


def random_draws(key: jax.Array, shape: tuple[int, ...], config: MetricRenderConfig) -> Draws:
    """Other draws for each ray; `shape` is that of the rays, (B, ...)."""
    keys = jax.random.split(key)
    return Draws(*(jax.random.uniform(key, (*shape, config.samples)) for key in keys))


def middle_draws(shape: tuple[int, ...], config: MetricRenderConfig) -> Draws:
    """The same for all rays, in the middle of each part: no chance in it."""
    first = jnp.full((*shape, config.samples), 0.5)
    second = (jnp.arange(config.samples) + 0.5) / config.samples
    return Draws(first, jnp.broadcast_to(second, first.shape))


def render_views_metric(
    field: TriplaneField,
    cameras: Cameras,
    config: MetricRenderConfig,
    *,
    resolution: int | None = None,
    background: Float[Array, "B V"] | None = None,
    draws: Draws | None = None,
) -> Rendered:
    """Square views of each field.

    Args:
      field: B fields.
      cameras: of leading shape (B, V).
      config: samples and box.
      resolution: pixels per side; the training resolution if None.
      background: grey value of each view, in [0, 1]; the configuration's if None.
      draws: of leading shape (B, V, resolution, resolution); those of `middle_draws` if None.
    """
    resolution = config.resolution if resolution is None else resolution
    origins, directions = camera_rays(cameras, resolution, resolution)
    grey = jnp.full(cameras.c2w.shape[:2], config.background) if background is None else background
    return render_rays_metric(field, origins, directions, config, background=grey[..., None, None], draws=draws)


def render_rays_metric(
    field: TriplaneField,
    origins: Float[Array, "B *rays 3"],
    directions: Float[Array, "B *rays 3"],
    config: MetricRenderConfig,
    *,
    background: Float[Array, "B *#rays"],
    draws: Draws | None = None,
) -> Rendered:
    """Rays, `config.rays_per_chunk` of each field at a time; a chunk is computed again in the backward pass.

    A ray that misses the box shows the background. Its depth, as that of any ray that meets nothing, is the greatest
    of all samples' of the call.
    """
    shape = origins.shape[:-1]
    draws = middle_draws(shape, config) if draws is None else draws
    near, far = _limits(origins, directions, config.radius)
    grey = jnp.broadcast_to(background, shape)
    real = jnp.ones((*shape, 1))  # what pads the last chunk has no say in the depths' limits
    rays = (origins, directions, near[..., None], far[..., None], real, grey[..., None], *draws)
    rgb, opacity, depth, least, greatest = map_rays(
        functools.partial(_render_chunk, field, config),
        rays,
        chunk=config.rays_per_chunk,
        policy=jax.checkpoint_policies.nothing_saveable,
    )
    return Rendered(rgb, opacity, jnp.clip(depth, least.min(), greatest.max()))


def _limits(
    origins: Float[Array, "B *rays 3"], directions: Float[Array, "B *rays 3"], radius: float
) -> tuple[Float[Array, "B *rays"], Float[Array, "B *rays"]]:
    """Where each ray enters and leaves the box.

    A ray that misses gets the first and the last entry of those that hit: nothing of it lies inside the box.
    """
    a, b = (-radius - origins) / directions, (radius - origins) / directions
    near, far = jnp.minimum(a, b).max(axis=-1), jnp.maximum(a, b).min(axis=-1)
    hit = far > near
    first = jnp.min(jnp.where(hit, near, jnp.inf))
    last = jnp.max(jnp.where(hit, near, -jnp.inf))
    some = hit.any()
    near = jnp.where(hit, near, jnp.where(some, first, 0.0))
    far = jnp.where(hit, far, jnp.where(some, last, 0.0))
    return jax.lax.stop_gradient(near), jax.lax.stop_gradient(far)


def _render_chunk(field, config: MetricRenderConfig, origins, directions, near, far, real, background, first, second):
    distances = first_distances(near, far, first)
    density, rgb, inside = _samples(field, config, origins, directions, distances)
    weights, _, _ = march(distances, density, rgb, inside, config.density_bias)
    more = jax.lax.stop_gradient(second_distances(distances, weights, second))
    both = [
        jnp.concatenate(pair, axis=2)
        for pair in zip(
            (distances, density, rgb, inside), (more, *_samples(field, config, origins, directions, more)), strict=True
        )
    ]
    order = jnp.argsort(both[0], axis=-1)
    distances, density, inside = (jnp.take_along_axis(both[i], order, axis=-1) for i in (0, 1, 3))
    rgb = jnp.take_along_axis(both[2], order[..., None], axis=-2)
    weights, rgb, middles = march(distances, density, rgb, inside, config.density_bias)
    opacity = weights.sum(axis=-1, keepdims=True)
    colour = (weights[..., None] * rgb).sum(axis=-2) + background * (1 - opacity)
    something = opacity > 0
    depth = (weights * middles).sum(axis=-1, keepdims=True) / jnp.where(something, opacity, 1.0)
    depth = jnp.where(something, depth, jnp.inf)
    least = jnp.where(real > 0, distances[..., :1], jnp.inf)
    greatest = jnp.where(real > 0, distances[..., -1:], -jnp.inf)
    return colour, opacity, depth, least, greatest


def _samples(field, config: MetricRenderConfig, origins, directions, distances):
    points = origins[..., None, :] + distances[..., None] * directions[..., None, :]
    batch, rays, samples, _ = points.shape
    raw = query_raw(field, points.reshape(batch, rays * samples, 3) / config.radius, config.implementation)
    inside = (jnp.abs(points) <= config.radius).all(axis=-1)
    return raw[..., 0].reshape(inside.shape), wide_colours(raw).reshape(*inside.shape, 3), inside


def first_distances(
    near: Float[Array, "B N 1"], far: Float[Array, "B N 1"], draws: Float[Array, "B N S"]
) -> Float[Array, "B N S"]:
    """Samples of the first pass: S - 1 equal parts lie within the box, the last sample beyond it."""
    parts = draws.shape[-1] - 1
    return near + (jnp.arange(parts + 1) / parts + draws / parts) * (far - near)


def march(
    distances: Float[Array, "B N S"],
    raw: Float[Array, "B N S"],
    rgb: Float[Array, "B N S 3"],
    inside: Bool[Array, "B N S"],
    density_bias: float,
) -> tuple[Float[Array, "B N S-1"], Float[Array, "B N S-1 3"], Float[Array, "B N S-1"]]:
    """The segments between samples that are in order: how much each contributes, its colour, and its middle.

    The mean of the raw densities is activated. A segment with an end outside the box is empty.
    """

    def middle(values):
        return (values[:, :, :-1] + values[:, :, 1:]) / 2

    whole = inside[..., :-1] & inside[..., 1:]
    density = jnp.where(whole, jax.nn.softplus(middle(jnp.where(inside, raw, 0.0)) + density_bias), 0.0)
    alpha = -jnp.expm1(-density * (distances[..., 1:] - distances[..., :-1]))
    through = jnp.cumprod(1 - alpha + _FLOOR, axis=-1)
    through = jnp.concatenate([jnp.ones_like(through[..., :1]), through[..., :-1]], axis=-1)
    return alpha * through, middle(jnp.where(inside[..., None], rgb, 0.0)), middle(distances)


def second_distances(
    distances: Float[Array, "B N S"], weights: Float[Array, "B N S-1"], draws: Float[Array, "B N S"]
) -> Float[Array, "B N S"]:
    """Samples of the second pass, by the weights of the first one's segments; not in order.

    A segment counts as the mean of the greater ones of itself and either neighbour, and a little more. The first and
    the last do not, and the drawing stops at the last middle but one, as the published model's does.
    """
    padded = jnp.pad(weights, ((0, 0), (0, 0), (1, 1)), constant_values=-jnp.inf)
    greater = jnp.maximum(padded[..., :-1], padded[..., 1:])
    blurred = (greater[..., :-1] + greater[..., 1:]) / 2 + _BLUR
    middles = (distances[..., :-1] + distances[..., 1:]) / 2
    density = blurred[..., 1:-1] + _LEAST_PROBABILITY
    density /= density.sum(axis=-1, keepdims=True)
    reached = jnp.cumsum(density, axis=-1)
    reached = jnp.concatenate([jnp.zeros_like(reached[..., :1]), reached], axis=-1)
    intervals = density.shape[-1]
    place = (reached[..., None, :] <= draws[..., :, None]).sum(axis=-1)  # right-sided search
    below, above = jnp.maximum(place - 1, 0), jnp.minimum(place, intervals)

    def take(values, index):
        return jnp.take_along_axis(values, index, axis=-1)

    low, high = take(reached, below), take(reached, above)
    width = jnp.where(high - low < _LEAST_PROBABILITY, 1.0, high - low)
    start, end = take(middles, below), take(middles, above)
    return start + (draws - low) / width * (end - start)
