"""VGG16's convolutional features, as plain functions of a parameter tree."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from real3d_jax.perceptual.convolutions import pool_max, random_convolutions

# Channels of the convolutions of each block. A block ends with the activations that LPIPS compares: relu1_2, relu2_2,
# relu3_3, relu4_3 and relu5_3.
BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


def conv_name(block: int, conv: int) -> str:
    """The parameter group of a convolution; both numbers count from 0, names from 1 as in the literature."""
    return f"conv{block + 1}_{conv + 1}"


def vgg_features(params: dict, images: Float[Array, "B H W 3"]) -> list[Float[Array, "B h w C"]]:
    """The activations at the end of the five blocks, each half as large as the one before.

    Args:
      params: `conv{block}_{n}/{kernel,bias}`, kernels (3, 3, in, out).
      images: normalised by the caller, at least 16 pixels per side.
    """
    features = []
    x = images
    for block, convolutions in enumerate(BLOCKS):
        if block > 0:
            x = pool_max(x, size=2, stride=2)
        for conv in range(len(convolutions)):
            weights = params[conv_name(block, conv)]
            x = jax.nn.relu(_convolve(x, jnp.asarray(weights["kernel"])) + weights["bias"])
        features.append(x)
    return features


def random_vgg(seed: int) -> dict:
    """Random parameters in the true shapes."""
    shapes, channels = {}, 3
    for block, convolutions in enumerate(BLOCKS):
        for conv, out in enumerate(convolutions):
            shapes[conv_name(block, conv)] = (3, 3, channels, out)
            channels = out
    return random_convolutions(shapes, seed)


def _convolve(x: Float[Array, "B H W C"], kernel: Float[Array, "3 3 C K"]) -> Float[Array, "B H W K"]:
    """A 3 x 3 convolution with zero padding. On CPUs as matrix products, where XLA's own takes six times as long."""
    return jax.lax.platform_dependent(x, kernel, cpu=convolve_by_products, default=convolve_by_xla)


def convolve_by_xla(x: Float[Array, "B H W C"], kernel: Float[Array, "3 3 C K"]) -> Float[Array, "B H W K"]:
    """The convolution as XLA's primitive."""
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def convolve_by_products(x: Float[Array, "B H W C"], kernel: Float[Array, "3 3 C K"]) -> Float[Array, "B H W K"]:
    """The same as nine products of shifted images."""
    height, width = x.shape[1:3]
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifts = [(row, column) for row in range(3) for column in range(3)]
    return sum((padded[:, i : i + height, j : j + width] @ kernel[i, j] for i, j in shifts), jnp.zeros(()))
