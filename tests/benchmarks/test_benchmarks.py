"""The benchmark program: its counts, and its file."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from real3d_jax.benchmarks import measuring, suites
from real3d_jax.benchmarks.drawing import draw_cases
from real3d_jax.benchmarks.work import encode_tflop, step_tflop, view_tflop
from real3d_jax.commands import benchmark
from real3d_jax.config import files as config_files
from real3d_jax.config.training import BatchConfig
from tests.commands import run_here


def test_counted_work_of_the_full_size():
    """Against counts made by hand: 2.96 TFLOP an image, 0.139 a view, about 32 a pair (10 views, 3 encodings)."""
    config = config_files.load("configs/real3d.py")
    assert encode_tflop(config.model) == pytest.approx(2.96, abs=0.005)
    assert view_tflop(config) == pytest.approx(0.139, abs=0.0006)
    pair = dataclasses.replace(config, batch=BatchConfig(1, 1, 1))
    by_hand = 3 * (3 * encode_tflop(config.model) + 10 * view_tflop(config)) + view_tflop(config)
    assert step_tflop(pair) == pytest.approx(by_hand)


def test_measurement_of_a_known_program():
    case = measuring.Case(
        suite="encode",
        name="sum",
        sizes={"numbers": 1024},
        backend="xla",
        function=lambda x: (x + 1, x.sum()),
        make_arguments=lambda: (jnp.ones(1024),),
        tflop=1.0,
        feeds_back=True,
    )
    broken = dataclasses.replace(case, name="too large", make_arguments=lambda: (jnp.ones(1024), 2))
    [(_, good)] = measuring.measure([case], runs=3, jobs=1, matrix_tflops=2.0)
    assert good.runs == 3
    assert 0 < good.queued_ms < 1e3
    assert good.peak_gib >= 4096 / 2**30
    assert good.tflops == pytest.approx(1e3 / good.median_ms)
    assert good.peak_share == pytest.approx(good.tflops / 2)
    with pytest.raises(TypeError):
        list(measuring.measure([broken], runs=3, jobs=1, matrix_tflops=2.0))


@pytest.mark.parametrize("feeds_back", [False, True])
def test_queued_runs_are_timed_together(feeds_back, monkeypatch):
    clock = iter([3.0, 11.0])
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: next(clock))
    asked = []

    def count(number, other):
        asked.append((number, other))
        return number + 1, "unused"

    assert measuring._time_queued(count, (0, "same"), 4, feeds_back=feeds_back) == 2.0
    assert asked == [(number if feeds_back else 0, "same") for number in range(6)]  # two warm up


def test_summary_is_a_median_and_an_interquartile_range():
    case = measuring.Case("encode", "x", {}, "xla", lambda: None, tuple, tflop=0.006)
    result = measuring.summarize(case, [0.001, 0.002, 0.003, 0.004, 9.0], peak_gib=1.0, matrix_tflops=4.0)
    assert result.median_ms == pytest.approx(3.0)
    assert result.spread_ms < 9000
    assert result.tflops == pytest.approx(2.0)
    assert result.peak_share == pytest.approx(0.5)


def _run(*arguments):
    environment = os.environ | {"JAX_DISABLE_MOST_OPTIMIZATIONS": "false"}  # it runs longer than it compiles
    command = [sys.executable, "launch/benchmark.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The report of two suites: of one grid, and of what is drawn."""
    path = tmp_path_factory.mktemp("reports") / "new" / "mine.json"
    result = _run("--suites", "mesh,draw", "--size", "small", "--runs", "2", "--json", str(path))
    assert result.returncode == 0, result.stderr
    return json.loads(path.read_text())


def test_program_writes_its_file(written):
    assert {"device", "versions", "matrix_tflops", "results"} == set(written)
    assert [case["suite"] for case in written["results"]] == ["mesh", "draw", "draw"]
    mesh = written["results"][0]
    assert mesh["sizes"] == {"grid": 32}
    assert mesh["backend"] == "xla"
    assert mesh["median_ms"] > 0
    assert mesh["queued_ms"] > 0


def test_drawing_is_measured_by_the_view(written):
    """Each family's pictures are those of the data, as many as are said."""
    found = written["results"][1:]
    assert [case["name"] for case in found] == ["views of family a", "views of family named"]
    assert all(case["sizes"] == {"views": 2, "resolution": 128} and case["median_ms"] > 0 for case in found)
    for case in draw_cases(9):  # of two objects
        assert jax.eval_shape(case.function, *case.make_arguments()).shape == (9, 128, 128, 4)


def test_a_large_view_alone_is_measured_with_its_gradient():
    sizes = suites.SIZES["full"]
    cases = suites.make_cases("render", config_files.load(sizes.config), sizes)
    found = [case.sizes for case in cases if case.name == "forward and backward"]
    assert found.count({"views": 1, "resolution": 256, "samples": 128}) == 1
    assert len({str(one) for one in found}) == len(found)


@pytest.mark.parametrize(("cores", "jobs"), [(1, 1), (2, 1), (16, 4), (64, 8)])
def test_cases_compiled_at_a_time_follow_the_cores(cores, jobs):
    assert benchmark._jobs(cores) == jobs


def test_unknown_suite_is_refused():
    result = run_here(Path("launch/benchmark.py"), "--suites", "mash")
    assert result.returncode == 2
    assert result.stderr.strip().splitlines()[-1].startswith("error: --suites has no suite 'mash'")
