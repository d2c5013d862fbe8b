"""The vision transformer: DINO's as the image tokenizer, CLIP's as the semantic judge."""

import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from real3d_jax.config.model import VitConfig
from real3d_jax.errors import UserError, did_you_mean
from real3d_jax.kernels.fused_elementwise import fits, gelu_fused
from real3d_jax.models.layers import (
    Attention,
    ProductAndBias,
    are_apart,
    interpreted,
    layer_norm,
    pad_tokens,
    residual_norm,
    scan_blocks,
)

_TOKEN_INIT = nn.initializers.normal(0.02)


def _quick_gelu(x: Float[Array, "..."]) -> Float[Array, "..."]:
    return x * jax.nn.sigmoid(1.702 * x)


_ACTIVATIONS = {"gelu": lambda x: jax.nn.gelu(x, approximate=False), "quick_gelu": _quick_gelu}


class ViT(nn.Module):
    """Patches, class token and position table, pre-norm blocks, final norm on every token.

    The input is normalised by the caller (DINO and CLIP have different means). The token order is the class token,
    then the patches row by row.
    """

    config: VitConfig
    dtype: DTypeLike = jnp.float32
    remat: str = "none"
    attention: str = "xla"
    unroll: int = 1
    elementwise: str = "xla"
    weights: Callable[[dict], dict] | None = None

    @nn.compact
    def __call__(self, images: Float[Array, "B H W 3"]) -> Float[Array, "B N C"]:
        config = self.config
        patches = PatchEmbedding(
            config.width, config.patch_size, config.patch_bias, dtype=self.dtype, name="patch_embedding"
        )(images)
        batch, rows, columns, width = patches.shape
        class_token = self.param("cls_token", _TOKEN_INIT, (1, 1, width))
        table = self.param("position_embedding", _TOKEN_INIT, (1, 1 + config.position_grid**2, width))

        x = jnp.concatenate(
            [
                jnp.broadcast_to(class_token, (batch, 1, width)),
                patches.reshape(batch, rows * columns, width).astype(jnp.float32),
            ],
            axis=1,
        )
        x += interpolate_positions(table, rows, columns)
        if config.pre_norm:
            x = layer_norm("pre_norm", config.layer_norm_eps, jnp.float32)(x)
        tokens = x.shape[1]
        blocks = scan_blocks(
            _Block,
            config.layers,
            self.remat,
            self.unroll,
            self.weights,
            are_apart(self),
            config=config,
            dtype=self.dtype,
            attention=self.attention,
            elementwise=self.elementwise,
            tokens=tokens,
            name="layers",
        )
        x, _ = blocks(pad_tokens(x, self.attention))
        return layer_norm("norm", config.layer_norm_eps, jnp.float32)(x[:, :tokens])


class PatchEmbedding(nn.Module):
    """A convolution whose stride is its size, as a matrix product: the convolution's gradient is slow on GPUs."""

    width: int
    patch_size: int
    bias: bool
    dtype: DTypeLike

    @nn.compact
    def __call__(self, images: Float[Array, "B H W 3"]) -> Float[Array, "B h w C"]:
        size = self.patch_size
        batch, height, width, channels = images.shape
        rows, columns = height // size, width // size
        kernel = self.param("kernel", nn.initializers.lecun_normal(), (size, size, channels, self.width))
        patches = images[:, : rows * size, : columns * size].reshape(batch, rows, size, columns, size, channels)
        x = jnp.einsum("bipjqc,pqcd->bijd", patches.astype(self.dtype), kernel.astype(self.dtype))
        if self.bias:
            x += self.param("bias", nn.initializers.zeros, (self.width,)).astype(self.dtype)
        return x


class _Block(nn.Module):
    """x += attention(norm x); x += MLP(norm x). The residual stream is float32."""

    config: VitConfig
    dtype: DTypeLike
    attention: str
    elementwise: str
    tokens: int

    @nn.compact
    def __call__(self, x: Float[Array, "B N C"]) -> tuple[Float[Array, "B N C"], None]:
        config = self.config
        if config.activation not in _ACTIVATIONS:
            raise UserError(
                f"The ViT has no activation '{config.activation}': {did_you_mean(config.activation, _ACTIVATIONS)}"
            )
        norm = functools.partial(
            residual_norm, epsilon=config.layer_norm_eps, dtype=self.dtype, elementwise=self.elementwise
        )
        x, y = norm("norm1", x, None)
        attention = Attention(
            heads=config.heads,
            qkv_bias=True,
            dtype=self.dtype,
            implementation=self.attention,
            keys=self.tokens,
            name="attention",
        )
        x, y = norm("norm2", x, attention(y, y))
        x += Mlp(config.mlp_width, config.activation, self.dtype, self.elementwise, name="mlp")(y)
        return x, None


class Mlp(nn.Module):
    """Two dense layers with an activation between: 'gelu' (exact) or 'quick_gelu'."""

    hidden: int
    activation: str
    dtype: DTypeLike
    elementwise: str = "xla"

    @nn.compact
    def __call__(self, x: Float[Array, "B N C"]) -> Float[Array, "B N C"]:
        product, bias = ProductAndBias(self.hidden, self.dtype, name="up")(x)
        if self.elementwise == "pallas" and self.activation == "gelu" and fits(self.hidden):
            hidden = gelu_fused(product, bias, interpret=interpreted())
        else:
            hidden = _ACTIVATIONS[self.activation](product + bias.astype(self.dtype))
        return nn.Dense(x.shape[-1], dtype=self.dtype, name="down")(hidden)


def interpolate_positions(
    table: Float[Array | np.ndarray, "1 positions C"], rows: int, columns: int
) -> Float[Array | np.ndarray, "1 tokens C"]:
    """The position table at another patch grid, as the published code resizes it.

    A constant linear map, so that the gradient of a 32x32 grid reaches the 14x14 table. The class token's entry stays.
    """
    grid = round((table.shape[1] - 1) ** 0.5)
    if (rows, columns) == (grid, grid):
        return table
    patches = table[:, 1:].reshape(grid, grid, -1)
    resized = jnp.einsum(
        "ri,cj,ijk->rck",
        cubic_resize_matrix(grid, rows),
        cubic_resize_matrix(grid, columns),
        patches,
        precision=jax.lax.Precision.HIGHEST,
    )
    return jnp.concatenate([table[:, :1], resized.reshape(1, rows * columns, -1)], axis=1)


def cubic_resize_matrix(source: int, target: int) -> np.ndarray:
    """The (target, source) matrix of PyTorch's bicubic resize as transformers 4.35 called it for position tables.

    Cubic convolution with a = -0.75 (`jax.image.resize` has -0.5), edges clamped, no antialiasing, and the scale given
    as (target + 0.1) / source, which shifts the sampling points slightly.
    """
    a = -0.75
    centres = (np.arange(target) + 0.5) * source / (target + 0.1) - 0.5
    first = np.floor(centres).astype(int) - 1
    matrix = np.zeros((target, source))
    for tap in range(4):
        distance = np.abs(centres - (first + tap))
        near = (a + 2) * distance**3 - (a + 3) * distance**2 + 1
        far = a * (distance**3 - 5 * distance**2 + 8 * distance - 4)
        weight = np.where(distance <= 1, near, far)
        np.add.at(matrix, (np.arange(target), np.clip(first + tap, 0, source - 1)), weight)
    return matrix.astype(np.float32)
