"""`report.html`: the table, how the scores are spread, and pictures, in one file without anything from outside."""

import base64
import html
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from real3d_jax.evaluation.cases import Case, ranking_metric
from real3d_jax.evaluation.results import Row
from real3d_jax.evaluation.summary import Metric
from real3d_jax.evaluation.tables import grid, notes, title
from real3d_jax.runtime.folders import write_result

_GAP = 4  # pixels between images
_LEAST_HEIGHT = 96  # pixels at which a strip is shown
_BINS = 24
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { border-bottom: 1px solid #ddd; padding: .3rem .8rem;
text-align: left } tr:nth-child(-n+2) { background: #f5f5f5 } h2 { margin-top: 2.5rem } h3 { margin: 2rem 0 .2rem }
figure { margin: .5rem 0 } figcaption { color: #666; font-size: 13px } img { max-width: 100% }
ul { padding-left: 1.2rem } code { background: #f5f5f5; padding: 0 .2rem } svg { background: #fafafa }
"""


def write_report(
    path: Path,
    *,
    heading: str,
    about: Mapping[str, object],
    rows: Sequence[Row],
    metrics: Mapping[str, Metric],
    table: int,
    method: str,
    left_out: Mapping[str, str],
    cases: Sequence[Case],
) -> None:
    """Writes the page.

    Args:
      path: of the file.
      heading: of the page.
      about: what was measured, and with what; shown as it is.
      rows: the objects.
      metrics: from `summary.summarise`.
      table: the paper's table whose layout is taken.
      method: name of the row.
      left_out: why a metric is missing, by its name.
      cases: objects to show.
    """
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{_text(heading)}</title><style>{_STYLE}</style>",
        f"<h1>{_text(heading)}</h1>",
        "<ul>" + "".join(f"<li>{_text(name)}: {_shown(value)}</li>" for name, value in about.items()) + "</ul>",
        "<h2>Results</h2>",
        _table(grid(metrics, table=table, method=method)),
        "<ul>" + "".join(f"<li>{_note(note)}</li>" for note in notes(metrics, left_out)) + "</ul>",
    ]
    name = ranking_metric(rows)
    if name is not None:
        scores = np.array([row.values[name].mean() for row in rows])
        finite = scores[np.isfinite(scores)]
        if len(finite) > 1:
            parts += [f"<h2>Spread of {_text(title(name))} over objects</h2>", _histogram(finite)]
        parts.append(f"<h2>Best, median and worst by {_text(title(name))}</h2>")
    for case in cases:
        scores = ", ".join(f"{metric} {value:.3f}" for metric, value in case.scores.items())
        parts += [f"<h3>{_text(case.label)}: {_text(case.key)}</h3>", f"<div>{_text(scores)}</div>"]
        for label, images in case.strips.items():
            if len(images):
                parts.append(f"<figure><figcaption>{_text(label)}</figcaption>{_image(strip(images))}</figure>")
    write_result(path, "\n".join([*parts, "</html>"]) + "\n")


def strip(images: Sequence[UInt8[np.ndarray, "h w 3"]]) -> UInt8[np.ndarray, "h W 3"]:
    """Images side by side on white, their upper edges in line."""
    height = max(image.shape[0] for image in images)
    width = sum(image.shape[1] + _GAP for image in images) - _GAP
    canvas = np.full((height, width, 3), 255, np.uint8)
    x = 0
    for image in images:
        canvas[: image.shape[0], x : x + image.shape[1]] = image
        x += image.shape[1] + _GAP
    return canvas


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = [
        "<tr>" + "".join(f"<{tag}>{_text(cell)}</{tag}>" for cell in row) + "</tr>"
        for tag, row in (("th" if number < 2 else "td", row) for number, row in enumerate(rows))
    ]
    return "<table>" + "".join(lines) + "</table>" if rows else "<p>No metric could be computed.</p>"


def _histogram(values: np.ndarray) -> str:
    counts, edges = np.histogram(values, bins=min(_BINS, max(4, len(values) // 2)))
    width, height = 640, 120
    step = width / len(counts)
    bars = "".join(
        f'<rect x="{k * step:.1f}" y="{height * (1 - count / counts.max()):.1f}" width="{step - 2:.1f}" '
        f'height="{height * count / counts.max():.1f}" fill="#4878a8"><title>{edges[k]:.3g} to {edges[k + 1]:.3g}: '
        f"{count}</title></rect>"
        for k, count in enumerate(counts)
    )
    labels = f'<text x="0" y="{height + 16}">{edges[0]:.4g}</text>'
    labels += f'<text x="{width}" y="{height + 16}" text-anchor="end">{edges[-1]:.4g}</text>'
    return f'<svg width="{width}" height="{height + 22}" font-size="13">{bars}{labels}</svg>'


def _image(pixels: UInt8[np.ndarray, "h w 3"]) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img height={max(pixels.shape[0], _LEAST_HEIGHT)} src="data:image/png;base64,{data}" alt="">'


def _note(note: str) -> str:
    """A note of Markdown, whose only marks are a bullet and names in backticks."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", _text(note.removeprefix("- ")))


def _shown(value: object) -> str:
    """A value of `about`: lists and groups in words."""
    if isinstance(value, Mapping):
        return "; ".join(f"{_text(name)}: {_text(part)}" for name, part in value.items())
    return " ".join(map(_text, value)) if isinstance(value, (list, tuple)) else _text(value)


def _text(value: object) -> str:
    return html.escape(str(value))
