"""What the readers of rendered data sets share.

A renderer writes all views of an object in one run. So a view that is missing or damaged means a broken run or
download, and the object is rejected as a whole: nothing is ever dropped from a view set.
"""

import json
import math
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from real3d_jax.data import transforms
from real3d_jax.data.frames import centred_intrinsics
from real3d_jax.data.records import Unusable, View
from real3d_jax.data.sources.layout import RENDERS, check_camera, check_mask, decode_image, open_image
from real3d_jax.errors import UserError
from real3d_jax.runtime.folders import is_litter


def check_options(**options: int) -> None:
    """Refuses counts and sizes below 1.

    Raises:
      UserError: names the option.
    """
    for name, value in options.items():
        if value < 1:
            raise UserError(f"The option {name} must be at least 1, not {value}.")


def subfolders(folder: pathlib.Path) -> list[str]:
    """The names of the folders in a folder, sorted, without hidden ones; none if it is missing."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:  # asks no file for its kind, of which there may be 300,000 on a network
        return sorted(entry.name for entry in entries if not is_litter(entry.name) and entry.is_dir())


def second_level(folder: pathlib.Path) -> list[str]:
    """`outer/inner` for each folder in the folders of a folder, sorted."""
    return sorted(f"{outer}/{inner}" for outer in subfolders(folder) for inner in subfolders(folder / outer))


def read_json(path: pathlib.Path) -> Mapping[str, Any]:
    """The object in a JSON file.

    Raises:
      Unusable: the file is missing, no JSON, or something else than an object.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise Unusable(f"'{path.name}' is missing") from error
    except OSError as error:
        raise Unusable(f"'{path.name}' cannot be read ({error})") from error
    return parse_json(content, name=path.name)


def parse_json(text: bytes, *, name: str) -> Mapping[str, Any]:
    """`read_json` of what a file holds; `name` is the file's."""
    try:
        content = json.loads(text.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        raise Unusable(f"'{name}' is no JSON ({error})") from error
    if not isinstance(content, dict):
        raise Unusable(f"'{name}' holds a {type(content).__name__}, not an object with keys")
    return content


def numbers(content: Mapping[str, Any], key: str, shape: tuple[int, ...], *, where: str) -> Float[np.ndarray, "..."]:
    """An array from JSON, float64.

    Raises:
      Unusable: the key is missing, or its value has another shape or other things than numbers.
    """
    if key not in content:
        raise Unusable(f"{where} has no '{key}'")
    try:
        values = np.array(content[key])
    except (ValueError, OverflowError):  # rows of different lengths
        values = np.array(None)
    if values.shape != shape or values.dtype.kind not in "iuf" or _has_truth(content[key]):
        expected = f"array of {shape} numbers" if shape else "number"
        raise Unusable(f"{where} has no {expected} in '{key}'")
    return values.astype(np.float64)


def _has_truth(value: Any) -> bool:
    """Whether true or false stands among numbers, which NumPy would take for 1 or 0."""
    return any(_has_truth(entry) for entry in value) if isinstance(value, list) else isinstance(value, bool)


def intrinsics_from_fov(x_fov: float, y_fov: float, *, where: str) -> Float[np.ndarray, "4"]:
    """Normalised intrinsics of a centred camera; fields of view in radians.

    Raises:
      Unusable: a field of view is not between 0 and pi.
    """
    for fov in (x_fov, y_fov):
        if not 0 < fov < math.pi:
            hint = "; it looks like degrees" if math.pi <= fov < 180 else ""
            raise Unusable(f"{where} has a field of view of {fov} radians{hint}")
    fx, fy = centred_intrinsics(math.degrees(x_fov))[0], centred_intrinsics(math.degrees(y_fov))[1]
    return np.array([fx, fy, 0.5, 0.5], np.float32)


def read_render(path: pathlib.Path, *, image_size: int) -> UInt8[np.ndarray, "H H 4"]:
    """A square RGBA render, at most `image_size` pixels wide. Pillow gives 16-bit files as 8-bit ones.

    Raises:
      Unusable: it is missing, damaged, not square, or has no alpha.
    """
    return fitted(np.asarray(open_image(path, modes=("RGBA",))), image_size=image_size, where=f"'{path.name}'")


def decode_render(content: bytes, *, image_size: int, name: str) -> UInt8[np.ndarray, "H H 4"]:
    """`read_render` of what a file holds; `name` is the file's."""
    pixels = np.asarray(decode_image(content, name=name, modes=("RGBA",)))
    return fitted(pixels, image_size=image_size, where=f"'{name}'")


def fitted(rgba: UInt8[np.ndarray, "H W 4"], *, image_size: int, where: str) -> UInt8[np.ndarray, "S S 4"]:
    """A square image, made smaller if it is wider than `image_size`.

    Raises:
      Unusable: it is not square.
    """
    height, width = rgba.shape[:2]
    if height != width:
        raise Unusable(f"{where} has {width} x {height} pixels, not as many columns as rows")
    return transforms.resize_straight(rgba, size=min(width, image_size))


def checked(view: View, *, image_file: str, camera_file: str) -> View:
    """The view itself, if its camera and mask are sound.

    Raises:
      Unusable: they are not; names the file at fault.
    """
    check_camera(view.c2w, view.intrinsics, where=f"'{camera_file}'")
    check_mask(view.image, threshold=RENDERS, where=f"'{image_file}'")
    return view


def check_units(intrinsics: Float[np.ndarray, "4"], *, where: str) -> None:
    """Refuses intrinsics that are no shares of the picture's width and height.

    Raises:
      Unusable: they look like pixels; says so.
    """
    if (np.abs(intrinsics[2:] - 0.5) > 4).any() or (np.abs(intrinsics[:2]) > 30).any():
        raise Unusable(
            f"{where} has intrinsics {intrinsics.tolist()}, which look like pixels: divide fx and cx by the picture's "
            "width, fy and cy by its height"
        )


def check_faces_origin(views: Sequence[View], *, where: str) -> None:
    """Refuses an object whose cameras look away from the world's origin, all of them.

    Raises:
      Unusable: they do: their axes are most likely not OpenGL's.
    """
    towards = [float(view.c2w[:3, 2] @ view.c2w[:3, 3]) for view in views]  # -z looks, and the origin lies at -position
    if all(amount < 0 for amount in towards):
        raise Unusable(
            f"{where} has cameras that all look away from the origin: their axes look like OpenCV's (y down, z "
            "forward), not OpenGL's, or the matrices are world to camera"
        )
