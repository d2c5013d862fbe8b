"""Two evaluations, object by object: what makes an object hard for both cancels in their difference."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from real3d_jax.config.files import differences
from real3d_jax.errors import UserError
from real3d_jax.evaluation.baselines import BASELINES
from real3d_jax.evaluation.results import Row, load_rows, load_settings
from real3d_jax.evaluation.tables import cell_of, is_lower_better, title
from real3d_jax.metrics.bootstrap import paired_difference
from real3d_jax.runtime.console import say
from real3d_jax.runtime.folders import write_result

COMPARISON, COMPARISON_TABLE = "comparison.json", "comparison.md"
# What must agree for two evaluations of checkpoints to measure the same.
_SAME = ("protocol", "data", "calibration")
_MAY_DIFFER = ("config.data.workers", "config.data.root", "config.data.path", "config.data.embedded")


@dataclasses.dataclass(frozen=True)
class Difference:
    """One metric of two evaluations.

    Attributes:
      mean: of the first's scores minus the second's.
      interval: of that mean; None for a single object.
      p: two-sided probability of such a difference where there is none; None for a single object.
      count: objects that both scored.
      non_finite: objects that both have, of which either score is not finite.
    """

    mean: float
    interval: tuple[float, float] | None
    p: float | None
    count: int
    non_finite: int


def compare(out: Path, other: Path) -> dict[str, Difference]:
    """Compares two results folders, writes `comparison.json` and `comparison.md` into the first, and says the table.

    Raises:
      UserError: a folder holds no results, they measure different things, or share no object.
    """
    mine, theirs = load_settings(out), load_settings(other)
    _check_comparable(mine, theirs, out, other)
    rows = {row.key: row for row in load_rows(out)}
    others = {row.key: row for row in load_rows(other)}
    shared = [key for key in rows if key in others]
    if not shared:
        raise UserError(f"'{out}' and '{other}' share no object: compare results of one test set.")
    bootstrap = mine.get("config", {}).get("bootstrap", {"level": 0.95, "resamples": 10_000})
    found = paired([(rows[key], others[key]) for key in shared], **bootstrap)
    names = str(mine["method"]), str(theirs["method"])
    write_result(out / COMPARISON, json.dumps(_tree(found, names, rows, others), indent=1) + "\n")
    text = _markdown(found, names)
    write_result(out / COMPARISON_TABLE, text)
    say(text.rstrip())
    unshared = len(rows) + len(others) - 2 * len(shared)
    if unshared:
        say(f"warning    {unshared} objects are in one of the two only, and are left out")
    return found


def paired(pairs: Sequence[tuple[Row, Row]], *, level: float, resamples: int, seed: int = 0) -> dict[str, Difference]:
    """The difference of each metric that both rows of a pair have; baselines are the same for all methods."""
    found = {}
    shared = dict.fromkeys(name for a, b in pairs for name in a.values if name in b.values)
    for name in (name for name in shared if not name.endswith(tuple(BASELINES))):
        both = [(a.values[name], b.values[name]) for a, b in pairs if name in a.values and name in b.values]
        scores = [(a.mean(), b.mean()) for a, b in both]
        finite = [(a, b) for a, b in scores if math.isfinite(a) and math.isfinite(b)]
        if not finite:
            continue
        first, second = zip(*finite, strict=True)
        result = paired_difference(first, second, level=level, resamples=resamples, seed=seed)
        alone = len(finite) == 1
        found[name] = Difference(
            mean=result.mean,
            interval=None if alone else (result.low, result.high),
            p=None if alone else result.p,
            count=len(finite),
            non_finite=len(scores) - len(finite),
        )
    return found


def difference_cell(found: Difference | None, name: str) -> str:
    """A difference of a metric with its interval and p-value, for people."""
    if found is None:
        return "-"
    p = "" if found.p is None else f", p {found.p:.4f}"
    return cell_of(found.mean, found.interval, name) + p


def as_gain(found: Difference, name: str) -> Difference:
    """The difference counted so that above 0 is better."""
    if not is_lower_better(name):
        return found
    interval = None if found.interval is None else (-found.interval[1], -found.interval[0])
    return dataclasses.replace(found, mean=-found.mean, interval=interval)


def _check_comparable(mine: Mapping[str, Any], theirs: Mapping[str, Any], out: Path, other: Path) -> None:
    """Renders of other methods say nothing of a protocol: those are compared by the objects' names alone."""
    if "config" not in mine or "config" not in theirs:
        return
    for key in _SAME:
        changed = differences(theirs["config"][key], mine["config"][key], f"config.{key}", ignored=_MAY_DIFFER)
        if changed:
            raise UserError(
                f"'{out}' and '{other}' measure different things ({changed[0]}): evaluate both with one config."
            )


def _tree(found: Mapping[str, Difference], names: tuple[str, str], rows: Mapping, others: Mapping) -> dict[str, Any]:
    about = {"first": names[0], "second": names[1], "objects": [len(rows), len(others)]}
    return {name: dataclasses.asdict(difference) for name, difference in found.items()} | {"about": about}


def _markdown(found: Mapping[str, Difference], names: tuple[str, str]) -> str:
    lines = [
        f"{names[0]} minus {names[1]}, object by object:",
        "",
        "| Metric | Difference | p | Objects | Better |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, difference in found.items():
        better = "undecided"
        if difference.interval is not None and not difference.interval[0] <= 0 <= difference.interval[1]:
            better = names[(difference.mean > 0) == is_lower_better(name)]
        p = "-" if difference.p is None else f"{difference.p:.4f}"
        shown = cell_of(difference.mean, difference.interval, name)
        objects = str(difference.count)
        if difference.non_finite:
            objects += f" ({difference.non_finite} more are not finite)"
        lines.append(f"| `{name}` {title(name)} | {shown} | {p} | {objects} | {better} |")
    return "\n".join(lines) + "\n"
