"""Operations on images that more than one part needs."""

import jax
import numpy as np
from jaxtyping import Array, Float, UInt8


def resize_bilinear(
    images: Float[Array, "*batch H W C"], height: int, width: int
) -> Float[Array, "*batch {height} {width} C"]:
    """Resizes as PyTorch's `interpolate(mode='bilinear', align_corners=False)` does.

    Pixel centres sit at half-integers, edges are repeated, and shrinking does not average: each output pixel mixes
    its four nearest input pixels whatever the scale.
    """
    shape = (*images.shape[:-3], height, width, images.shape[-1])
    return jax.image.resize(images, shape, "bilinear", antialias=False)


def as_bytes(values: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """Values of [0, 1] as 0 to 255, rounded; what lies outside is clipped, and what is not a number becomes 0."""
    return (np.clip(np.nan_to_num(values), 0, 1) * 255 + 0.5).astype(np.uint8)
