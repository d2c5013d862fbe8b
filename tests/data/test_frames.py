"""The reader processes' camera mathematics against `real3d_jax.cameras`."""

import jax.numpy as jnp
import numpy as np
import pytest

from real3d_jax import cameras
from real3d_jax.data import frames
from tests.data.samples import pose


@pytest.mark.parametrize("distance", [1.9, 2.4])
def test_to_input_frame_is_that_of_cameras(distance):
    for number in range(5):
        poses = np.stack([pose(number, view) for view in range(4)])
        ours = frames.to_input_frame(poses[1], poses, distance)
        theirs = cameras.to_input_frame(jnp.asarray(poses[1]), jnp.asarray(poses), distance)
        np.testing.assert_allclose(ours, theirs, atol=2e-6)
        np.testing.assert_allclose(ours[1], frames.canonical_c2w(distance), atol=1e-6)


def test_constants_are_those_of_cameras():
    np.testing.assert_allclose(frames.canonical_c2w(2.4), cameras.canonical_c2w(2.4), atol=1e-7)
    expected = cameras.intrinsics_from_fov(jnp.radians(39.6))
    np.testing.assert_allclose(frames.centred_intrinsics(39.6), expected, rtol=1e-6)


def test_is_pose():
    good = pose(0, 0)
    assert frames.is_pose(good)
    for spoil in ("nan", "mirrored", "scaled", "at the origin", "projective"):
        bad = good.copy()
        if spoil == "nan":
            bad[0, 3] = np.nan
        elif spoil == "mirrored":
            bad[:3, 0] *= -1
        elif spoil == "scaled":
            bad[:3, :3] *= 1.01
        elif spoil == "at the origin":
            bad[:3, 3] = 0
        else:
            bad[3, 0] = 0.1
        assert not frames.is_pose(bad), spoil
