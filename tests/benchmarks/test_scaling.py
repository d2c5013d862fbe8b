"""The scaling suite: its rows, their order, the table, the times of a trace, and a tiny row."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from real3d_jax.benchmarks.scaling import plan, traces
from real3d_jax.benchmarks.scaling.running import SPARE
from real3d_jax.benchmarks.scaling.settings import SIZES, make_config
from real3d_jax.benchmarks.scaling.table import difference, efficiency, table

TIMES = SIZES["full"].times


@pytest.mark.parametrize(("devices", "count"), [(1, 1), (2, 4), (3, 4), (4, 8), (8, 12)])
def test_rows_of_every_number_of_devices(devices, count):
    rows = plan.make_rows(devices, 40)
    placed = plan.place(rows, steps=20, times=TIMES)
    assert {row.name for row in placed} == {row.name for row in rows}
    assert len({row.name for row in rows}) == len(rows) == count
    most = max(row.count for row in rows)
    for row in placed:
        assert row.each == (40 // most if plan.is_of(row.law, "weak") else 40 // row.count)
        assert row.devices == tuple(range(row.devices[0], row.devices[0] + row.count))
        assert row.devices[-1] < most
        source = next((one for one in placed if one.name == row.source), None)
        assert (source is None) == (row.source == "")
        assert source is None or (source.saves and placed.index(source) < placed.index(row))


def test_four_devices_are_filled():
    rows = plan.place(plan.make_rows(4, 40), steps=20, times=TIMES)
    planned = plan.schedule(rows, steps=20, times=TIMES)
    for one in planned:
        for other in planned:
            if one is not other and set(one.row.devices) & set(other.row.devices):
                assert one.end <= other.start or other.end <= one.start
    assert rows[0].count == rows[-1].count == 4
    work = sum(one.seconds * one.row.count for one in planned) / 4
    assert work <= plan.makespan(planned) <= 1.15 * work
    assert plan.is_next(rows[1], rows[1:], places=1)
    assert not plan.is_next(rows[-1], rows, places=1)


def test_all_rows_of_four_devices_fit_into_nine_minutes_and_twenty_seconds():
    rows = plan.choose(plan.make_rows(4, 40), steps=20, times=TIMES, limit=560 - SPARE)
    assert len(rows) == 8


@pytest.mark.parametrize(
    ("limit", "names"),
    [
        (100, []),
        (200, ["both-4-replicated"]),
        (250, ["both-4-replicated", "weak-1", "weak-2-replicated"]),
        (350, ["both-4-replicated", "strong-1", "weak-1", "strong-2-replicated"]),
        (361, ["both-4-replicated", "strong-1", "weak-1", "strong-2-replicated", "weak-2-replicated"]),
    ],
)
def test_a_short_limit_takes_the_most_valuable_rows(limit, names):
    rows = plan.choose(plan.make_rows(4, 40), steps=20, times=TIMES, limit=limit)
    assert {row.name for row in rows} == set(names)


def test_all_rows_compute_as_many_examples_at_a_time(tmp_path):
    for row in plan.make_rows(8, 40):
        config = make_config(row, "full", tmp_path)
        assert row.each // config.batch.micro_batches == SIZES["full"].part
        assert config.mesh.fsdp == (row.count if row.sharded else 1)
        assert config.schedule.steps == 40_000
        assert config.model.image_size == 512


def entry(name, law, count, rate, **changes):
    return {
        "name": name, "law": law, "count": count, "examples": 40, "sharded": False, "status": "measured", "source": "",
        "pairs_a_second": rate, "step_seconds_p50": 1.0, "step_seconds_p99": 2.0, "program_gib": 3.0,
        "data_wait_seconds": 0.001, "losses": {}, "start_step": 0,
    } | changes  # fmt: skip


def test_table():
    rows = [
        entry("both-4", "both", 4, 20.0, losses={"1": 9.0, "2": 2.0, "3": 4.0}),
        entry("strong-1", "strong", 1, 5.0, source="both-4", start_step=1, losses={"2": 2.0, "3": 4.004}),
        entry("weak-1", "weak", 1, 6.25),
        {"name": "weak-2", "status": "left out", "reason": "no time"},
    ]
    assert efficiency(rows[0], rows, "strong") == pytest.approx(1.0)
    assert efficiency(rows[0], rows, "weak") == pytest.approx(0.8)
    assert efficiency(rows[2], rows, "strong") is None
    assert difference(rows[1], rows) == (pytest.approx(1e-3), 2)
    broken = rows[1] | {"losses": {"2": 2.0, "3": math.nan}}
    assert math.isnan(difference(broken, rows)[0]), "no agreement of the others hides it"
    lines = table({"rows": rows, "examples": 40, "paper_steps": 40_000})
    assert len({line.count("|") for line in lines[:5]}) == 1
    assert "| 22.2 |" in lines[2]  # hours: 40,000 steps of 40 pairs at 20 a second
    assert "- weak-2: left out: no time" in lines
    assert any("saved by both-4, restored by strong-1: the next 2 losses differ by 1.0e-03" in line for line in lines)


def test_the_page_has_the_table_of_its_file():
    root = Path(__file__).parents[2]
    page = (root / "docs" / "scaling.md").read_text()
    made = page.partition("<!-- scaling table: begin -->\n")[2].partition("\n<!-- scaling table: end -->")[0]
    assert made.splitlines() == table(json.loads((root / "benchmarks" / "h100_x4_scaling.json").read_text()))


def test_times_of_a_trace():
    kernels = [("gemm", 0, 1e9), ("ncclDevKernel_AllReduce", 0.5e9, 3e9), ("gemm", 2e9, 2.5e9), ("nccl", 1e9, 2e9)]
    found = traces.summarize(kernels)
    assert found == pytest.approx((2.5, 1.5, 3.0))


@pytest.mark.slow
def test_a_tiny_row(tmp_path):
    words = ["--suites", "scaling", "--size", "tiny", "--devices", "1", "--runs", "3", "--minutes", "8"]
    path = tmp_path / "found.json"
    done = subprocess.run(
        [sys.executable, "launch/benchmark.py", *words, "--json", path, "--workdir", tmp_path],
        check=False,
    )
    [row] = json.loads(path.read_text())["rows"]
    assert done.returncode == 0
    assert row["status"] == "measured"
    assert len(row["losses"]) == plan.WARM_UP + 3
    assert row["kept"]  # the program was in the cache


@pytest.mark.slow
def test_no_device_is_used_before_the_turn(tmp_path):
    program = f"""
import pathlib
from jax._src.xla_bridge import backends_are_initialized
from real3d_jax.benchmarks.scaling import child, plan

class Talk:
    def tell(self, event):
        assert event == "imported"

    def wait(self, word):
        assert word == "go" and not backends_are_initialized()
        raise SystemExit(7)

row = plan.make_rows(1, 8)[0]
child.measure(row, "full", pathlib.Path({str(tmp_path)!r}), steps=3, compile_only=False, talk=Talk())
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 7
