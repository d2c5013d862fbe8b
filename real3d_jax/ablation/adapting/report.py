"""What came out: `adapting.json`, and made of it alone a table and a curve."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from real3d_jax.ablation.adapting.study import Study, curation_counts, known, scored
from real3d_jax.ablation.pooling import pooled_differences, pooled_metrics
from real3d_jax.config import files as config_files
from real3d_jax.evaluation.tables import cell_of
from real3d_jax.reports.curves import Line, Panel, Point, curves
from real3d_jax.runtime.folders import write_result

JSON, TABLE, CURVE = "adapting.json", "table.md", "curve.svg"
# Of the scores, those that the table has, with what they are called there.
COLUMNS = {
    "psnr": "novel views, PSNR",
    "iou": "IoU",
    "input_psnr": "input view, PSNR",
    "consistency_psnr": "self-consistency, PSNR",
}


def publish(study: Study) -> dict[str, Any]:
    """Writes the JSON file, the table and the curve into the study's folder; returns what the first holds."""
    tree = _tree(study)
    write_result(study.out / JSON, json.dumps(tree, indent=1) + "\n")
    write_result(study.out / TABLE, table(tree))
    write_result(study.out / CURVE, curve(tree))
    return tree


def _tree(study: Study) -> dict[str, Any]:
    bootstrap = study.config.bootstrap
    start, of_number = scored(study)
    rows = []
    for number, runs in of_number.items():
        starts = [dataclasses.replace(start, config=run.config) for run in runs]
        gains = {"minus_start": starts} | ({"minus_none": of_number[0]} if number and 0 in of_number else {})
        rows.append(
            {
                "photographs": number,
                "metrics": _as_json(pooled_metrics(runs, bootstrap)),
                **{name: _as_json(pooled_differences(runs, others, bootstrap)) for name, others in gains.items()},
                "known_families": known(study, number),
            }
        )
    return {
        "config": config_files.to_tree(study.config),
        "device": str(jax.devices()[0].device_kind),
        "curation": curation_counts(study),
        "start": _as_json(pooled_metrics([start], bootstrap)),
        "rows": rows,
    }


def _as_json(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: dataclasses.asdict(value) for name, value in found.items()}


def table(tree: Mapping[str, Any]) -> str:
    """The table in Markdown, and the sentences that answer the question."""
    heads = ["photographs", *COLUMNS.values(), "families it knew, PSNR"]
    lines = [heads, ["---"] * len(heads)]
    lines.append(["as it comes", *(_shown(tree["start"][name], name) for name in COLUMNS), _known(tree, "before")])
    for row in tree["rows"]:
        gains = [_shown(row["minus_start"][name], name, sign="+") for name in COLUMNS]
        after = row["known_families"]["after"]
        lines.append([str(row["photographs"] or "none"), *gains, f"{_mean(after):.2f}" if after else "-"])
    grid = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([*grid, "", *answers(tree), _made(tree)]) + "\n"


def _made(tree: Mapping[str, Any]) -> str:
    instances, seeds = tree["curation"]["instances"], ", ".join(map(str, tree["config"]["seeds"]))
    rejected = ", ".join(f"{n} {why}" for why, n in tree["curation"]["reasons"].items() if why != "kept")
    return (
        f"Curation kept {instances['kept']:,} of {instances['all']:,} objects ({rejected}). Seeds: {seeds}. "
        f"Differences are paired object by object. Made on: {tree['device']}."
    )


def answers(tree: Mapping[str, Any]) -> list[str]:
    """From which number of photographs on adapting helps, in a sentence for each comparison."""
    level = f"{tree['config']['bootstrap']['level']:.0%}"
    said = []
    for against, words in (("minus_start", "the model as it comes"), ("minus_none", "as many steps without them")):
        rows = [row for row in tree["rows"] if row["photographs"] and against in row]
        gains = [(row["photographs"], row[against]["psnr"]["interval"]) for row in rows]
        first = helps_from(gains)
        if not rows:
            continue
        if first is None:
            alone = ", ".join(str(number) for number, interval in gains if interval and interval[0] > 0)
            shown = f"there is no number from which on photographs help novel views: {alone} did, and more did not"
            none = "no number of photographs helps novel views"
            said.append(f"Against {words}, {shown if alone else none} ({level} intervals of PSNR).")
        else:
            said.append(f"Against {words}, {first} photographs and more help novel views ({level} intervals of PSNR).")
    return said


def helps_from(gains: Sequence[tuple[int, Sequence[float] | None]]) -> int | None:
    """The least number from which on every gain's interval lies above 0.

    Args:
      gains: growing numbers of photographs, each with the interval of its gain; None has no interval.
    """
    first = None
    for number, interval in reversed(gains):
        if interval is None or interval[0] <= 0:
            break
        first = number
    return first


def _shown(value: Mapping[str, Any], name: str, *, sign: str = "") -> str:
    mark = sign if sign and value["mean"] > 0 else ""
    return mark + cell_of(value["mean"], value["interval"], name)


def _known(tree: Mapping[str, Any], when: str) -> str:
    found = [value for row in tree["rows"] for value in row["known_families"][when]]
    return f"{_mean(found):.2f}" if found else "-"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


_LINES = (
    ("minus_start", "#1f6fb4", "against the model as it comes"),
    ("minus_none", "#c0562b", "against no photographs"),
)


def curve(tree: Mapping[str, Any]) -> str:
    """The gain in novel views over the number of photographs, with its intervals, as SVG."""
    lines = [
        Line(words, colour, [_point(row, key) for row in tree["rows"] if row["photographs"] and key in row])
        for key, colour, words in _LINES
    ]
    panel = Panel("gain of novel views, dB", [line for line in lines if line.points], empty="no row is finished")
    return curves([panel], x_title="photographs", logarithmic=True)


def _point(row: Mapping[str, Any], key: str) -> Point:
    gain = row[key]["psnr"]
    return Point(row["photographs"], gain["mean"], gain["interval"])


def read(path: Path) -> dict[str, Any]:
    """A JSON file of `publish`."""
    return json.loads(path.read_text())
