"""Reads GLB, glTF, OBJ, PLY and STL files with trimesh."""

import logging
import pathlib
from collections.abc import Iterator

import numpy as np
import trimesh
from jaxtyping import Float
from trimesh.resolvers import FilePathResolver

from real3d_jax.data.object_rendering.appearance import Textures, appearance
from real3d_jax.data.object_rendering.meshes import Mesh, Part, face_normals, normalised, transformed, unit
from real3d_jax.data.records import Unusable

SUFFIXES = (".glb", ".gltf", ".obj", ".ply", ".stl")
_GLTF = (".glb", ".gltf")
# What trimesh only logs: it goes on without the texture, or with zeros for compressed vertices.
_LOGGED_FAULTS = ("failed to load image", "unable to load image", "textures are unsupported", "didn't decode")


def load(path: pathlib.Path, *, up_axis: str = "y", fit: str = "box", allow_missing_files: bool = False) -> Mesh:
    """An object, normalised.

    Args:
      path: a file with one of SUFFIXES.
      up_axis: what is up in the file, 'y' or 'z'.
      fit: what becomes 1 in size, 'box' or 'sphere'; see `meshes.normalised`.
      allow_missing_files: takes an object although a material or texture that it names is missing or damaged; its faces
        are then coloured without it.

    Raises:
      Unusable: the file is damaged, has nothing to draw or numbers that are not finite, or a file that it names is
        missing.
    """
    scene, faults = _read(path)
    if faults and not allow_missing_files:
        raise Unusable(faults[0])
    try:
        parts = list(_parts(scene, is_gltf=path.suffix.lower() in _GLTF))
    except (IndexError, ValueError, OSError) as error:
        raise Unusable(f"'{path.name}' cannot be used ({_reason(error)})") from error
    return normalised(parts, up_axis=up_axis, fit=fit)


def _read(path: pathlib.Path) -> tuple[trimesh.Scene, list[str]]:
    """A scene, and what trimesh left out of it without an error."""
    resolver, log = _Resolver(path), _FaultLog()
    logger = logging.getLogger("trimesh")
    level, propagate = logger.level, logger.propagate
    logger.addHandler(log)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        if not path.stat().st_size:
            raise ValueError("0 bytes")
        with path.open("rb") as file:
            suffix = path.suffix.lower().lstrip(".")
            # Not processed: that would merge corners and drop faces with numbers that are not finite.
            scene = trimesh.load_scene(file, file_type=suffix, resolver=resolver, process=False)
    except Exception as error:  # its parsers raise many kinds for damaged files
        missing = resolver.missing[:1] or [f"'{path.name}' cannot be read ({_reason(error)})"]
        raise Unusable(missing[0]) from error
    finally:
        logger.removeHandler(log)
        logger.setLevel(level)
        logger.propagate = propagate
    return scene, [*resolver.missing, *log.faults]


class _Resolver(FilePathResolver):
    """Finds the files that a mesh names, also above its folder, and notes those that are missing."""

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__(str(path), allow_anywhere=True)
        self.missing: list[str] = []

    def get(self, name: str) -> bytes:
        try:
            return super().get(name.strip().strip('"').replace("\\", "/"))
        except (OSError, ValueError):
            self.missing.append(f"'{name.strip()}', which it names, is missing")
            raise


class _FaultLog(logging.Handler):
    """Notes what trimesh skipped."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.faults: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if any(fault in message for fault in _LOGGED_FAULTS):
            self.faults.append(f"a texture or compressed part of it cannot be decoded ({message.splitlines()[0]})")


def _parts(scene: trimesh.Scene, *, is_gltf: bool) -> Iterator[Part]:
    """The meshes of a scene where its nodes put them."""
    textures = Textures()
    for node in sorted(scene.graph.nodes_geometry, key=str):  # a set has another order in every process
        matrix, name = scene.graph[node]
        geometry = scene.geometry[name]
        if isinstance(geometry, trimesh.Trimesh) and len(geometry.faces):
            yield transformed(_part(geometry, textures, is_gltf=is_gltf), np.asarray(matrix, np.float64))


def _part(geometry: trimesh.Trimesh, textures: Textures, *, is_gltf: bool) -> Part:
    faces, vertices = np.asarray(geometry.faces), np.asarray(geometry.vertices, np.float64)
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise ValueError("a face has a corner that is not there")
    triangles = vertices[faces]
    look = appearance(geometry, textures, is_gltf=is_gltf)
    return Part(triangles, _normals(geometry, triangles), look.uv, look.colours, look.texture)


def _normals(geometry: trimesh.Trimesh, triangles: Float[np.ndarray, "faces 3 3"]) -> Float[np.ndarray, "faces 3 3"]:
    """The file's normals; where it has none, those of flat faces."""
    flat = np.repeat(face_normals(triangles)[:, None], 3, axis=1)
    # `geometry.vertex_normals` would invent smooth ones; what was read from the file lies in the cache.
    stored = geometry._cache.cache.get("vertex_normals")
    if stored is None or len(stored) != len(geometry.vertices):
        return flat
    smooth = unit(np.nan_to_num(np.asarray(stored, np.float64), posinf=0, neginf=0))[geometry.faces]
    return np.where(np.linalg.norm(smooth, axis=-1, keepdims=True) > 0, smooth, flat)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
