"""Decodes the pictures of textures."""

import io
import warnings

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from real3d_jax.errors import UserError, check_installed

_LARGEST = 4096  # pixels: finer than any render shows
# Not all that Pillow knows: it would start Ghostscript for EPS.
_FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "BMP", "TGA", "TIFF", "GIF", "DDS", "JPEG2000", "PPM", "PCX", "SGI", "PSD")
_KTX2 = b"\xabKTX 20\xbb\r\n\x1a\n"


def decoded(data: bytes) -> UInt8[np.ndarray, "H W 4"]:
    """RGBA, sRGB, straight alpha, of a picture that Pillow reads or of a KTX2 file; at most 4096 pixels a side.

    Raises:
      ValueError: it is damaged, or the package that reads it is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = _basis_image(data) if data.startswith(_KTX2) else _rgba(_opened(data))
    except UserError as error:
        raise ValueError(str(error)) from error
    except Exception as error:  # decoders raise what they like for damaged files
        raise ValueError(" ".join(str(error).split())[:150] or type(error).__name__) from error
    image.thumbnail((_LARGEST, _LARGEST))
    return np.asarray(image)


def with_alpha_of(
    pixels: UInt8[np.ndarray, "H W 4"] | None, mask: UInt8[np.ndarray, "h w 4"], channel: str
) -> UInt8[np.ndarray, "H2 W2 4"]:
    """A picture, or white, that is see-through where another one says.

    Args:
      pixels: keeps its colours and, if the mask is smaller, its size.
      mask: is stretched over the picture.
      channel: of the mask: 'r', 'g', 'b', 'm' (alpha) or 'l' (luminance). '' is alpha where the mask has some,
        luminance elsewhere.
    """
    if not channel:
        channel = "m" if mask[..., 3].min() < 255 else "l"
    if channel in "rgbm":
        alpha = Image.fromarray(mask[..., "rgbm".index(channel)])
    else:
        alpha = Image.fromarray(mask).convert("RGB").convert("L")
    if pixels is None:
        pixels = np.full((*mask.shape[:2], 4), 255, np.uint8)
    rgb = Image.fromarray(pixels).convert("RGB")
    size = (max(rgb.width, alpha.width), max(rgb.height, alpha.height))
    rgb, alpha = (
        image if image.size == size else image.resize(size, Image.Resampling.BILINEAR) for image in (rgb, alpha)
    )
    rgb.putalpha(alpha)
    return np.asarray(rgb)


def cut(rgba: UInt8[np.ndarray, "H W 4"], cutoff: float) -> UInt8[np.ndarray, "H W 4"]:
    """A picture whose alpha is 0 below the cutoff and 1 from it on; 0 makes all of it opaque."""
    alpha = np.where(rgba[..., 3:] / 255 >= cutoff, 255, 0).astype(np.uint8)
    return np.concatenate([rgba[..., :3], alpha], -1)


def adjusted(rgba: UInt8[np.ndarray, "H W 4"], *, base: float, gain: float) -> UInt8[np.ndarray, "H W 4"]:
    """A picture whose colours, in sRGB, were multiplied by a gain before a base was added."""
    rgb = np.clip(rgba[..., :3] * gain + base * 255, 0, 255).round().astype(np.uint8)
    return np.concatenate([rgb, rgba[..., 3:]], -1)


def mirrored(rgba: UInt8[np.ndarray, "H W 4"], *, across: bool, up: bool) -> UInt8[np.ndarray, "H2 W2 4"]:
    """A picture beside, or below, its mirror image: repeated, it is what 'mirrored repeat' shows."""
    if across:
        rgba = np.concatenate([rgba, rgba[:, ::-1]], 1)
    return np.concatenate([rgba[::-1], rgba], 0) if up else rgba


def _opened(data: bytes) -> Image.Image:
    Image.init()
    return Image.open(io.BytesIO(data), formats=[name for name in _FORMATS if name in Image.OPEN])


def _rgba(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):  # 16 bits a pixel: Pillow would cut off what is above 255
        values: Float[np.ndarray, "H W"] = np.asarray(image, np.float64)
        if image.mode == "F" or values.min() < 0 or values.max() > 65535:
            raise ValueError(f"its pixels are of the kind '{image.mode}'")
        image = Image.fromarray((values / 257).round().astype(np.uint8))
    return image.convert("RGBA")


def _basis_image(data: bytes) -> Image.Image:
    check_installed("opengl_basisu", what="A KTX2 texture is decoded", extra="compressed-meshes")
    import opengl_basisu

    pixels = opengl_basisu.open(data).transcode(opengl_basisu.Target.RGBA8).data
    return Image.fromarray(np.ascontiguousarray(pixels))
