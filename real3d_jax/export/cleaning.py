"""What a mesh is made of its surface: without floaters, smoothed, with fewer faces; closed and outward as before."""

import numpy as np
import scipy.sparse
from jaxtyping import Float, Int

from real3d_jax.errors import UserError, check_installed
from real3d_jax.export.mesh import Mesh
from real3d_jax.export.topology import compact, parts, separated, volumes, without_flat_faces

LEAST_FACES = 4  # of a closed mesh
_TAUBIN = (0.5, -0.53)  # Taubin 1995: a step that smooths, and one that takes the shrinking back


def check_simplification() -> None:
    """Raises UserError unless meshes can be decimated."""
    check_installed("fast_simplification", what="Meshes are decimated", extra="texture")


def without_floaters(mesh: Mesh, least_share: float) -> Mesh:
    """The parts of a closed mesh that enclose at least a share of what the largest does.

    Hollows within the object are parts, too, of negative volume. They are judged by its size, so that one that stays
    has the hull around it, which encloses more.

    Args:
      mesh: without colours, which are asked for afterwards.
      least_share: from 0 (all parts) to 1 (the largest one).
    """
    if least_share <= 0:
        return mesh
    part = parts(mesh.faces)
    enclosed = np.abs(np.bincount(part, volumes(mesh.vertices, mesh.faces)))
    return Mesh(*compact(mesh.vertices, mesh.faces[enclosed[part] >= least_share * enclosed.max()]))


def smoothed(mesh: Mesh, steps: int) -> Mesh:
    """Taubin's smoothing (SIGGRAPH 1995), which does not shrink: each step moves vertices to and from their neighbours.

    Args:
      mesh: without colours.
      steps: 0 leaves it as it is; 10 take away the steps of the grid.
    """
    if not steps:
        return mesh
    places, (weights, count) = mesh.vertices.astype(np.float64), _neighbours(mesh.faces, len(mesh.vertices))
    for factor in _TAUBIN * steps:
        places += factor * (weights @ places / count - places)
    return Mesh(*without_flat_faces(places.astype(np.float32), mesh.faces))


def decimated(mesh: Mesh, faces: int) -> Mesh:
    """At most so many faces, by collapsing edges of small quadric error (Garland and Heckbert, SIGGRAPH 1997).

    Args:
      mesh: without colours.
      faces: 0, or more than the mesh has, leaves it as it is.

    Raises:
      UserError: fast-simplification is not installed, or nothing would be left.
    """
    if not faces or len(mesh.faces) <= faces:
        return mesh
    check_simplification()
    import fast_simplification

    vertices, corners = fast_simplification.simplify(mesh.vertices, mesh.faces, target_count=faces)[:2]
    vertices, corners = without_flat_faces(vertices.astype(np.float32), corners.astype(np.int32))
    vertices, corners = separated(vertices, corners)
    if not len(corners):
        raise UserError(f"Nothing is left of the mesh with {faces} faces: ask for more of them.")
    return Mesh(vertices, corners)


def _neighbours(faces: Int[np.ndarray, "F 3"], count: int) -> tuple[scipy.sparse.csr_array, Float[np.ndarray, "V 1"]]:
    """Which vertices share an edge, as a matrix of ones, and how many each has."""
    edges = np.concatenate([faces, np.roll(faces, -1, axis=1)], axis=0)[:, :2]
    edges = np.concatenate([edges, faces[:, [2, 0]]])
    both = np.concatenate([edges, edges[:, ::-1]])
    weights = scipy.sparse.coo_array((np.ones(len(both)), both.T), (count, count)).tocsr()
    weights.data[:] = 1
    return weights, np.maximum(weights.sum(axis=1), 1)[:, None]
