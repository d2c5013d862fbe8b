"""Measures what encoding, rendering, meshes, training steps, evaluation and reading cost on this machine.

    python launch/benchmark.py
    python launch/benchmark.py --suites encode,render --runs 20 --json benchmarks/mine.json
    python launch/benchmark.py --suites scaling --json benchmarks/mine_scaling.json    # 1, 2, 4, 8 GPUs of one machine
    python launch/benchmark.py --suites lrm_step --devices 2 --minutes 3 --json benchmarks/mine_lrm.json    # OpenLRM's

On an accelerator at the paper's sizes, on a CPU at small ones. Weights and images are random.
"""

import argparse
import dataclasses
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax

from real3d_jax.benchmarks import lrm_step, measuring, reading, scoring, suites
from real3d_jax.benchmarks.scaling import suite as scaling
from real3d_jax.config import files as config_files
from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.config.training import Config
from real3d_jax.errors import UserError
from real3d_jax.runtime import cli
from real3d_jax.runtime.compile_cache import keep_programs

_SUITES = (*suites.SUITES, "data")


def main() -> None:
    """Reads the command line, measures, prints a line for each case and writes the JSON file after each."""
    parser = argparse.ArgumentParser(
        description=cli.as_called(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument(
        "--suites",
        default=",".join(_SUITES),
        help=f"which ones (default: {','.join(_SUITES)}); 'scaling' and 'lrm_step', which are run alone, train on all "
        "GPUs",
    )
    parser.add_argument(
        "--size", choices=["auto", *suites.SIZES, "tiny"], default="auto", help="the paper's, or a CPU's"
    )
    parser.add_argument("--runs", type=int, help="timed runs of each case (default: 10), or steps of scaling (20)")
    parser.add_argument(
        "--jobs",
        type=int,
        default=_jobs(os.cpu_count() or 1),
        help="cases compiled at a time, each with a GiB or two of memory (default: one for four cores, 8 at most)",
    )
    parser.add_argument("--json", type=Path, help="file to write; suites of this machine that it has already are kept")
    parser.add_argument(
        "--traces", type=Path, help="folder for a table of each case: which kernels its time goes into (NVIDIA GPUs)"
    )
    alone = parser.add_argument_group("scaling and lrm_step")
    alone.add_argument("--only", default="", help="rows, separated by commas (default: those that --json has not)")
    alone.add_argument("--minutes", type=float, default=60.0, help="after which all ends; rows may be left out")
    alone.add_argument("--devices", type=int, default=0, help="how many (default: all GPUs; a CPU plays 4)")
    alone.add_argument("--workdir", type=Path, default=Path("runs/scaling"), help="data, checkpoints and logs")
    options = parser.parse_args()
    chosen = options.suites.split(",")
    _check_traces(options.traces, chosen)
    if chosen == ["scaling"]:
        _measure_scaling(options)
        return
    if chosen == [lrm_step.SUITE]:
        _measure_lrm(options)
        return
    measuring.check_suites(chosen, _SUITES)
    options.runs = 10 if options.runs is None else options.runs
    if options.size == "tiny":
        raise UserError("--size tiny is of the suites scaling and lrm_step: use small or full.")
    if options.runs < 2 or options.jobs < 1:
        raise UserError("--runs must be at least 2 and --jobs at least 1.")
    keep_programs()
    size = options.size if options.size != "auto" else "small" if jax.default_backend() == "cpu" else "full"
    sizes = suites.SIZES[size]
    config = config_files.load(sizes.config)

    matrix_tflops = measuring.matrix_rate(config.compute.dtype)
    report = {
        "device": measuring.device(),
        "versions": measuring.versions(),
        "matrix_tflops": matrix_tflops,
        "results": [],
    }
    report["results"] += _others(options.json, report, chosen)
    _write(options.json, report)
    print(f"device     {report['device']}")
    print(f"versions   {report['versions']}")
    print(f"peak       {matrix_tflops:.1f} TFLOP/s in a large {config.compute.dtype} matrix product")
    print("           median +- interquartile range; peak memory of the program; counted work over time, share of peak")
    with jax.default_matmul_precision(config.compute.matmul_precision):
        for case, result in _programs(chosen, config, sizes, options, matrix_tflops):
            if isinstance(result, Exception):
                print(f"{case.title():90s} cannot run here: {str(result).splitlines()[0]}")
                continue
            _tell(case.title(), result)
            report["results"].append(dataclasses.asdict(result))
            _write(options.json, report)
    if "data" in chosen:
        for result in reading.measure_reading(config, runs=options.runs):
            _tell(f"data: {result.name}, {result.sizes} [{result.backend}]", result)
            report["results"].append(dataclasses.asdict(result))
            _write(options.json, report)


def _check_traces(folder: Path | None, chosen: Sequence[str]) -> None:
    if folder is None:
        return
    if chosen in (["scaling"], [lrm_step.SUITE]):
        raise UserError(f"--traces is of other suites than {chosen[0]}: leave it out.")
    if jax.default_backend() != "gpu":
        raise UserError("--traces tells of kernels on NVIDIA GPUs, and this machine has none: leave it out.")


def _jobs(cores: int) -> int:
    """XLA compiles most of a program on one core; nothing is timed meanwhile."""
    return min(max(cores // 4, 1), 8)


def _measure_lrm(options: argparse.Namespace) -> None:
    steps = 10 if options.runs is None else options.runs
    if steps < 2 or options.devices < 0:
        raise UserError("--runs must be at least 2 and --devices at least 0.")
    keep_programs()
    lrm_step.run(
        size=options.size, devices=options.devices, steps=steps, minutes=options.minutes, path=options.json
    )  # fmt: skip


def _measure_scaling(options: argparse.Namespace) -> None:
    steps = 20 if options.runs is None else options.runs
    if steps < 2 or options.devices < 0:
        raise UserError("--runs must be at least 2 and --devices at least 0.")
    scaling.run(
        size=options.size, devices=options.devices, steps=steps, only=list(filter(None, options.only.split(","))),
        minutes=options.minutes, path=options.json, work=options.workdir,
    )  # fmt: skip


def _programs(
    chosen: Sequence[str], config: Config, sizes: suites.Sizes, options: argparse.Namespace, matrix_tflops: float
) -> Iterator[tuple[measuring.Case, Any]]:
    """All but reading: each case with its measurement, or its error."""
    cases = [case for suite in suites.SUITES if suite in chosen for case in suites.make_cases(suite, config, sizes)]
    yield from measuring.measure(
        cases, runs=options.runs, jobs=options.jobs, matrix_tflops=matrix_tflops, traces=options.traces
    )
    if "evaluate" in chosen:
        evaluation = config_files.load_as(EvaluationConfig, sizes.evaluation)
        yield from scoring.measure_scorer(
            evaluation, sizes.evaluation_batches, runs=options.runs, matrix_tflops=matrix_tflops
        )


def _tell(title: str, result: measuring.Measurement) -> None:
    objects = result.sizes.get("objects")
    rate = f"  {1e3 * objects / result.median_ms:7.1f} objects/s" if objects else ""
    queued = "" if result.queued_ms is None else f"  {result.queued_ms:9.2f} ms queued"
    print(
        f"{title:90s} {result.median_ms:9.2f} +- {result.spread_ms:.2f} ms  {result.peak_gib:6.2f} GiB  "
        f"{result.tflops:7.2f} TFLOP/s  {result.peak_share:5.1%}{queued}{rate}",
        flush=True,
    )


def _others(path: Path | None, report: dict, chosen: list[str]) -> list[dict]:
    """What the file has of suites that are not measured now, on the same machine and versions."""
    if path is None or not path.exists():
        return []
    try:
        earlier = json.loads(path.read_text())
        if any(earlier[key] != report[key] for key in ("device", "versions")):
            return []
        return [result for result in earlier["results"] if result["suite"] not in chosen]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"--json {path} is there and holds no measurements ({error}): name another file.") from error


def _write(path: Path | None, report: dict) -> None:
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(report, indent=1) + "\n")
    except OSError as error:
        raise UserError(f"--json {path} cannot be written ({error.strerror}): name another file.") from error
