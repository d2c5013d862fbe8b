"""What a reader of files provides, and the checks that all readers share.

A reader turns the files of one public data set into items of records. It lists the items by key and reads any one of
them alone, in any process; `preparation.py` does the rest (splits, worker processes, shards, rejections, progress).
"""

import io
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from real3d_jax.data import boxes, frames, transforms
from real3d_jax.data.records import Item, Photograph, Unusable, View

RENDERS = 0  # mask thresholds: the object is where alpha (0 to 255) is greater
PHOTOGRAPHS = 225

_MARGIN = 4  # pixels kept around the object of a photograph


@runtime_checkable
class Layout(Protocol):
    """The files of one data set: a frozen dataclass of a folder and options, so that it can be sent to workers.

    Attributes:
      schema: records.MULTIVIEW or records.SINGLE_VIEW.
      mask_threshold: RENDERS or PHOTOGRAPHS.
      unit: what an item is called on the progress bar.
    """

    @property
    def schema(self) -> str: ...

    @property
    def mask_threshold(self) -> int: ...

    @property
    def unit(self) -> str: ...

    def settings(self) -> Mapping[str, Any]:
        """What shapes the records beside the files: the data set's name and the options, as JSON. No paths."""
        ...

    def keys(self) -> Sequence[str]:
        """The items of the folder, sorted. Cheap: it may list folders and read an annotation file, but no image.

        Raises:
          UserError: the folder is missing or does not have this layout.
        """
        ...

    def read(self, key: str) -> Item:
        """One item.

        Raises:
          Unusable: the item cannot become records; says which file and why.
        """
        ...


def inner_folder(folder: pathlib.Path, other: pathlib.Path | None) -> pathlib.PurePath | None:
    """Where another folder lies in a folder, however the two are written; None if it does not lie in it."""
    if other is None or folder.resolve() not in other.resolve().parents:
        return None
    return other.resolve().relative_to(folder.resolve())


def open_image(path: pathlib.Path, *, modes: Sequence[str]) -> Image.Image:
    """An image that is whole.

    Args:
      path: its file.
      modes: Pillow modes that are right, such as 'RGBA' or 'L'.

    Raises:
      Unusable: it is missing, empty, truncated, no image, or has other channels.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise Unusable(f"'{path.name}' is missing") from error
    except OSError as error:
        raise Unusable(f"'{path.name}' cannot be read ({_reason(error)})") from error
    return decode_image(content, name=path.name, modes=modes)


def decode_image(content: bytes, *, name: str, modes: Sequence[str]) -> Image.Image:
    """`open_image` of what a file holds; `name` is the file's."""
    if not content:
        raise Unusable(f"'{name}' is empty (0 bytes)")
    try:
        with Image.open(io.BytesIO(content)) as file:
            file.verify()  # checksums and the end of a PNG, which decoding does not miss
        with Image.open(io.BytesIO(content)) as file:
            file.load()
            image = file.copy()
    except Exception as error:  # Pillow raises many kinds for damaged files
        raise Unusable(f"'{name}' cannot be decoded ({_reason(error)})") from error
    if image.mode not in modes:
        raise Unusable(f"'{name}' has mode {image.mode}, not {' or '.join(modes)}")
    return image


def cut_out(
    rgb: UInt8[np.ndarray, "H W 3"], alpha: UInt8[np.ndarray, "h w"], *, where: str
) -> UInt8[np.ndarray, "H W 4"]:
    """RGBA of an image and its mask.

    Raises:
      Unusable: their sizes differ.
    """
    if rgb.shape[:2] != alpha.shape:
        raise Unusable(f"{where} has an image of {rgb.shape[1::-1]} and a mask of {alpha.shape[::-1]} pixels")
    return np.concatenate([rgb, alpha[..., None]], axis=-1)


def photograph(key: str, rgba: UInt8[np.ndarray, "H W 4"], *, file: str, threshold: int, longest: int) -> Photograph:
    """The record of a cut-out photograph: the object's box with a few pixels around it.

    Args:
      key: its name.
      rgba: straight alpha.
      file: where it comes from, below the source's folder.
      threshold: the object is where alpha is greater.
      longest: the longer side is made at most so long, in pixels.

    Raises:
      Unusable: the mask shows nothing, or everything.
    """
    check_mask(rgba, threshold=threshold, where=f"'{pathlib.PurePosixPath(file).name}'")
    crop, box = crop_to_object(rgba, threshold=threshold)
    provenance = {"file": file, "box": box, "size": [rgba.shape[1], rgba.shape[0]]}
    return Photograph(key, transforms.shrink_straight(crop, longest=longest), provenance)


def crop_to_object(rgba: UInt8[np.ndarray, "H W 4"], *, threshold: int) -> tuple[UInt8[np.ndarray, "h w 4"], list[int]]:
    """The object (where alpha is greater) with a margin, and the crop's box: left, top, right, bottom."""
    left, top, right, bottom = boxes.object_box(rgba[..., 3], threshold=threshold)
    height, width = rgba.shape[:2]
    left, top = max(left - _MARGIN, 0), max(top - _MARGIN, 0)
    right, bottom = min(right + _MARGIN, width), min(bottom + _MARGIN, height)
    return rgba[top:bottom, left:right], [left, top, right, bottom]


def check_mask(rgba: UInt8[np.ndarray, "H W 4"], *, threshold: int, where: str) -> None:
    """Refuses an image that shows nothing, or no background.

    Raises:
      Unusable: no alpha is above the threshold, or all.
    """
    check_alpha(rgba[..., 3], threshold=threshold, where=where)


def check_alpha(alpha: UInt8[np.ndarray, "H W"], *, threshold: int, where: str) -> None:
    """`check_mask` of alpha alone."""
    shown = alpha > threshold
    if not shown.any():
        raise Unusable(f"{where} has an empty mask: no alpha is above {threshold}")
    if shown.all():
        raise Unusable(f"{where} has a full mask: every alpha is above {threshold}")


def check_camera(c2w: Float[np.ndarray, "4 4"], intrinsics: Float[np.ndarray, "4"], *, where: str) -> None:
    """Refuses cameras that are none.

    Raises:
      Unusable: a number is not finite, the upper left 3x3 is no rotation, or a focal length is not positive.
    """
    with np.errstate(over="ignore"):  # as records store them
        finite = all(np.isfinite(np.asarray(values, np.float32)).all() for values in (c2w, intrinsics))
    if not finite:
        raise Unusable(f"{where} has a camera with numbers that are not finite")
    if not frames.is_pose(c2w):
        raise Unusable(f"{where} has a camera whose axes are no rotation, or that stands at the origin")
    if (intrinsics[:2] <= 0).any():
        raise Unusable(f"{where} has a camera with focal lengths {intrinsics[:2].tolist()}")


def check_view(view: View, *, threshold: int, where: str) -> None:
    """`check_mask` and `check_camera` of one view."""
    check_mask(view.image, threshold=threshold, where=where)
    check_camera(view.c2w, view.intrinsics, where=where)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
