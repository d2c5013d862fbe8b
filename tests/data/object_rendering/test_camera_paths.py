"""Where the cameras of renders stand."""

import numpy as np
import pytest

import tests.data.object_rendering.requirements  # noqa: F401
from real3d_jax import cameras
from real3d_jax.data import frames
from real3d_jax.data.object_rendering.camera_paths import RandomCameras, RingCameras
from real3d_jax.data.object_rendering.object_renders import poses
from real3d_jax.data.object_rendering.settings import RenderSettings
from real3d_jax.errors import UserError


def spherical(c2w):
    """Azimuth and elevation in degrees, and distance."""
    x, y, z = c2w[:, :3, 3].T
    distance = np.linalg.norm(c2w[:, :3, 3], axis=-1)
    return np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arcsin(z / distance)), distance


def test_the_formula_is_that_of_the_model():
    rng = np.random.default_rng(0)
    azimuth, elevation, distance = rng.uniform(-3, 3, 20), rng.uniform(-1.57, 1.57, 20), rng.uniform(1, 3, 20)
    elevation[:2] = np.pi / 2, -np.pi / 2
    expected = np.asarray(cameras.spherical_c2w(azimuth, elevation, distance))
    np.testing.assert_allclose(frames.spherical_c2w(azimuth, elevation, distance), expected, atol=1e-6)


@pytest.mark.parametrize("path", [RandomCameras(), RingCameras()])
def test_all_look_at_the_origin_with_z_up(path):
    c2w = path.poses(np.random.default_rng(0), 40)
    assert all(frames.is_pose(pose, 1e-9) for pose in c2w)
    _, _, distance = spherical(c2w)
    np.testing.assert_allclose(c2w[:, :3, 2] * distance[:, None], c2w[:, :3, 3], atol=1e-12)
    assert (c2w[:, 2, 1] >= -1e-12).all()
    np.testing.assert_allclose(c2w[:, 2, 0], 0, atol=1e-12)


def test_random_cameras_are_uniform():
    azimuth, elevation, distance = spherical(RandomCameras().poses(np.random.default_rng(0), 20000))
    for values, low, high in ((azimuth, 0, 360), (np.sin(np.radians(elevation)), -1, 1), (distance, 1.5, 2.2)):
        assert low <= values.min() < values.max() <= high
        counts = np.histogram(values, 10, (low, high))[0]
        assert abs(counts - 2000).max() < 200
    path = RandomCameras(distance=(2.0, 2.0), elevation=(10.0, 20.0))
    _, elevation, distance = spherical(path.poses(np.random.default_rng(0), 1000))
    assert 10 <= elevation.min() < 11 < 19 < elevation.max() <= 20
    np.testing.assert_allclose(distance, 2)


def test_a_ring():
    path = RingCameras(distance=(1.6, 1.7))
    azimuth, elevation, distance = spherical(path.poses(np.random.default_rng(3), 40))
    assert np.ptp(distance) < 1e-9 and 1.6 < distance[0] < 1.7
    np.testing.assert_allclose(elevation[26:28], [90, -90], atol=1e-5)
    for ring, low, high, count in ((slice(0, 26), 5, 30, 26), (slice(28, 40), -5, 5, 12)):
        assert np.ptp(elevation[ring]) < 1e-9 and low < elevation[ring][0] < high
        np.testing.assert_allclose(np.diff(azimuth[ring]) % 360, 360 / count, atol=1e-9)
    assert len(path.poses(np.random.default_rng(0), 3)) == 3
    assert len(path.poses(np.random.default_rng(0), 24)) == 24


def test_objects_have_cameras_of_their_own():
    one = RenderSettings(RandomCameras(), views=8)
    np.testing.assert_array_equal(poses(one, "a"), poses(one, "a"))
    assert np.abs(poses(one, "a") - poses(one, "b")).max() > 0.1
    assert np.abs(poses(one, "a") - poses(RenderSettings(RandomCameras(), views=8, seed=1), "a")).max() > 0.1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomCameras(distance=(0.5, 2.0)), "--distance"),
        (lambda: RandomCameras(distance=(2.0, 1.5)), "--distance"),
        (lambda: RandomCameras(distance=(2.0, 7.0)), "--distance"),
        (lambda: RingCameras(elevation=(-100.0, 0.0)), "--elevation"),
        (lambda: RenderSettings(RandomCameras(), views=0), "--views must be from 1"),
        (lambda: RenderSettings(RandomCameras(), image_size=4), "--image_size"),
        (lambda: RenderSettings(RandomCameras(), image_size=4096, supersample=3), "lower one"),
        (lambda: RenderSettings(RandomCameras(), fov_y=0.0), "--fov_y"),
    ],
)
def test_wrong_settings(make, message):
    with pytest.raises(UserError, match=message):
        make()
