"""Poses, rays, box and the cycle's return pose against the published functions."""

import jax.numpy as jnp
import numpy as np
from parity_data import OUTPUT_TOLERANCE, relative_error

from real3d_jax.cameras import (
    Cameras,
    camera_rays,
    canonical_c2w,
    cycle_return_pose,
    intrinsics_from_fov,
    spherical_c2w,
)
from real3d_jax.rendering.rays import intersect_box

SELF_CONSISTENCY_AZIMUTH = np.array([0] + [30, 60, -30, -60] * 3)
SELF_CONSISTENCY_ELEVATION = np.array([0] * 5 + [30] * 4 + [60] * 4)


def _poses(data):
    return spherical_c2w(np.deg2rad(data["azimuth_deg"]), np.deg2rad(data["elevation_deg"]), data["distance"])


def _rays(c2w, data):
    intrinsics = jnp.broadcast_to(intrinsics_from_fov(float(data["fov"])), (len(c2w), 4))
    return camera_rays(Cameras(jnp.asarray(c2w), intrinsics), *data["rays_o"].shape[1:3])


def test_spherical_poses(cameras_npz):
    assert relative_error(_poses(cameras_npz), cameras_npz["c2w"]) <= OUTPUT_TOLERANCE


def test_canonical_pose(cameras_npz):
    expected = cameras_npz["canonical_c2w"][0]
    assert relative_error(canonical_c2w(float(np.linalg.norm(expected[:3, 3]))), expected) <= OUTPUT_TOLERANCE


def test_self_consistency_poses(cameras_npz):
    expected = cameras_npz["consistency_c2w"]
    distance = float(np.linalg.norm(expected[0, :3, 3]))
    c2w = spherical_c2w(np.deg2rad(SELF_CONSISTENCY_AZIMUTH), np.deg2rad(SELF_CONSISTENCY_ELEVATION), distance)
    assert relative_error(c2w, expected) <= OUTPUT_TOLERANCE


def test_rays(cameras_npz):
    origins, directions = _rays(_poses(cameras_npz), cameras_npz)
    assert relative_error(origins, cameras_npz["rays_o"]) <= OUTPUT_TOLERANCE
    assert relative_error(directions, cameras_npz["rays_d"]) <= OUTPUT_TOLERANCE


def test_return_pose_of_the_cycle(cameras_npz):
    expected = cameras_npz["cycle_inverse_c2w"]
    canonical = jnp.asarray(cameras_npz["canonical_c2w"])
    back = cycle_return_pose(_poses(cameras_npz)[: len(expected)], canonical)
    assert relative_error(back, expected) <= OUTPUT_TOLERANCE
    origins, directions = _rays(back, cameras_npz)
    assert relative_error(origins, cameras_npz["cycle_rays_o"]) <= OUTPUT_TOLERANCE
    assert relative_error(directions, cameras_npz["cycle_rays_d"]) <= OUTPUT_TOLERANCE


def test_box(cameras_npz):
    origins, directions = (jnp.asarray(cameras_npz[key].reshape(-1, 3)) for key in ("rays_o", "rays_d"))
    near, far, hit = intersect_box(origins, directions, half_size=0.87 * (1 - 1e-3), min_interval=0.01)
    valid = cameras_npz["valid"]
    np.testing.assert_array_equal(hit, valid)
    assert relative_error(near[valid], cameras_npz["t_near"][valid, 0]) <= OUTPUT_TOLERANCE
    assert relative_error(far[valid], cameras_npz["t_far"][valid, 0]) <= OUTPUT_TOLERANCE
