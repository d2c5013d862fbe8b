"""Views that leave out empty space are those that ask everywhere."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import RENDER

from real3d_jax.cameras import Cameras, intrinsics_from_fov, spherical_c2w
from real3d_jax.models.decoder import Decoder
from real3d_jax.rendering import TriplaneField, render_views, sparse

CONFIG = dataclasses.replace(RENDER, resolution=24, samples=32, rays_per_chunk=64, background=0.5)


@pytest.fixture(scope="module")
def field():
    """A red cube of half-size about 0.3, of density e^4, in next to nothing.

    Each plane is 1 inside a square, and the decoder has no hidden layer: inside all three squares the sum is 3.
    """
    size = 32
    inside = np.abs((np.arange(size) + 0.5) / size * 2 - 1) < 0.35
    planes = np.broadcast_to(inside[:, None] & inside, (1, 3, size, size))[..., None].astype(np.float32)
    kernel = np.zeros((3, 4), np.float32)
    kernel[:, 0] = 10.0
    params = {"layer_0": {"kernel": kernel, "bias": np.array([5.0 - 3 * 10.0, 9, -9, -9], np.float32)}}
    return TriplaneField(jnp.asarray(planes), params, Decoder(width=8, hidden_layers=0))


@pytest.fixture(scope="module")
def cameras():
    c2w = spherical_c2w(jnp.array([0.0, 0.7, 2.0]), jnp.array([0.0, 0.4, -0.6]), 2.4)
    return Cameras(c2w, jnp.tile(intrinsics_from_fov(0.69), (3, 1)))


def _dense(field, cameras):
    render = jax.jit(render_views, static_argnames="config")
    rgb, opacity = render(field, Cameras(cameras.c2w[None], cameras.intrinsics[None]), CONFIG)
    return np.asarray(rgb[0]), np.asarray(opacity[0])


def test_a_small_part_is_occupied_and_the_views_stay(field, cameras):
    occupied = sparse.occupied_cells(field, CONFIG, 0.01)
    share = float(occupied.mean())
    assert (2 * 0.35) ** 3 / 8 < share < 0.1
    rgb, opacity = sparse.render_views_sparse(field, occupied, cameras, CONFIG, resolution=CONFIG.resolution)
    expected = _dense(field, cameras)
    assert expected[1].max() > 0.9 and expected[1].min() < 0.01  # there is something to see, and something empty
    np.testing.assert_allclose(opacity, expected[1], atol=0.01)
    np.testing.assert_allclose(rgb, expected[0], atol=0.01)


def test_nothing_is_left_out_where_all_is_occupied(field, cameras, monkeypatch):
    """And the chunks, of which the last is not full, put every sample where it belongs."""
    monkeypatch.setattr(sparse, "_POINTS_AT_ONCE", 1000)
    # Less steep, so that a place that is rounded otherwise has the same density.
    field = field.replace(decoder_params={"layer_0": {k: 0.2 * x for k, x in field.decoder_params["layer_0"].items()}})
    everywhere = jnp.ones((63, 63, 63), bool)
    rgb, opacity = sparse.render_views_sparse(field, everywhere, cameras, CONFIG, resolution=CONFIG.resolution)
    expected = _dense(field, cameras)
    assert np.ptp(expected[1]) > 0.2
    np.testing.assert_allclose(rgb, expected[0], atol=1e-5)
    np.testing.assert_allclose(opacity, expected[1], atol=1e-5)


def test_an_empty_field_is_the_background(field, cameras):
    nowhere = sparse.occupied_cells(field, CONFIG, 1e9)
    assert not nowhere.any()
    rgb, opacity = sparse.render_views_sparse(field, nowhere, cameras, CONFIG, resolution=CONFIG.resolution)
    np.testing.assert_array_equal(rgb, np.full(rgb.shape, 0.5, np.float32))
    assert not opacity.any()


def test_a_cell_knows_its_own_corners_and_their_neighbours(field, monkeypatch):
    """A single dense grid point marks the cells from two before it to one after it: those that touch it, and theirs."""
    density = np.zeros((1, 64, 64, 64), np.float32)
    density[0, 20, 30, 40] = 1.0
    monkeypatch.setattr(sparse, "density_grid", lambda *_: jnp.asarray(density))
    found = np.argwhere(np.asarray(sparse.occupied_cells(field, CONFIG, 0.5)))
    assert found.min(0).tolist() == [18, 28, 38]
    assert found.max(0).tolist() == [21, 31, 41]
    assert len(found) == 4**3
