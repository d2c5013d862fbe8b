"""Pictures of other methods' renders: found whatever their endings, and read on white."""

import itertools
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from real3d_jax.data import transforms
from real3d_jax.data.decoding import decoded
from real3d_jax.data.records import Unusable
from real3d_jax.errors import UserError
from real3d_jax.runtime.folders import is_litter

_IMAGES = (".png", ".jpg", ".jpeg", ".webp")
_ORIENTATION = 0x0112  # EXIF; from 5 on width and height are exchanged


def read_image(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """An image on white, upright and in sRGB.

    Raises:
      UserError: it is missing, damaged, an animation, or not of 8 bits a channel.
    """
    try:
        rgba = np.asarray(decoded(path).convert("RGBA"))
    except Unusable as error:
        raise UserError(f"'{path}' cannot be read, since {error}.") from error
    premultiplied = np.asarray(transforms.premultiply(rgba))
    return premultiplied[..., :3] + (255 - premultiplied[..., 3:])


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height as `read_image` gives them, without decoding."""
    exif = Image.Exif()
    exif.load(image.info.get("exif", b""))  # `image.getexif` would decode a PNG
    width, height = image.size
    return (height, width) if exif.get(_ORIENTATION, 1) > 4 else (width, height)


def names_of(folder: Path) -> tuple[str, ...]:
    """Names of pictures in the order of their stems.

    Raises:
      UserError: two differ in their ending only.
    """
    found = sorted(images_in(folder), key=lambda path: path.stem)
    for one, following in itertools.pairwise(found):
        if one.stem == following.stem:
            raise UserError(f"'{one}' and '{following.name}' are there: keep the one that is to be scored.")
    return tuple(path.name for path in found)


def images_in(folder: Path) -> list[Path]:
    """Pictures of a folder, without the `._*` files that macOS leaves on other disks."""
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in inside if path.suffix.lower() in _IMAGES and not is_litter(path.name)]


def opened(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except FileNotFoundError as error:
        raise UserError(f"'{path}' is missing: add it, or take its folder out of --renders.") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"'{path}' is no readable image: write it again.") from error
