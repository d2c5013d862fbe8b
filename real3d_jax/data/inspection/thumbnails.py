"""Small pictures for a page, as data URIs."""

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw
from scipy import ndimage

from real3d_jax.reports.pictures import data_uri

SIDE = 160  # pixels of the longer side
_OUTLINE = (255, 64, 160)
_UNFILLED = (255, 48, 32)
_PAPER = 246


def thumbnail(
    image: UInt8[np.ndarray, "H W 4"],
    mask: Bool[np.ndarray, "H W"],
    unfilled: Float[np.ndarray, "n 2"] | None = None,
) -> str:
    """The object on light paper, its mask outlined, with dots at `unfilled` (`u, v`), which the hull leaves empty."""
    alpha = image[..., 3:].astype(np.float32) / 255
    flat = Image.fromarray((image[..., :3] * alpha + _PAPER * (1 - alpha)).astype(np.uint8))
    scale = SIDE / max(flat.size)
    size = (max(1, round(flat.width * scale)), max(1, round(flat.height * scale)))
    picture = flat.resize(size, Image.Resampling.BOX if max(flat.size) > SIDE else Image.Resampling.BICUBIC)
    covered = np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BILINEAR)) > 127
    pixels = np.array(picture)
    pixels[np.asarray(ndimage.binary_dilation(covered, iterations=2), bool) & ~covered] = _OUTLINE
    picture = Image.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    for u, v in unfilled if unfilled is not None else ():
        x, y = u * size[0], v * size[1]
        draw.ellipse((x - 1.5, y - 1.5, x + 1.5, y + 1.5), fill=_UNFILLED)
    return data_uri(picture, "WEBP", quality=82)
