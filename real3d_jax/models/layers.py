"""Attention, and the scan over a stack of blocks, shared by the image tokenizer and the triplane transformer."""

from typing import Any

import flax.linen as nn
import jax
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from real3d_jax.errors import UserError, did_you_mean

_REMAT_POLICIES = {
    "dots": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
    "full": jax.checkpoint_policies.nothing_saveable,
}


def layer_norm(name: str, epsilon: float, dtype: DTypeLike) -> nn.LayerNorm:
    """A LayerNorm with float32 statistics and the two-pass variance, as PyTorch has it."""
    return nn.LayerNorm(epsilon=epsilon, use_fast_variance=False, dtype=dtype, name=name)


class Attention(nn.Module):
    """Multi-head attention of `queries` over `context`.

    Attributes:
      heads: number of heads; they share the queries' channels evenly.
      qkv_bias: whether the three input projections have biases.
      dtype: of the computation; the softmax is float32.
    """

    heads: int
    qkv_bias: bool
    dtype: DTypeLike

    @nn.compact
    def __call__(self, queries: Float[Array, "B N C"], context: Float[Array, "B M K"]) -> Float[Array, "B N C"]:
        width = queries.shape[-1]

        def project(name, x):
            x = nn.Dense(width, use_bias=self.qkv_bias, dtype=self.dtype, name=name)(x)
            return x.reshape(*x.shape[:-1], self.heads, width // self.heads)

        q, k, v = project("query", queries), project("key", context), project("value", context)
        mixed = jax.nn.dot_product_attention(q, k, v).reshape(queries.shape)
        return nn.Dense(width, dtype=self.dtype, name="out")(mixed)


def scan_blocks(block: type[nn.Module], layers: int, remat: str, **settings: Any) -> nn.Module:
    """`layers` copies of `block` in sequence, compiled once; their parameters are stacked on axis 0.

    Args:
      block: a module with `__call__(x, *context) -> (x, None)`.
      layers: how many.
      remat: what each keeps for its backward pass: 'none', 'dots' or 'full' (see `config.ComputeConfig`).
      **settings: the block's attributes, `name` included.
    """
    if remat != "none":
        if remat not in _REMAT_POLICIES:
            valid = ["none", *_REMAT_POLICIES]
            raise UserError(f"config.compute.remat has no policy '{remat}': {did_you_mean(remat, valid)}")
        block = nn.remat(block, policy=_REMAT_POLICIES[remat], prevent_cse=False)
    every_layer: Any = nn.broadcast  # the context is the same for all
    scanned = nn.scan(
        block,
        variable_axes={"params": 0},
        split_rngs={"params": True},
        in_axes=every_layer,
        length=layers,
    )
    return scanned(**settings)
