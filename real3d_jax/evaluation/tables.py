"""Numbers for people and programs: per-instance CSV, summary JSON, and Markdown in the layout of the paper's tables."""

import csv
import dataclasses
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from real3d_jax.evaluation.baselines import BASELINES
from real3d_jax.evaluation.geometry import ALIGNED
from real3d_jax.evaluation.networks import RANDOM_WEIGHTS
from real3d_jax.evaluation.results import Row
from real3d_jax.evaluation.summary import FITTED, Metric
from real3d_jax.runtime.folders import read_json, write_result

_SEMANTIC, _CONSISTENCY, _NOVEL, _INPUT, _GEOMETRY = (
    "Semantic similarity",
    "Self-consistency",
    "Novel view synthesis",
    "Input view",
    "Geometry",
)
# The paper's Tables 1 to 4; what else was measured follows after these.
TABLES = {
    1: (_SEMANTIC, _CONSISTENCY, _NOVEL),
    2: (_SEMANTIC, _CONSISTENCY),
    3: (_NOVEL,),
    4: (_NOVEL,),
}
# A row of a table for each of these, beside the method's; names of their metrics end so.
_VARIANTS = FITTED | BASELINES
_PREFIXES = {"semantic_": _SEMANTIC, "consistency_": _CONSISTENCY, "input_": _INPUT}
# Columns in their order, each with its title and the decimals that are shown.
_COLUMNS = {
    "clip": ("CLIP ↑", 3),
    "psnr": ("PSNR ↑", 2),
    "ssim": ("SSIM ↑", 3),
    "lpips": ("LPIPS ↓", 3),
    "iou": ("Silhouette IoU ↑", 3),
    "fid": ("FID ↓", 1),
    "kid": ("KID ↓", 4),
    "chamfer_l1": ("Chamfer-L1 ↓", 3),
    "f_score": ("F-score ↑", 3),
    "normal_consistency": ("Normal consistency ↑", 3),
}


def write_csv(path: Path, rows: Sequence[Row], distances: Mapping[str, Sequence[float]]) -> None:
    """A line for each object: the mean of each metric over its views, empty where a prediction is not finite.

    Args:
      path: of the file.
      rows: the objects.
      distances: fitted camera distances, one an object, by what they were fitted on.
    """
    names = list(dict.fromkeys(name for row in rows for name in row.values))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["key", *names, *(f"distance_{suffix}" for suffix in distances), "non_finite_views"])
    for number, row in enumerate(rows):
        means = [_plain(row.values[name].mean()) if name in row.values else "" for name in names]
        fitted = [_plain(found[number]) for found in distances.values()]
        writer.writerow([row.key, *means, *fitted, non_finite_views(row)])
    write_result(path, text.getvalue())


def non_finite_views(row: Row) -> int:
    """The most views of an object that one metric could not score."""
    return max((int((~np.isfinite(values)).sum()) for values in row.values.values()), default=0)


def write_summary(path: Path, metrics: Mapping[str, Metric], about: Mapping[str, Any]) -> None:
    """Writes each metric by its name, and under `about` what they were measured with."""
    tree = {name: dataclasses.asdict(metric) for name, metric in metrics.items()} | {"about": dict(about)}
    write_result(path, json.dumps(tree, indent=1, allow_nan=False) + "\n")


def load_metrics(path: Path) -> dict[str, Metric]:
    """The metrics of a `summary.json`. Raises UserError if it is damaged."""
    tree = read_json(path, remedy="delete it, and the command that scores writes it again")
    return {
        name: Metric(**values | {"interval": values["interval"] and tuple(values["interval"])})
        for name, values in tree.items()
        if name != "about"
    }


def markdown(
    metrics: Mapping[str, Metric], *, table: int, method: str, left_out: Mapping[str, str], warnings: Sequence[str] = ()
) -> str:
    """The results as one of the paper's tables, with intervals, and notes on what is missing.

    Args:
      metrics: from `summary.summarise`.
      table: the paper's table, 1 to 4.
      method: name of the row.
      left_out: why a metric is missing, by its name.
      warnings: what a reader has to know besides.
    """
    said = [*notes(metrics, left_out), *(f"- {warning}" for warning in warnings)]
    rows = grid(metrics, table=table, method=method)
    if not rows:
        return "\n".join(["No metric could be computed.", "", *said]) + "\n"
    return "\n".join([*in_markdown(with_bold_titles(rows)), "", *said]) + "\n"


def with_bold_titles(lines: Sequence[Sequence[str]]) -> list[list[str]]:
    """Lines of cells as of `grid`, the second of which stands out."""
    heads, titles, *values = (list(line) for line in lines)
    return [heads, [f"**{name}**" if name else "" for name in titles], *values]


