"""The benchmark of refinement: its rows, and what it refuses."""

import numpy as np
import pytest

from real3d_jax.benchmarks.refinement import DrawnObject, drawn_objects, line, measure, read_numbers
from real3d_jax.errors import UserError


def test_rows_compare_with_the_models_own_field(refining_model):
    rgba = np.zeros((4, 32, 32, 4), np.uint8)
    rgba[:, 8:24, 8:24] = (200, 100, 50, 255)
    shown = DrawnObject(rgba, refining_model.cameras([0, 90, 180, 270]))
    own = np.array(refining_model.from_views([rgba[0]], refining_model.cameras(0), steps=0).field.planes)

    def judge(result, of):
        assert of is shown
        gained = float(np.abs(np.asarray(result.field.planes) - own).max() > 0)
        return np.array([[20.0, 22.0, 11.0, 13.0 + gained], [1.0, 1.0, 0.5, 0.7]])

    first, last = measure(refining_model, [shown] * 2, given=2, steps=[0, 3], novel=2, hold=None, judge=judge)
    assert (first.given, first.steps, first.given_psnr, first.seconds) == (2, 0, 21.0, pytest.approx(0.0, abs=0.1))
    assert first.psnr == (12.0, 12.0, 12.0) and first.gain == (0.0, 0.0, 0.0) and first.iou == pytest.approx(0.6)
    assert last.steps == 3 and last.psnr == (12.5, 12.5, 12.5) and last.gain == (0.5, 0.5, 0.5)
    assert line(last).startswith("| 2 | 3 | 21.00 | 12.50 [12.50, 12.50] | +0.50 [+0.50, +0.50] | 0.600 | ")


def test_numbers_that_make_no_sense_are_refused():
    assert read_numbers("--steps", "0,5,20") == [0, 5, 20]
    for text in ("5,0", "1,1", "", "1.5", "-1,2"):
        with pytest.raises(UserError, match="growing whole numbers"):
            read_numbers("--steps", text)
    with pytest.raises(UserError, match="--objects is 0"):
        drawn_objects(0, views=2, distance=2.4)
