"""OpenLRM's folders; tests/data/sources/test_renders.py reprojects known points through them."""

import math

import numpy as np
import pytest

from real3d_jax.data.records import Unusable
from real3d_jax.data.sources.openlrm import OpenLRM
from real3d_jax.errors import UserError
from tests.data import miniatures, projection

SIZE = 64
FOV = math.radians(49.1)
SHOTS = projection.cameras(3, seed=3, x_fov=FOV, y_fov=FOV, size=SIZE)


@pytest.fixture
def openlrm(tmp_path):
    miniatures.write_openlrm(tmp_path / "0a1b", SHOTS, SIZE)
    return OpenLRM(tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda k: k.T, r"an array \(2, 3\)"),
        (lambda k: np.diag([70.0, 70.0, 1.0]), r"an array \(3, 3\) of float64, not the rows \[fx, fy\]"),
        (lambda k: k / SIZE, "has focal lengths|has the principal point"),
        (lambda k: k * [[-1], [1], [1]], "has focal lengths"),
        (lambda k: k * np.nan, "has focal lengths"),
        (lambda k: k * [[1], [3], [1]], "has the principal point"),
        (lambda k: k * [[1, 1], [1, 1], [1, 2]], "for a picture of"),
        (lambda k: k.astype(str), "an array"),
    ],
)
def test_intrinsics_that_are_none(openlrm, tmp_path, change, reason):
    path = tmp_path / "0a1b/intrinsics.npy"
    np.save(path, change(np.load(path)))
    with pytest.raises(Unusable, match=f"^'intrinsics.npy' .*{reason}"):
        openlrm.read("0a1b")


def test_a_principal_point_beside_the_middle(openlrm, tmp_path):
    path = tmp_path / "0a1b/intrinsics.npy"
    np.save(path, np.load(path) + np.array([[0, 0], [6, -3], [0, 0]]))
    (view, *_) = openlrm.read("0a1b").records
    np.testing.assert_allclose(view.intrinsics[2:], [0.5 + 6 / SIZE, 0.5 - 3 / SIZE])


def test_poses_that_are_none(openlrm, tmp_path):
    path = tmp_path / "0a1b/pose/001.npy"
    pose = np.load(path)
    np.save(path, np.concatenate([pose, [[0, 0, 0, 1]]]))
    assert len(openlrm.read("0a1b").records) == 3  # 4 x 4 says the same
    np.save(path, pose[:, :3])
    with pytest.raises(Unusable, match=r"^'001.npy' holds an array \(3, 3\)"):
        openlrm.read("0a1b")
    np.save(path, pose * 2)
    with pytest.raises(Unusable, match=r"^'001.npy' .*no rotation"):
        openlrm.read("0a1b")
    path.unlink()
    with pytest.raises(Unusable, match=r"^'001.npy' is missing"):
        openlrm.read("0a1b")


def test_axes_of_opencv_are_named(openlrm, tmp_path):
    for path in (tmp_path / "0a1b/pose").iterdir():
        np.save(path, np.load(path) * [1, -1, -1, 1])
    with pytest.raises(Unusable, match=r"'0a1b' has cameras that all look away from the origin: .*OpenCV"):
        openlrm.read("0a1b")


def test_the_number_of_views(openlrm, tmp_path):
    with pytest.raises(Unusable, match=r"'0a1b' has 3 views, not 32"):
        OpenLRM(tmp_path, views=32).read("0a1b")
    assert len(OpenLRM(tmp_path, views=3).read("0a1b").records) == 3


def test_a_folder_of_something_else(tmp_path):
    (tmp_path / "0a1b/rgba").mkdir(parents=True)
    with pytest.raises(UserError, match=r"does not hold data of OpenLRM: name a folder with UID/rgba/000.png"):
        OpenLRM(tmp_path).keys()
