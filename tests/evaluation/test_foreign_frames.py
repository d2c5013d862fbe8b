"""Frames of other methods: their front cameras become the canonical one."""

import numpy as np
import pytest

from real3d_jax.cameras import canonical_c2w
from real3d_jax.errors import UserError
from real3d_jax.evaluation.foreign_frames import SIMILARITIES, map_camera, read_similarity

# Each method's own front camera, OpenGL axes, and its field of view as the published code has them.
_OPENLRM = np.array([[1, 0, 0, 0], [0, 0, -1, -2.0], [0, 1, 0, 0], [0, 0, 0, 1]])
_LGM = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1.5], [0, 0, 0, 1]])
FRONTS = {
    "real3d": (np.asarray(canonical_c2w(3.0)), 39.6),
    "triposr": (np.asarray(canonical_c2w(1.9)), 40.0),
    "openlrm": (_OPENLRM, 2 * np.degrees(np.arctan(0.5 / 0.75))),
    "lgm": (_LGM, 49.1),
}


@pytest.mark.parametrize("name", SIMILARITIES)
def test_front_cameras_become_canonical(name):
    c2w, fov_y = FRONTS[name]
    mapped = map_camera(SIMILARITIES[name], c2w)
    distance = np.linalg.norm(mapped[:3, 3])
    np.testing.assert_allclose(mapped, canonical_c2w(distance), atol=1e-5)
    # As much is seen at the origin as by our camera.
    assert distance * np.tan(np.radians(fov_y) / 2) == pytest.approx(3 * np.tan(np.radians(19.8)), rel=1e-6)


def test_three_ways_to_write_a_similarity():
    rotation = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    expected = np.array([[0, -2, 0, 1], [2, 0, 0, 2], [0, 0, 2, 3], [0, 0, 0, 1]])
    parts = {"scale": 2, "rotation": rotation, "translation": [1, 2, 3]}
    np.testing.assert_array_equal(read_similarity(parts, "x"), expected)
    np.testing.assert_array_equal(read_similarity(expected.tolist(), "x"), expected)
    np.testing.assert_array_equal(read_similarity("real3d", "x"), np.eye(4))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("lgn", "did you mean 'lgm'"),
        ([[1, 0], [0, 1]], "must be a method's name"),
        ({"scale": 2, "rotate": 1}, "no key 'rotate'"),
        ({"scale": 0}, "no similarity"),
        ({"scale": -1}, "no similarity"),
        (np.diag([1, 1, -1, 1]).tolist(), "no similarity"),
        ([[float("nan")] * 4] * 4, "no similarity"),
    ],
)
def test_what_is_no_similarity(value, message):
    with pytest.raises(UserError, match=message):
        read_similarity(value, "'similarity'")
