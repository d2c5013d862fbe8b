"""EXIF orientations: arrays made on a photograph as its file stores it, turned as the photograph is shown."""

import pathlib

import numpy as np
from jaxtyping import Shaped
from PIL import ExifTags, Image

_SWAPPING = (5, 6, 7, 8)  # orientations that exchange height and width


def read_orientation(path: pathlib.Path) -> int:
    """The orientation, 1 to 8, that a picture's EXIF data ask for; 1, upright, if they say nothing or are damaged."""
    try:
        with Image.open(path) as image:
            found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # Pillow raises many kinds; whether the picture is sound is asked elsewhere
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def upright(stored: Shaped[np.ndarray, "H W *C"], orientation: int) -> Shaped[np.ndarray, "h w *C"]:
    """What Pillow's `exif_transpose` does to a picture of that orientation, for any array of its pixels."""
    turned = {
        2: lambda: stored[:, ::-1],
        3: lambda: stored[::-1, ::-1],
        4: lambda: stored[::-1],
        5: lambda: stored.swapaxes(0, 1),
        6: lambda: np.rot90(stored, -1),
        7: lambda: stored[::-1, ::-1].swapaxes(0, 1),
        8: lambda: np.rot90(stored, 1),
    }
    return np.ascontiguousarray(turned[orientation]()) if orientation in turned else stored


def stored_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Height and width of the file's pixels, of a photograph that is `size` (height, width) when upright."""
    return (size[1], size[0]) if orientation in _SWAPPING else size
