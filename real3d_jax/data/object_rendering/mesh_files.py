"""Reads GLB, glTF, OBJ, PLY and STL files.

The readers are this package's own, over plyfile, mapbox_earcut, DracoPy, meshopt and opengl_basisu: general loaders
pass over what they do not know without a word, and these refuse or note it. docs/mesh_formats.md lists what is applied.
"""

import pathlib
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from real3d_jax.data.object_rendering.formats import gltf, obj, ply, stl
from real3d_jax.data.object_rendering.formats.reading import Reading
from real3d_jax.data.object_rendering.meshes import Mesh, Part, normalised
from real3d_jax.data.records import Unusable

_READERS: dict[str, Callable[[Reading], list[Part]]] = {
    ".glb": gltf.read,
    ".gltf": gltf.read,
    ".obj": obj.read,
    ".ply": ply.read,
    ".stl": stl.read,
}
SUFFIXES = tuple(_READERS)


def load(
    path: pathlib.Path,
    *,
    up_axis: str = "y",
    fit: str = "box",
    stretch: Float[np.ndarray, "3 3"] | None = None,
    shares: Float[np.ndarray, "3 4"] | None = None,
    allow_missing_files: bool = False,
) -> Mesh:
    """An object, normalised.

    Args:
      path: a file with one of SUFFIXES.
      up_axis: what is up in the file, 'y' or 'z'.
      fit, stretch, shares: what becomes 1 in size, 'box' or 'sphere', and other proportions; see `meshes.normalised`.
      allow_missing_files: takes an object although a material or texture that it names is missing or damaged; its faces
        are then coloured without it.

    Raises:
      Unusable: the file is damaged, has nothing to draw or numbers that are not finite, needs what is not understood,
        or a file that it names is missing.
    """
    parts, reading = read_parts(path)
    if reading.faults and not allow_missing_files:
        raise Unusable(reading.faults[0])
    made = normalised(parts, up_axis=up_axis, fit=fit, stretch=stretch, shares=shares)
    missing = ["materials or textures were missing or damaged"] if reading.faults else []
    return made._replace(notes=(*reading.notes, *missing))


def read_parts(path: pathlib.Path) -> tuple[list[Part], Reading]:
    """The triangles of a file in its own coordinates, and what its reading found.

    Raises:
      Unusable: as `load`, but for missing files and numbers that are not finite.
    """
    reading = Reading(path)
    try:
        if not path.stat().st_size:
            raise ValueError("0 bytes")
        return _READERS[path.suffix.lower()](reading), reading
    except Unusable:
        raise
    except (ValueError, OSError, MemoryError) as error:  # of a file that breaks its format's rules
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise Unusable(f"'{path.name}' cannot be read ({reason})") from error
