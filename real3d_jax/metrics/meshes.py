"""How near a reconstructed surface is to the true one, by points on both."""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from real3d_jax.errors import UserError
from real3d_jax.metrics.similarity import Similarity, align_similarity

MESH_SCALE = 2.0
SAMPLES = 100_000
F_SCORE_THRESHOLD = 0.05  # in units of the mesh scale: 2.5 % of the true box's longest side


class SurfacePoints(NamedTuple):
    """Points on a surface.

    Attributes:
      points: in the mesh's coordinates.
      normals: of unit length, of the face that each lies on.
    """

    points: Float[np.ndarray, "n 3"]
    normals: Float[np.ndarray, "n 3"]


@dataclasses.dataclass(frozen=True)
class MeshScores:
    """How near a mesh is to the true one; lengths in units in which the true mesh has scale 2.0.

    Attributes:
      chamfer_l1: see `chamfer_l1`.
      f_score: see `f_score`, in [0, 1].
      normal_consistency: see `normal_consistency`, in [0, 1].
      threshold: of the F-score.
      aligned: whether the mesh was first laid on the true one by the similarity that fits best.
      similarity: the one that was applied after scaling; None if not aligned.
    """

    chamfer_l1: float
    f_score: float
    normal_consistency: float
    threshold: float
    aligned: bool
    similarity: Similarity | None


def score_mesh(
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    true_vertices: Float[np.ndarray, "W 3"],
    true_faces: Int[np.ndarray, "G 3"],
    *,
    align: bool,
    count: int = SAMPLES,
    threshold: float = F_SCORE_THRESHOLD,
    seed: int = 0,
) -> MeshScores:
    """Scores a mesh against the true one, both in the same frame.

    Args:
      vertices: of the reconstruction.
      faces: its triangles.
      true_vertices: of the truth.
      true_faces: its triangles.
      align: whether to fit scale, rotation and translation first. Without, errors of scale and place count.
      count: points sampled on each.
      threshold: of the F-score, after scaling.
      seed: of the points.

    Raises:
      UserError: a mesh has no surface or is broken.
    """
    to_scale = scale_to(true_vertices)
    ours = sample_surface(to_scale(vertices), faces, count, seed)
    truth = sample_surface(to_scale(true_vertices), true_faces, count, seed + 1)
    similarity = align_similarity(ours.points, truth.points, seed=seed) if align else None
    if similarity is not None:
        ours = SurfacePoints(similarity(ours.points), ours.normals @ similarity.rotation.T)
    (forth, nearest_truth), (back, nearest_ours) = _nearest_both_ways(ours.points, truth.points)
    return MeshScores(
        chamfer_l1=_mean_of_means(forth, back),
        f_score=_harmonic_mean(np.mean(forth <= threshold), np.mean(back <= threshold)),
        normal_consistency=_mean_of_means(
            _cosines(ours.normals, truth.normals[nearest_truth]), _cosines(truth.normals, ours.normals[nearest_ours])
        ),
        threshold=threshold,
        aligned=align,
        similarity=similarity,
    )


def scale_to(true_vertices: Float[np.ndarray, "V 3"], *, scale: float = MESH_SCALE) -> Similarity:
    """What makes the longest side of the true mesh's bounding box `scale` long, and its centre the origin.

    "Mesh scale 2.0" of the paper is read so: the true object fills [-1, 1] along its longest axis. The reconstruction
    is moved by the same transform, never by one of its own, so that its errors of scale and place remain.

    Raises:
      UserError: the mesh has no extent.
    """
    vertices = np.asarray(true_vertices, np.float64)
    if not len(vertices) or not np.isfinite(vertices).all() or not np.ptp(vertices, axis=0).max() > 0:
        raise UserError(f"The true mesh of {len(vertices)} vertices has no finite extent: check its file.")
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    factor = float(scale / (high - low).max())
    return Similarity(factor, np.eye(3), -factor * (low + high) / 2)


