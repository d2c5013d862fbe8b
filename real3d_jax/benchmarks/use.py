"""From a picture to a textured GLB: what each step takes, and what a cold start does.

    python -m real3d_jax.benchmarks.use                   # base size on an accelerator, the model in the box on a CPU
    python -m real3d_jax.benchmarks.use --size mini --resolution 64 --texture 256 --runs 2 --json use.json

At base size the weights are random, and the field has a surface put in (`shaped_field`), whose faces are counted. A
cold start is a process of its own, from its beginning to the first GLB: once with nothing compiled, once with the
programs that the first one kept. Times are wall-clock seconds, medians over runs after a warm-up. Memory of the device
is the most that the warm process had taken by the end of each stage of its first run.

Every number is printed, and written to the --json file, as soon as it is there. After --limit seconds what is under way
is ended, and what is left out is named.
"""

import argparse
import json
import os
import queue
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from real3d_jax.benchmarks.scaling.processes import Process, last_words
from real3d_jax.benchmarks.use_child import CASES
from real3d_jax.errors import UserError
from real3d_jax.export.texture import check_xatlas
from real3d_jax.runtime import cli
from real3d_jax.runtime.folders import replace_text
from real3d_jax.runtime.user_cache import VARIABLE

SIZES = ("mini", "base")
PICTURE = Path("docs/images/cup.png")
COLD = ("nothing kept", "programs kept")
MODULE = ("-m", "real3d_jax.benchmarks.use_child")


class Report:
    """What has been measured so far.

    Attributes:
      values: of the file, JSON.
    """

    def __init__(self, path: Path | None, **values: Any):
        self.values = {**values, "first": {}, "warm": {}, "peak_device_gib": {}, "cold": {}, "left_out": []}
        self._path = path
        self._runs: dict[str, list[dict[str, float]]] = {case: [] for case in CASES}

    def take(self, part: str, event: Mapping[str, Any]) -> None:
        """Notes what a process told, and prints it.

        Args:
          part: of `COLD`, what the process measures; '' for the other processes.
          event: what it told.
        """
        values, kind = self.values, event["event"]
        if kind == "machine":
            values |= {key: event[key] for key in ("size", "device", "versions")}
            print(f"{values['device']}; size {values['size']}, {values['resolution']}^3 points", flush=True)
        elif kind == "run":
            self._take_run(event["case"], event["seconds"])
        elif kind == "stage":
            self._take_stage(event["case"], event["name"], event["seconds"], event["peak"])
        elif kind == "faces":
            values["faces"] = event["faces"]
            print(f"{event['faces']:,} faces before decimation", flush=True)
        elif kind == "seconds":
            values["cold"].setdefault(part, {})[event["name"]] = event["seconds"]
            _tell(f"cold start, {part}", {event["name"]: event["seconds"]})
        elif kind == "peak":
            values["cold"][part]["peak_device_gib"] = event["peak"]
            print(f"{f'cold start, {part}':31s} {_memory(event['peak'])}", flush=True)
        self.write()

    def leave_out(self, name: str) -> None:
        """Notes what there was no time for."""
        self.values["left_out"].append(name)
        print(f"left out, for want of time: {name}", flush=True)
        self.write()

    def write(self) -> None:
        """Writes the file, if there is to be one."""
        if self._path is not None:
            replace_text(self._path, json.dumps(self.values, indent=1) + "\n")

    def _take_stage(self, case: str, name: str, seconds: float, peak: float | None) -> None:
        self.values["first"].setdefault(case, {})[name] = seconds
        if case not in list(CASES)[1:]:  # it grows in the first case alone, or belongs to no stage
            self.values["peak_device_gib"][name] = peak
        print(f"{f'first, {case}':31s} {name} {seconds:.3f} s; {_memory(peak)}", flush=True)

    def _take_run(self, case: str, seconds: dict[str, float]) -> None:
        found = seconds | {"all": sum(seconds.values())}
        self._runs[case].append(found)
        runs = self._runs[case]
        self.values["warm"][case] = {name: statistics.median(run[name] for run in runs) for name in found}
        self.values["warm"][case]["runs"] = len(runs)
        _tell(f"warm, {case}", found)


