"""The suite 'scaling' of the benchmark program: plan, rows, file and table."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from real3d_jax.benchmarks import measuring
from real3d_jax.benchmarks.scaling import plan, running
from real3d_jax.benchmarks.scaling.settings import SIZES
from real3d_jax.benchmarks.scaling.table import table
from real3d_jax.errors import UserError
from real3d_jax.runtime.folders import replace_text

_PLAYED = 4  # devices that a processor plays


def count_gpus() -> int:
    """NVIDIA GPUs that this process may use, without using one; 0 where there is none."""
    program = "import jax; print(jax.device_count() * (jax.default_backend() == 'gpu'))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    return int(done.stdout.strip() or 0) if done.returncode == 0 else 0


def run(
    *, size: str, devices: int, steps: int, only: Sequence[str], minutes: float, path: Path | None, work: Path
) -> None:
    """Measures the rows that the file does not have yet, writes each as it comes, and prints the table last.

    Args:
      size: 'full', 'tiny', or 'auto', which is 'tiny' without GPUs.
      devices: 0 takes all GPUs, or lets the processor play four.
      steps: measured of each row.
      only: names of rows; empty takes all that the file does not have.
      minutes: after which everything is ended.
      path: of the JSON; None writes `scaling.json` in `work`.
      work: folder for data, checkpoints and logs.

    Raises:
      UserError: a row is not known, or the file is of something else.
    """
    gpus = count_gpus()
    size = size if size != "auto" else "full" if gpus else "tiny"
    if size not in SIZES:
        raise UserError(f"--suites scaling has no size '{size}': use {' or '.join(SIZES)}.")
    if devices > gpus > 0:
        raise UserError(f"--devices {devices}: this machine has {gpus} GPUs.")
    sizes, path = SIZES[size], path or work / "scaling.json"
    rows = plan.make_rows(devices or gpus or _PLAYED, sizes.examples)
    names = [row.name for row in rows]
    for name in only:
        if name not in names:
            raise UserError(f"--only has no row '{name}': use {', '.join(names)}.")
    head = {
        "suite": "scaling", "size": size, "config": sizes.config, "devices": rows[0].count, "platform":
        "gpu" if gpus else "cpu", "examples": sizes.examples, "part": sizes.part, "paper_steps": sizes.paper_steps,
        "versions": measuring.versions(),
    }  # fmt: skip
    found = {row["name"]: row for row in _earlier(path, head)}
    wanted = only or [name for name in names if found.get(name, {}).get("status") != "measured"]
    chosen = [row for row in rows if row.name in wanted]

    def note(entry: dict[str, Any]) -> None:
        found[entry["name"]] = entry
        _write(path, head | {"rows": [found[name] for name in names if name in found]})

    fitting = plan.choose(chosen, steps=steps, times=sizes.times, limit=60 * minutes - running.SPARE)
    for line in plan.describe(plan.schedule(fitting, steps=steps, times=sizes.times), times=sizes.times):
        print(line, flush=True)
    print(f"           everything ends after {60 * minutes:.0f} s", flush=True)
    for row in chosen:
        if row.name not in {one.name for one in fitting}:
            note(running.entry(row, "left out", f"it would not fit into {minutes:g} minutes"))
            print(f"           left out, since there is no time for it: {row.name}", flush=True)
    if fitting:
        running.Suite(
            fitting, value=names, size=size, times=sizes.times, work=work.absolute(), steps=steps, limit=60 * minutes,
            platform=head["platform"], note=note, say=lambda text: print(text, flush=True),
        ).run()  # fmt: skip
    report = head | {"rows": [found[name] for name in names if name in found]}
    _write(path, report)
    print(f"device     {rows[0].count} x {_kind(report)}, {report['versions']}")
    print("\n".join(table(report)))


def _kind(report: dict[str, Any]) -> str:
    kinds = {row["device"]["kind"] for row in report["rows"] if "device" in row}
    return ", ".join(sorted(kinds)) or report["platform"]


def _earlier(path: Path, head: dict[str, Any]) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    try:
        report = json.loads(path.read_text())
        same = all(report[key] == value for key, value in head.items())
        return report["rows"] if same else []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"--json {path} is there and holds no scaling suite ({error}): name another file.") from error


def _write(path: Path, report: dict[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, json.dumps(report, indent=1) + "\n")
    except OSError as error:
        raise UserError(f"--json {path} cannot be written ({error.strerror}): name another file.") from error
