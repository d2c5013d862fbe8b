"""Photographs of single objects: cut-outs with alpha, or photographs and masks."""

import dataclasses
import itertools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import ImageOps

from real3d_jax.data import orientations
from real3d_jax.data.records import SINGLE_VIEW, Item, Unusable
from real3d_jax.data.sources.layout import PHOTOGRAPHS, cut_out, inner_folder, open_image, photograph
from real3d_jax.data.sources.mask_files import open_mask
from real3d_jax.data.sources.renders import check_options
from real3d_jax.errors import UserError
from real3d_jax.runtime.folders import is_litter

_WITH_ALPHA = (".png", ".webp")
_PHOTOGRAPHS = (*_WITH_ALPHA, ".jpg", ".jpeg")


@dataclasses.dataclass(frozen=True)
class WildImages:
    """Any tree of folders of RGBA files, or of photographs with a mask each. A key is a path without its suffix.

    What is stored is the object's box and a few pixels around it: all beyond is transparent.

    Attributes:
      source: the folder of the images.
      masks: where the photographs have no alpha, the folder of their masks: the same tree with the same names,
        black and white, as PNG or JPEG, in any mode that only one reading makes a mask of.
      masks_as_stored: the masks belong to the pixels that the photographs' files have, before any rotation that EXIF
        data ask for; they are turned with the photographs.
      image_size: the longer side of what is stored is made at most so long, in pixels.
    """

    source: pathlib.Path
    masks: pathlib.Path | None = None
    masks_as_stored: bool = False
    image_size: int = 512

    schema = SINGLE_VIEW
    mask_threshold = PHOTOGRAPHS
    unit = "photograph"

    def __post_init__(self) -> None:
        check_options(image_size=self.image_size)
        if self.masks_as_stored and self.masks is None:
            raise UserError("There are no masks: --masks_as_stored belongs to --masks.")

    def settings(self) -> Mapping[str, Any]:
        """See `Layout`."""
        as_stored = {"masks_as_stored": True} if self.masks_as_stored else {}
        masks = self.masks is not None
        return {"dataset": "wild_images", "masks": masks, "image_size": self.image_size, **as_stored}

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
        repaired = ""
        if self.masks is None:
            rgba = _with_alpha(path)
        else:
            rgba, repaired = _with_mask(path, _one(self.masks, key), as_stored=self.masks_as_stored)
        file = path.relative_to(self.source).as_posix()
        found = photograph(key, rgba, file=file, threshold=self.mask_threshold, longest=self.image_size)
        return Item(key, (found,), repaired=(repaired,) if repaired else ())


def _files(folder: pathlib.Path, suffixes: Sequence[str], without: pathlib.Path | None = None) -> list[pathlib.Path]:
    """The files of a tree with such suffixes, in the order of their keys, without hidden ones."""
    if not folder.is_dir():
        raise UserError(f"There is no folder '{folder}': correct the path.")
    skipped = inner_folder(folder, without)
    found = [
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes
        and not any(is_litter(part) for part in path.relative_to(folder).parts)
        and not (skipped and path.relative_to(folder).is_relative_to(skipped))
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


def _with_mask(path: pathlib.Path, mask: pathlib.Path, *, as_stored: bool) -> tuple[UInt8[np.ndarray, "H W 4"], str]:
    """The cut-out photograph, and what was unusual about the mask's file."""
    image = ImageOps.exif_transpose(open_image(path, modes=("RGB", "L", "RGBA", "CMYK")))
    turned = orientations.read_orientation(path)
    alpha, repaired = open_mask(mask)
    alpha = orientations.upright(alpha, turned if as_stored else orientations.read_orientation(mask))
    rgb = np.asarray(image.convert("RGB"))
    if not as_stored and turned != 1 and alpha.shape == rgb.shape[1::-1] != rgb.shape[:2]:
        raise Unusable(
            f"'{mask.name}' looks as if made on '{path.name}' as stored, without its EXIF rotation: --masks_as_stored "
            "turns all masks"
        )
    return cut_out(rgb, alpha, where=f"'{path.name}'"), repaired
