"""Whole runs of the loop with the real modules: stopped and resumed, finished, refused."""

import dataclasses
import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_run import make_tiny_config

from real3d_jax.checkpoints.run_folder import load_params
from real3d_jax.data import pipeline
from real3d_jax.errors import UserError
from real3d_jax.training import compiled_step, startup
from real3d_jax.training.loop import train
from real3d_jax.training.state import apply_gradients
from real3d_jax.training.validation import SCORES
from tests.commands import STOPPED, stop_at
from tests.shared_programs import shared_programs

TIMES = (
    "goodput",
    "compile_seconds",
    "data_wait_seconds",
    "save_seconds",
    "step_seconds_p50",
    "step_seconds_p99",
)


def metrics(workdir):
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    lines = [line for line in lines if "saved_step" not in line]
    return [{k: v for k, v in line.items() if k not in ("steps_per_second", *TIMES)} for line in lines]


def assert_equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.fixture(scope="module", autouse=True)
def _programs_of_runs():
    with shared_programs():
        yield


@pytest.fixture(scope="module")
def data_root(tmp_path_factory):
    """A folder for the embedded data, made once."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def unbroken(data_root, tmp_path_factory):
    """A run of five steps."""
    workdir = tmp_path_factory.mktemp("unbroken")
    assert train(make_tiny_config(data_root), workdir) == 0
    return workdir


def test_a_run_leaves_what_it_promises(unbroken):
    summary = json.loads((unbroken / "summary.json").read_text())
    scores = {f"{score}_{when}" for score in SCORES for when in ("before", "after", "after_ema")}
    assert set(summary) == scores | {"psnr_constant", "steps", "seconds", "peak_rss_gib", *TIMES}
    assert summary["steps"] == 5
    assert all(value > 0 for key, value in summary.items() if not key.startswith("iou"))
    assert all(0 <= summary[key] <= 1 for key in summary if key.startswith("iou"))
    assert (unbroken / "pictures" / "step_000005.png").stat().st_size > 500
    steps = [line["step"] for line in metrics(unbroken) if "loss" in line]
    assert steps == [1, 2, 3, 4, 5]
    scored = [line for line in metrics(unbroken) if "validation/psnr" in line]
    assert [line["step"] for line in scored] == [0, 2, 4, 5]
    for key, line in itertools.product(SCORES, scored):
        assert line[f"validation/{key}"] == line[f"validation/{key}/procedural_a"]  # the only set
    for key in SCORES:
        assert summary[f"{key}_before"] == scored[0][f"validation/{key}"] == scored[0][f"validation/{key}_ema"]
        assert summary[f"{key}_after"] == scored[-1][f"validation/{key}"]
        assert summary[f"{key}_after_ema"] == scored[-1][f"validation/{key}_ema"]
    assert sorted(int(p.name) for p in (unbroken / "checkpoints").iterdir()) == [4, 5]
    assert len(list((unbroken / "best").iterdir())) == 1


def test_a_stopped_and_resumed_run_equals_an_unbroken_one(unbroken, data_root, tmp_path, monkeypatch, capsys):
    config = make_tiny_config(data_root)
    with monkeypatch.context() as patch:
        stop_at(patch, 4)  # the step on batch 4 is still taken, or not: either way nothing is lost
        assert train(config, tmp_path) == STOPPED
    assert "stopped by SIGTERM after step" in capsys.readouterr().out
    assert not (tmp_path / "summary.json").exists()
    assert train(config, tmp_path) == 0
    assert "resumed after step" in capsys.readouterr().out
    assert_equal(load_params(tmp_path), load_params(unbroken))
    assert_equal(load_params(tmp_path, ema=True), load_params(unbroken, ema=True))
    assert metrics(tmp_path) == metrics(unbroken)
    ours, theirs = (json.loads((w / "summary.json").read_text()) for w in (tmp_path, unbroken))
    for key in set(theirs) - {"seconds", "peak_rss_gib", *TIMES}:
        assert ours[key] == theirs[key], key


def test_a_finished_run_says_so(unbroken, data_root, capsys):
    before = (unbroken / "metrics.jsonl").read_text()
    assert train(make_tiny_config(data_root), unbroken) == 0
    assert "This run is finished: 5 steps" in capsys.readouterr().out
    assert (unbroken / "metrics.jsonl").read_text() == before


def test_another_model_or_other_data_cannot_go_on_in_a_workdir(unbroken, data_root, monkeypatch):
    with pytest.raises(UserError, match=r"trained with another config \(config\.model\.layers: 2 -> 3\)"):
        train(make_tiny_config(data_root, model__layers=3), unbroken)
    monkeypatch.setattr(pipeline, "fingerprint", lambda config: "another")
    with pytest.raises(UserError, match="was trained on other data"):
        train(make_tiny_config(data_root), unbroken)


def test_init_from_a_run_takes_its_parameters_only(unbroken, data_root, tmp_path):
    (unbroken / "unused.safetensors").write_bytes(b"kept")
    config = make_tiny_config(data_root, init_from=str(unbroken))
    with startup.prepared(config, tmp_path) as run:
        assert_equal(run.state.params, load_params(unbroken))
        assert_equal(run.state.ema, load_params(unbroken))
        assert int(run.state.step) == 0
        assert all(not np.any(leaf) for leaf in jax.tree.leaves(run.state.opt_state))
    assert (tmp_path / "unused.safetensors").read_bytes() == b"kept"


def test_what_takes_long_begins_before_random_parameters_are_made(unbroken, data_root, tmp_path):
    """With their shapes; parameters that are read come first, since they can be refused."""
    given = []

    def state_of(config, workdir):
        def note(run):
            given.append(isinstance(jax.tree.leaves(run.state)[0], jax.ShapeDtypeStruct))

        with startup.prepared(config, workdir, meanwhile=note) as run:
            return run.start, run.state

    start, state = state_of(make_tiny_config(data_root), tmp_path / "random")
    assert (given, start) == ([True], 0)
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(state))
    state_of(make_tiny_config(data_root, init_from=str(unbroken)), tmp_path / "read")
    start, _ = state_of(make_tiny_config(data_root), unbroken)
    assert (given, start) == ([True, False, False], 5)


def test_init_from_is_checked(unbroken, data_root, tmp_path):
    with pytest.raises(
        UserError, match=r"init_from = .* belongs to a model of another size.*decoder/layer_0/kernel is"
    ):
        train(make_tiny_config(data_root, init_from=str(unbroken), model__plane_channels=8), tmp_path / "a")
    with pytest.raises(UserError, match=r"config\.init_from = 'nowhere' does not exist"):
        train(make_tiny_config(data_root, init_from="nowhere"), tmp_path / "b")


def test_updates_that_are_not_finite_stop_the_run(data_root, tmp_path, monkeypatch):
    def broken_step(state, batch, frozen, key, *, optimizer, **settings):
        gradients = jax.tree.map(jnp.zeros_like, state.params)
        state = apply_gradients(state, gradients, jnp.array(jnp.nan), optimizer, 0.0)
        counts = {"skipped": state.skipped, "skipped_in_a_row": state.skipped_in_a_row}
        return state, {"loss": jnp.array(jnp.nan)} | counts

    monkeypatch.setattr(compiled_step, "train_step", broken_step)
    config = make_tiny_config(data_root, optimizer__max_skipped=3, schedule__validation_objects=0)
    with pytest.raises(UserError, match="3 updates in a row were skipped up to step 3"):
        train(config, tmp_path)


def test_refusals_come_before_any_work(data_root, tmp_path, monkeypatch):
    monkeypatch.setattr(startup, "prepare_embedded", lambda data: pytest.fail("data were prepared"))
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        train(make_tiny_config(data_root), tmp_path / "file" / "run")
    config = make_tiny_config(data_root)
    with pytest.raises(UserError, match=r"config\.mesh\.fsdp = 2"):
        train(dataclasses.replace(config, mesh=dataclasses.replace(config.mesh, fsdp=2)), tmp_path)
    with pytest.raises(UserError, match=r"position_start has no value 'align': did you mean 'aligned'"):
        train(make_tiny_config(data_root, position_start="align"), tmp_path)
    with pytest.raises(UserError, match="matmul_precision has no value 'exact'"):
        train(make_tiny_config(data_root, compute__matmul_precision="exact"), tmp_path)
    with pytest.raises(UserError, match="init_from = 'nowhere' does not exist"):
        train(make_tiny_config(data_root, init_from="nowhere"), tmp_path)
    (name, photographs) = next(iter(config.data.real.items()))
    own = {**config.data.real, name: dataclasses.replace(photographs, path="own")}
    with pytest.raises(UserError, match=r"There is no data set at '.*own'"):
        train(dataclasses.replace(config, data=dataclasses.replace(config.data, real=own)), tmp_path)
