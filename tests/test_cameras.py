"""Cameras: conventions, round trips and invariances."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from real3d_jax import cameras

ANGLE = st.floats(-np.pi, np.pi, allow_subnormal=False)
ELEVATION = st.floats(-np.pi / 2, np.pi / 2, allow_subnormal=False)
DISTANCE = st.floats(0.5, 5.0, allow_subnormal=False)
CHEAP = settings(max_examples=25, deadline=None)


def test_canonical_camera_sits_on_x_and_sees_y_to_its_right():
    expected = [[0, 0, 1, 2.4], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
    np.testing.assert_allclose(cameras.canonical_c2w(2.4), expected, atol=1e-7)


@CHEAP
@given(ANGLE, ELEVATION, DISTANCE)
def test_spherical_pose_is_a_rotation_that_looks_at_the_origin(azimuth, elevation, distance):
    c2w = np.asarray(cameras.spherical_c2w(azimuth, elevation, distance), np.float64)
    rotation, position = c2w[:3, :3], c2w[:3, 3]
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(rotation), 1.0, atol=1e-5)
    np.testing.assert_allclose(position - distance * rotation[:, 2], 0.0, atol=1e-5)
    assert rotation[2, 1] >= -1e-6, "up must not point down"


@CHEAP
@given(ANGLE, ELEVATION, DISTANCE)
def test_inverse_pose(azimuth, elevation, distance):
    c2w = cameras.spherical_c2w(azimuth, elevation, distance)
    np.testing.assert_allclose(cameras.compose(cameras.invert_rigid(c2w), c2w), np.eye(4), atol=2e-6)


@CHEAP
@given(ANGLE, ELEVATION, DISTANCE)
def test_returning_twice_is_the_pose_itself_and_keeps_the_distance(azimuth, elevation, distance):
    canonical = cameras.canonical_c2w(distance)
    c2w = cameras.spherical_c2w(azimuth, elevation, distance)
    back = cameras.cycle_return_pose(c2w, canonical)
    np.testing.assert_allclose(cameras.cycle_return_pose(back, canonical), c2w, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(back[:3, 3]), distance, rtol=1e-5)
    # Seen from the novel view as the canonical one, the return pose is where the input was.
    relative = cameras.compose(cameras.invert_rigid(canonical), back)
    np.testing.assert_allclose(
        relative, cameras.compose(cameras.invert_rigid(c2w), canonical), atol=1e-5 * max(distance, 1)
    )


def test_returning_from_the_input_view_is_the_input_view():
    canonical = cameras.canonical_c2w(3.0)
    np.testing.assert_allclose(cameras.cycle_return_pose(canonical, canonical), canonical, atol=1e-6)


def _project(c2w, intrinsics, point):
    """Where a camera sees a world point, in fractions of the image, from the upper left corner; in float64."""
    x, y, z = np.linalg.inv(np.asarray(c2w, np.float64))[:3] @ np.append(point, 1.0)
    fx, fy, cx, cy = np.asarray(intrinsics, np.float64)
    return np.array([fx * x / -z + cx, -fy * y / -z + cy])


@CHEAP
@given(ANGLE, ELEVATION, st.integers(0, 6), st.integers(0, 4), DISTANCE)
def test_points_on_a_ray_project_to_its_pixel(azimuth, elevation, column, row, depth):
    intrinsics = jnp.array([0.9, 1.2, 0.45, 0.6])  # off centre, not square
    camera = cameras.Cameras(cameras.spherical_c2w(azimuth, elevation, 2.0), intrinsics)
    origins, directions = cameras.camera_rays(camera, 5, 7)
    origin, direction = (np.asarray(rays, np.float64)[row, column] for rays in (origins, directions))
    point = origin + depth * direction
    expected = [(column + 0.5) / 7, (row + 0.5) / 5]
    np.testing.assert_allclose(_project(camera.c2w, intrinsics, point), expected, atol=1e-5)


def test_ray_directions_have_unit_length_and_batches_agree_with_single_cameras():
    c2w = cameras.spherical_c2w(jnp.array([[0.1, 0.5], [2.0, -1.0]]), 0.3, 2.0)
    batch = cameras.Cameras(c2w, jnp.broadcast_to(cameras.intrinsics_from_fov(0.7), (2, 2, 4)))
    origins, directions = cameras.camera_rays(batch, 3, 4)
    assert origins.shape == directions.shape == (2, 2, 3, 4, 3)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=-1), 1.0, atol=1e-6)
    one = cameras.Cameras(c2w[1, 0], batch.intrinsics[1, 0])
    np.testing.assert_allclose(cameras.camera_rays(one, 3, 4)[1], directions[1, 0], atol=1e-6)


def test_field_of_view_spans_the_image():
    fx, fy, cx, cy = np.asarray(cameras.intrinsics_from_fov(np.deg2rad(40.0), aspect=2.0))
    np.testing.assert_allclose([np.tan(np.deg2rad(20.0)) * fy, cx, cy, fy / fx], [0.5, 0.5, 0.5, 2.0], rtol=1e-6)


@pytest.mark.parametrize("distance", [1.9, 3.0])
def test_input_frame_makes_the_input_canonical_and_moves_object_and_views_together(distance):
    """A point that two views saw at two pixels is, in the input frame, one point at the same two pixels."""
    source = cameras.spherical_c2w(jnp.array([0.4, 1.7]), jnp.array([0.2, -0.6]), jnp.array([1.645, 1.9]))
    mapped = cameras.to_input_frame(source[0], source, distance)
    np.testing.assert_allclose(mapped[0], cameras.canonical_c2w(distance), atol=2e-6)

    intrinsics = np.array([1.1, 1.1, 0.5, 0.5])
    point = np.array([0.1, -0.2, 0.3])
    to_frame = np.asarray(mapped[0], np.float64) @ np.linalg.inv(_scaled(source[0], distance / 1.645))
    moved = (to_frame @ np.append(point * distance / 1.645, 1.0))[:3]
    for before, after in zip(source, mapped, strict=True):
        np.testing.assert_allclose(_project(after, intrinsics, moved), _project(before, intrinsics, point), atol=1e-5)


def _scaled(c2w, factor):
    c2w = np.array(c2w, np.float64)
    c2w[:3, 3] *= factor
    return c2w