def grid(metrics: Mapping[str, Metric], *, table: int, method: str) -> list[list[str]]:
    """The cells of a table: a line of headings, one of titles, and one each for the method, its variants and baselines.

    Empty if there is nothing to show.
    """
    columns = ordered(metrics, table)
    if not columns:
        return []
    return [*table_heads(columns), *method_lines(metrics, columns, method)]


def method_lines(metrics: Mapping[str, Metric], columns: Sequence[str], method: str) -> list[list[str]]:
    """The method's line of cells, and those of its variants and baselines that there are."""
    lines = []
    variants = {"": method} | {f"_{suffix}": f"{method}, {what}" for suffix, what in FITTED.items()}
    variants |= {f"_{suffix}": what for suffix, what in BASELINES.items()}
    for suffix, label in variants.items():
        found = [metrics.get(name + suffix) for name in columns]
        if any(found):
            lines.append([label, *(cell(metric, name) for metric, name in zip(found, columns, strict=True))])
    return lines


def table_heads(columns: Sequence[str]) -> list[list[str]]:
    """The line of groups, and that of titles, above a table's columns."""
    groups = [group_of(name) for name in columns]
    heads = [group if group not in groups[:number] else "" for number, group in enumerate(groups)]
    return [["Method", *heads], ["", *map(title, columns)]]


def in_markdown(lines: Sequence[Sequence[str]]) -> list[str]:
    """Lines of Markdown for lines of cells, the first of which are the headings."""
    heads, *others = lines
    return ["| " + " | ".join(line) + " |" for line in (heads, ["---"] * len(heads), *others)]


def ordered(metrics: Mapping[str, Metric], table: int) -> list[str]:
    """Metrics in the order of a table's columns, without those of a fitted distance and of baselines."""
    groups = dict.fromkeys((*TABLES[table], _SEMANTIC, _CONSISTENCY, _NOVEL, _INPUT, _GEOMETRY))
    names = [name for name in metrics if not name.endswith(tuple(_VARIANTS))]
    rank = list(_COLUMNS)
    return sorted(names, key=lambda name: (list(groups).index(group_of(name)), rank.index(_kind(name)), name))


def group_of(name: str) -> str:
    """The heading above a metric."""
    for prefix, group in _PREFIXES.items():
        if name.startswith(prefix):
            return group
    return _NOVEL if _kind(name) in ("psnr", "ssim", "lpips", "iou") else _GEOMETRY


def title(name: str) -> str:
    """A metric's title, with an arrow to its better end."""
    shown = _COLUMNS[_kind(name)][0]
    if name.endswith(RANDOM_WEIGHTS):
        shown += " (random weights: means nothing)"
    return f"{shown} (aligned)" if name.endswith(ALIGNED) else shown


def heading(name: str) -> str:
    """A metric's title, with its group unless that is novel views, for a table without a line of groups."""
    group = group_of(name)
    return title(name) if group == _NOVEL else f"{group}, {title(name)}"


def is_lower_better(name: str) -> bool:
    """Whether a metric is a distance."""
    return _COLUMNS[_kind(name)][0].endswith("↓")


def cell(metric: Metric | None, name: str) -> str:
    """A mean and its interval, for people."""
    if metric is None or metric.mean is None:
        return "-" if metric is None else "none finite"
    return cell_of(metric.mean, metric.interval, name)


def cell_of(mean: float, interval: Sequence[float] | None, name: str) -> str:
    """A number of a metric and its interval, with the metric's decimals."""
    decimals = _COLUMNS[_kind(name)][1]
    ends = "" if interval is None else f" [{interval[0]:.{decimals}f}, {interval[1]:.{decimals}f}]"
    return f"{mean:.{decimals}f}{ends}"


def notes(metrics: Mapping[str, Metric], left_out: Mapping[str, str]) -> list[str]:
    """Sentences on counts, on predictions that are not finite, and on what is missing."""
    counts = dict.fromkeys(f"{metric.count} {metric.unit}s" for metric in metrics.values())
    said = [f"- Means of {', '.join(counts)}; in brackets their confidence intervals."] if counts else []
    for name, metric in metrics.items():
        if metric.non_finite:
            total = metric.count + metric.non_finite
            said.append(
                f"- `{name}`: {metric.non_finite} of {total} {metric.unit}s have a prediction that is not finite and "
                "are left out of the mean."
            )
    return said + [f"- `{name}` is left out: {reason}" for name, reason in left_out.items()]


def _kind(name: str) -> str:
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    for suffix in (*(f"_{suffix}" for suffix in _VARIANTS), RANDOM_WEIGHTS, ALIGNED):
        name = name.removesuffix(suffix)
    return name


def _plain(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else ""
