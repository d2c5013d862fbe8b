"""What is measured of the camera-conditioned LRM, and that what measures the canonical model refuses it."""

import json
import math
from types import SimpleNamespace

import pytest

from real3d_jax.benchmarks import lrm_step, suites, work
from real3d_jax.benchmarks.fields import decoder
from real3d_jax.benchmarks.scoring import measure_scorer, stage_cases
from real3d_jax.benchmarks.step_programs import shrunken
from real3d_jax.config import files as config_files
from real3d_jax.config.agreement import check_renderer
from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.errors import UserError
from real3d_jax.models.presets import CONDITIONED_PRESETS, PRESETS
from tests.ablation.tiny_ablation import CONFIGS
from tests.commands import call

REFUSAL = "config.model is camera-conditioned, and this measures the canonical model alone"
COMMAND = CONFIGS.parent / "launch" / "benchmark.py"


@pytest.mark.parametrize("suite", suites.SUITES)
def test_suites_of_the_canonical_model_refuse_the_other(suite):
    with pytest.raises(UserError, match=REFUSAL):
        suites.make_cases(suite, config_files.load("lrm:tiny"), suites.SIZES["small"])


def test_what_counts_work_and_what_scores_refuses_it_too():
    training = config_files.load("lrm:tiny")
    evaluation = config_files.load_as(EvaluationConfig, "eval/lrm:tiny")
    for refused in (
        lambda: decoder(training),
        lambda: work.view_tflop(training),
        lambda: work.step_tflop(training),
        lambda: stage_cases(evaluation, 1),
        lambda: list(measure_scorer(evaluation, (1,), runs=2, matrix_tflops=1.0)),
    ):
        with pytest.raises(UserError, match=REFUSAL):
            refused()


@pytest.mark.parametrize("size", ["tiny", "mini", "small", "base"])
def test_a_smaller_twin_is_of_the_same_kind(size):
    config = shrunken(config_files.load("lrm:large"), size)
    assert config.model in CONDITIONED_PRESETS.values()
    check_renderer(config.model, config.render, "config")
    assert shrunken(config_files.load("real3d"), size).model == PRESETS[size]


def test_the_full_size_is_openlrm_base_with_the_published_examples_of_a_device():
    sizes = lrm_step.SIZES["full"]
    config = config_files.load(sizes.config)
    assert config.model == CONDITIONED_PRESETS["openlrm_base"]
    assert config.losses.supervised.lpips > 0
    assert sizes.batches[0] == (16, 4)
    assert all(each % parts == 0 for each, parts in sizes.batches)


@pytest.fixture
def measured(monkeypatch):
    """Steps that take no time; their configs are kept."""
    seen = []

    def measure(config, program, mesh, steps):
        seen.append(config)
        each = {"examples": config.batch.synthetic, "micro_batches": config.batch.micro_batches, "steps": steps}
        numbers = {"parameters": 1000, "compile_seconds": 8.0, "median_ms": 500.0, "spread_ms": 10.0}
        rest = {"program_gib": 3.5, "peak_gib": None, "examples_per_second": config.batch.synthetic / 0.5}
        return lrm_step.StepMeasurement(**each, **numbers, **rest)

    monkeypatch.setattr(lrm_step, "trace_step", lambda *_: SimpleNamespace())
    monkeypatch.setattr(lrm_step, "_measure", measure)
    return seen


def test_the_command_measures_every_case_and_writes_them(measured, tmp_path, capsys):
    call(COMMAND, "--suites", "lrm_step", "--devices", 1, "--runs", 3, "--json", tmp_path / "a.json")
    report = json.loads((tmp_path / "a.json").read_text())
    assert (report["suite"], report["size"], report["devices"]) == ("lrm_step", "tiny", 1)
    assert [found["examples"] for found in report["results"]] == [each for each, _ in lrm_step.SIZES["tiny"].batches]
    assert {config.perceptual.vgg for config in measured} == {"random"}
    assert all(config.batch.real == 0 for config in measured)
    assert (
        "2 examples in 2 parts a device: 500.0 +- 10.0 ms, 4.0 examples/s; 3.50 GiB a device;"
        in capsys.readouterr().out
    )


def test_a_case_that_does_not_fit_the_time_is_left_out(measured, monkeypatch, capsys):
    clock = iter([0.0, 0.0, 100.0, 100.0])  # the first case takes 100 of 120 seconds
    monkeypatch.setattr(lrm_step.time, "monotonic", lambda: next(clock, math.inf))
    found = lrm_step.run(size="tiny", devices=1, steps=2, minutes=2, path=None)
    assert len(found) == 1
    assert "left out   1 examples: 2 minutes are too short" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"size": "small"}, "has no size 'small': use full or tiny"),
        ({"devices": 999}, "this machine has"),
    ],
)
def test_refusals(words, sentence):
    settings = {"size": "tiny", "devices": 1, "steps": 2, "minutes": 1.0, "path": None}
    with pytest.raises(UserError, match=sentence):
        lrm_step.run(**{**settings, **words})