def measure(report: Report, options: argparse.Namespace, folder: Path) -> None:
    """Runs the processes one after another, since one at a time has the accelerator."""
    until = time.monotonic() + (options.limit or float("inf"))
    task = {"size": options.size, "weights": str(folder / "base"), "out": str(folder / "made.glb")}
    task |= {key: getattr(options, key) for key in ("resolution", "texture", "runs")}
    task["picture"] = str(options.picture)
    if not _run("", {"do": "begin"} | task, dict(os.environ), report, folder, until):
        report.leave_out("all")
        return
    task["size"] = report.values["size"]
    if not _run("", {"do": "warm"} | task, dict(os.environ), report, folder, until):
        report.leave_out("the rest of the warm runs")
    if options.warm_only:
        return
    environment = {key: value for key, value in os.environ.items() if key != "JAX_COMPILATION_CACHE_DIR"}
    environment[VARIABLE] = str(folder / "cache")
    for part in COLD:
        if not _run(part, {"do": "cold", "began": time.time()} | task, environment, report, folder, until):
            report.leave_out(f"the rest of the cold start, {part}")


def _run(
    part: str, task: Mapping[str, Any], environment: Mapping[str, str], report: Report, folder: Path, until: float
) -> bool:
    """A process, until it ends or its time does; whether it has done all."""

    if time.monotonic() >= until:
        return False
    events: queue.Queue = queue.Queue()
    process = Process(task, environment, folder / "log", (sys.executable, *MODULE))
    process.listen(events)
    try:
        while True:
            left = until - time.monotonic()
            _, event = events.get(timeout=max(left, 0) if left < float("inf") else None)
            if event["event"] != "end":
                report.take(part, event)
                continue
            if event["code"]:
                raise UserError(f"A process of the benchmark failed: {last_words(folder / 'log', ())}")
            return True
    except queue.Empty:
        return False
    finally:
        process.end()


def _tell(title: str, seconds: Mapping[str, float]) -> None:
    print(f"{title:31s} " + ", ".join(f"{name} {value:.3f} s" for name, value in seconds.items()), flush=True)


def _memory(peak: float | None) -> str:
    return "device memory not known here" if peak is None else f"device memory at most {peak:.2f} GiB"


def main() -> None:
    """Reads the command line, measures, and prints a line for each case."""
    parser = cli.module_parser("real3d_jax.benchmarks.use", __doc__)
    parser.add_argument("--size", choices=("auto", *SIZES), default="auto", help="(default: %(default)s)")
    parser.add_argument("--resolution", type=int, default=256, help="grid points per side (default: %(default)s)")
    parser.add_argument("--texture", type=int, default=1024, help="texels per side (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="timed, after one that is not (default: %(default)s)")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="cut out (default: %(default)s)")
    parser.add_argument("--warm_only", action="store_true", help="leaves the cold starts out")
    parser.add_argument("--limit", type=float, default=0, help="seconds in all; 0 for no limit (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="file to write")
    options = parser.parse_args()
    if options.runs < 1:
        raise UserError(f"--runs must be at least 1, not {options.runs}.")
    if options.limit < 0:
        raise UserError(f"--limit must be 0 or more seconds, not {options.limit:g}.")
    if not options.picture.is_file():
        raise UserError(f"There is no picture '{options.picture}': name a cut-out one by --picture.")
    check_xatlas()
    report = Report(options.json, size=options.size, resolution=options.resolution, texture=options.texture)
    with tempfile.TemporaryDirectory() as name:
        measure(report, options, Path(name))


if __name__ == "__main__":
    cli.run(main)
