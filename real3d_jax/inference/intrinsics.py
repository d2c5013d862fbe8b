"""The field of view of a photograph's crop, from what the camera wrote into the file (EXIF)."""

import math
from collections.abc import Mapping
from typing import Any

from PIL import ExifTags, Image

from real3d_jax.data.boxes import Size, Square

_FILM_DIAGONAL = math.hypot(36, 24)  # mm, that a focal length "in 35 mm film" is meant for, by the diagonal (CIPA)
_MILLIMETRES = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}  # of FocalPlaneResolutionUnit: inch, cm, mm, micrometre
_SAME_SHAPE = 0.02  # relative difference of the frame's and the picture's aspect
_BASE = ExifTags.Base


class NoIntrinsics(Exception):
    """Why a photograph does not tell its field of view."""


def focal_length(photograph: Image.Image) -> float:
    """Focal length in pixels of a photograph, however it is turned or resized.

    From FocalLengthIn35mmFilm or, where that is missing, FocalLength with the resolution of the focal plane. A picture
    that was cropped after it was taken, with its former size in the file, is found by its shape.

    Raises:
      NoIntrinsics: the file does not tell, or it is not that of the whole frame.
    """
    exif = photograph.getexif()
    tags = dict(exif) | dict(exif.get_ifd(ExifTags.IFD.Exif))
    long, short = sorted(photograph.size, reverse=True)
    frame = sorted((_number(tags, _BASE.ExifImageWidth), _number(tags, _BASE.ExifImageHeight)), reverse=True)
    if frame[1] > 0 and abs((frame[0] / frame[1]) / (long / short) - 1) > _SAME_SHAPE:
        raise NoIntrinsics(f"it was {frame[0]:g} x {frame[1]:g} pixels when it was taken, so it has been cropped since")
    if _number(tags, _BASE.DigitalZoomRatio) not in (0.0, 1.0):
        raise NoIntrinsics("it was taken with a digital zoom")
    if (film := _number(tags, _BASE.FocalLengthIn35mmFilm)) > 0:
        return film / _FILM_DIAGONAL * math.hypot(long, short)
    length, density = (_number(tags, tag) for tag in (_BASE.FocalLength, _BASE.FocalPlaneXResolution))
    unit = _MILLIMETRES.get(int(_number(tags, _BASE.FocalPlaneResolutionUnit)) or 2)
    if length > 0 and density > 0 and unit and frame[0] > 0:
        return length * density / unit * long / frame[0]
    raise NoIntrinsics("its file has no focal length (EXIF)")


def fov_of_square(square: Square, size: Size, focal: float) -> float:
    """Vertical field of view of a square of a photograph, degrees: the angle between its upper and its lower edge.

    The square may lie beside the middle, where the lens points: a camera that is turned to it sees it so.

    Args:
      square: left, top and side, pixels.
      size: of the photograph.
      focal: length in pixels.
    """
    left, top, side = square
    aside = left + (side - size[0]) / 2
    away = math.hypot(focal, aside)
    upper, lower = (top + part - size[1] / 2 for part in (0, side))
    return math.degrees(math.atan2(lower, away) - math.atan2(upper, away))


def _number(tags: Mapping[int, Any], tag: int) -> float:
    """A tag's number; 0 where it is missing, infinite, or none."""
    try:
        value = float(tags[tag])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return 0.0
    return value if math.isfinite(value) else 0.0
