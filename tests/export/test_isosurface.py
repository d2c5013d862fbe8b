"""Surfaces of known densities: where they lie, which way they face, that they are closed."""

import collections
import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from published import RENDER

from real3d_jax.benchmarks.use_child import Clock
from real3d_jax.errors import UserError
from real3d_jax.export import density_slabs
from real3d_jax.export.isosurface import extract_mesh, isosurface, isosurface_of_slabs, query_colours
from real3d_jax.export.marching import march
from real3d_jax.export.topology import is_closed
from real3d_jax.models.decoder import Decoder
from real3d_jax.rendering import TriplaneField

_RADIUS = 0.87


def _grid(resolution):
    axis = np.linspace(-_RADIUS, _RADIUS, resolution)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)


def _ball(resolution, *, centre=(0.0, 0.0, 0.0), size=0.5):
    """A density that falls linearly through 25 at the ball's surface, so that interpolation is exact along a radius."""
    distance = np.linalg.norm(_grid(resolution) - np.array(centre), axis=-1)
    return np.maximum(25 + 100 * (size - distance), 0)


def _volume(mesh):
    """Signed: positive if the faces are counter-clockwise seen from outside."""
    a, b, c = np.moveaxis(mesh.vertices[mesh.faces].astype(np.float64), 1, 0)
    return np.einsum("fi,fi->", a, np.cross(b, c)) / 6


def _is_closed(mesh):
    """Every edge has two faces, which run along it in opposite directions."""
    edges = np.concatenate([mesh.faces[:, [i, (i + 1) % 3]] for i in range(3)])
    directed = collections.Counter(map(tuple, edges))
    return all(count == 1 and directed[(b, a)] == 1 for (a, b), count in directed.items())


def test_ball():
    centre = np.array([0.2, -0.1, 0.05])
    mesh = isosurface(_ball(64, centre=centre), radius=_RADIUS)
    step = 2 * _RADIUS / 63
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices - centre, axis=1), 0.5, atol=step**2)
    assert _is_closed(mesh)
    assert _volume(mesh) == pytest.approx(4 / 3 * np.pi * 0.5**3, rel=0.01)
    corners = mesh.vertices[mesh.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (np.einsum("fi,fi->f", normals, corners.mean(axis=1) - centre) > 0).all()


def test_the_threshold_moves_the_surface():
    mesh = isosurface(_ball(64), radius=_RADIUS, threshold=35.0)
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices, axis=1), 0.4, atol=1e-3)


def test_what_the_box_cuts_is_closed_by_its_faces():
    mesh = isosurface(_ball(40, centre=(_RADIUS, 0, 0)), radius=_RADIUS)
    assert _is_closed(mesh)
    assert _volume(mesh) == pytest.approx(2 / 3 * np.pi * 0.5**3, rel=0.02)
    assert np.abs(mesh.vertices).max() <= np.float32(_RADIUS)
    full = isosurface(np.full((8, 8, 8), 1e30, np.float32), radius=_RADIUS)
    assert _is_closed(full) and _volume(full) == pytest.approx((2 * _RADIUS) ** 3, rel=1e-5)


@pytest.mark.parametrize("place", [(0, 0, 0), (_RADIUS, 0, 0), (_RADIUS, _RADIUS, 0), (_RADIUS,) * 3])
def test_no_face_is_without_area(place):
    mesh = isosurface(_ball(20, centre=place), radius=_RADIUS)
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    assert areas.min() > 1e-9
    assert _is_closed(mesh)
    eighth = 2.0 ** -np.count_nonzero(place)
    assert _volume(mesh) == pytest.approx(eighth * 4 / 3 * np.pi * 0.5**3, rel=0.06)
    assert sorted(set(mesh.faces.ravel())) == list(range(len(mesh.vertices)))


def test_points_that_lie_on_the_surface_itself():
    density = np.random.default_rng(0).integers(0, 3, (12, 12, 12)) * 25.0
    mesh = isosurface(density, radius=_RADIUS)
    assert _is_closed(mesh)
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    assert np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).min() > 0


