"""The camera-conditioned LRM (OpenLRM's architecture): an image and its camera in, a triplane out.

Beside `lrm.LRM`, whose input camera is always the canonical one, this model is told where the input camera stands and
what its intrinsics are (Section 3's LRM(I, Phi, K)). Upsampler, decoder, plane query and fields are the same.
"""

import functools
from collections.abc import Callable, Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from real3d_jax.cameras import Cameras, canonical_c2w, intrinsics_from_fov
from real3d_jax.config.conditioned import ConditionedModelConfig
from real3d_jax.models.decoder import Decoder
from real3d_jax.models.dinov2 import DinoV2
from real3d_jax.models.layers import Attention, are_apart, cast_kernels, layer_norm, pad_tokens, scan_blocks, take_apart
from real3d_jax.models.triplane import TriplaneTokens, Upsampler
from real3d_jax.models.vit import Mlp

_EPSILON = 1e-6
_EXPANSION = 4
CAMERA_NUMBERS = 16


class ConditionedLRM(nn.Module):
    """DINOv2's tokens of the image, and triplane tokens that attend to them, modulated by the input camera.

    Planes and cameras are in this house's world (`cameras`): z up, the canonical camera on the positive x axis.

    Attributes:
      weights: by "image_tokenizer" and "backbone", as in `lrm.LRM`.
    """

    config: ConditionedModelConfig
    dtype: DTypeLike = jnp.float32
    remat: str = "none"
    attention: str = "xla"
    unroll: int = 1
    elementwise: str = "xla"
    weights: Mapping[str, Callable[[dict], dict]] | None = None

    def setup(self):
        config = self.config
        compute = {"dtype": self.dtype, "remat": self.remat, "attention": self.attention, "unroll": self.unroll}
        weights = self.weights or {}
        self.image_tokenizer = DinoV2(
            config.encoder, **compute, elementwise=self.elementwise, weights=weights.get("image_tokenizer")
        )
        self.camera_embedder = _CameraEmbedder(config.camera_width)
        self.triplane_tokens = TriplaneTokens(config.plane_tokens, config.token_width)
        self.backbone = ModulatedTransformer(config.layers, config.heads, **compute, weights=weights.get("backbone"))
        self.upsampler = Upsampler(config.plane_channels, dtype=self.dtype)
        self.decoder = make_decoder(config, self.dtype)

    def __call__(self, images: Float[Array, "B S S 3"], cameras: Cameras) -> Float[Array, "B 3 h w K"]:
        """The triplane of each image.

        Args:
          images: in [0, 1], the object on white, `image_size` pixels per side.
          cameras: of leading shape (B,), that took them.
        """
        if self.is_initializing():
            self.decoder(jnp.zeros((1, 3 * self.config.plane_channels)))
        image_tokens = self.image_tokenizer(images)
        embedding = self.camera_embedder(camera_numbers(cameras))
        tokens = self.backbone(self.triplane_tokens(images.shape[0]), image_tokens, embedding)
        return planes_in_world(self.upsampler(tokens))

    def cast_weights(self, params: dict) -> dict:
        """`params` with the transformers' matrices in the model's dtype (`layers.cast_kernels`)."""
        return cast_kernels(params, self.dtype, but_layers=bool(self.weights))

    def inference_weights(self, params: dict) -> dict:
        """As `LRM.inference_weights`."""
        cast = self.cast_weights(params)
        return take_apart(cast, self.dtype) if self.unroll == 0 else cast


class _CameraEmbedder(nn.Module):
    width: int

    @nn.compact
    def __call__(self, numbers: Float[Array, "B 16"]) -> Float[Array, "B E"]:
        return nn.Dense(self.width, name="out")(jax.nn.silu(nn.Dense(self.width, name="in")(numbers)))


