"""Triplane tokens: the learned start of the transformer's sequence, and the way from its end to planes.

Planes are ordered (x, y), (x, z), (y, z); the first coordinate runs along the width of a plane, the second along its
height. Tokens are the planes' cells, plane by plane, row by row.
"""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float


class TriplaneTokens(nn.Module):
    """Learned tokens of the three planes, the same for every image."""

    plane_tokens: int
    width: int

    @nn.compact
    def __call__(self, batch: int) -> Float[Array, "B N C"]:
        shape = (3, self.plane_tokens, self.plane_tokens, self.width)
        tokens = self.param("embeddings", nn.initializers.normal(self.width**-0.5), shape)
        return jnp.broadcast_to(tokens.reshape(1, -1, self.width), (batch, 3 * self.plane_tokens**2, self.width))


class Upsampler(nn.Module):
    """Turns each token into 2 x 2 texels: a transposed convolution whose kernel equals its stride."""

    plane_channels: int
    dtype: DTypeLike

    @nn.compact
    def __call__(self, tokens: Float[Array, "B N C"]) -> Float[Array, "B 3 h w K"]:
        batch, count, width = tokens.shape
        side = round((count / 3) ** 0.5)
        init = nn.initializers.variance_scaling(1.0, "fan_in", "uniform", in_axis=0, out_axis=-1)
        kernel = self.param("kernel", init, (width, 2, 2, self.plane_channels))
        bias = self.param("bias", nn.initializers.zeros, (self.plane_channels,))
        texels = jnp.einsum(
            "bphwc,cyxk->bphywxk",
            tokens.reshape(batch, 3, side, side, width).astype(self.dtype),
            kernel.astype(self.dtype),
            preferred_element_type=jnp.float32,
        )
        return texels.reshape(batch, 3, 2 * side, 2 * side, self.plane_channels) + bias
