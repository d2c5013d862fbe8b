"""A stranger's picture: looked at before it is decoded, cut out, and its cut-out corrected by strokes."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from real3d_jax.data.decoding import decoded
from real3d_jax.data.records import Unusable
from real3d_jax.inference.demo.limits import Limits
from real3d_jax.inference.preprocess import CutOut, with_mask

# By Pillow's names; of its other kinds some start other programs. HEIC is known to it once the first one has come.
_READ = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "JPEG2000", "HEIF")
_LARGEST = 2048  # pixels of the longer side that work goes on with; models see 512 at most
_SHOWN = 640  # of the picture to correct
_DIMMED = 0.25  # share of the background's colours that is left there


class NotAPicture(Unusable):
    """A file of a kind that is not read; the message is the reason."""


def limit_decoding(limits: Limits) -> None:
    """Makes Pillow refuse larger pictures in this process, whoever opens them, before it decodes them."""
    Image.MAX_IMAGE_PIXELS = limits.pixels // 2  # of twice as many it dies


def opened(path: Path, limits: Limits) -> Image.Image:
    """The picture in a file, upright, in sRGB, RGBA, and at most _LARGEST pixels on its longer side.

    Raises:
      NotAPicture: it is of another kind than those that are read.
      Unusable: it is empty, damaged, an animation, or has more bytes or pixels than the limits.
    """
    name = path.name
    if path.stat().st_size > limits.bytes:
        raise Unusable(f"'{name}' has more than {limits.bytes / 1e6:g} million bytes: make it smaller")
    _check_kind(path)
    image = decoded(path).convert("RGBA")
    image.thumbnail((_LARGEST, _LARGEST))
    return image


def cut(
    image: Image.Image,
    find_object: CutOut | None,
    *,
    threshold: int,
    remedy: str,
    strokes: UInt8[np.ndarray, "h w 4"] | None = None,
) -> Image.Image:
    """The picture with its object cut out, and the cut-out corrected.

    Args:
      image: of mode RGBA.
      find_object: finds the object of a picture whose background is not transparent.
      threshold: the object is where alpha is greater.
      remedy: what may be done where nothing cuts it out, as the message says it.
      strokes: what was painted on the picture, at any size: green is of the object, red is not. With strokes a picture
        whose object nothing finds begins with none.

    Raises:
      Unusable: the background is not transparent, and nothing cuts the object out.
    """
    if strokes is not None and not (strokes[..., 3] > 127).any():
        strokes = None
    try:
        rgba = with_mask(image, find_object, threshold=threshold, option=remedy)
    except Unusable:
        if strokes is None:
            raise
        rgba = np.array(image)
        rgba[..., 3] = 0
    return Image.fromarray(rgba if strokes is None else _with_strokes(rgba, strokes))


def to_correct(image: Image.Image) -> Image.Image:
    """What is painted on: the picture, small, and pale where its object is not."""
    small = image.copy()
    small.thumbnail((_SHOWN, _SHOWN))
    rgba = np.asarray(small, np.float32)
    weight = _DIMMED + (1 - _DIMMED) * rgba[..., 3:] / 255
    return Image.fromarray((rgba[..., :3] * weight + 255 * (1 - weight)).round().astype(np.uint8))


def _with_strokes(rgba: UInt8[np.ndarray, "H W 4"], strokes: UInt8[np.ndarray, "h w 4"]) -> UInt8[np.ndarray, "H W 4"]:
    height, width = rgba.shape[:2]
    drawn = np.asarray(Image.fromarray(strokes).resize((width, height), Image.Resampling.NEAREST))
    painted, green = drawn[..., 3] > 127, drawn[..., 1] > drawn[..., 0]
    corrected = rgba.copy()
    corrected[..., 3] = np.where(painted, np.where(green, 255, 0), rgba[..., 3])
    return corrected


def _check_kind(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(12)
    if not start or start[4:8] == b"ftyp":  # empty, or HEIC or AVIF: `decoded` says what is to be said
        return
    Image.init()
    try:
        with Image.open(path, formats=[kind for kind in _READ if kind in Image.OPEN]):
            pass
    except Image.UnidentifiedImageError as error:
        raise NotAPicture(f"'{path.name}' is no picture of a kind that is read: save it as PNG or JPEG") from error
    except Exception:  # damaged, or too large: `decoded` says so
        return
