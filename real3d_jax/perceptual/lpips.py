"""LPIPS with the VGG16 backbone (Zhang et al., 2018), version 0.1 of the published linear heads."""

import importlib.resources

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from real3d_jax.perceptual.vgg import BLOCKS, vgg_features

# The published scaling layer, for inputs in [-1, 1].
_SHIFT = np.array([-0.030, -0.088, -0.188], np.float32)
_SCALE = np.array([0.458, 0.448, 0.450], np.float32)
_EPS = 1e-10


def lpips(params: dict, a: Float[Array, "B H W 3"], b: Float[Array, "B H W 3"]) -> Float[Array, "B"]:
    """The perceptual distance of image pairs.

    Each block's features are scaled to unit length at every pixel; their squared difference is weighted per channel by
    the learned head, averaged over pixels and summed over blocks (Eq. 1 of the LPIPS paper).

    Args:
      params: `{'vgg': <vgg.vgg_features' tree>, 'heads': [(C,) per block]}`.
      a: images in [0, 1], at least 16 pixels per side.
      b: likewise, of the same shape.
    """
    distance = jnp.zeros(a.shape[0])
    features = zip(vgg_features(params["vgg"], _scale(a)), vgg_features(params["vgg"], _scale(b)), strict=True)
    for head, (of_a, of_b) in zip(params["heads"], features, strict=True):
        difference = (unit_length(of_a) - unit_length(of_b)) ** 2
        distance += jnp.mean(jnp.sum(difference * head, axis=-1), axis=(1, 2))
    return distance


def published_heads() -> list[Float[Array, "C"]]:
    """The published linear heads, one per block; shipped with the package."""
    path = importlib.resources.files("real3d_jax.perceptual") / "assets" / "lpips_vgg_heads.npz"
    with path.open("rb") as file, np.load(file) as heads:
        return [jnp.asarray(heads[str(block)]) for block in range(len(BLOCKS))]


def _scale(images: Float[Array, "B H W 3"]) -> Float[Array, "B H W 3"]:
    return (2 * images - 1 - _SHIFT) / _SCALE


def unit_length(features: Float[Array, "B h w C"]) -> Float[Array, "B h w C"]:
    """Features scaled to length 1 at every pixel; zero ones stay zero, with a finite gradient."""
    squared = jnp.sum(features**2, axis=-1, keepdims=True)
    # Where every feature is zero the root has an infinite slope, and 0 * inf would make the gradient NaN.
    vanishes = squared == 0
    length = jnp.where(vanishes, 0.0, jnp.sqrt(jnp.where(vanishes, 1.0, squared)))
    return features / (length + _EPS)
