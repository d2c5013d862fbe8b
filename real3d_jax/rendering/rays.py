"""Where rays meet the object's box, and where they are sampled."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

_SMALLEST_DIRECTION = 1e-6


def intersect_box(
    origins: Float[Array, "*rays 3"],
    directions: Float[Array, "*rays 3"],
    *,
    half_size: float,
    min_interval: float,
) -> tuple[Float[Array, "*rays"], Float[Array, "*rays"], Bool[Array, "*rays"]]:
    """The interval of each ray inside the cube [-half_size, half_size]^3.

    Returns:
      Distances `t_near` (not behind the origin) and `t_far`, and whether the ray hits: its way through the box is
      longer than `min_interval`. Both distances are zero for rays that miss, so that nothing far away is computed.
    """
    tiny = jnp.abs(directions) < _SMALLEST_DIRECTION
    directions = jnp.where(tiny, _SMALLEST_DIRECTION, directions)
    a = (-half_size - origins) / directions
    b = (half_size - origins) / directions
    t_near = jnp.maximum(jnp.minimum(a, b).max(axis=-1), 0.0)
    t_far = jnp.maximum(a, b).min(axis=-1)
    hit = t_far - t_near > min_interval
    return jnp.where(hit, t_near, 0.0), jnp.where(hit, t_far, 0.0), hit


def midpoints(
    t_near: Float[Array, "*rays"], t_far: Float[Array, "*rays"], samples: int
) -> Float[Array, "*rays samples"]:
    """The middles of `samples` equal parts of each interval. There is no jitter: the published model has none."""
    fractions = (jnp.arange(samples, dtype=jnp.float32) + 0.5) / samples
    return t_near[..., None] + (t_far - t_near)[..., None] * fractions
