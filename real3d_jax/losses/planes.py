"""A loss on the triplane itself."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from real3d_jax.losses.reconstruction import example_mean


def total_variation(planes: Float[Array, "B 3 h w K"], weight: Float[Array, "B"] | None = None) -> Float[Array, ""]:
    """Mean squared difference of texels that are neighbours down, plus that of neighbours across (OpenLRM's training).

    `weight` is that of each example, as in `example_mean`.
    """
    planes = planes.astype(jnp.float32)
    return sum((example_mean(jnp.square(jnp.diff(planes, axis=axis)), weight) for axis in (2, 3)), start=jnp.zeros(()))
