"""The gate that a start must pass."""

import dataclasses
import json

import pytest

from real3d_jax.ablation.gate import check_gate, gate_note
from real3d_jax.checkpoints.trained_model import TrainedModel
from real3d_jax.config.training import GateConfig
from real3d_jax.errors import UserError

GATE = GateConfig(input_psnr=22.0, iou=0.78)


def trained(workdir, step=10, place="checkpoints"):
    """The model of a step of a run."""
    return TrainedModel(workdir, workdir / place / str(step), step, {}, read=lambda expected: {})


@pytest.fixture
def start(tmp_path):
    """Makes a start with held-out scores."""

    def make(**scores):
        tree = {"psnr_after": 40.0, "input_psnr_before": 30.0, **{f"{name}_after": x for name, x in scores.items()}}
        (tmp_path / "summary.json").write_text(json.dumps({"steps": 10} | tree))
        return trained(tmp_path)

    return make


def test_a_start_above_the_gate_passes_and_the_table_says_so(start):
    model = start(input_psnr=22.1, iou=0.79)
    check_gate(GATE, model, steps=10)
    note = gate_note(GATE, model)
    assert "passed the gate" in note and "input view 22.10 dB" in note and "IoU 0.790" in note


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        ((22.0, 0.9), "(held-out input view 22.00 dB is 0.00 dB below the gate's 22.00 dB)"),
        ((30.0, 0.5), "(novel silhouette IoU 0.500 is 0.280 below the gate's 0.780)"),
        ((20.5, 0.7), "input view 20.50 dB is 1.50 dB below the gate's 22.00 dB; novel silhouette IoU 0.700 is 0.080"),
    ],
)
def test_a_start_below_the_gate_is_told_by_how_much(start, scores, told):
    model = start(input_psnr=scores[0], iou=scores[1])
    for steps, remedy in ((10, "(--start_steps above 10)"), (None, "train it longer, or go on regardless")):
        with pytest.raises(UserError) as refused:
            check_gate(GATE, model, steps=steps)
        assert told in str(refused.value) and remedy in str(refused.value) and "--no_gate" in str(refused.value)
    assert told.strip("()") in gate_note(GATE, model) and "Rows were begun although" in gate_note(GATE, model)


def test_a_start_without_scores_is_refused_unless_no_gate_asks(start, tmp_path):
    with pytest.raises(UserError, match=r"Nothing tells the held-out input view of '.*: begin with another, or go on"):
        check_gate(GATE, trained(tmp_path / "absent"), steps=None)
    with pytest.raises(UserError, match="Nothing tells the novel silhouette IoU"):
        check_gate(GATE, start(input_psnr=25.0, iou=None), steps=None)
    free = GateConfig(input_psnr=0.0, iou=0.0)
    check_gate(free, trained(tmp_path / "absent"), steps=None)
    assert gate_note(free, trained(tmp_path / "absent")).startswith("Stage 0 went through no gate")
    assert "(held-out input view 9.00 dB, on its own held-out objects)" in gate_note(free, start(input_psnr=9.0))


def test_a_damaged_summary_is_named(tmp_path):
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(UserError, match="is not valid JSON any more"):
        check_gate(GATE, trained(tmp_path), steps=None)


def test_scores_are_those_of_the_step_that_rows_begin_with(start, tmp_path):
    last = start(input_psnr=25.0, iou=0.9)
    check_gate(GATE, last, steps=None)
    check_gate(GATE, dataclasses.replace(last, source=tmp_path / "checkpoints" / "10"), steps=None)
    for other in (
        trained(tmp_path, step=8),
        trained(tmp_path, place="best"),
        dataclasses.replace(last, step=None),  # converted weights in a folder of that name
    ):
        with pytest.raises(UserError, match="Nothing tells the held-out input view"):
            check_gate(GATE, other, steps=None)