def sample_surface(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], count: int, seed: int
) -> SurfacePoints:
    """Points spread evenly over the area of a mesh, with their faces' normals.

    Raises:
      UserError: the mesh has no area, or vertices that are not finite.
    """
    corners = np.asarray(vertices, np.float64)[np.asarray(faces)]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    twice_area = np.linalg.norm(cross, axis=1)
    total = twice_area.sum()
    if not (np.isfinite(total) and total > 0):
        raise UserError(f"A mesh of {len(faces)} faces has no finite area to sample: it is empty or broken.")
    random = np.random.default_rng(seed)
    chosen = random.choice(len(faces), count, p=twice_area / total)
    u, v = random.random((2, count, 1))
    outside = u + v > 1  # the other half of the parallelogram, folded back
    u, v = np.where(outside, 1 - u, u), np.where(outside, 1 - v, v)
    a, b, c = np.moveaxis(corners[chosen], 1, 0)
    return SurfacePoints(a + u * (b - a) + v * (c - a), cross[chosen] / twice_area[chosen, None])


def chamfer_l1(points_a: Float[np.ndarray, "n 3"], points_b: Float[np.ndarray, "m 3"]) -> float:
    """The mean of accuracy and completeness (Mescheder et al., 2019).

    That is the average of two means: of the Euclidean distances from each point of `a` to the nearest of `b`, and back.
    Where others report the sum of the two, theirs is twice this.
    """
    (forth, _), (back, _) = _nearest_both_ways(points_a, points_b)
    return _mean_of_means(forth, back)


def f_score(points_a: Float[np.ndarray, "n 3"], points_b: Float[np.ndarray, "m 3"], threshold: float) -> float:
    """The harmonic mean of precision and recall (Knapitsch et al., 2017).

    Precision is the share of `a` within `threshold` of a point of `b`, recall the share of `b` within it of one of `a`.
    """
    (forth, _), (back, _) = _nearest_both_ways(points_a, points_b)
    return _harmonic_mean(np.mean(forth <= threshold), np.mean(back <= threshold))


def normal_consistency(a: SurfacePoints, b: SurfacePoints) -> float:
    """The mean |cosine| between each point's normal and its nearest point's, averaged over both ways.

    The sign is left out, because the winding of many true meshes is not consistent (Mescheder et al., 2019).
    """
    (_, nearest_b), (_, nearest_a) = _nearest_both_ways(a.points, b.points)
    return _mean_of_means(_cosines(a.normals, b.normals[nearest_b]), _cosines(b.normals, a.normals[nearest_a]))


def _nearest_both_ways(
    points_a: Float[np.ndarray, "n 3"], points_b: Float[np.ndarray, "m 3"]
) -> tuple[tuple[Float[np.ndarray, "n"], Int[np.ndarray, "n"]], tuple[Float[np.ndarray, "m"], Int[np.ndarray, "m"]]]:
    """Of each point of `a` the distance to the nearest of `b` and that one's index, and the same from `b` to `a`."""
    return _nearest(points_a, points_b), _nearest(points_b, points_a)


def _nearest(
    points: Float[np.ndarray, "n 3"], others: Float[np.ndarray, "m 3"]
) -> tuple[Float[np.ndarray, "n"], Int[np.ndarray, "n"]]:
    distances, indices = KDTree(others).query(points, workers=-1)
    return np.asarray(distances), np.asarray(indices)


def _cosines(a: Float[np.ndarray, "n 3"], b: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n"]:
    return np.abs(np.sum(a * b, axis=1))


def _mean_of_means(a: Float[np.ndarray, "n"], b: Float[np.ndarray, "m"]) -> float:
    return float((a.mean() + b.mean()) / 2)


def _harmonic_mean(a: np.floating, b: np.floating) -> float:
    return float(2 * a * b / (a + b)) if a + b > 0 else 0.0
