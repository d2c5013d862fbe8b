"""LPIPS (Zhang et al., 2018) with VGG16 or AlexNet, version 0.1 of the published linear heads."""

import importlib.resources

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from real3d_jax.errors import UserError, did_you_mean
from real3d_jax.perceptual.alex import alex_features
from real3d_jax.perceptual.vgg import vgg_features

# The published scaling layer, for inputs in [-1, 1].
_SHIFT = np.array([-0.030, -0.088, -0.188], np.float32)
_SCALE = np.array([0.458, 0.448, 0.450], np.float32)
_EPS = 1e-10
_BACKBONES = {"vgg": vgg_features, "alex": alex_features}
_LEAST_SIDE = {"vgg": 16, "alex": 31}  # smaller images leave nothing after the last pooling
_BLOCKS = 5


def lpips(
    params: dict, a: Float[Array | np.ndarray, "B H W 3"], b: Float[Array | np.ndarray, "B H W 3"]
) -> Float[Array, "B"]:
    """The perceptual distance of image pairs.

    Each block's features are scaled to unit length at every pixel; their squared difference is weighted per channel by
    the learned head, averaged over pixels and summed over blocks (Eq. 1 of the LPIPS paper).

    Args:
      params: `{'vgg': <vgg.vgg_features' tree>, 'heads': [(C,) per block]}`, or with 'alex' instead of 'vgg'.
      a: images in [0, 1], at least 16 pixels per side for VGG16 and 31 for AlexNet.
      b: likewise, of the same shape.

    Raises:
      UserError: the images are smaller.
    """
    return lpips_between(params, lpips_features(params, a), lpips_features(params, b))


def lpips_features(params: dict, images: Float[Array | np.ndarray, "B H W 3"]) -> list[Float[Array, "B _h _w _C"]]:
    """What LPIPS compares: the features of each block, of unit length at every pixel. Errors as of `lpips`."""
    (network,) = params.keys() - {"heads"}
    height, width = images.shape[1:3]
    if min(height, width) < _LEAST_SIDE[network]:
        raise UserError(
            f"LPIPS ({network}) needs images of at least {_LEAST_SIDE[network]} x {_LEAST_SIDE[network]} pixels, but "
            f"these are {width} x {height}: make them larger."
        )
    return [unit_length(features) for features in _BACKBONES[network](params[network], _scale(images))]


def lpips_between(
    params: dict, features_of_a: list[Float[Array, "B _h _w _C"]], features_of_b: list[Float[Array, "B _h _w _C"]]
) -> Float[Array, "B"]:
    """`lpips` of image pairs whose `lpips_features` are at hand."""
    distance = jnp.zeros(features_of_a[0].shape[0])
    for head, of_a, of_b in zip(params["heads"], features_of_a, features_of_b, strict=True):
        difference = (of_a - of_b) ** 2
        distance += jnp.mean(jnp.sum(difference * head, axis=-1), axis=(1, 2))
    return distance


def published_heads(network: str = "vgg") -> list[Float[Array, "_C"]]:
    """The published linear heads of 'vgg' or 'alex', one per block; shipped with the package."""
    check_network(network)
    path = importlib.resources.files("real3d_jax.perceptual") / "assets" / f"lpips_{network}_heads.npz"
    with path.open("rb") as file, np.load(file) as heads:
        return [jnp.asarray(heads[str(block)]) for block in range(_BLOCKS)]


def check_network(network: str) -> None:
    """Raises UserError if LPIPS has no backbone of this name."""
    if network not in _BACKBONES:
        raise UserError(f"LPIPS has no network '{network}': {did_you_mean(network, _BACKBONES)}")


def _scale(images: Float[Array | np.ndarray, "B H W 3"]) -> Float[Array, "B H W 3"]:
    return (2 * jnp.asarray(images) - 1 - _SHIFT) / _SCALE


def unit_length(features: Float[Array, "B h w C"]) -> Float[Array, "B h w C"]:
    """Features scaled to length 1 at every pixel; zero ones stay zero, with a finite gradient."""
    squared = jnp.sum(features**2, axis=-1, keepdims=True)
    # Where every feature is zero the root has an infinite slope, and 0 * inf would make the gradient NaN.
    vanishes = squared == 0
    length = jnp.where(vanishes, 0.0, jnp.sqrt(jnp.where(vanishes, 1.0, squared)))
    return features / (length + _EPS)
