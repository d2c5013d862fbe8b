"""Mesh metrics on surfaces whose distances are known, and the similarity that lays one on another."""

import numpy as np
import pytest
import scipy.spatial
from scipy.spatial.transform import Rotation

from real3d_jax.errors import UserError
from real3d_jax.export.isosurface import isosurface
from real3d_jax.metrics.meshes import (
    SurfacePoints,
    chamfer_l1,
    f_score,
    normal_consistency,
    sample_surface,
    scale_to,
    score_mesh,
)
from real3d_jax.metrics.similarity import Similarity, align_similarity, fit_similarity

_SQUARE = np.array([[0.0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0]]), np.array([[0, 1, 2], [0, 2, 3]])


def _ball(size=0.5, centre=(0.0, 0.0, 0.0)):
    axis = np.linspace(-1, 1, 48)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    mesh = isosurface(np.maximum(25 + 99 * (size - np.linalg.norm(grid - centre, axis=-1)), 0), radius=1.0)
    return mesh.vertices.astype(np.float64), mesh.faces


def _chair():
    """Boxes without any symmetry: a seat, a back and one arm."""
    vertices, faces = [], []
    for low, high in (
        ([-0.5, -0.4, 0], [0.5, 0.4, 0.1]),
        ([-0.5, 0.3, 0], [0.5, 0.4, 0.9]),
        ([0.4, -0.3, 0], [0.5, 0.3, 0.4]),
    ):
        corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
        hull = scipy.spatial.ConvexHull(corners)
        faces.append(hull.simplices + 8 * len(vertices))
        vertices.append(np.array(low) + corners * (np.array(high) - low))
    return np.concatenate(vertices), np.concatenate(faces)


def test_samples_lie_evenly_on_the_surface():
    points, normals = sample_surface(*_SQUARE, 40_000, seed=0)
    np.testing.assert_allclose(normals, [[0, 0, 1]] * 40_000)
    assert points[:, 2].tolist() == [0] * 40_000
    share, _, _ = np.histogram2d(points[:, 0], points[:, 1], bins=[8, 4], range=[[0, 2], [0, 1]])
    np.testing.assert_allclose(share / 40_000, 1 / 32, atol=5 * np.sqrt(40_000 / 32) / 40_000)
    np.testing.assert_array_equal(points, sample_surface(*_SQUARE, 40_000, seed=0).points)
    assert not np.array_equal(points, sample_surface(*_SQUARE, 40_000, seed=1).points)


def test_faces_count_by_their_area():
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 5], [3, 0, 5], [0, 3, 5]])
    points, _ = sample_surface(vertices, np.array([[0, 1, 2], [3, 4, 5]]), 20_000, seed=0)
    assert np.mean(points[:, 2] == 5) == pytest.approx(0.9, abs=0.01)


def test_distances_of_known_point_sets():
    a = np.array([[0.0, 0, 0], [1, 0, 0]])
    b = np.array([[0.0, 3, 4], [1, 0, 0], [1, 0, 2]])
    # From a: 1 (to the second of b) and 0. From b: 5, 0 and 2.
    assert chamfer_l1(a, b) == pytest.approx((0.5 + 7 / 3) / 2)
    assert chamfer_l1(b, a) == chamfer_l1(a, b) and chamfer_l1(a, a) == 0
    # Precision 1 / 2, recall 1 / 3 within 0.5; a distance equal to the threshold counts.
    assert f_score(a, b, 0.5) == pytest.approx(2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3))
    assert f_score(a, b, 2.0) == pytest.approx(2 * 1 * (2 / 3) / (1 + 2 / 3))
    assert f_score(a, a, 0.0) == 1 and f_score(a, b + 10, 0.5) == 0


def test_normals_of_tilted_planes():
    a = SurfacePoints(np.array([[0.0, 0, 0], [9, 0, 0]]), np.array([[0.0, 0, 1], [0, 1, 0]]))
    b = SurfacePoints(np.array([[9.0, 0, 1], [0, 0, 1], [0, 1, 0]]), np.array([[0.0, -1, 0], [0, 0.6, 0.8], [1, 0, 0]]))
    # From a: |cos| 0.8 and 1. From b: 1, 0.8 and 0.
    assert normal_consistency(a, b) == pytest.approx((0.9 + 0.6) / 2)
    assert normal_consistency(a, a) == 1


def test_concentric_spheres_are_their_radii_apart():
    """The truth, of radius 0.4, is scaled to radius 1: the other to 1.25. Their distance is 0.25 both ways."""
    scores = score_mesh(*_ball(0.5), *_ball(0.4), align=False, count=20_000)
    assert scores.chamfer_l1 == pytest.approx(0.25, abs=0.005)
    assert scores.f_score == 0 and scores.normal_consistency > 0.98
    assert scores.aligned is False and scores.similarity is None
    aligned = score_mesh(*_ball(0.5), *_ball(0.4), align=True, count=20_000)
    assert aligned.aligned is True and aligned.similarity.scale == pytest.approx(0.8, abs=0.005)
    assert aligned.chamfer_l1 < 0.02 and aligned.f_score > 0.99


