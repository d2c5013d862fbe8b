"""The benchmark of refinement: its rows, and what it refuses."""

import numpy as np
import pytest

from real3d_jax.benchmarks.refinement import DrawnObject, Judge, drawn_objects, line, measure, read_numbers
from real3d_jax.errors import UserError


def test_rows_compare_with_the_models_own_field(refining_model):
    rgba = np.zeros((3, 32, 32, 4), np.uint8)
    rgba[:, 8:24, 8:24] = (200, 100, 50, 255)
    shown = DrawnObject(rgba, refining_model.cameras([0, 90, 180]))
    judge = Judge(refining_model)
    rows = measure(refining_model, [shown, shown], given=2, steps=[0, 6], novel=1, hold=None, judge=judge)
    assert [(row.given, row.steps, row.gain == (0, 0, 0)) for row in rows] == [(2, 0, True), (2, 6, False)]
    assert rows[1].given_psnr > rows[0].given_psnr + 0.5
    assert rows[1].gain[0] == pytest.approx(rows[1].psnr[0] - rows[0].psnr[0], abs=1e-5)
    assert line(rows[0]).startswith("| 2 | 0 | ") and "| +0.00 [+0.00, +0.00] |" in line(rows[0])


def test_numbers_that_make_no_sense_are_refused():
    assert read_numbers("--steps", "0,5,20") == [0, 5, 20]
    for text in ("5,0", "1,1", "", "1.5", "-1,2"):
        with pytest.raises(UserError, match="growing whole numbers"):
            read_numbers("--steps", text)
    with pytest.raises(UserError, match="--objects is 0"):
        drawn_objects(0, views=2, distance=2.4)
