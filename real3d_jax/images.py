"""Operations on images that more than one part needs."""

import jax
from jaxtyping import Array, Float


def resize_bilinear(
    images: Float[Array, "*batch H W C"], height: int, width: int
) -> Float[Array, "*batch {height} {width} C"]:
    """Resizes as PyTorch's `interpolate(mode='bilinear', align_corners=False)` does.

    Pixel centres sit at half-integers, edges are repeated, and shrinking does not average: each output pixel mixes
    its four nearest input pixels whatever the scale.
    """
    shape = (*images.shape[:-3], height, width, images.shape[-1])
    return jax.image.resize(images, shape, "bilinear", antialias=False)
