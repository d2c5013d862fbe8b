"""Frozen networks with their parameters, as the losses and the metrics use them."""

from typing import no_type_check

import flax.struct
import jax
import numpy as np
from jaxtyping import Array, Float

from real3d_jax.perceptual.image_encoder import ImageEncoder, embed
from real3d_jax.perceptual.inception import inception_features

_features = jax.jit(inception_features)


@no_type_check  # JAX rebuilds it around placeholders
@flax.struct.dataclass
class FrozenNetworks:
    """What the losses judge images with. Parameters are leaves, so it goes through `jit` as an argument.

    (Captured as a constant instead, the compiler would fold the weights, which takes minutes.)

    Attributes:
      encoder: the semantic judge, CLIP or what stands in for it; None where no loss needs it.
      lpips_params: of `lpips.lpips`; None where no loss needs it.
    """

    encoder: ImageEncoder | None
    lpips_params: dict | None

    def embed(self, images: Float[Array, "B H W 3"]) -> Float[Array, "B D"]:
        """Embeddings of unit length; images in [0, 1], of any size."""
        assert self.encoder is not None, "the semantic loss needs an encoder"
        return embed(self.encoder, images)


@no_type_check  # JAX rebuilds it around placeholders
@flax.struct.dataclass
class Inception:
    """FID's InceptionV3 with its parameters, which are the only leaves: it goes through `jit` as an argument.

    Attributes:
      params: of `perceptual.inception.inception_features`.
    """

    params: dict

    def features(self, images: Float[Array | np.ndarray, "B H W 3"]) -> Float[Array, "B 2048"]:
        """The pooled 2048-d features that pytorch-fid compares; images in [0, 1], of any size."""
        return _features(self.params, images)
