"""The table of kernels that a case's time goes into."""

import argparse
import contextlib
import re

import jax
import jax.numpy as jnp
import pytest

from real3d_jax.benchmarks import kernel_times, measuring, suites
from real3d_jax.benchmarks.kernel_times import Kernel
from real3d_jax.commands import benchmark
from real3d_jax.config import files as config_files
from real3d_jax.errors import UserError

MS = 1e6  # nanoseconds


def kernels_of(runs: int) -> list[Kernel]:
    """Of each run a 'gemm' of 3 ms and one of 1 ms beside it, a gap of 1 ms and an 'add' of 0.5; 9 ms between runs."""
    each = [("gemm", 0, 3), ("gemm", 1, 2), ("add", 4, 4.5)]
    return [Kernel(name, (13.5 * i + a) * MS, (13.5 * i + b) * MS) for i in range(runs) for name, a, b in each]


def test_shares_are_of_a_run_and_the_largest_comes_first():
    head, first, second = kernel_times.table(reversed(kernels_of(3)), runs=3).splitlines()
    assert head == "3 kernels, 4.500 ms in them, 1.000 ms between them"
    assert first.split() == ["4.000", "ms", "2.0", "x", "2000.0", "us", "gemm"]
    assert second.split() == ["0.500", "ms", "1.0", "x", "500.0", "us", "add"]


def test_no_kernels_are_told_as_none():
    assert kernel_times.table([], runs=2) == "0 kernels, 0.000 ms in them, 0.000 ms between them\n"


def test_a_trace_without_gpus_has_no_kernels(tmp_path):
    with jax.profiler.trace(str(tmp_path)):
        jnp.ones(3).block_until_ready()
    assert list(tmp_path.rglob("*.xplane.pb"))
    assert kernel_times.of_devices(tmp_path) == []


@pytest.fixture
def case(monkeypatch):
    """One that feeds back; a trace of it has the kernels of above."""
    monkeypatch.setattr(jax.profiler, "trace", lambda folder: contextlib.nullcontext())
    monkeypatch.setattr(kernel_times, "of_devices", lambda folder: [kernels_of(3)])
    return measuring.Case(
        suite="step",
        name="paper's recipe",
        sizes={"synthetic": 1},
        backend="xla",
        function=lambda x: (x + 1,),
        make_arguments=lambda: (jnp.ones(4),),
        tflop=1.0,
        feeds_back=True,
    )


def test_each_case_has_a_file(case, tmp_path):
    folder = tmp_path / "new" / "traces"
    [(_, found)] = measuring.measure([case], runs=2, jobs=1, matrix_tflops=1.0, traces=folder)
    assert isinstance(found, measuring.Measurement)
    [path] = folder.iterdir()
    assert path.name == "step_paper_s_recipe_synthetic=1_xla.txt"
    title, head, *rows = path.read_text().splitlines()
    assert title == case.title()
    assert head.startswith("3 kernels, 4.500 ms")
    assert len(rows) == 2


def test_a_folder_that_cannot_be_is_told(case, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=re.escape(f"--traces {tmp_path / 'file'} cannot be written")):
        list(measuring.measure([case], runs=2, jobs=1, matrix_tflops=1.0, traces=tmp_path / "file"))


def test_the_command_hands_the_folder_on(monkeypatch, tmp_path):
    handed = []
    monkeypatch.setattr(measuring, "measure", lambda cases, **settings: handed.append(settings["traces"]) or [])
    options = argparse.Namespace(runs=2, jobs=1, traces=tmp_path)
    sizes = suites.SIZES["small"]
    assert list(benchmark._programs(["data"], config_files.load(sizes.config), sizes, options, 1.0)) == []
    assert handed == [tmp_path]


@pytest.mark.parametrize(
    ("suites", "refusal"),
    [("encode", "this machine has none"), ("scaling", "other suites than scaling"), ("lrm_step", "than lrm_step")],
)
def test_traces_are_refused_where_there_are_none(suites, refusal, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.argv", ["benchmark.py", "--suites", suites, "--traces", str(tmp_path / "traces")])
    with pytest.raises(UserError, match=refusal):
        benchmark.main()
    assert not (tmp_path / "traces").exists()
