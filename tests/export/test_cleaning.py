"""Floaters, smoothing and decimation: what stays, and that it stays closed and outward."""

import numpy as np
import pytest
import trimesh

from real3d_jax.errors import UserError
from real3d_jax.export.cleaning import decimated, smoothed, without_floaters
from real3d_jax.export.isosurface import isosurface
from real3d_jax.export.mesh import Mesh
from real3d_jax.export.topology import areas, is_closed, parts, separated, volumes

_AXIS = np.linspace(-0.87, 0.87, 40)
_POINTS = np.stack(np.meshgrid(_AXIS, _AXIS, _AXIS, indexing="ij"), -1)


def _balls(*balls):
    """A density with balls (centre, radius), hollow ones by a negative radius."""
    distance = np.full(_POINTS.shape[:3], -1.0)
    for centre, radius in balls:
        inside = abs(radius) - np.linalg.norm(_POINTS - np.array(centre), axis=-1)
        distance = np.maximum(distance, inside) if radius > 0 else np.minimum(distance, -inside)
    return isosurface(np.maximum(25 + 100 * distance, 0), radius=0.87)


def _volume(mesh):
    return volumes(mesh.vertices, mesh.faces).sum()


def _noise(seed=0):
    """A surface with hundreds of parts, handles and hollows."""
    return isosurface(np.exp(4 * np.random.default_rng(seed).normal(size=(16, 16, 16))), radius=0.87)


def test_floaters_go_by_the_volume_that_they_enclose():
    mesh = _balls(((-0.2, 0, 0), 0.5), ((0.6, 0.6, 0.6), 0.2), ((0.6, -0.6, -0.6), 0.1))
    sizes = [4 / 3 * np.pi * r**3 for r in (0.5, 0.2, 0.1)]  # shares 1, 0.064, 0.008
    for share, kept in ((0, 3), (0.007, 3), (0.01, 2), (0.06, 2), (0.07, 1), (1, 1)):
        clean = without_floaters(mesh, share)
        assert _volume(clean) == pytest.approx(sum(sizes[:kept]), rel=0.03)
        assert is_closed(clean.faces) and len(np.unique(parts(clean.faces))) == kept
        assert (np.unique(clean.faces) == np.arange(len(clean.vertices))).all()


def test_a_hollow_is_filled_or_kept_with_its_hull():
    mesh = _balls(((0, 0, 0), 0.6), ((0, 0, 0), -0.2))
    hull, hollow = 4 / 3 * np.pi * 0.6**3, 4 / 3 * np.pi * 0.2**3
    assert _volume(without_floaters(mesh, 0.01)) == pytest.approx(hull - hollow, rel=0.02)
    assert _volume(without_floaters(mesh, 0.05)) == pytest.approx(hull, rel=0.02)


def test_smoothing_takes_noise_away_and_keeps_the_size():
    ball = _balls(((0, 0, 0), 0.5))
    noise = np.random.default_rng(0).normal(scale=5e-3, size=ball.vertices.shape).astype(np.float32)
    rough = Mesh(ball.vertices + noise, ball.faces)
    smooth = smoothed(rough, 10)
    spread = [np.linalg.norm(mesh.vertices, axis=1).std() for mesh in (rough, smooth)]
    assert spread[1] < 0.45 * spread[0]
    assert _volume(smooth) == pytest.approx(_volume(ball), rel=0.01)
    assert is_closed(smooth.faces) and smoothed(ball, 0) is ball


@pytest.mark.parametrize("faces", [4, 60, 500, 3000])
@pytest.mark.parametrize("seed", range(2))
def test_fewer_faces_stay_closed_even_if_their_sheets_touch(tmp_path, faces, seed):
    mesh = decimated(_noise(seed), faces) if faces > 60 else decimated(_balls(((0, 0, 0), 0.6)), faces)
    assert len(mesh.faces) <= faces and is_closed(mesh.faces)
    assert areas(mesh.vertices, mesh.faces).min() > 0 and _volume(mesh) > 0
    mesh.save(tmp_path / "mesh.stl")  # which has places alone: readers join corners in one place
    assert trimesh.load_mesh(tmp_path / "mesh.stl").is_watertight


def test_decimation_keeps_the_shape():
    mesh = _balls(((0.1, 0, 0.2), 0.5))
    few = decimated(mesh, 400)
    assert len(few.faces) == 400
    np.testing.assert_allclose(np.linalg.norm(few.vertices - [0.1, 0, 0.2], axis=1), 0.5, atol=0.01)
    assert decimated(mesh, 0) is mesh and decimated(mesh, len(mesh.faces)) is mesh
    folds = np.array([[0, 1, 2], [0, 2, 1], [2, 3, 4], [2, 4, 3], [5, 6, 7], [5, 7, 6]])
    with pytest.raises(UserError, match="Nothing is left of the mesh with 4 faces"):
        decimated(Mesh(np.random.default_rng(0).random((8, 3)).astype(np.float32), folds), 4)


def test_sheets_that_touch_along_an_edge_are_parted():
    """Two tetrahedra with a common edge."""
    vertices = np.array([[0, 0, 0], [0, 0, 1], [1, 0, 0], [1, 1, 0], [-1, 0, 0], [-1, -1, 0]], np.float32)
    faces = np.concatenate([[[0, 2, 3], [0, 3, 1], [0, 1, 2], [1, 3, 2]], [[0, 4, 5], [0, 5, 1], [0, 1, 4], [1, 5, 4]]])
    assert not is_closed(faces)
    places, parted = separated(vertices, faces)
    assert is_closed(parted) and len(places) == 7 and len(parted) == 8
    np.testing.assert_allclose(places[parted], vertices[faces], atol=0.02)
    doubled = np.concatenate([faces[:4], faces[:4], faces[:4][:, ::-1]])  # one of the three lies on its reverse
    assert np.array_equal(separated(vertices, doubled)[1], separated(vertices, faces[:4])[1])
    opened = separated(vertices, faces[1:])[1]
    assert len(opened) == 7 and not is_closed(opened)
