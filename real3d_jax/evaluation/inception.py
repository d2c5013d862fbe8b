"""InceptionV3's features of images, for FID and KID."""

import os
import pathlib

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from real3d_jax.errors import UserError
from real3d_jax.perceptual.inception import inception_features
from real3d_jax.weights.convert import convert_checkpoint
from real3d_jax.weights.converted import is_converted, load_weights

_features = jax.jit(inception_features)


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


def load_inception(path: str | os.PathLike) -> Inception:
    """Reads FID's InceptionV3.

    Args:
      path: pytorch-fid's `pt_inception-2015-12-05-6726825d.pth` (which needs torch), a safetensors file of the same
        names, or weights converted before.

    Raises:
      UserError: it cannot be read, or is another network.
    """
    path = pathlib.Path(path).expanduser()
    weights = load_weights(path) if is_converted(path) else convert_checkpoint(path).weights
    if weights.kind != "inception":
        raise UserError(
            f"'{path}' holds a network of kind '{weights.kind}' instead of FID's InceptionV3: give pytorch-fid's "
            "pt_inception-2015-12-05-6726825d.pth."
        )
    return Inception(jax.tree.map(jnp.asarray, weights.params))
