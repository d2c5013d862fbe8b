"""The scaling suite's processes, played by one without JAX: a device is one's alone, and no row costs another one."""

import json
import os
import sys
import time
from pathlib import Path

import pytest

from real3d_jax.benchmarks.scaling import plan, processes, running
from real3d_jax.benchmarks.scaling.plan import Row, Times

FAKE = (sys.executable, str(Path(__file__).with_name("fake_scaling_child.py")))
STATES = ("compiling", "importing", "starting", "measuring")
TIMES = Times(rate=1e3, compiling=1.0, starting=0.2, extra=0.2, silent=dict.fromkeys(STATES, 3.0), out_of_memory=0.8)


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(running, "_LOOK", 0.05)
    monkeypatch.setattr(running, "SPARE", 0.4)


def run(work, rows, behaviour, *, limit=60.0, times=TIMES, make=lambda size, work: ""):
    work.mkdir(exist_ok=True)
    (work / "behaviour.json").write_text(json.dumps(behaviour))
    notes, lines = [], []
    value = [row.name for row in plan.make_rows(4, 40)]
    suite = running.Suite(
        rows, value=value, size="full", times=times, work=work, steps=20, limit=limit, platform="gpu",
        note=lambda entry: notes.append(entry.copy()), say=lines.append, command=FAKE, make=make,
    )  # fmt: skip
    suite.run()
    return {one["name"]: one for one in notes}, lines


def placed(*names):
    rows = [row for row in plan.make_rows(4, 40) if not names or row.name in names]
    return plan.place(rows, steps=20, times=TIMES)


def test_whatever_a_row_does_the_others_are_measured(tmp_path):
    behaviour = {
        "both-4-replicated": "memory", "weak-1": "silent", "strong-2-replicated": "dies", "strong-2-sharded": "huge",
        "weak-2-sharded": "breaks", "both-4-sharded": "retries",
    }  # fmt: skip
    rows = placed()
    found, lines = run(tmp_path, rows, behaviour)
    assert not (tmp_path / "clash").exists()
    assert {name for name, one in found.items() if one["status"] == "measured"} == {
        "strong-1", "weak-2-replicated", "both-4-sharded",
    }  # fmt: skip
    reasons = {name: f"{one['status']}: {one['reason']}" for name, one in found.items() if one["reason"]}
    assert reasons == {
        "both-4-replicated": "failed: out of memory on GPU 0: Allocator (GPU_0_bfc) ran out of memory trying to "
        "allocate 51GiB (measuring)",
        "weak-1": "failed: no word for 3 s while measuring; the last one: the last words",
        "strong-2-replicated": "failed: a kernel failed (measuring; code 3)",
        "strong-2-sharded": "does not fit: the step needs 90.0 GiB of a device, which gives 71.2 GiB",
        "weak-2-sharded": "failed: it cannot be compiled (compiling; code 1)",
    }
    assert any("strong-1: compiled in 0 s, needs 56.0 GiB of a device, which gives 71.2" in line for line in lines)


def test_nothing_is_measured_where_another_row_still_compiles(tmp_path):
    found, _ = run(tmp_path, placed("both-4-replicated", "both-4-sharded"), {"both-4-sharded": "slow"})
    assert not (tmp_path / "clash").exists()
    assert {one["status"] for one in found.values()} == {"measured"}


def test_a_row_that_has_its_numbers_stays_measured(tmp_path):
    times = TIMES.__class__(**vars(TIMES) | {"silent": dict.fromkeys(STATES, 1.0)})
    found, _ = run(tmp_path, placed("weak-1"), {"weak-1": "late"}, times=times)
    assert found["weak-1"]["status"] == "measured"


def test_time_that_runs_short_costs_the_least_valuable_rows(tmp_path):
    """A row that takes longer than planned is ended in time, and what no longer fits is left out."""
    times = TIMES.__class__(**vars(TIMES) | {"extra": 1.0, "silent": dict.fromkeys(STATES, 60.0)})
    rows = placed("both-4-replicated", "weak-1", "weak-2-sharded", "both-4-sharded")
    began = time.monotonic()
    found, _ = run(tmp_path, rows, {"both-4-replicated": "silent"}, times=times, limit=4.0)
    assert time.monotonic() - began < 6.5
    assert found["both-4-replicated"]["reason"].startswith("no time was left")
    assert found["both-4-sharded"]["reason"].startswith("no time was left")


def test_a_row_that_is_too_long_costs_no_others(tmp_path):
    """Those on other devices would not be in time any sooner without it, nor it without them."""
    times = TIMES.__class__(**vars(TIMES) | {"rate": 100.0})
    found, _ = run(
        tmp_path, placed("both-4-replicated", "strong-1", "weak-1", "strong-2-replicated"), {}, times=times, limit=8.0
    )
    assert found.pop("strong-1")["reason"].startswith("no time was left")
    assert {name: one["status"] for name, one in found.items()} == dict.fromkeys(
        ("both-4-replicated", "weak-1", "strong-2-replicated"), "measured"
    )


def test_data_that_cannot_be_made(tmp_path):
    found, _ = run(tmp_path, placed("weak-1"), {}, make=lambda size, work: "procedural_a_0 failed, no room")
    assert found["weak-1"]["reason"] == "its data could not be made: procedural_a_0 failed, no room"


def test_compiling_and_measuring_differ_in_memory_alone(monkeypatch):
    """JAX's hash of a program counts the flags of XLA and the devices in."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    row = Row("weak-2-replicated", "weak", (1, 2), False, 20)
    compiling, measuring = (processes.environment(row, "gpu", alone=alone) for alone in (False, True))
    assert measuring["CUDA_VISIBLE_DEVICES"] == "5,6"
    assert {name for name in measuring if measuring[name] != compiling.get(name)} == {"XLA_PYTHON_CLIENT_PREALLOCATE"}
    assert set(compiling) == set(measuring) >= set(os.environ)


def test_the_gpu_that_had_too_little_memory_has_the_machine_s_number(tmp_path):
    log = tmp_path / "log"
    log.write_text("W1 bfc_allocator.cc:598] Allocator (GPU_1_bfc) ran out of memory trying to allocate 3GiB\nmore\n")
    assert processes.last_words(log, (2, 3)).startswith("out of memory on GPU 3: Allocator (GPU_1_bfc) ran out of")
    log.write_text("jaxlib: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 3 bytes\n")
    assert processes.last_words(log, (2, 3)).startswith("out of memory: jaxlib")
    log.write_text("")
    assert processes.last_words(log, (2, 3)) == "nothing was said"
