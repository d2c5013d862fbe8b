"""The triplane transformer: triplane tokens attend to themselves and to the image's tokens."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from real3d_jax.models.layers import Attention, layer_norm, pad_tokens, scan_blocks

_NORM_GROUPS = 32
_GROUP_NORM_EPS = 1e-6
_LAYER_NORM_EPS = 1e-5
_FEED_FORWARD_EXPANSION = 4


class TriplaneTransformer(nn.Module):
    """GroupNorm and projection, `layers` blocks, projection, and the input added again. The last block has no norm."""

    layers: int
    heads: int
    dtype: DTypeLike
    remat: str
    attention: str
    unroll: int

    @nn.compact
    def __call__(self, tokens: Float[Array, "B N C"], image_tokens: Float[Array, "B M K"]) -> Float[Array, "B N C"]:
        width = tokens.shape[-1]
        x = nn.GroupNorm(_NORM_GROUPS, epsilon=_GROUP_NORM_EPS, use_fast_variance=False, name="norm")(tokens)
        x = nn.Dense(width, dtype=self.dtype, name="proj_in")(x).astype(jnp.float32)
        blocks = scan_blocks(
            _Block,
            self.layers,
            self.remat,
            self.unroll,
            heads=self.heads,
            dtype=self.dtype,
            attention=self.attention,
            image_tokens=image_tokens.shape[1],
            name="layers",
        )
        x, _ = blocks(x, pad_tokens(image_tokens.astype(self.dtype), self.attention))
        return tokens + nn.Dense(width, dtype=self.dtype, name="proj_out")(x)


class _Block(nn.Module):
    """Self-attention, cross-attention and GEGLU, each on normalised tokens. The residual stream is float32."""

    heads: int
    dtype: DTypeLike
    attention: str
    image_tokens: int

    @nn.compact
    def __call__(self, x: Float[Array, "B N C"], context: Float[Array, "B M K"]) -> tuple[Float[Array, "B N C"], None]:
        attention = functools.partial(
            Attention, heads=self.heads, qkv_bias=False, dtype=self.dtype, implementation=self.attention
        )
        y = layer_norm("norm1", _LAYER_NORM_EPS, self.dtype)(x)
        x += attention(keys=x.shape[1], name="self_attention")(y, y)
        y = layer_norm("norm2", _LAYER_NORM_EPS, self.dtype)(x)
        x += attention(keys=self.image_tokens, name="cross_attention")(y, context)
        y = layer_norm("norm3", _LAYER_NORM_EPS, self.dtype)(x)
        x += _Geglu(dtype=self.dtype, name="feed_forward")(y)
        return x, None


class _Geglu(nn.Module):
    """value * gelu(gate): the first half of the projection is the value, the second the gate."""

    dtype: DTypeLike

    @nn.compact
    def __call__(self, x: Float[Array, "B N C"]) -> Float[Array, "B N C"]:
        width = x.shape[-1]
        projected = nn.Dense(2 * _FEED_FORWARD_EXPANSION * width, dtype=self.dtype, name="up")(x)
        return nn.Dense(width, dtype=self.dtype, name="down")(_value_times_gelu(projected))


@jax.custom_vjp
def _value_times_gelu(projected: Float[Array, "B N 2*C"]) -> Float[Array, "B N C"]:
    value, gate = jnp.split(projected, 2, axis=-1)
    return value * jax.nn.gelu(gate, approximate=False)


def _value_times_gelu_forward(projected):
    return _value_times_gelu(projected), projected


def _value_times_gelu_backward(projected, gradient):
    """Written so that both halves are made in one pass; a concatenation would cost another."""
    halves = projected.reshape(*projected.shape[:-1], 2, -1)
    value, gate = halves[..., :1, :], halves[..., 1:, :]
    activated, slope = jax.jvp(lambda x: jax.nn.gelu(x, approximate=False), (gate,), (jnp.ones_like(gate),))
    is_value = jax.lax.broadcasted_iota(jnp.int32, halves.shape, halves.ndim - 2) == 0
    both = jnp.where(is_value, activated, value * slope) * gradient[..., None, :]
    return (both.reshape(projected.shape),)


_value_times_gelu.defvjp(_value_times_gelu_forward, _value_times_gelu_backward)
