"""Photographs as callers have them: by path, as an image of Pillow, or as an array."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from PIL import Image, ImageOps

from real3d_jax.data import photograph_files
from real3d_jax.data.decoding import check_mode, in_srgb
from real3d_jax.errors import UserError
from real3d_jax.images import as_bytes

if TYPE_CHECKING:
    Photograph = str | os.PathLike | Image.Image | np.ndarray | jax.Array
else:  # `opened` checks them with a sentence
    Photograph = Any


def name_of(photograph: Photograph, otherwise: str) -> str:
    """How messages call it: its path, or `otherwise`."""
    return f"'{photograph}'" if isinstance(photograph, (str, os.PathLike)) else otherwise


def opened(photograph: Photograph, where: str) -> Image.Image:
    """An image that is upright.

    Args:
      photograph: a file; an image of Pillow; or an array (H, W, 3) or (H, W, 4), of bytes or of numbers in [0, 1].
      where: how messages call it.

    Raises:
      Unusable: it is missing or damaged, or has other numbers than bytes of colours.
      UserError: it is no photograph.
    """
    if isinstance(photograph, (str, os.PathLike)):
        if Path(photograph).is_dir():
            raise UserError(f"{where} is a folder: give its photographs, as a list.")
        return photograph_files.open_file(Path(photograph))
    if isinstance(photograph, Image.Image):
        check_mode(photograph, where)
        return in_srgb(ImageOps.exif_transpose(photograph))
    if not hasattr(photograph, "__array__"):
        raise UserError(f"{where} is a {type(photograph).__name__}: give a path, an image of Pillow or an array.")
    array = np.asarray(photograph)
    if array.ndim != 3 or array.shape[2] not in (3, 4) or not array.size:
        raise UserError(f"{where} is an array of shape {array.shape}: give (height, width, 4), or a list of such.")
    if np.issubdtype(array.dtype, np.floating):
        if not (array.min() >= 0 and array.max() <= 1):
            raise UserError(f"{where} has numbers outside of [0, 1]: divide them, or give bytes (uint8).")
        array = as_bytes(array)
    if array.dtype != np.uint8:
        raise UserError(f"{where} is an array of {array.dtype}: give bytes (uint8), or floats in [0, 1].")
    return Image.fromarray(array)
