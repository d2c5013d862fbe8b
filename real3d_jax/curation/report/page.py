"""One page of HTML that needs nothing else: no network, no script."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from real3d_jax.curation.parts import replacing
from real3d_jax.curation.report.cards import card
from real3d_jax.curation.report.statistics import KEPT, Statistics
from real3d_jax.curation.rules.reasons import Reason
from real3d_jax.reports import charts
from real3d_jax.reports.pages import render

_TITLES = {
    "kept": ("Kept", "Whole objects that nothing stands in front of: these are the records."),
    "low_score": ("Low confidence", "The detector was not sure; such detections are nobody's neighbour either."),
    "empty_mask": ("Empty mask", "Not one pixel."),
    "small": ("Small", "A side of the box is too short."),
    "truncated": ("Truncated", "The box comes near the border of the photograph."),
    "category": ("Category", "Its category is excluded."),
    "crowd": ("Crowd", "Several objects under one mask."),
    "unknown_neighbour": ("Unknown neighbour", "It touches an annotation of which no mask is known."),
    "ambiguous_boundary": ("Ambiguous boundary", "At a sampled point the mask does not tell inside from outside."),
    "thin": ("Thin", "Nothing is left of the mask at the size of a record."),
    "no_depth": ("No depth", "The depth is unknown where it was needed."),
    "occluded": ("Occluded", "The neighbour is nearer at enough of the points."),
}
_LAYERS = {
    "outline": "outline",
    "neighbours": "neighbours",
    "pixels": "boundary and contact",
    "normals": "normals",
    "points": "points",
}
_CATEGORIES = 24
_TEMPLATES = pathlib.Path(__file__).parent / "templates"


def write_page(path: pathlib.Path, statistics: Statistics) -> None:
    """Writes the report of a curation."""
    with replacing(path) as file:
        file.write(page(statistics))


def page(statistics: Statistics) -> str:
    """The report of a curation, as HTML."""
    reasons, funnel = _in_order(statistics.reasons), _steps(statistics)
    categories = sorted(statistics.categories.items(), key=lambda pair: (-pair[1][1], pair[0]))
    return render(
        _TEMPLATES,
        "report.html",
        title="Curation",
        rule=statistics.settings["rules"]["occlusion"]["rule"],
        layers=_LAYERS,
        figures=_figures(statistics),
        funnel=funnel,
        most=max(funnel[0][1], 1),
        left_out=_left_out(statistics),
        charts=_charts(statistics),
        sections=[_section(reason, statistics) for reason in reasons],
        categories=[(name or "(unknown)", kept, total) for name, (kept, total) in categories[:_CATEGORIES]],
        more_categories=max(len(categories) - _CATEGORIES, 0),
        settings=[(name, _text(value)) for name, value in _flat(statistics.settings)],
    )


def _figures(statistics: Statistics) -> list[tuple[str, str]]:
    total, kept = statistics.reasons.total(), statistics.reasons[KEPT]
    return [
        (f"{statistics.photographs:,}", "photographs"),
        (f"{total:,}", "instances"),
        (f"{kept:,}", "kept"),
        (f"{100 * kept / total:.1f} %" if total else "none", "of the instances"),
    ]


def _steps(statistics: Statistics) -> list[tuple[str, int, int]]:
    """Name, instances left and instances that this step took, for each filter."""
    left = statistics.reasons.total()
    steps = [("instances", left, 0)]
    for reason in _in_order(statistics.reasons):
        if reason != KEPT:
            left -= statistics.reasons[reason]
            steps.append((_title(reason)[0].lower(), left, statistics.reasons[reason]))
    return steps


def _in_order(reasons: Mapping[str, int]) -> list[str]:
    """The reasons that occurred, in the order of the filters, others after them, kept at the end."""
    order = [str(reason) for reason in Reason if reason != Reason.KEPT]
    found = [reason for reason in order if reasons[reason]]
    return [*found, *sorted(set(reasons) - {*order, KEPT}), KEPT]


def _title(reason: str) -> tuple[str, str]:
    return _TITLES.get(reason, (reason.replace("_", " ").capitalize(), ""))


def _section(reason: str, statistics: Statistics) -> dict[str, Any]:
    title, text = _title(reason)
    count, examples = statistics.reasons[reason], statistics.examples(reason)
    return {
        "reason": reason,
        "first": reason == KEPT,  # of the sections, though the last of the reasons
        "title": title,
        "text": text,
        "count": count,
        "shown": f"{len(examples)} of {count:,}" if count else "0",
        "examples": [card(example) for example in examples],
    }


def _left_out(statistics: Statistics) -> list[tuple[str, int]]:
    rows = [("photographs without instances", statistics.empty)] if statistics.empty else []
    return rows + sorted(statistics.rejected.items(), key=lambda pair: (-pair[1], pair[0]))


def _charts(statistics: Statistics) -> list[tuple[str, str]]:
    return [
        (
            histogram.title,
            charts.histogram(
                {"kept": histogram.kept, "rejected": histogram.rejected},
                histogram.width * np.arange(len(histogram.kept) + 1),
                ticks=5,
                threshold=histogram.threshold,
            ),
        )
        for histogram in statistics.histograms.values()
        if any(histogram.kept + histogram.rejected)
    ]


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Sequence[tuple[str, Any]]:
    found = []
    for name, value in settings.items():
        found += _flat(value, f"{name}.") if isinstance(value, Mapping) else [(prefix + name, value)]
    return found


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else "–" if value is None else str(value)