def test_the_advice_for_an_empty_field_works():
    for highest in (24.0, 3.1e-5, 1e-30):
        density = _ball(12) * (highest / _ball(12).max())
        with pytest.raises(UserError, match=r"set the threshold below that, to \S+ say\.$") as caught:
            isosurface(density, radius=_RADIUS)
        assert len(isosurface(density, radius=_RADIUS, threshold=float(str(caught.value).split()[-2])).faces)
    with pytest.raises(UserError, match="no threshold shows a surface"):
        isosurface(np.zeros((8, 8, 8)), radius=_RADIUS)


def _quadratic_field(squares, slopes, offset):
    """A field whose raw density is offset - sum squares_i x_i^2 + slopes_i x_i, and whose colour is sigmoid(x, y, z).

    Its planes hold the terms and its decoder adds them: SiLU is the identity far to the right of 0.
    """
    texels, shift = 256, 50.0
    axis = (np.arange(texels) + 0.5) / texels * 2 - 1  # in units of the radius
    terms = [-s * (_RADIUS * axis) ** 2 + k * _RADIUS * axis for s, k in zip(squares, slopes, strict=True)]
    planes = np.zeros((1, 3, texels, texels, 4), np.float32)
    planes[0, 0, :, :, 0] = terms[0][None, :] + terms[1][:, None]  # (x, y): x runs along the width
    planes[0, 2, :, :, 0] = terms[2][:, None]  # (y, z)
    planes[0, 0, :, :, 1], planes[0, 0, :, :, 2] = axis[None, :], axis[:, None]
    planes[0, 1, :, :, 3] = axis[:, None]  # (x, z)
    gather = np.zeros((12, 4), np.float32)
    for plane, channel in np.ndindex(3, 4):
        gather[4 * plane + channel, channel] = 1
    params = {
        "layer_0": {"kernel": gather, "bias": np.full(4, shift, np.float32)},
        "layer_1": {"kernel": np.eye(4, dtype=np.float32), "bias": np.array([offset, 0, 0, 0], np.float32) - shift},
    }
    return TriplaneField(jnp.asarray(planes), params, Decoder(4, 1))


def test_field():
    """An ellipsoid off the centre, its axes all different: raw density ln(25) - density_bias on its surface."""
    half_axes, centre = np.array([0.25, 0.35, 0.45]), np.array([0.2, -0.1, 0.05])
    squares = 3 / half_axes**2
    offset = np.log(25) - RENDER.density_bias + 3 - np.sum(squares * centre**2)
    mesh = extract_mesh(_quadratic_field(squares, 2 * squares * centre, offset), RENDER, resolution=64)
    scaled = (mesh.vertices - centre) / half_axes
    np.testing.assert_allclose(np.linalg.norm(scaled, axis=1), 1, atol=0.02)
    assert _is_closed(mesh) and _volume(mesh) == pytest.approx(4 / 3 * np.pi * np.prod(half_axes), rel=0.02)
    assert mesh.colours is not None and mesh.vertices.dtype == np.float32
    np.testing.assert_allclose(mesh.colours, 1 / (1 + np.exp(-mesh.vertices / _RADIUS)), atol=1e-3)


def test_field_without_colours():
    field = _quadratic_field(np.full(3, 20.0), np.zeros(3), 10.0)
    clock = Clock()
    mesh = extract_mesh(field, RENDER, resolution=16, colours=False, stage=clock)
    assert mesh.colours is None and len(mesh.faces)
    assert list(clock.seconds) == ["grid"]


def test_colours_of_points_do_not_depend_on_how_many_are_asked_for(monkeypatch):
    field = _quadratic_field(np.full(3, 20.0), np.zeros(3), 10.0)
    points = np.random.default_rng(0).uniform(-0.8, 0.8, (1000, 3)).astype(np.float32)
    monkeypatch.setattr("real3d_jax.export.isosurface._POINTS_AT_ONCE", {"cpu": 384})
    colours = query_colours(field, RENDER, points)
    np.testing.assert_allclose(colours, 1 / (1 + np.exp(-points / _RADIUS)), atol=1e-3)


