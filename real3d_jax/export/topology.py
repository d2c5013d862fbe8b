"""How the faces of a mesh hang together: whether it is closed, its parts, and faces that enclose nothing."""

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph
from jaxtyping import Bool, Float, Int

_APART = 0.01  # of the way to the neighbours, by which sheets that touched are drawn apart


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
    return renumbered(part[faces[:, 0]])[1]


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
    used, corners = renumbered(faces)
    return vertices[used], corners.astype(np.int32)


def renumbered(numbers: Int[np.ndarray, "*shape"]) -> tuple[Int[np.ndarray, "_"], Int[np.ndarray, "*shape"]]:
    """Which numbers from 0 on there are, in order, and each one's place among them: `np.unique` without sorting."""
    used = np.zeros(int(numbers.max(initial=-1)) + 1, bool)
    used[numbers] = True
    return np.flatnonzero(used), (np.cumsum(used) - 1)[numbers]


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


def separated(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> tuple[Float[np.ndarray, "W 3"], Int[np.ndarray, "G 3"]]:
    """The same surface, closed, where sheets that touch along an edge have vertices of their own there.

    Decimation makes such edges, of four faces, out of thin parts. The faces from one sheet of such an edge around its
    vertex and back to it get another vertex, a hundredth of the way to their other corners, so that they stay apart.

    Args:
      vertices: corners.
      faces: which have at every edge as many in one direction as in the other; else they are given back as they are.
    """
    faces = _without_pairs(faces[_has_three_corners(faces)])
    places = list(vertices)
    while len(shared := _shared_edges(faces)):
        around: dict[int, list[int]] = {int(vertex): [] for vertex in shared[:, 0]}
        for face, corner in np.argwhere(np.isin(faces, shared[:, 0])):
            around[int(faces[face, corner])].append(int(face))
        for vertex, other in shared.tolist():
            while fan := _fan(faces, around[vertex], vertex, other):
                around[vertex] = [face for face in around[vertex] if face not in fan]
                corners = faces[fan]
                towards = np.mean([places[i] for i in corners[corners != vertex]], axis=0)
                faces[fan] = np.where(corners == vertex, len(places), corners)
                places.append(places[vertex] + _APART * (towards - places[vertex]))
    return compact(np.array(places, vertices.dtype), faces)


def _shared_edges(faces: Int[np.ndarray, "F 3"]) -> Int[np.ndarray, "E 2"]:
    """Edges that several faces have in one direction, each once; none if some edge has faces on one side alone."""
    start, end = _edges(faces).astype(np.int64).T
    count = int(faces.max(initial=-1)) + 1
    edge, times = np.unique(start * count + end, return_counts=True)
    reverse, times_back = np.unique(end * count + start, return_counts=True)
    if not np.array_equal(edge, reverse) or not np.array_equal(times, times_back):
        return np.zeros((0, 2), np.int64)
    start, end = np.divmod(edge[times > 1], max(count, 1))
    return np.stack([start, end], axis=1)[start < end]


def _fan(faces: Int[np.ndarray, "F 3"], around: list[int], vertex: int, other: int) -> list[int]:
    """Faces around a vertex, from one side of the edge to another vertex until they come back to it.

    It is empty if that edge has no more than one face in each direction.
    """
    following: dict[int, list[tuple[int, int]]] = {}
    for face in around:
        corners = faces[face].tolist()
        place = corners.index(vertex)
        following.setdefault(corners[place - 2], []).append((face, corners[place - 1]))
    if len(following.get(other, [])) < 2:
        return []
    fan, at = [], other
    while not fan or at != other:
        face, at = following[at].pop()
        fan.append(face)
    return fan


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
    surplus = np.bincount(group, weights=sign)[group] * sign
    order = np.lexsort((sign, group))
    new = np.append(True, (np.diff(group[order]) != 0) | (np.diff(sign[order]) != 0))[: len(faces)]
    rank = np.zeros(len(faces), np.int64)  # among the faces of the same corners and direction
    rank[order] = np.arange(len(faces)) - np.maximum.accumulate(np.where(new, np.arange(len(faces)), 0))
    return faces[rank < surplus]
