"""Meshes against true ones, with and without a similarity that lays one on the other."""

from pathlib import Path

import numpy as np
import trimesh
from jaxtyping import Float

from real3d_jax.config.evaluation import GeometryConfig
from real3d_jax.config.model import RenderConfig
from real3d_jax.errors import UserError
from real3d_jax.export.isosurface import Mesh, extract_mesh
from real3d_jax.metrics.meshes import score_mesh
from real3d_jax.rendering import TriplaneField

MESH_SUFFIXES = (".obj", ".ply", ".glb")
ALIGNED = "_aligned"  # the ending of a metric's name
_METRICS = ("chamfer_l1", "f_score", "normal_consistency")

Scores = dict[str, Float[np.ndarray, "1"]]


def check_geometry(config: GeometryConfig, keys: list[str]) -> None:
    """Says what is missing before anything is computed.

    Raises:
      UserError: the folder or the true mesh of an object is missing.
    """
    if not config.meshes:
        return
    for key in keys:
        true_mesh(config, key)


def true_mesh(config: GeometryConfig, key: str) -> Path:
    """The file of an object's true mesh.

    Raises:
      UserError: there is none.
    """
    found = find_mesh(Path(config.meshes).expanduser(), key)
    if found is None:
        raise UserError(
            f"There is no true mesh of '{key}' in config.geometry.meshes = '{config.meshes}': add {key}.obj, .ply or "
            ".glb, or set it to '' to leave geometry out."
        )
    return found


def find_mesh(folder: Path, name: str) -> Path | None:
    """The file of a mesh, whatever its format."""
    return next((path for suffix in MESH_SUFFIXES if (path := folder / f"{name}{suffix}").is_file()), None)


def read_mesh(path: Path) -> Mesh:
    """The triangles of a file, all its parts in one.

    Raises:
      UserError: it cannot be read, or has no triangles.
    """
    try:
        mesh = trimesh.load_mesh(path, process=False)
        vertices, faces = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)
    except Exception as error:  # the readers of formats raise what they like
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise UserError(f"The mesh '{path}' cannot be read ({reason}): write it again.") from error
    if not len(faces) or not np.isfinite(vertices).all():
        raise UserError(f"The mesh '{path}' has no triangles, or vertices that are not finite: write it again.")
    return Mesh(vertices, faces)


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
    render: RenderConfig,
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
