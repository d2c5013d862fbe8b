"""The table of a scaling suite, from its JSON: `python -m real3d_jax.benchmarks.scaling.table FILE` prints it."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from real3d_jax.benchmarks.scaling.plan import is_of

COMPARED = 5  # losses after a checkpoint

_HEAD = (
    "GPUs | scaling | parameters | batch a device | pairs/s | weak eff. | strong eff. | step p50, p99 | peak GiB | "
    "collectives (exposed) | data wait | hours"
)


def table(report: Mapping[str, Any]) -> list[str]:
    """Markdown lines: a row for each measurement, and why others are missing."""
    rows = report["rows"]
    lines = [f"| {_HEAD} |", "|" + "---|" * (_HEAD.count("|") + 1)]
    missing = []
    for row in rows:
        if row["status"] != "measured":
            missing.append(f"- {row['name']}: {row['status']}{': ' + row['reason'] if row.get('reason') else ''}")
            continue
        lines.append("| " + " | ".join(_cells(row, rows, report)) + " |")
    return [*lines, *([""] if missing else []), *missing, "", *moved(rows)]


def moved(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """How equal the losses after a checkpoint are on the devices that wrote it and on others."""
    lines = []
    for row in rows:
        found = difference(row, rows)
        if found is not None:
            worst, count = found
            lines.append(
                f"- saved by {row['source']}, restored by {row['name']}: the next {count} losses differ by "
                f"{worst:.1e} of their value at most"
            )
    return lines


def difference(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> tuple[float, int] | None:
    """The largest relative difference of the losses after the checkpoint that a row went on from, and of how many.

    NaN if one of them is.
    """
    source = next((one for one in rows if one["name"] == row.get("source")), None)
    if source is None or not row.get("start_step") or not row.get("losses") or not source.get("losses"):
        return None
    there, here = ({int(step): loss for step, loss in one["losses"].items()} for one in (source, row))
    steps = [
        step
        for step in range(row["start_step"] + 1, row["start_step"] + 1 + COMPARED)
        if step in there and step in here
    ]
    if not steps:
        return None
    apart = [abs(here[step] - there[step]) / abs(there[step]) for step in steps]
    return float(np.max(apart)), len(steps)  # NaN if a loss is; Python's max would pass over it


def efficiency(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], law: str) -> float | None:
    """Pairs a second and device against one device's, for a law of scaling; None where it has no such point."""
    one = next((r for r in rows if r["count"] == 1 and is_of(r["law"], law) and r["status"] == "measured"), None)
    if one is None or not is_of(row["law"], law):
        return None
    return row["pairs_a_second"] / row["count"] / one["pairs_a_second"]


def _cells(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], report: Mapping[str, Any]) -> list[str]:
    each = row["examples"] // row["count"]
    # Hours of the paper's run are of its own batch; a smaller batch with as many pairs a second would take as long.
    hours = report["paper_steps"] * report["examples"] / row["pairs_a_second"] / 3600
    peak = row.get("peak_device_gib") or row.get("program_gib")
    exchanged = "-" if row["count"] == 1 else "not told"
    if row.get("collectives_seconds") is not None:
        exchanged = f"{1e3 * row['collectives_seconds']:.0f} ({1e3 * row['exposed_seconds']:.0f}) ms"
    return [
        str(row["count"]),
        "weak, strong" if row["law"] == "both" else row["law"],
        "sharded" if row["sharded"] else "replicated",
        f"{each} + {each}",
        f"{row['pairs_a_second']:.2f}",
        *(f"{value:.1%}" if (value := efficiency(row, rows, law)) else "" for law in ("weak", "strong")),
        f"{row['step_seconds_p50']:.3f}, {row['step_seconds_p99']:.3f} s",
        f"{peak:.1f}" if peak else "not told",
        exchanged,
        f"{1e3 * row['data_wait_seconds']:.1f} ms",
        f"{hours:.1f}",
    ]


if __name__ == "__main__":
    print("\n".join(table(json.loads(Path(sys.argv[1]).read_text()))))
