"""What a preparation left out, and the counts that show that nothing is missing."""

import collections
import json
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from real3d_jax.data.records import Rejection
from real3d_jax.errors import UserError

LIST = "rejected.jsonl"
SUMMARY = "summary.json"


class Report(NamedTuple):
    """What became of a split.

    Attributes:
      split: 'train' or 'test'.
      listed: items that the source has.
      items: those kept, and their numbers of records.
      rejected: items left out.
      dropped: views left out of items that were kept.
      repaired: files that were read as meant, by what was unusual about them.
    """

    split: str
    listed: int
    items: Sequence[tuple[str, int]]
    rejected: Sequence[Rejection]
    dropped: Sequence[Rejection]
    repaired: Mapping[str, int] = {}


def lines(reports: Sequence[Report]) -> str:
    """A JSON object a line for every item and view left out: `split`, `key`, `reason`."""
    return "".join(
        json.dumps({"split": report.split, "key": key, "reason": reason}) + "\n"
        for report in reports
        for key, reason in (*report.rejected, *report.dropped)
    )


def summary(reports: Sequence[Report]) -> dict[str, Any]:
    """Counts of each split (`items` = `kept` + `rejected`), and how often each kind of reason and repair occurred."""
    reasons = collections.Counter(kind(entry.reason) for r in reports for entry in (*r.rejected, *r.dropped))
    splits = {
        report.split: {
            "items": report.listed,
            "kept": len(report.items),
            "rejected": report.listed - len(report.items),
            "records": sum(count for _, count in report.items),
            "dropped_views": len(report.dropped),
        }
        for report in reports
    }
    repaired = sum((collections.Counter(report.repaired) for report in reports), collections.Counter())
    return {"splits": splits, "reasons": dict(sorted(reasons.items())), "repaired": dict(sorted(repaired.items()))}


def check_any_kept(reports: Sequence[Report], folder: pathlib.Path) -> None:
    """Refuses a data set of nothing.

    Raises:
      UserError: all items were rejected; gives the first reason.
    """
    rejected = [entry for report in reports for entry in report.rejected]
    if rejected and not any(report.items for report in reports):
        key, reason = rejected[0]
        raise UserError(
            f"None of the {len(rejected)} items could be used ('{key}': {reason}; the others are in "
            f"'{folder / LIST}'): put the source right, delete '{folder}', and prepare it again."
        )


def described(folder: pathlib.Path) -> str:
    """The summary in a folder, in lines for people."""
    found = json.loads((folder / SUMMARY).read_text())
    told = [
        f"{folder} {split}: " + ", ".join(f"{count} {name}" for name, count in counts.items())
        for split, counts in found["splits"].items()
    ]
    if found.get("repaired"):
        told.append("read as meant:")
        told += [f"  {count} x {what}" for what, count in sorted(found["repaired"].items(), key=lambda pair: -pair[1])]
    if found["reasons"]:
        told.append(f"left out, with reasons, in {folder / LIST}:")
        told += [f"  {count} x {why}" for why, count in sorted(found["reasons"].items(), key=lambda pair: -pair[1])]
    return "\n".join(told)


def kind(reason: str) -> str:
    """A reason without the names and numbers of the case."""
    reason = re.sub(r"'[^']*'", "'...'", re.sub(r"\(.*\)", "(...)", reason))
    return re.sub(r"-?\d+(\.\d+)?(e-?\d+)?", "N", reason)
