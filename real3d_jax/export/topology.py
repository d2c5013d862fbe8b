"""How the faces of a mesh hang together: whether it is closed, its parts, and faces that enclose nothing."""

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph
from jaxtyping import Bool, Float, Int


def is_closed(faces: Int[np.ndarray, "F 3"]) -> bool:
    """Whether every edge has two faces, which run along it in opposite directions: the mesh is watertight."""
    start, end = _edges(faces).astype(np.int64).T
    count = int(faces.max(initial=-1)) + 1
    forth, back = np.sort(start * count + end), np.sort(end * count + start)
    return bool((forth == back).all() and (np.diff(forth) > 0).all())


def parts(faces: Int[np.ndarray, "F 3"]) -> Int[np.ndarray, "F"]:
    """The number of the part that each face belongs to: faces of one part are joined by their corners."""
    edges = _edges(faces)
    count = int(faces.max(initial=-1)) + 1
    links = scipy.sparse.coo_array((np.ones(len(edges), bool), edges.T), (count, count))
    _, part = scipy.sparse.csgraph.connected_components(links, directed=False)
    _, part = np.unique(part[faces[:, 0]], return_inverse=True)
    return part


def volumes(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> Float[np.ndarray, "F"]:
    """Signed volumes between the origin and each face, whose sum is what a closed mesh encloses."""
    a, b, c = np.moveaxis(vertices[faces].astype(np.float64), 1, 0)
    return np.einsum("fi,fi->f", a, np.cross(b, c)) / 6


def areas(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> Float[np.ndarray, "F"]:
    """Areas of the faces."""
    a, b, c = np.moveaxis(vertices[faces].astype(np.float64), 1, 0)
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


def compact(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> tuple[Float[np.ndarray, "W 3"], Int[np.ndarray, "F 3"]]:
    """The same faces, without vertices that no face has."""
    used, corners = np.unique(faces, return_inverse=True)
    return vertices[used], corners.reshape(-1, 3).astype(np.int32)


def without_flat_faces(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> tuple[Float[np.ndarray, "W 3"], Int[np.ndarray, "G 3"]]:
    """The same surface without edges of length 0 and the faces that they leave without area.

    The edges and corners of the box have such, since all beyond it is moved onto its faces. Corners in one place are
    joined only where an edge joins them already, so that what is closed stays closed.
    """
    edges = _edges(faces)
    edges = edges[(vertices[edges[:, 0]] == vertices[edges[:, 1]]).all(1)]
    if not len(edges):
        return vertices, faces
    links = scipy.sparse.coo_array((np.ones(len(edges), bool), edges.T), (len(vertices),) * 2)
    count, joined = scipy.sparse.csgraph.connected_components(links, directed=False)
    faces = joined[faces]
    faces = _without_pairs(faces[_has_three_corners(faces)])
    first = np.zeros(count, np.int64)
    first[joined[::-1]] = np.arange(len(vertices))[::-1]
    return compact(vertices[first], faces)


def _edges(faces: Int[np.ndarray, "F 3"]) -> Int[np.ndarray, "E 2"]:
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def _has_three_corners(faces: Int[np.ndarray, "F 3"]) -> Bool[np.ndarray, "F"]:
    return (faces != np.roll(faces, 1, axis=1)).all(1)


def _without_pairs(faces: Int[np.ndarray, "F 3"]) -> Int[np.ndarray, "G 3"]:
    """Faces but for those that lie back to back with another one: a fold without volume."""
    turned = np.take_along_axis(faces, (faces.argmin(1)[:, None] + np.arange(3)) % 3, axis=1)
    sign = np.where(turned[:, 1] < turned[:, 2], 1, -1)
    _, group = np.unique(np.sort(faces, axis=1), axis=0, return_inverse=True)
    group = group.ravel()
    return faces[np.bincount(group, weights=sign)[group] * sign > 0]
