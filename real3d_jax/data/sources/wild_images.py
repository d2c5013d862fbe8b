"""Photographs of single objects: cut-outs with alpha, or photographs and masks."""

import dataclasses
import itertools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from real3d_jax.data import transforms
from real3d_jax.data.records import SINGLE_VIEW, Item, Photograph, Unusable
from real3d_jax.data.sources.layout import PHOTOGRAPHS, check_mask, cut_out, open_image
from real3d_jax.data.sources.renders import check_options
from real3d_jax.errors import UserError

_WITH_ALPHA = (".png", ".webp")
_PHOTOGRAPHS = (*_WITH_ALPHA, ".jpg", ".jpeg")
_MARGIN = 4  # pixels kept around the object


@dataclasses.dataclass(frozen=True)
class WildImages:
    """Any tree of folders of RGBA files, or of photographs with a mask each. A key is a path without its suffix.

    What is stored is the object's box and a few pixels around it: all beyond is transparent.

    Attributes:
      source: the folder of the images.
      masks: where the photographs have no alpha, the folder of their masks: the same tree with the same names,
        black and white, as PNG or JPEG.
      image_size: the longer side of what is stored is made at most so long, in pixels.
    """

    source: pathlib.Path
    masks: pathlib.Path | None = None
    image_size: int = 512

    schema = SINGLE_VIEW
    mask_threshold = PHOTOGRAPHS
    unit = "photograph"

    def __post_init__(self) -> None:
        check_options(image_size=self.image_size)

    def settings(self) -> Mapping[str, Any]:
        """See `Layout`."""
        return {"dataset": "wild_images", "masks": self.masks is not None, "image_size": self.image_size}

    def keys(self) -> Sequence[str]:
        """See `Layout`."""
        suffixes = _WITH_ALPHA if self.masks is None else _PHOTOGRAPHS
        files = _files(self.source, suffixes, without=self.masks)
        if not files:
            raise UserError(f"'{self.source}' holds no {', '.join(suffixes)} files: name the folder of the images.")
        if self.masks is not None and not _files(self.masks, _PHOTOGRAPHS):
            raise UserError(f"'{self.masks}' holds no masks: name the folder of the masks.")
        keys = [_key(path, self.source) for path in files]
        for key, following in itertools.pairwise(keys):
            if key == following:
                raise UserError(f"'{self.source}' has two images of the name '{key}': rename one of them.")
        return keys

    def read(self, key: str) -> Item:
        """See `Layout`."""
        path = _one(self.source, key)
        rgba = _with_alpha(path) if self.masks is None else _with_mask(path, _one(self.masks, key))
        check_mask(rgba, threshold=self.mask_threshold, where=f"'{path.name}'")
        crop, box = crop_to_object(rgba, threshold=self.mask_threshold)
        provenance = {
            "file": path.relative_to(self.source).as_posix(),
            "box": box,
            "size": [rgba.shape[1], rgba.shape[0]],
        }
        return Item(key, (Photograph(key, transforms.shrink_straight(crop, longest=self.image_size), provenance),))


def _files(folder: pathlib.Path, suffixes: Sequence[str], without: pathlib.Path | None = None) -> list[pathlib.Path]:
    """The files of a tree with such suffixes, in the order of their keys, without hidden ones."""
    if not folder.is_dir():
        raise UserError(f"There is no folder '{folder}': correct the path.")
    found = [
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not (without is not None and path.is_relative_to(without))
    ]
    return sorted(found, key=lambda path: (_key(path, folder), path.suffix))


def _key(path: pathlib.Path, folder: pathlib.Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _one(folder: pathlib.Path, key: str) -> pathlib.Path:
    """The image of a key."""
    parent, stem = (folder / key).parent, (folder / key).name
    found = sorted(path for path in parent.glob(f"{_literal(stem)}.*") if path.stem == stem) if parent.is_dir() else []
    found = [path for path in found if path.suffix.lower() in _PHOTOGRAPHS]
    if not found:
        raise Unusable(f"'{key}' has no image in '{folder.name}'")
    return found[0]


def _literal(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _with_alpha(path: pathlib.Path) -> UInt8[np.ndarray, "H W 4"]:
    image = open_image(path, modes=("RGBA", "LA", "PA", "P", "RGB", "L"))
    if not image.has_transparency_data:
        raise Unusable(f"'{path.name}' has no alpha (its mode is {image.mode})")
    return np.asarray(image.convert("RGBA"))


def _with_mask(path: pathlib.Path, mask: pathlib.Path) -> UInt8[np.ndarray, "H W 4"]:
    image = ImageOps.exif_transpose(open_image(path, modes=("RGB", "L", "RGBA", "CMYK")))
    alpha = ImageOps.exif_transpose(open_image(mask, modes=("1", "L")))
    return cut_out(np.asarray(image.convert("RGB")), np.asarray(alpha.convert("L")), where=f"'{path.name}'")


def crop_to_object(rgba: UInt8[np.ndarray, "H W 4"], *, threshold: int) -> tuple[UInt8[np.ndarray, "h w 4"], list[int]]:
    """The object (where alpha is greater) with a margin, and the crop's box: left, top, right, bottom."""
    left, top, right, bottom = Image.fromarray(transforms.binary_mask(rgba, threshold=threshold)).getbbox() or (0,) * 4
    height, width = rgba.shape[:2]
    left, top = max(left - _MARGIN, 0), max(top - _MARGIN, 0)
    right, bottom = min(right + _MARGIN, width), min(bottom + _MARGIN, height)
    return rgba[top:bottom, left:right], [left, top, right, bottom]