class ModulatedTransformer(nn.Module):
    """`layers` blocks and a norm; no projection, and the input is not added again."""

    layers: int
    heads: int
    dtype: DTypeLike
    remat: str
    attention: str
    unroll: int
    weights: Callable[[dict], dict] | None = None

    @nn.compact
    def __call__(
        self,
        tokens: Float[Array, "B N C"],
        image_tokens: Float[Array, "B M K"],
        embedding: Float[Array, "B E"],
    ) -> Float[Array, "B N C"]:
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
            image_tokens=image_tokens.shape[1],
            name="layers",
        )
        context = pad_tokens(image_tokens.astype(self.dtype), self.attention)
        x, _ = blocks(tokens, context, jax.nn.silu(embedding))
        return layer_norm("norm", _EPSILON, jnp.float32)(x)


class _Block(nn.Module):
    """Cross-attention, self-attention and MLP, each on modulated tokens. The residual stream is float32."""

    heads: int
    dtype: DTypeLike
    attention: str
    image_tokens: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "B N C"], context: Float[Array, "B M K"], embedding: Float[Array, "B E"]
    ) -> tuple[Float[Array, "B N C"], None]:
        attention = functools.partial(
            Attention,
            heads=self.heads,
            qkv_bias=False,
            out_bias=False,
            dtype=self.dtype,
            implementation=self.attention,
        )

        def modulated(number, x):
            return _ModulatedNorm(self.dtype, name=f"norm{number}")(x, embedding)

        x += attention(keys=self.image_tokens, name="cross_attention")(modulated(1, x), context)
        y = modulated(2, x)
        x += attention(keys=x.shape[1], name="self_attention")(y, y)
        x += Mlp(_EXPANSION * x.shape[-1], "gelu", self.dtype, name="mlp")(modulated(3, x))
        return x, None


class _ModulatedNorm(nn.Module):
    """norm(x) (1 + scale) + shift, both from the camera's embedding (adaptive LayerNorm, Peebles and Xie 2023)."""

    dtype: DTypeLike

    @nn.compact
    def __call__(self, x: Float[Array, "B N C"], embedding: Float[Array, "B E"]) -> Float[Array, "B N C"]:
        shift, scale = jnp.split(nn.Dense(2 * x.shape[-1], name="modulation")(embedding)[:, None], 2, axis=-1)
        return (layer_norm("norm", _EPSILON, jnp.float32)(x) * (1 + scale) + shift).astype(self.dtype)


def camera_numbers(cameras: Cameras) -> Float[Array, "*batch 16"]:
    """What the model is told of its input camera: the pose's upper three rows, row by row, then fx, fy, cx, cy.

    The pose is that in OpenLRM's world, whose canonical camera stands on the negative y axis: (x, y, z) there are our
    (y, -x, z).
    """
    c2w = cameras.c2w
    rows = jnp.stack([c2w[..., 1, :], -c2w[..., 0, :], c2w[..., 2, :]], axis=-2)
    return jnp.concatenate([rows.reshape(*rows.shape[:-2], 12), cameras.intrinsics], axis=-1)


def planes_in_world(planes: Float[Array, "B 3 h w K"]) -> Float[Array, "B 3 h w K"]:
    """OpenLRM's planes, (x, y), (x, z), (z, y) of its world, as (x, y), (x, z), (y, z) of ours (`triplane`).

    Only whole texels move: its x is our y, its y our -x.
    """
    xy, xz, zy = (planes[:, i] for i in range(3))
    ours_xy = jnp.swapaxes(xy[:, ::-1], 1, 2)
    ours_xz = jnp.swapaxes(zy[:, ::-1], 1, 2)
    return jnp.stack([ours_xy, ours_xz, xz], axis=1)


def input_cameras(batch: int, *, distance: float, fov_y: float) -> Cameras:
    """The canonical camera, for photographs of which no camera is known; `fov_y` in radians."""
    c2w = jnp.broadcast_to(canonical_c2w(distance), (batch, 4, 4))
    return Cameras(c2w, jnp.broadcast_to(intrinsics_from_fov(fov_y), (batch, 4)))


def make_decoder(config: ConditionedModelConfig, dtype: DTypeLike = jnp.float32) -> Decoder:
    """The decoder that belongs to a model; applied with `params["decoder"]`."""
    return Decoder(config.decoder_width, config.decoder_layers, dtype=dtype, activation="relu")