def test_nothing_to_extract_is_said_in_a_sentence():
    with pytest.raises(UserError, match=r"empty: its highest density is 24, not above the threshold 25"):
        isosurface(np.full((8, 8, 8), 24.0), radius=_RADIUS)
    broken = _ball(8)
    broken[0, 0, 0] = np.nan
    with pytest.raises(UserError, match="not a number"):
        isosurface(broken, radius=_RADIUS)
    with pytest.raises(UserError, match="not above 0"):
        isosurface(_ball(8), radius=_RADIUS, threshold=0.0)
    field = _quadratic_field(np.zeros(3), np.zeros(3), 0.0)
    with pytest.raises(UserError, match="empty"):
        extract_mesh(field, RENDER, resolution=8)
    with pytest.raises(ValueError, match="one field, not of 2"):
        extract_mesh(dataclasses.replace(field, planes=jnp.zeros((2, 3, 4, 4, 4))), RENDER)


@pytest.mark.parametrize("name", ["ball", "cut", "noise", "levels"])
def test_the_mesh_is_the_same_however_the_grid_is_cut(name):
    random = np.random.default_rng(0)
    density = {
        "ball": _ball(21, centre=(0.1, 0.0, 0.2)),
        "cut": _ball(21, centre=(_RADIUS,) * 3),
        "noise": np.exp(8 * random.normal(size=(13, 12, 11))),  # so steep that corners coincide in float32
        "levels": random.integers(0, 3, (13, 12, 11)) * 25.0,
    }[name]
    whole = isosurface(density, radius=_RADIUS)
    for places in ([1], [5], [4, 8], [1, 2, 3, 12], list(range(1, len(density)))):
        cut = isosurface_of_slabs(np.split(density, places), density.shape, radius=_RADIUS)
        np.testing.assert_array_equal(cut.vertices, whole.vertices)
        np.testing.assert_array_equal(cut.faces, whole.faces)
    assert _is_closed(whole) and is_closed(whole.faces)


@pytest.mark.parametrize("seed", range(12))
def test_noise_cut_anywhere_has_the_same_bits(seed):
    """With points on the threshold, some of them between slabs, and vertices within cubes."""
    random = np.random.default_rng(seed)
    x, y, z = random.integers(3, 12, 3).tolist()
    shape = x, y, z
    density = (random.random(shape) * 3).astype(np.float32)
    density[random.random(shape) > 0.8] = 1.0
    places = np.flatnonzero(random.random(shape[0] - 1) > 0.5) + 1
    whole, cut = (march(slabs, shape, threshold=1.0) for slabs in ([density], np.split(density, places)))
    assert whole[0].tobytes() == cut[0].tobytes() and whole[1].tobytes() == cut[1].tobytes()


def test_fields_are_cut_into_slabs_of_few_points(monkeypatch):
    field = _quadratic_field(np.full(3, 20.0), np.zeros(3), 10.0)
    whole = extract_mesh(field, RENDER, resolution=20)
    seen = []
    monkeypatch.setattr(density_slabs, "_POINTS_PER_SLAB", 8 * 20 * 20)
    slabs = density_slabs.all_slabs

    def observed(*arguments):
        for slab in slabs(*arguments):
            seen.append(slab.shape)
            yield slab

    monkeypatch.setattr("real3d_jax.export.isosurface.all_slabs", observed)
    cut = extract_mesh(field, RENDER, resolution=20)
    assert seen == [(8, 20, 20), (8, 20, 20), (4, 20, 20)]  # the last one is computed with layers of the one before
    np.testing.assert_array_equal(cut.faces, whole.faces)
    np.testing.assert_allclose(cut.vertices, whole.vertices, atol=1e-6)


def test_what_is_far_from_a_surface_need_not_be_asked_for(monkeypatch):
    field = _quadratic_field(np.full(3, 20.0), np.zeros(3), 8.0)
    queried, asked = density_slabs._queried, []
    monkeypatch.setattr(density_slabs, "_queried", lambda *of: asked.append(len(of[-1])) or queried(*of))
    monkeypatch.setattr(density_slabs, "blocks_per_chunk", lambda: 512)
    monkeypatch.setattr(density_slabs, "_POINTS_PER_SLAB", 16 * 60 * 60)
    quick = extract_mesh(field, RENDER, resolution=60, skip_empty=True)
    whole = extract_mesh(field, RENDER, resolution=60)
    assert asked[0] == 4**3 and 0 < sum(asked[1:]) < 0.8 * 15**3
    np.testing.assert_array_equal(quick.faces, whole.faces)
    np.testing.assert_allclose(quick.vertices, whole.vertices, atol=1e-6)
