"""The triplane transformer: triplane tokens attend to themselves and to the image's tokens."""

import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from real3d_jax.kernels.fused_elementwise import fits, value_times_gelu_fused
from real3d_jax.models.layers import (
    Attention,
    ProductAndBias,
    are_apart,
    interpreted,
    pad_tokens,
    residual_norm,
    scan_blocks,
)

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
    elementwise: str = "xla"
    weights: Callable[[dict], dict] | None = None

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
            self.weights,
            are_apart(self),
            heads=self.heads,
            dtype=self.dtype,
            attention=self.attention,
            elementwise=self.elementwise,
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
    elementwise: str = "xla"

    @nn.compact
    def __call__(self, x: Float[Array, "B N C"], context: Float[Array, "B M K"]) -> tuple[Float[Array, "B N C"], None]:
        attention = functools.partial(
            Attention, heads=self.heads, qkv_bias=False, dtype=self.dtype, implementation=self.attention
        )
        norm = functools.partial(residual_norm, epsilon=_LAYER_NORM_EPS, dtype=self.dtype, elementwise=self.elementwise)
        x, y = norm("norm1", x, None)
        x, y = norm("norm2", x, attention(keys=x.shape[1], name="self_attention")(y, y))
        x, y = norm("norm3", x, attention(keys=self.image_tokens, name="cross_attention")(y, context))
        x += _Geglu(dtype=self.dtype, elementwise=self.elementwise, name="feed_forward")(y)
        return x, None


class _Geglu(nn.Module):
    """value * gelu(gate): the first half of the projection is the value, the second the gate."""

    dtype: DTypeLike
    elementwise: str

    @nn.compact
    def __call__(self, x: Float[Array, "B N C"]) -> Float[Array, "B N C"]:
        width = x.shape[-1]
        product, bias = ProductAndBias(2 * _FEED_FORWARD_EXPANSION * width, self.dtype, name="up")(x)
        if self.elementwise == "pallas" and fits(product.shape[-1] // 2):
            hidden = value_times_gelu_fused(product, bias, interpret=interpreted())
        else:
            hidden = _value_times_gelu(product + bias.astype(self.dtype))
        return nn.Dense(width, dtype=self.dtype, name="down")(hidden)


@jax.custom_vjp
def _value_times_gelu(projected: Float[Array, "B N C"]) -> Float[Array, "B N C//2"]:
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
