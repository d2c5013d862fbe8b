"""A field seen through its lens: what the true camera sees is what the model was shown, and shapes are true."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import RENDER

from real3d_jax.cameras import Cameras, camera_rays, canonical_c2w, intrinsics_from_fov
from real3d_jax.rendering import query_field
from real3d_jax.rendering.lens import make_lens, through_lens
from tests.rendering.test_visible_surface import sphere

DISTANCE, FOV = 2.4, 39.6


@pytest.mark.parametrize("true_fov", [15.0, 39.6, 60.0])
def test_a_point_keeps_its_pixel_and_its_place_along_the_axis(true_fov):
    lens = make_lens(distance=DISTANCE, fov_y=FOV, true_fov_y=true_fov)
    points = jax.random.uniform(jax.random.key(0), (1, 50, 3), minval=-0.6, maxval=0.6)
    moved = through_lens(points, lens)

    def pixel(points, distance, fov):
        return points[..., 1:] / (distance - points[..., :1]) / np.tan(np.radians(fov) / 2)

    np.testing.assert_allclose(pixel(points, float(lens.true), true_fov), pixel(moved, DISTANCE, FOV), rtol=1e-4)
    np.testing.assert_array_equal(moved[..., 0], points[..., 0])
    middle = points.at[..., 0].set(0.0)
    np.testing.assert_allclose(through_lens(middle, lens), middle, rtol=1e-6)
    if true_fov == FOV:
        np.testing.assert_allclose(moved, points, rtol=1e-5)


def test_beside_and_behind_the_true_camera_numbers_stay_finite():
    """Nothing counts as nearer to it than a twentieth of its distance."""
    lens = make_lens(distance=DISTANCE, fov_y=FOV, true_fov_y=60.0)
    x = jnp.float32(lens.true) * jnp.array([0.95, 1.0, 1.2])
    points = jnp.stack([x, jnp.full(3, 0.1), jnp.zeros(3)], axis=-1)[None]
    moved = through_lens(points, lens)
    np.testing.assert_allclose(moved[0, :, 1], 0.1 * (1 - x / DISTANCE) / 0.05, rtol=1e-4)
    np.testing.assert_array_equal(moved[0, :, 2], 0.0)


def test_a_field_is_queried_where_the_model_put_what_is_there():
    """And nothing is outside the box, of which the planes know nothing."""
    plain = sphere(steepness=8.0)
    lens = make_lens(distance=DISTANCE, fov_y=FOV, true_fov_y=20.0)
    field = dataclasses.replace(plain, lens=lens)
    ask = jax.jit(functools.partial(query_field, config=RENDER))
    points = jnp.array([[[0.5, 0.1, 0.2], [-0.7, 0.3, 0.1], [-0.86, 0.8, 0.8]]])
    density, rgb = ask(field, points)
    expected, colours = ask(plain, through_lens(points, lens))
    np.testing.assert_allclose(density[0, :2], expected[0, :2], rtol=1e-5)
    np.testing.assert_allclose(rgb, colours, rtol=1e-5)
    assert np.abs(density[0, :2] / ask(plain, points)[0][0, :2] - 1).min() > 0.05
    assert density[0, 2] == 0


def test_the_true_camera_looks_along_the_rays_of_the_models():
    lens = make_lens(distance=DISTANCE, fov_y=FOV, true_fov_y=25.0)

    def rays(distance, fov):
        intrinsics = intrinsics_from_fov(np.radians(fov))[None]
        return camera_rays(Cameras(canonical_c2w(jnp.array([distance])), intrinsics), 5, 5)

    origins, directions = (x.reshape(-1, 3) for x in rays(float(lens.true), 25.0))
    ours_origins, ours = (x.reshape(-1, 3) for x in rays(DISTANCE, FOV))
    for x in (-0.5, 0.0, 0.5):
        at = ((x - origins[:, :1]) / directions[:, :1]) * directions + origins
        expected = ((x - ours_origins[:, :1]) / ours[:, :1]) * ours + ours_origins
        np.testing.assert_allclose(through_lens(at[None], lens)[0], expected, atol=1e-5)
