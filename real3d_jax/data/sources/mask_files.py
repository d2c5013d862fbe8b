"""Masks as segmentation tools store them: grey, colour, palette, alpha, 16 bits, or 0 and 1."""

import pathlib
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from real3d_jax.data.records import Unusable
from real3d_jax.data.sources.layout import open_image

_DEEP = ("I;16", "I;16B", "I;16L", "I")
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", *_DEEP)
_GREY = 16  # channels of a grey picture differ by less, after JPEG's rounding
_LABELS = 32  # a mask whose largest value is below is a map of labels


class MaskFile(NamedTuple):
    """A mask.

    Attributes:
      alpha: 0 to 255; the object is where it is large.
      repaired: what was unusual about the file, by kind; '' if nothing.
    """

    alpha: UInt8[np.ndarray, "H W"]
    repaired: str = ""


def open_mask(path: pathlib.Path) -> MaskFile:
    """A mask, whatever the mode of its file, if only one reading makes sense.

    Raises:
      Unusable: it is missing or damaged; a picture in colours; or a map of labels.
    """
    image, where = open_image(path, modes=_MODES), f"'{path.name}'"
    if image.mode in ("L", "1") and not image.has_transparency_data:
        alpha, repaired = np.asarray(image.convert("L")), ""
    elif image.mode in _DEEP:
        alpha, repaired = _from_16_bits(np.asarray(image).astype(np.int64), where), "masks of 16 bits"
    elif image.has_transparency_data:
        alpha, repaired = _from_alpha(np.asarray(image.convert("RGBA")), where), "masks with alpha"
    elif image.mode == "P":
        alpha, repaired = _from_palette(image, where), "masks with a palette"
    else:
        alpha, repaired = _from_colours(np.asarray(image.convert("RGB")), where), "masks of RGB"
    largest = int(alpha.max())
    if largest == 1:
        return MaskFile(alpha * np.uint8(255), "masks of 0 and 1")
    if 1 < largest < _LABELS:
        raise Unusable(f"{where} is no mask: its largest value is {largest} of 255, as in a map of labels")
    return MaskFile(alpha, repaired)


def _from_16_bits(values: np.ndarray[Any, np.dtype[np.int64]], where: str) -> UInt8[np.ndarray, "H W"]:
    largest = int(values.max())
    if values.min() < 0 or largest > 65535:
        raise Unusable(f"{where} is no mask: it has values from {values.min()} to {largest}")
    if largest in (0, 1, 255) and set(np.unique(values)) <= {0, largest}:
        return values.astype(np.uint8)
    if largest != 65535:
        raise Unusable(f"{where} is no mask: its largest value is {largest} of 65535, as in a map of labels or depth")
    return (values >> 8).astype(np.uint8)


def _from_colours(rgb: UInt8[np.ndarray, "H W 3"], where: str) -> UInt8[np.ndarray, "H W"]:
    if int((rgb.max(-1) - rgb.min(-1)).max()) >= _GREY:
        raise Unusable(f"{where} is no mask: it has colours, and several may be objects")
    return np.rint(rgb.mean(-1)).astype(np.uint8)


def _from_palette(image: Image.Image, where: str) -> UInt8[np.ndarray, "H W"]:
    """Shades of grey, or one colour on the black of index 0."""
    indices, rgb = np.asarray(image), np.asarray(image.convert("RGB"))
    if int((rgb.max(-1) - rgb.min(-1)).max()) < _GREY:
        return _from_colours(rgb, where)
    used = np.unique(indices)
    if len(used) == 2 and used[0] == 0 and not rgb[indices == 0].any():
        return np.where(indices == used[1], 255, 0).astype(np.uint8)
    raise Unusable(f"{where} is no mask: its palette has {len(used)} colours in use, and several may be objects")


def _from_alpha(rgba: UInt8[np.ndarray, "H W 4"], where: str) -> UInt8[np.ndarray, "H W"]:
    """The alpha of a cut-out or of a white silhouette; the greys of an opaque picture."""
    rgb, alpha = rgba[..., :3], rgba[..., 3]
    if alpha.min() == 255:
        return _from_colours(rgb, where)
    seen = rgb[alpha > 127]
    if not len(seen):
        return alpha
    is_grey = int((seen.max(-1) - seen.min(-1)).max()) < _GREY
    if not is_grey or seen.min() > 127:  # a cut-out in colours, or all that is seen is white
        return alpha
    raise Unusable(f"{where} is no mask: its alpha and its greys say different things")