def test_scores_are_the_single_metrics():
    """Of the same samples, on a turned chair: so that normals, scale and alignment all count."""
    vertices, faces = _chair()
    turned = vertices @ Rotation.from_euler("xyz", [20, 30, 40], degrees=True).as_matrix().T
    to_scale = scale_to(vertices)
    ours, truth = sample_surface(to_scale(turned), faces, 2000, 5), sample_surface(to_scale(vertices), faces, 2000, 6)
    scores = score_mesh(turned, faces, vertices, faces, align=False, count=2000, threshold=0.1, seed=5)
    assert scores.chamfer_l1 == pytest.approx(chamfer_l1(ours.points, truth.points))
    assert scores.f_score == pytest.approx(f_score(ours.points, truth.points, 0.1)) and 0.1 < scores.f_score < 0.9
    assert scores.normal_consistency == pytest.approx(normal_consistency(ours, truth)) and scores.threshold == 0.1
    aligned = score_mesh(turned, faces, vertices, faces, align=True, count=2000)
    best = score_mesh(vertices, faces, vertices, faces, align=False, count=2000)  # what so few samples allow
    assert aligned.chamfer_l1 == pytest.approx(best.chamfer_l1, rel=0.05)
    assert aligned.normal_consistency == pytest.approx(best.normal_consistency, abs=0.02)
    assert scores.normal_consistency < best.normal_consistency - 0.1


def test_scale_two_is_the_true_boxs_longest_side():
    vertices = np.array([[1.0, 0, 0], [5, 1, 2], [3, 0.5, 1]])
    scaled = scale_to(vertices)(vertices)
    np.testing.assert_allclose(scaled.min(axis=0), [-1, -0.25, -0.5])
    np.testing.assert_allclose(scaled.max(axis=0), [1, 0.25, 0.5])
    # Whatever the units of both meshes, the scores are the same.
    (vertices, faces), (true_vertices, true_faces) = _ball(0.5), _ball(0.4, (0.1, 0, 0))
    scores = [
        score_mesh(unit * vertices + 3, faces, unit * true_vertices + 3, true_faces, align=False, count=2000)
        for unit in (1, 0.01)
    ]
    assert scores[0].chamfer_l1 == pytest.approx(scores[1].chamfer_l1, rel=1e-9)


def test_fit_is_exact_for_points_that_belong_together():
    rng = np.random.default_rng(0)
    source = rng.standard_normal((20, 3))
    truth = Similarity(1.7, Rotation.random(rng=rng).as_matrix(), np.array([1.0, -2, 3]))
    found = fit_similarity(source, truth(source))
    np.testing.assert_allclose(found(source), truth(source), atol=1e-12)
    assert found.scale == pytest.approx(1.7)


def test_fit_never_mirrors():
    rng = np.random.default_rng(1)
    source = rng.standard_normal((20, 3))
    found = fit_similarity(source, source * [1, 1, -1])
    assert np.linalg.det(found.rotation) == pytest.approx(1) and 0 < found.scale < 1


@pytest.mark.parametrize("seed", range(6))
def test_alignment_undoes_a_similarity(seed):
    """Other points of the same surface, turned in any way, scaled and moved."""
    rng = np.random.default_rng(seed)
    truth = Similarity(rng.uniform(0.4, 2.5), Rotation.random(rng=rng).as_matrix(), rng.uniform(-2, 2, 3))
    source, target = (sample_surface(*_chair(), 3000, s).points for s in (10 + seed, 50 + seed))
    scale, rotation, translation = align_similarity(source, truth(target))
    assert scale == pytest.approx(truth.scale, rel=0.01)
    angle = np.degrees(Rotation.from_matrix(rotation @ truth.rotation.T).magnitude())
    assert angle < 1
    np.testing.assert_allclose(translation, truth.translation, atol=0.02 * truth.scale)


def test_alignment_of_a_surface_with_itself_is_none():
    points = sample_surface(*_chair(), 3000, 0).points
    found = align_similarity(points, points)
    assert found.scale == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(found.rotation, np.eye(3), atol=1e-9)


def test_alignment_does_not_shrink_onto_a_part():
    """A whole chair beside its seat: one-way closest points would draw the chair together."""
    whole, part = (sample_surface(*mesh, 2000, 0).points for mesh in (_chair(), (_chair()[0][:8], _chair()[1][:12])))
    assert align_similarity(whole, part).scale > 0.6
    assert align_similarity(part, whole).scale < 1.6


def test_broken_meshes_are_refused():
    vertices, faces = _SQUARE
    with pytest.raises(UserError, match="no finite area"):
        sample_surface(vertices, faces[:0], 10, 0)
    with pytest.raises(UserError, match="no finite area"):
        sample_surface(np.full_like(vertices, np.nan), faces, 10, 0)
    with pytest.raises(UserError, match="no finite area"):
        sample_surface(np.zeros_like(vertices), faces, 10, 0)
    with pytest.raises(UserError, match="no finite extent"):
        scale_to(np.zeros((4, 3)))
    with pytest.raises(UserError, match="source of an alignment"):
        align_similarity(np.zeros((9, 3)), vertices)
    with pytest.raises(UserError, match="target of an alignment"):
        align_similarity(vertices, vertices[:3])
