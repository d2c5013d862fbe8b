"""One page of HTML that needs nothing else: no network, no script."""

import html
import importlib.resources
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from real3d_jax.curation.parts import replacing
from real3d_jax.curation.report.cards import card
from real3d_jax.curation.report.charts import bars, funnel
from real3d_jax.curation.report.statistics import KEPT, Statistics
from real3d_jax.curation.rules.reasons import Reason

_TITLES = {
    "kept": ("Kept", "Whole objects that nothing stands in front of: these are the records."),
    "low_score": ("Low confidence", "The detector was not sure; such detections are nobody's neighbour either."),
    "empty_mask": ("Empty mask", "Not one pixel."),
    "small": ("Small", "A side of the box is too short."),
    "truncated": ("Truncated", "The box comes near the border of the photograph."),
    "category": ("Category", "Its category is excluded."),
    "crowd": ("Crowd", "Several objects under one mask."),
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


def write_page(path: pathlib.Path, statistics: Statistics) -> None:
    """Writes the report of a curation."""
    with replacing(path) as file:
        file.write(page(statistics))


def page(statistics: Statistics) -> str:
    """The report of a curation, as HTML."""
    style = importlib.resources.files("real3d_jax.curation.report").joinpath("assets/report.css").read_text()
    toggles = "".join(f'<input type="checkbox" id="show-{layer}" class="toggle" checked>' for layer in _LAYERS)
    labels = "".join(
        f'<label for="show-{layer}"><i class="swatch {layer}"></i>{name}</label>' for layer, name in _LAYERS.items()
    )
    reasons = _in_order(statistics.reasons)
    sections = "".join(_section(reason, statistics) for reason in [KEPT, *(r for r in reasons if r != KEPT)])
    links = "".join(f'<a href="#{reason}">{_title(reason)[0]} {statistics.reasons[reason]:,}</a>' for reason in reasons)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Curation</title>'
        f'<meta name="viewport" content="width=device-width"><style>{style}</style></head><body>'
        f"{toggles}<header>{_headline(statistics)}</header><nav>{links}<span>{labels}</span></nav><main>"
        f"<section><h2>Funnel</h2>{funnel(_steps(statistics))}{_left_out(statistics)}</section>"
        f"<section><h2>Distributions</h2>{_charts(statistics)}</section>"
        f"{sections}"
        f"<section><h2>Categories</h2>{_categories(statistics)}</section>"
        f"<section><h2>Settings</h2>{_settings(statistics.settings)}</section>"
        "</main></body></html>\n"
    )


def _headline(statistics: Statistics) -> str:
    total, kept = statistics.reasons.total(), statistics.reasons[KEPT]
    share = f"{100 * kept / total:.1f} %" if total else "none"
    rule = statistics.settings["rules"]["occlusion"]["rule"]
    figures = [
        (f"{statistics.photographs:,}", "photographs"),
        (f"{total:,}", "instances"),
        (f"{kept:,}", "kept"),
        (share, "of the instances"),
    ]
    cells = "".join(f"<div><b>{value}</b><span>{name}</span></div>" for value, name in figures)
    title = f'<h1>Curation <small>occlusion by the rule "{html.escape(rule)}"</small></h1>'
    return f'{title}<div class="figures">{cells}</div>'


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


def _section(reason: str, statistics: Statistics) -> str:
    title, text = _title(reason)
    count, examples = statistics.reasons[reason], statistics.examples(reason)
    cards = "".join(card(example) for example in examples) or '<p class="none">No example.</p>'
    shown = f"{len(examples)} of {count:,}" if count else "0"
    return (
        f'<section id="{html.escape(reason)}"><h2>{html.escape(title)} <small>{shown}</small></h2>'
        f'<p>{html.escape(text)}</p><div class="cards">{cards}</div></section>'
    )


def _left_out(statistics: Statistics) -> str:
    rows = [("photographs without instances", statistics.empty)] if statistics.empty else []
    rows += sorted(statistics.rejected.items(), key=lambda pair: (-pair[1], pair[0]))
    if not rows:
        return ""
    body = "".join(f"<tr><td>{html.escape(reason)}</td><td>{count:,}</td></tr>" for reason, count in rows)
    return f'<h3>Never decided on <small>listed in rejected.jsonl</small></h3><table class="counts">{body}</table>'


def _charts(statistics: Statistics) -> str:
    charts = [
        bars(histogram) for histogram in statistics.histograms.values() if any(histogram.kept + histogram.rejected)
    ]
    key = '<p class="key"><i class="swatch kept"></i>kept <i class="swatch rejected"></i>rejected '
    return f'{key}<i class="swatch threshold"></i>threshold</p><div class="charts">{"".join(charts)}</div>'


def _categories(statistics: Statistics) -> str:
    counts = sorted(statistics.categories.items(), key=lambda pair: (-pair[1][1], pair[0]))
    rows = "".join(_category(name or "(unknown)", kept, total) for name, (kept, total) in counts[:_CATEGORIES])
    more = f'<p class="none">and {len(counts) - _CATEGORIES} more</p>' if len(counts) > _CATEGORIES else ""
    return f'<table class="counts"><tr><th>category</th><th>kept</th><th>all</th><th></th></tr>{rows}</table>{more}'


def _category(name: str, kept: int, total: int) -> str:
    meter = f'<meter value="{kept}" max="{total}"></meter>'
    return f"<tr><td>{html.escape(name)}</td><td>{kept:,}</td><td>{total:,}</td><td>{meter}</td></tr>"


def _settings(settings: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{html.escape(_text(value))}</td></tr>" for name, value in _flat(settings)
    )
    return f'<table class="settings">{rows}</table>'


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Sequence[tuple[str, Any]]:
    found = []
    for name, value in settings.items():
        found += _flat(value, f"{name}.") if isinstance(value, Mapping) else [(prefix + name, value)]
    return found


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else "–" if value is None else str(value)
