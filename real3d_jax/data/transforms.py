"""Image functions of the pipeline, in plain numpy and Pillow. Images are uint8, RGBA with straight alpha."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from real3d_jax.data.boxes import object_box, square_around

GREY = 0.5  # behind the canonical model's input
WHITE = 1.0  # behind targets, and the camera-conditioned model's input


def behind_input(*, conditioned: bool) -> float:
    """The grey value behind a model's input."""
    return WHITE if conditioned else GREY


def premultiply(rgba: UInt8[np.ndarray, "H W 4"]) -> Image.Image:
    """Colours times alpha: an image of Pillow's mode 'RGBa'."""
    return Image.fromarray(rgba).convert("RGBa")


def composite(
    image: Image.Image, *, size: int, background: float, antialias: bool = True
) -> UInt8[np.ndarray, "size size 3"]:
    """The object on a plain background, resized with its colours premultiplied.

    Args:
      image: square, from `premultiply`.
      size: pixels per side of the result.
      background: grey value in [0, 1].
      antialias: averages when shrinking; otherwise each pixel mixes its four nearest, whatever the scale.
    """
    resized = np.asarray(_resized(image, size, antialias))
    behind = np.floor(background * np.arange(255, -1, -1) + 0.5).astype(np.uint8)  # what each alpha lets through
    return resized[..., :3] + behind[resized[..., 3]][..., None]


def resize_straight(rgba: UInt8[np.ndarray, "H W 4"], *, size: int) -> UInt8[np.ndarray, "size size 4"]:
    """A square image for a record: resized (Lanczos) with its colours premultiplied, given back with straight alpha."""
    if rgba.shape[:2] == (size, size):
        return rgba
    return np.asarray(premultiply(rgba).resize((size, size), Image.Resampling.LANCZOS).convert("RGBA"))


def shrink_straight(rgba: UInt8[np.ndarray, "H W 4"], *, longest: int) -> UInt8[np.ndarray, "h w 4"]:
    """`resize_straight` to a longer side of `longest` pixels where it is longer; the shape stays."""
    image = premultiply(rgba)
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=None)
    return rgba if image.size == rgba.shape[1::-1] else np.asarray(image.convert("RGBA"))


def object_mask(
    rgba: UInt8[np.ndarray, "H W 4"], *, threshold: int, size: int, antialias: bool = True
) -> UInt8[np.ndarray, "size size 1"]:
    """255 where alpha > threshold, else 0, then resized: averaged with `antialias`, else to the nearest pixel."""
    mask = Image.fromarray(binary_mask(rgba, threshold=threshold))
    resized = _resized(mask, size, antialias) if antialias else mask.resize((size, size), Image.Resampling.NEAREST)
    return np.asarray(resized)[..., None]


def binary_mask(rgba: UInt8[np.ndarray, "H W 4"], *, threshold: int) -> UInt8[np.ndarray, "H W"]:
    """255 where alpha > threshold, else 0."""
    return (rgba[..., 3] > threshold) * np.uint8(255)


def square_crop(rgba: UInt8[np.ndarray, "H W 4"], *, threshold: int, ratio: float) -> UInt8[np.ndarray, "side side 4"]:
    """A square around the object, transparent beyond the image's border.

    Args:
      rgba: straight alpha.
      threshold: the object is where alpha is greater.
      ratio: side of the square relative to the longer side of the object's box; both have the same centre, to the
        pixel.

    Raises:
      UserError: no alpha is above the threshold.
    """
    return window(rgba, *square_around(object_box(rgba[..., 3], threshold=threshold), ratio=ratio))


def window(rgba: UInt8[np.ndarray, "H W 4"], left: int, top: int, side: int) -> UInt8[np.ndarray, "side side 4"]:
    """A square of an image, which may reach beyond its border: there it is transparent."""
    height, width = rgba.shape[:2]
    crop = np.zeros((side, side, 4), np.uint8)
    y0, y1, x0, x1 = max(top, 0), min(top + side, height), max(left, 0), min(left + side, width)
    if y0 < y1 and x0 < x1:
        crop[y0 - top : y1 - top, x0 - left : x1 - left] = rgba[y0:y1, x0:x1]
    return crop


def _resized(image: Image.Image, size: int, antialias: bool) -> Image.Image:
    width, height = image.size
    if (width, height) == (size, size):
        return image
    if antialias:
        # Whole blocks of pixels are averaged. Where they are not whole, that filter would move details by up to half a
        # pixel, and a triangle does not.
        blocks = width % size == 0 and height % size == 0
        return image.resize((size, size), Image.Resampling.BOX if blocks else Image.Resampling.BILINEAR)
    # `resize` widens its filter when shrinking, `transform` does not.
    scale = (width / size, 0, 0, 0, height / size, 0)
    return image.transform((size, size), Image.Transform.AFFINE, scale, Image.Resampling.BILINEAR)
