"""Photographs by their files: which a folder or a glob pattern has, under which names, and their pixels."""

import collections
import dataclasses
import fnmatch
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from real3d_jax.data.decoding import SUFFIXES, decoded
from real3d_jax.errors import UserError
from real3d_jax.runtime.folders import is_litter

_WILDCARDS = "*?["
_ANY_FOLDERS = "**"


@dataclasses.dataclass(frozen=True)
class PhotographFile:
    """One file of the input.

    Attributes:
      file: its path below the input's folder, with '/'.
      names: under which precomputed masks and depth may lie: the path without its suffix and, if no other photograph
        has the same, the file's stem. Where photographs differ in their suffix only, the path with it.
    """

    file: str
    names: tuple[str, ...]

    @property
    def key(self) -> str:
        """The path without its suffix: the photograph's name, unique in the input."""
        return self.names[0]


def _nothing(folder: pathlib.Path) -> bool:
    return False


def find(
    source: str,
    *,
    skip: Callable[[pathlib.Path], bool] = _nothing,
    same_names: bool = False,
    reserved: Iterable[str] = (),
) -> tuple[pathlib.Path, list[PhotographFile]]:
    """The folder of the photographs, and its photographs in the order of their keys.

    Folders that are links are followed, each folder once. What begins with a dot is left out.

    Args:
      source: a photograph; a folder, searched with all below it; or a glob pattern (`photos/*/IMG*.jpg`; `**` is any
        folders), whose folder is the part before the first wildcard. A folder whose own name has brackets is taken
        by its name.
      skip: whether to leave out a folder and what is below it, unless `source` is a photograph in it.
      same_names: takes photographs that differ in their suffix only, and calls them by their names with it.
      reserved: names that no key may end with; one that would has the suffix, too.

    Raises:
      UserError: there are none, two differ in their suffix only, or a folder cannot be read.
    """
    folder, pattern = _split(source)
    if not folder.is_dir():
        raise UserError(
            f"--input: there is no folder '{folder}': name a folder of photographs, or a pattern in quotes."
        )
    if pathlib.Path(source).is_file():
        skip = _nothing
    files = sorted(file for file in _files(folder, pattern, skip) if pathlib.PurePath(file).suffix.lower() in SUFFIXES)
    if not files:
        hint = " In a pattern '[' begins a set of characters; for itself write '[[]'." if "[" in source else ""
        raise UserError(
            f"--input: '{source}' matches no {', '.join(SUFFIXES)} files: name a folder of photographs.{hint}"
        )
    keys = _keys(files, set(reserved), source if not same_names else None)
    return folder, _named(sorted(files, key=lambda file: (keys[file], file)), keys)


def read(folder: pathlib.Path, photograph: PhotographFile) -> UInt8[np.ndarray, "H W 3"]:
    """Its pixels, upright as its EXIF orientation says, in sRGB.

    Raises:
      Unusable: it is missing, damaged, or no photograph.
    """
    return np.asarray(open_upright(folder, photograph).convert("RGB"))


def open_upright(folder: pathlib.Path, photograph: PhotographFile) -> Image.Image:
    """The photograph in its file's mode, upright as its EXIF orientation says; errors as of `read`."""
    return open_file(folder / photograph.file)


def open_file(path: pathlib.Path) -> Image.Image:
    """`open_upright` of a file by its path."""
    return decoded(path)


def _split(source: str) -> tuple[pathlib.Path, tuple[str, ...]]:
    """The folder that is searched, and the parts of the pattern below it."""
    if not source.strip():  # a variable of the shell that is not set, and not all that lies in the current folder
        raise UserError("--input is empty: name a photograph or a folder of them ('.' is the current one).")
    path = pathlib.Path(source)
    if path.is_file() or (path.is_symlink() and not path.is_dir()):
        return path.parent, ("".join(f"[{c}]" if c in _WILDCARDS else c for c in path.name),)
    if path.is_dir() or not any(c in source for c in _WILDCARDS):
        return path, (_ANY_FOLDERS, "*")
    fixed = pathlib.Path()
    for number, part in enumerate(path.parts):
        if any(c in part for c in _WILDCARDS) and not (fixed / part).is_dir():
            return fixed, path.parts[number:]
        fixed /= part
    raise AssertionError(f"'{source}' has wildcards and is a folder")


def _files(folder: pathlib.Path, pattern: tuple[str, ...], skip: Callable[[pathlib.Path], bool]) -> Iterator[str]:
    """Files that match, by their paths below the folder. Links are followed last: what they repeat keeps its place."""
    deepest = None if _ANY_FOLDERS in pattern else len(pattern) - 1
    seen, places, links = set(), [pathlib.PurePosixPath()], []
    while places or links:
        place = places.pop() if places else links.pop(0)
        real = os.path.realpath(folder / place)
        if real in seen or skip(folder / place):
            continue
        seen.add(real)
        for entry in _entries(folder / place):
            below = place / entry.name
            if not os.path.isdir(entry.path):  # links that lead nowhere are files: they are found to be missing
                if _matches(below.parts, pattern):
                    yield below.as_posix()
            elif deepest is None or len(below.parts) <= deepest:
                (links if entry.is_symlink() else places).append(below)


def _entries(folder: pathlib.Path) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not is_litter(entry.name)), key=lambda entry: entry.name)
    except OSError as error:
        raise UserError(f"--input: the folder '{folder}' cannot be read ({error.strerror}): leave it out.") from error


def _matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern or not parts:
        return not pattern and not parts
    if pattern[0] == _ANY_FOLDERS:
        return any(_matches(parts[skipped:], pattern[1:] or ("*",)) for skipped in range(len(parts)))
    return fnmatch.fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _keys(files: Sequence[str], reserved: set[str], refused_of: str | None) -> dict[str, str]:
    """A name for each file: the path without its suffix, or with it where others have the same.

    `refused_of` is the source of files that must not differ in their suffix only.
    """
    keys = {file: _key(file) for file in files}
    while True:
        holders = collections.defaultdict(list)
        for file in files:
            holders[keys[file]].append(file)
        if refused_of is not None and (same := [found for found in holders.values() if len(found) > 1]):
            one, following = same[0][:2]
            raise UserError(f"--input: '{refused_of}' has '{one}' and '{following}': rename one of them.")
        unclear = [file for key, found in holders.items() if len(found) > 1 or _name(key) in reserved for file in found]
        changed = [file for file in unclear if keys[file] != file]
        if not changed:
            return keys
        keys |= {file: file for file in changed}


def _named(files: Sequence[str], keys: dict[str, str]) -> list[PhotographFile]:
    stems = collections.Counter(_stem(file) for file in files)
    taken = set(keys.values())
    return [
        PhotographFile(file, (keys[file], *([stem] if stems[stem] == 1 and stem not in taken else [])))
        for file, stem in ((file, _stem(file)) for file in files)
    ]


def _name(key: str) -> str:
    return pathlib.PurePosixPath(key).name


def _stem(file: str) -> str:
    return pathlib.PurePosixPath(file).stem


def _key(file: str) -> str:
    return str(pathlib.PurePosixPath(file).with_suffix(""))
