"""AlexNet's convolutional features (Krizhevsky, 2014, one tower), as plain functions of a parameter tree."""

import dataclasses

import jax
from jaxtyping import Array, Float

from real3d_jax.perceptual.convolutions import convolve, pool_max, random_convolutions


@dataclasses.dataclass(frozen=True)
class Layer:
    """A convolution, which a rectifier follows.

    Attributes:
      size: of the kernel, per side.
      channels: out.
      stride: in pixels.
      padding: zeros at each side.
      pooled: whether a 3 x 3 max pooling of stride 2 goes before.
    """

    size: int
    channels: int
    stride: int = 1
    padding: int = 1
    pooled: bool = False


# Each layer's rectified output is compared by LPIPS.
LAYERS = (
    Layer(11, 64, stride=4, padding=2),
    Layer(5, 192, padding=2, pooled=True),
    Layer(3, 384, pooled=True),
    Layer(3, 256),
    Layer(3, 256),
)


def conv_name(layer: int) -> str:
    """The parameter group of a convolution; numbers count from 0, names from 1 as in the literature."""
    return f"conv{layer + 1}"


def alex_features(params: dict, images: Float[Array, "B H W 3"]) -> list[Float[Array, "B h w C"]]:
    """The five rectified convolutions.

    Args:
      params: `conv{n}/{kernel,bias}`, kernels (h, w, in, out).
      images: normalised by the caller, at least 31 pixels per side.
    """
    features, x = [], images
    for index, layer in enumerate(LAYERS):
        if layer.pooled:
            x = pool_max(x, size=3, stride=2)
        weights = params[conv_name(index)]
        x = convolve(x, weights["kernel"], stride=layer.stride, padding=(layer.padding, layer.padding))
        x = jax.nn.relu(x + weights["bias"])
        features.append(x)
    return features


def random_alex(seed: int) -> dict:
    """Random parameters in the true shapes."""
    shapes, channels = {}, 3
    for index, layer in enumerate(LAYERS):
        shapes[conv_name(index)] = (layer.size, layer.size, channels, layer.channels)
        channels = layer.channels
    return random_convolutions(shapes, seed)
