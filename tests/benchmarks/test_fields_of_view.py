"""The arithmetic of the benchmark; its numbers are in docs/refinement.md."""

import numpy as np
import pytest

from real3d_jax.benchmarks.fields_of_view import Row, gain, same_size


@pytest.mark.parametrize("fov", [20.0, 39.6, 55.0])
def test_cameras_see_the_middle_at_one_size(fov):
    distance = same_size(2.4, 39.6, fov)
    assert distance * np.tan(np.radians(fov / 2)) == pytest.approx(2.4 * np.tan(np.radians(39.6 / 2)))


def test_gains_are_over_the_trainings_camera():
    rows = [Row(20.0, 20.0 + one, 20.0, 39.6, 1.0) for one in (0.5, -0.1, 0.2)]
    assert gain(rows, "straightened") == "+0.20 dB ± 0.34, median +0.20, 2 of 3"
    assert gain(rows, "fitted").endswith("0 of 3")
