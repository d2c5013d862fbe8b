"""Operations on images that more than one part needs."""

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, UInt8, UInt16

DEPTH_UNIT = 1e-4  # of depth in 16 bits, in the units of the world


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


def depth_as_words(depth: Float[np.ndarray, "*shape"]) -> UInt16[np.ndarray, "*shape"]:
    """Depth in units of DEPTH_UNIT, rounded; 0 is nothing. It must be below 6.5535."""
    return np.round(depth / DEPTH_UNIT).astype(np.uint16)


def normals_as_bytes(
    normals: Float[np.ndarray, "*shape 3"], seen: Bool[np.ndarray, "*shape"]
) -> UInt8[np.ndarray, "*shape 3"]:
    """Normals as colours, (n + 1) / 2 * 255, and 0 where nothing is seen."""
    return np.where(seen[..., None], np.round((normals + 1) / 2 * 255), 0).astype(np.uint8)
