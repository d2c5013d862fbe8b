"""DINOv2's vision transformer with registers: the image encoder of the camera-conditioned LRM."""

import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from real3d_jax.config.conditioned import DinoV2Config
from real3d_jax.models.layers import Attention, are_apart, layer_norm, pad_tokens, residual_norm, scan_blocks
from real3d_jax.models.vit import Mlp, PatchEmbedding

_EPSILON = 1e-6
_TOKEN_INIT = nn.initializers.normal(0.02)
_REGISTER_INIT = nn.initializers.normal(1e-6)
_SCALE_INIT = 1e-5  # of LayerScale


class DinoV2(nn.Module):
    """Patches, class token, positions, registers, pre-norm blocks with LayerScale, and a norm on every token.

    The registers have no position and are left out of the result: the class token, then the patches row by row.
    """

    config: DinoV2Config
    dtype: DTypeLike = jnp.float32
    remat: str = "none"
    attention: str = "xla"
    unroll: int = 1
    elementwise: str = "xla"
    weights: Callable[[dict], dict] | None = None

    @nn.compact
    def __call__(self, images: Float[Array, "B H W 3"]) -> Float[Array, "B N C"]:
        config = self.config
        patches = PatchEmbedding(config.width, config.patch_size, bias=True, dtype=self.dtype, name="patch_embedding")(
            images
        )
        batch, rows, columns, width = patches.shape
        class_token = self.param("cls_token", _TOKEN_INIT, (1, 1, width))
        registers = self.param("register_tokens", _REGISTER_INIT, (1, config.registers, width))
        table = self.param("position_embedding", _TOKEN_INIT, (1, 1 + config.position_grid**2, width))
        positions = resize_positions(table, rows, columns)

        def same_for_all(tokens):
            return jnp.broadcast_to(tokens, (batch, *tokens.shape[1:]))

        x = jnp.concatenate(
            [
                same_for_all(class_token + positions[:, :1]),
                same_for_all(jnp.asarray(registers)),
                patches.reshape(batch, rows * columns, width).astype(jnp.float32) + positions[:, 1:],
            ],
            axis=1,
        )
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
        x = layer_norm("norm", _EPSILON, jnp.float32)(x[:, :tokens])
        return jnp.concatenate([x[:, :1], x[:, 1 + config.registers :]], axis=1)


class _Block(nn.Module):
    """x += scale1 attention(norm x); x += scale2 MLP(norm x). The residual stream is float32."""

    config: DinoV2Config
    dtype: DTypeLike
    attention: str
    elementwise: str
    tokens: int

    @nn.compact
    def __call__(self, x: Float[Array, "B N C"]) -> tuple[Float[Array, "B N C"], None]:
        config, width = self.config, x.shape[-1]
        scales = [
            self.param(name, nn.initializers.constant(_SCALE_INIT), (width,)).astype(self.dtype)
            for name in ("scale1", "scale2")
        ]
        norm = functools.partial(residual_norm, epsilon=_EPSILON, dtype=self.dtype, elementwise=self.elementwise)
        x, y = norm("norm1", x, None)
        attention = Attention(
            heads=config.heads,
            qkv_bias=True,
            dtype=self.dtype,
            implementation=self.attention,
            keys=self.tokens,
            name="attention",
        )
        x, y = norm("norm2", x, scales[0] * attention(y, y))
        x += scales[1] * Mlp(config.mlp_width, "gelu", self.dtype, self.elementwise, name="mlp")(y)
        return x, None


def resize_positions(
    table: Float[Array | np.ndarray, "1 positions C"], rows: int, columns: int
) -> Float[Array | np.ndarray, "1 tokens C"]:
    """The position table at another patch grid: bicubic (a = -0.5), with antialiasing where it shrinks.

    The class token's entry stays, and so does the whole table at its own grid.
    """
    grid = round((table.shape[1] - 1) ** 0.5)
    if (rows, columns) == (grid, grid):
        return table
    patches = table[:, 1:].reshape(1, grid, grid, -1)
    resized = jax.image.resize(patches, (1, rows, columns, patches.shape[-1]), "cubic", antialias=True)
    return jnp.concatenate([table[:, :1], resized.reshape(1, rows * columns, -1)], axis=1)
