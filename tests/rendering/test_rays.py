"""Rays against the box."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from real3d_jax.rendering.rays import intersect_box, midpoints


def _intersect(origins, directions, **kwargs):
    settings = {"half_size": 0.5, "min_interval": 0.01} | kwargs
    return [
        np.asarray(x) for x in intersect_box(jnp.asarray(origins, float), jnp.asarray(directions, float), **settings)
    ]


def test_ray_along_an_axis_enters_and_leaves_at_the_faces():
    near, far, hit = _intersect([[2.0, 0.1, -0.2]], [[-1.0, 0.0, 0.0]])
    np.testing.assert_allclose([near[0], far[0]], [1.5, 2.5], rtol=1e-6)
    assert hit[0]


def test_ray_that_starts_inside_is_clamped_at_its_origin():
    near, far, hit = _intersect([[0.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    assert near[0] == 0.0
    np.testing.assert_allclose(far[0], 0.5, rtol=1e-6)
    assert hit[0]


def test_ray_of_small_slope_keeps_its_slope():
    direction = np.array([-1.0, 0.005, 0.0]) / np.hypot(1.0, 0.005)
    near, far, hit = _intersect([[2.0, 0.49, 0.0]], [direction])
    np.testing.assert_allclose([near[0], far[0]], np.array([1.5, 2.0]) / -direction[0], rtol=1e-4)
    assert hit[0]


@pytest.mark.parametrize("face", [-0.5, 0.5])
def test_ray_in_the_plane_of_a_face_divides_by_nothing(face):
    with jax.debug_nans(True):
        near, far, _ = _intersect([[2.0, face, 0.0]], [[-1.0, 0.0, 0.0]])
    assert np.isfinite([near, far]).all()


def test_rays_that_miss_turn_away_or_graze_do_not_hit():
    grazing = [0.5 + 0.5 - 0.004, 0.5, 0.0]
    origins = [[2.0, 0.6, 0.0], [2.0, 0.0, 0.0], grazing]
    directions = [[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [-(0.5**0.5), 0.5**0.5, 0.0]]
    near, far, hit = _intersect(origins, directions)
    assert not hit.any()
    np.testing.assert_array_equal(near, 0.0)
    np.testing.assert_array_equal(far, 0.0)
    corner = np.array([0.5, 0.5, 0.0]) - 0.004 * np.array([1, 0, 0])
    start = corner - 2 * np.array(directions[2])
    assert not _intersect([start], [directions[2]])[2].any(), "a way of 0.0057 through the box is too short"
    assert _intersect([start], [directions[2]], min_interval=0.005)[2].all()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=6, max_size=6))
def test_points_between_near_and_far_are_in_the_box(numbers):
    origin, direction = np.array(numbers[:3]) * 3, np.array(numbers[3:])
    if np.linalg.norm(direction) < 1e-2:
        return
    direction /= np.linalg.norm(direction)
    near, far, hit = _intersect([origin], [direction])
    points = origin + np.linspace(near[0], far[0], 9)[:, None] * direction
    outside = origin + np.array([near[0] - 1e-2, far[0] + 1e-2])[:, None] * direction
    if hit[0]:
        assert (np.abs(points) <= 0.5 + 1e-4).all()
        assert near[0] == 0.0 or (np.abs(outside[0]) > 0.5 - 1e-4).any()
        assert (np.abs(outside[1]) > 0.5 - 1e-4).any()


def test_samples_are_the_midpoints_of_equal_parts():
    t = midpoints(jnp.array([1.0, 0.0]), jnp.array([2.0, 8.0]), 4)
    np.testing.assert_allclose(t, [[1.125, 1.375, 1.625, 1.875], [1, 3, 5, 7]], rtol=1e-6)
