"""Which meshes a folder holds, and what their renders are called."""

import fnmatch
import pathlib
from collections.abc import Collection, Sequence
from typing import NamedTuple

from real3d_jax.data.object_rendering.mesh_files import SUFFIXES
from real3d_jax.data.records import Rejection
from real3d_jax.errors import UserError

_LONGEST_NAME = 200  # bytes; file systems allow 255


class MeshFile(NamedTuple):
    """A mesh and the name of its object."""

    name: str
    path: pathlib.Path


def find(
    source: pathlib.Path,
    *,
    include: str = "*",
    exclude: str | None = None,
    but: Collection[str] = (),
    limit: int | None = None,
) -> tuple[list[MeshFile], list[Rejection]]:
    """The meshes in a folder and the folders in it, sorted by name, and those that cannot have a name of their own.

    `chairs/red.glb` has the name `chairs__red`. Hidden files are passed over. Of files that differ in their suffix
    only, the first in the order of `mesh_files.SUFFIXES` is taken.

    Args:
      source: a folder, or one file.
      include: takes only the paths, relative to the folder, that match this; `*` matches `/` too.
      exclude: leaves out those that match this.
      but: leaves out objects of these names.
      limit: takes only so many, the first.

    Raises:
      UserError: there is no mesh, or none of a name in `but`.
    """
    if limit is not None and limit < 1:
        raise UserError(f"--limit must be at least 1, not {limit}.")
    meshes, rejected = {}, []
    for suffix in SUFFIXES:
        for relative, path in _files(source, suffix):
            if not fnmatch.fnmatchcase(relative, include) or (exclude and fnmatch.fnmatchcase(relative, exclude)):
                continue
            name = relative[: -len(suffix)].replace("/", "__")
            if name in meshes:
                rejected.append(Rejection(relative, f"it would have the same name as '{meshes[name].path.name}'"))
            elif len(name.encode()) > _LONGEST_NAME:
                rejected.append(Rejection(relative, f"its name is longer than {_LONGEST_NAME} bytes"))
            else:
                meshes[name] = MeshFile(name, path)
    if not meshes:
        raise UserError(f"'{source}' holds no mesh that is wanted: name a file or folder of {', '.join(SUFFIXES)}.")
    if unknown := sorted(set(but) - set(meshes)):
        raise UserError(f"'{source}' has no mesh of the name '{unknown[0]}', which is to be left out.")
    return [meshes[name] for name in sorted(set(meshes) - set(but))][:limit], rejected


def _files(source: pathlib.Path, suffix: str) -> Sequence[tuple[str, pathlib.Path]]:
    """Files of a suffix, in any case of its letters, with their paths relative to the folder; sorted."""
    if source.is_file():
        return [(source.name, source)] if source.suffix.lower() == suffix else []
    found = ((path.relative_to(source), path) for path in source.rglob("*") if path.suffix.lower() == suffix)
    return sorted((str(r.as_posix()), p) for r, p in found if p.is_file() and not any(n[0] == "." for n in r.parts))
