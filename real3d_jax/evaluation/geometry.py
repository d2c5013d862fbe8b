"""Meshes against true ones, with and without a similarity that lays one on the other."""

from pathlib import Path

import numpy as np
import trimesh
from jaxtyping import Float

from real3d_jax.config.conditioned import AnyRenderConfig
from real3d_jax.config.evaluation import GeometryConfig
from real3d_jax.errors import UserError
from real3d_jax.export.glb import TO_GLTF, is_own
from real3d_jax.export.isosurface import extract_mesh
from real3d_jax.export.mesh import Mesh
from real3d_jax.metrics.meshes import score_mesh
from real3d_jax.rendering import TriplaneField

MESH_SUFFIXES = (".obj", ".ply", ".glb", ".stl")
GLTF, SAME = "gltf", "same"  # axes of a GLB: y up and the front along z, as glTF says; those of the other formats
ALIGNED = "_aligned"  # the ending of a metric's name
_METRICS = ("chamfer_l1", "f_score", "normal_consistency")

Scores = dict[str, Float[np.ndarray, "1"]]


def check_geometry(config: GeometryConfig, keys: list[str]) -> None:
    """Says what is missing before anything is computed.

    Raises:
      UserError: the folder or the true mesh of an object is missing, or a mesh's axes are not known.
    """
    if not config.meshes:
        return
    for key in keys:
        check_axes(true_mesh(config, key), None, remedy="write it as PLY, OBJ or STL in the world of the records")


def true_mesh(config: GeometryConfig, key: str) -> Path:
    """The file of an object's true mesh.

    Raises:
      UserError: there is none.
    """
    found = find_mesh(Path(config.meshes).expanduser(), key)
    if found is None:
        raise UserError(
            f"There is no true mesh of '{key}' in config.geometry.meshes = '{config.meshes}': add {key}.obj, .ply, "
            ".stl or .glb, or set it to '' to leave geometry out."
        )
    return found


def find_mesh(folder: Path, name: str) -> Path | None:
    """The file of a mesh, whatever its format, and its ending in whatever case.

    Raises:
      UserError: there are several.
    """
    # A key may have folders in it, and dots.
    place = folder / name
    inside = place.parent.iterdir() if place.parent.is_dir() else ()
    found = sorted(
        path for path in inside if path.stem == place.name and path.suffix.lower() in MESH_SUFFIXES and path.is_file()
    )
    if len(found) > 1:
        raise UserError(f"'{found[0]}' and '{found[1].name}' are there: keep the one that is to be scored.")
    return found[0] if found else None


def check_axes(path: Path, axes: str | None, *, remedy: str) -> None:
    """Refuses a GLB of another program of which it is not said whether it has glTF's axes: many have not.

    Raises:
      UserError: it is one; ends with `remedy`.
    """
    if path.suffix.lower() == ".glb" and axes is None and not is_own(path):
        raise UserError(f"The axes of '{path}' are not known (glTF's have y up, and many files have not): {remedy}.")


def read_mesh(path: Path, axes: str | None = None) -> Mesh:
    """The triangles of a file, all its parts in one, with z up where that is known.

    Args:
      path: the file.
      axes: of a GLB. GLTF turns it to ours, and so does None where this package wrote it; SAME leaves it.

    Raises:
      UserError: it cannot be read, has no triangles, or is a GLB of another program and `axes` is None.
    """
    check_axes(path, axes, remedy="write it as PLY or OBJ")
    try:
        mesh = trimesh.load_mesh(path, process=False)
        vertices, faces = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)
    except Exception as error:  # the readers of formats raise what they like
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise UserError(f"The mesh '{path}' cannot be read ({reason}): write it again.") from error
    if not len(faces) or not np.isfinite(vertices).all():
        raise UserError(f"The mesh '{path}' has no triangles, or vertices that are not finite: write it again.")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise UserError(f"The mesh '{path}' has a face with a corner that is not there: write it again.")
    is_gltf = path.suffix.lower() == ".glb" and axes != SAME
    return Mesh(vertices @ TO_GLTF if is_gltf else vertices, faces)


def upright(similarity: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "4 4"]:
    """A similarity without its rotation, for a mesh that is turned to our axes already."""
    scale = np.cbrt(np.linalg.det(similarity[:3, :3]))
    turned = np.diag([scale, scale, scale, 1.0])
    turned[:3, 3] = similarity[:3, 3]
    return turned


def moved(mesh: Mesh, similarity: Float[np.ndarray, "4 4"]) -> Mesh:
    """A mesh under a similarity."""
    return Mesh(mesh.vertices @ similarity[:3, :3].T + similarity[:3, 3], mesh.faces)


def mesh_scores(mesh: Mesh, truth: Mesh, *, points: int, f_distance: float, seed: int) -> Scores:
    """Each metric as the mesh lies, and (`_aligned`) after the similarity that fits best."""
    found: Scores = {}
    for align, suffix in ((False, ""), (True, ALIGNED)):
        scores = score_mesh(
            mesh.vertices,
            mesh.faces,
            truth.vertices,
            truth.faces,
            align=align,
            count=points,
            threshold=f_distance,
            seed=seed,
        )
        found |= {name + suffix: np.array([getattr(scores, name)]) for name in _METRICS}
    return found


def field_scores(
    field: TriplaneField,
    key: str,
    to_input: Float[np.ndarray, "4 4"],
    *,
    config: GeometryConfig,
    render: AnyRenderConfig,
    seed: int,
) -> Scores:
    """Scores of one field's surface; NaN where it has none, or its density is not a number.

    Args:
      field: a batch of one.
      key: the object's name.
      to_input: from the true mesh's world to the field's.
      config: of the surface and of sampling.
      render: box and bias.
      seed: of the points.
    """
    truth = moved(read_mesh(true_mesh(config, key)), to_input)
    try:
        mesh = extract_mesh(field, render, resolution=config.resolution, threshold=config.threshold, colours=False)
    except UserError:
        return {name + suffix: np.array([np.nan]) for suffix in ("", ALIGNED) for name in _METRICS}
    return mesh_scores(mesh, truth, points=config.points, f_distance=config.f_distance, seed=seed)
