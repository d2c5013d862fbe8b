"""Photographs by their files: which a folder or a glob pattern has, under which names, and their pixels."""

import collections
import dataclasses
import glob
import itertools
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from real3d_jax.data.sources.layout import open_image
from real3d_jax.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
_MODES = ("RGB", "L", "RGBA", "LA", "P", "PA", "CMYK", "1")
_WILDCARDS = "*?["


@dataclasses.dataclass(frozen=True)
class PhotographFile:
    """One file of the input.

    Attributes:
      file: its path below the input's folder, with '/'.
      names: under which precomputed masks and depth may lie: the path without its suffix and, if no other photograph
        has the same, the file's stem.
    """

    file: str
    names: tuple[str, ...]

    @property
    def key(self) -> str:
        """The path without its suffix: the photograph's name, unique in the input."""
        return self.names[0]


def find(source: str) -> tuple[pathlib.Path, list[PhotographFile]]:
    """The folder of the photographs, and its photographs in the order of their keys.

    Args:
      source: a photograph; a folder, searched with all below it; or a glob pattern (`photos/*/IMG*.jpg`; `**` is any
        folders), whose folder is the part before the first wildcard.

    Raises:
      UserError: there are none, or two differ in their suffix only.
    """
    folder, pattern = _split(source)
    if not folder.is_dir():
        raise UserError(
            f"--input: there is no folder '{folder}': name a folder of photographs, or a pattern in quotes."
        )
    files = sorted(path.relative_to(folder).as_posix() for path in folder.glob(pattern) if _is_photograph(path, folder))
    if not files:
        raise UserError(f"--input: '{source}' matches no {', '.join(SUFFIXES)} files: name a folder of photographs.")
    return folder, _named(sorted(files, key=lambda file: (_key(file), file)), source)


def read(folder: pathlib.Path, photograph: PhotographFile) -> UInt8[np.ndarray, "H W 3"]:
    """Its pixels, upright as its EXIF orientation says.

    Raises:
      Unusable: it is missing, damaged, or no photograph.
    """
    return np.asarray(open_upright(folder, photograph).convert("RGB"))


def open_upright(folder: pathlib.Path, photograph: PhotographFile) -> Image.Image:
    """The photograph in its file's mode, upright as its EXIF orientation says; errors as of `read`."""
    return open_file(folder / photograph.file)


def open_file(path: pathlib.Path) -> Image.Image:
    """`open_upright` of a file by its path."""
    return ImageOps.exif_transpose(open_image(path, modes=_MODES))


def _split(source: str) -> tuple[pathlib.Path, str]:
    path = pathlib.Path(source)
    if path.is_file():
        return path.parent, glob.escape(path.name)
    if path.is_dir() or not any(c in source for c in _WILDCARDS):
        return path, "**/*"
    fixed = list(itertools.takewhile(lambda part: not any(c in part for c in _WILDCARDS), path.parts))
    return pathlib.Path(*fixed), str(pathlib.Path(*path.parts[len(fixed) :]))


def _is_photograph(path: pathlib.Path, folder: pathlib.Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.suffix.lower() in SUFFIXES and not hidden and path.is_file()


def _named(files: Sequence[str], source: str) -> list[PhotographFile]:
    for one, following in itertools.pairwise(files):
        if _key(one) == _key(following):
            raise UserError(f"--input: '{source}' has '{one}' and '{following}': rename one of them.")
    stems = collections.Counter(_stems(files))
    keys = {_key(file) for file in files}
    return [
        PhotographFile(file, (_key(file), *([stem] if stems[stem] == 1 and stem not in keys else [])))
        for file, stem in zip(files, _stems(files), strict=True)
    ]


def _stems(files: Iterable[str]) -> list[str]:
    return [pathlib.PurePosixPath(file).stem for file in files]


def _key(file: str) -> str:
    return str(pathlib.PurePosixPath(file).with_suffix(""))
