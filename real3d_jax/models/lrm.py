"""The large reconstruction model: one image in, a triplane out (Eq. 2)."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from real3d_jax.config.model import ComputeConfig, ModelConfig
from real3d_jax.errors import UserError
from real3d_jax.models.decoder import Decoder
from real3d_jax.models.layers import cast_kernels, choose_attention, choose_elementwise, take_apart
from real3d_jax.models.transformer import TriplaneTransformer
from real3d_jax.models.triplane import TriplaneTokens, Upsampler
from real3d_jax.models.vit import ViT

IMAGE_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
IMAGE_STD = np.array([0.229, 0.224, 0.225], np.float32)


class LRM(nn.Module):
    """TripoSR's architecture.

    `__call__` encodes images into planes. The decoder's parameters are made with the others (`params["decoder"]`), but
    it is applied to points, by the renderer: see `rendering.field`.

    Attributes:
      weights: by "image_tokenizer" and "backbone", what makes the parameters of a block from those that are given,
        where these are not whole (`training.gradients`); such parameters `cast_weights` leaves as they are.
    """

    config: ModelConfig
    dtype: DTypeLike = jnp.float32
    remat: str = "none"
    attention: str = "xla"
    unroll: int = 1
    elementwise: str = "xla"
    weights: Mapping[str, Callable[[dict], dict]] | None = None

    def setup(self):
        config = self.config
        compute = {
            "dtype": self.dtype,
            "remat": self.remat,
            "attention": self.attention,
            "unroll": self.unroll,
            "elementwise": self.elementwise,
        }
        weights = self.weights or {}
        self.image_tokenizer = ViT(config.vit, **compute, weights=weights.get("image_tokenizer"))
        self.triplane_tokens = TriplaneTokens(config.plane_tokens, config.token_width)
        self.backbone = TriplaneTransformer(config.layers, config.heads, **compute, weights=weights.get("backbone"))
        self.upsampler = Upsampler(config.plane_channels, dtype=self.dtype)
        self.decoder = make_decoder(config, self.dtype)

    def __call__(self, images: Float[Array, "B S S 3"]) -> Float[Array, "B 3 h w K"]:
        """The triplane of each image.

        Args:
          images: in [0, 1], the object on grey 0.5, `image_size` pixels per side.
        """
        if self.is_initializing():
            self.decoder(jnp.zeros((1, 3 * self.config.plane_channels)))
        image_tokens = self.tokenize(images)
        tokens = self.backbone(self.triplane_tokens(images.shape[0]), image_tokens)
        return self.upsampler(tokens)

    def cast_weights(self, params: dict) -> dict:
        """`params` with the transformers' matrices in the model's dtype (`layers.cast_kernels`)."""
        return cast_kernels(params, self.dtype, but_layers=bool(self.weights))

    def inference_weights(self, params: dict) -> dict:
        """`params` for programs without gradients: cast, and where all layers are compiled, apart (`take_apart`)."""
        cast = self.cast_weights(params)
        return take_apart(cast, self.dtype) if self.unroll == 0 else cast

    def tokenize(self, images: Float[Array, "B S S 3"]) -> Float[Array, "B M C"]:
        """The image tokens: the class token, then the patches row by row."""
        return self.image_tokenizer((images - IMAGE_MEAN) / IMAGE_STD)


def make_decoder(config: ModelConfig, dtype: DTypeLike = jnp.float32) -> Decoder:
    """The decoder that belongs to a model; applied with `params["decoder"]`."""
    return Decoder(config.decoder_width, config.decoder_layers, dtype=dtype)


def make_model(config: ModelConfig, compute: ComputeConfig) -> LRM:
    """The model of a training configuration."""
    return LRM(config, **settings(config.image_size, config.vit.patch_size, compute))


def settings(image_size: int, patch_size: int, compute: ComputeConfig) -> dict[str, Any]:
    """The attributes of a model's module that say how it is computed.

    Raises:
      UserError: there is no such way, or patches of that size do not fill the image.
    """
    if compute.dtype not in ("float32", "bfloat16"):
        raise UserError(f"config.compute.dtype must be 'float32' or 'bfloat16', but is '{compute.dtype}'.")
    if image_size % patch_size:
        raise UserError(f"config.model.image_size ({image_size}) must be a multiple of the patch size ({patch_size}).")
    return {
        "dtype": jnp.dtype(compute.dtype),
        "remat": compute.remat,
        "attention": choose_attention(compute.attention, compute.dtype),
        "unroll": compute.unroll,
        "elementwise": choose_elementwise(compute.elementwise, compute.dtype),
    }


@functools.partial(jax.jit, static_argnums=0)  # so that a model is traced once for all who ask
def init_params(model: LRM, key: jax.Array) -> dict:
    """Random parameters of `model`, float32."""
    size = model.config.image_size
    model = model.clone(unroll=1)  # the same parameters, and one block to compile
    return dict(model.init(key, jnp.zeros((1, size, size, 3)))["params"])


def abstract_params(model: LRM) -> dict:
    """Shapes and types of the model's parameters, made without memory."""
    return jax.eval_shape(functools.partial(init_params, model), jax.random.key(0))
