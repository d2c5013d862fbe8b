"""The clock of the benchmark of use, and the field that it puts into a model without one."""

import json
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from real3d_jax.benchmarks import use, use_child
from real3d_jax.benchmarks.shaped_field import shaped
from real3d_jax.config import files
from real3d_jax.config.training import Config
from real3d_jax.errors import UserError
from real3d_jax.models.decoder import Decoder
from real3d_jax.rendering import TriplaneField
from real3d_jax.rendering.field import query_raw


def test_clock_takes_inner_stages_out_of_outer_ones(monkeypatch):
    times, told = iter([0.0, 1.0, 3.0, 7.0]), []
    monkeypatch.setattr(time, "perf_counter", lambda: next(times))
    clock = use_child.Clock(lambda *stage: told.append(stage))
    with clock("texture"), clock("colours"):
        pass
    assert clock.seconds == {"texture": 5.0, "texture: colours": 2.0}
    assert told == [("texture: colours", 2.0), ("texture", 5.0)]


def _told(path, events):
    report = use.Report(path, resolution=64)
    for part, event in events:
        report.take(part, event)
    return json.loads(path.read_text())


MACHINE = {"event": "machine", "size": "base", "device": {"kind": "a card"}, "versions": {"jax": "0"}}


def _run(seconds):
    return {"event": "run", "case": "all points", "seconds": seconds}


def _stage(case, name, seconds, peak):
    return {"event": "stage", "case": case, "name": name, "seconds": seconds, "peak": peak}


def test_report(tmp_path, capsys):
    """It stands after every event; medians are over the timed runs, and memory that is not known is null."""
    events = [("", MACHINE), ("", _stage("load", "load", 7.0, 1.25)), ("", _stage("all points", "model", 9.0, 2.5))]
    events += [("", _stage("points near the surface", "model", 1.0, 3.5))]
    events += [("", _run({"model": x, "file": 1.0})) for x in (1.0, 3.0, 2.0)]
    found = _told(tmp_path / "use.json", events)
    assert found["warm"] == {"all points": {"model": 2.0, "file": 1.0, "all": 3.0, "runs": 3}}
    assert found["first"] == {"load": {"load": 7}, "all points": {"model": 9}, "points near the surface": {"model": 1}}
    assert (found["size"], found["device"]) == ("base", {"kind": "a card"})
    assert found["peak_device_gib"] == {"load": 1.25, "model": 2.5}
    events += [("nothing kept", {"event": "seconds", "name": "import", "seconds": 4.0})]
    events += [("nothing kept", {"event": "peak", "peak": None})]
    found = _told(tmp_path / "use.json", events)
    assert found["cold"] == {"nothing kept": {"import": 4.0, "peak_device_gib": None}}
    said = capsys.readouterr().out
    assert "load 7.000 s; device memory at most 1.25 GiB" in said and "device memory not known here" in said


CHILD = """
import json, sys, time
task = json.loads(sys.argv[-1])
def tell(event, **values):
    print(json.dumps({"event": event} | values), flush=True)
if task["do"] == "begin":
    tell("machine", size="mini", device={}, versions={})
elif task["do"] == "warm":
    tell("run", case="all points", seconds={"model": 1.0})
    if task["runs"] == 3:
        sys.exit("it broke")
    time.sleep(60 if task["runs"] == 2 else 0)
else:
    tell("seconds", name="import", seconds=time.time() - task["began"])
"""


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """The report of processes that are played."""
    (tmp_path / "child.py").write_text(CHILD)
    monkeypatch.setattr(use, "MODULE", (str(tmp_path / "child.py"),))

    def measured(*arguments):
        monkeypatch.setattr(sys, "argv", ["use", "--json", str(tmp_path / "use.json"), *arguments])
        use.main()
        return json.loads((tmp_path / "use.json").read_text())

    return measured


def test_out_of_time_is_told_and_what_there_is_stands(measured, capsys):
    began = time.monotonic()
    found = measured("--limit", "2", "--runs", "2")
    assert time.monotonic() - began < 10
    left_out = [f"the rest of the {name}" for name in ("warm runs", *(f"cold start, {part}" for part in use.COLD))]
    assert found["left_out"] == left_out and found["size"] == "mini"
    assert found["warm"] == {"all points": {"model": 1.0, "all": 1.0, "runs": 1}} and found["cold"] == {}
    assert "left out, for want of time: the rest of the warm runs" in capsys.readouterr().out


def test_all_processes_are_heard(measured):
    found = measured("--runs", "1")
    assert found["left_out"] == [] and list(found["cold"]) == list(use.COLD)
    assert 0 < found["cold"]["programs kept"]["import"] < 60


def test_what_ends_a_process_is_told(measured):
    with pytest.raises(UserError, match="A process of the benchmark failed: it broke"):
        measured("--runs", "3")
    with pytest.raises(UserError, match="--limit must be 0 or more seconds, not -1"):
        measured("--limit", "-1")


@pytest.fixture(scope="module")
def field():
    config: Config = files.load("smoke:scratch")
    decoder = Decoder(width=32, hidden_layers=3)
    params = jax.jit(decoder.init)(jax.random.key(0), jnp.zeros((1, 24)))["params"]
    plain = TriplaneField(jnp.zeros((1, 3, 16, 16, 8)), params, decoder)
    return plain, shaped(plain, config.render, 5.0), config.render


def test_shaped_field_is_a_ball_in_the_box(field):
    _, made, render = field
    points = np.random.default_rng(5).uniform(-1, 1, (2000, 3)).astype(np.float32)
    raw = jax.jit(query_raw, static_argnames="implementation")(made, points[None], implementation="xla")
    inside = np.exp(np.asarray(raw)[0, :, 0] + render.density_bias) > 5.0
    radius = np.linalg.norm(points, axis=1)
    assert inside[radius < 0.3].mean() > 0.95
    assert inside[radius > 0.95].mean() < 0.1


def test_shaped_field_has_the_models_sizes_and_leaves_it_alone(field):
    plain, made, _ = field
    assert jax.tree.map(jnp.shape, made.decoder_params) == jax.tree.map(jnp.shape, plain.decoder_params)
    assert made.planes.shape == plain.planes.shape
    kernels = [f.decoder_params["layer_3"]["kernel"] for f in (plain, made)]
    np.testing.assert_array_equal(kernels[0][:, 1:], kernels[1][:, 1:])
    assert not np.array_equal(kernels[0][:, 0], kernels[1][:, 0])
