"""`report.html`: the table, how the scores are spread, and pictures, in one file without anything from outside."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from real3d_jax.evaluation.cases import Case, ranking_metric
from real3d_jax.evaluation.results import Row
from real3d_jax.evaluation.summary import Metric
from real3d_jax.evaluation.tables import grid, notes, title
from real3d_jax.reports import charts
from real3d_jax.reports.pages import render
from real3d_jax.reports.pictures import data_uri, strip
from real3d_jax.runtime.folders import write_result

_TEMPLATES = Path(__file__).parent / "templates"
_LEAST_HEIGHT = 96  # pixels at which a strip is shown
_BINS = 24


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
    name = ranking_metric(rows)
    page = render(
        _TEMPLATES,
        "report.html",
        title=heading,
        about=[(key, _shown(value)) for key, value in about.items()],
        table=grid(metrics, table=table, method=method),
        notes=[note.removeprefix("- ") for note in notes(metrics, left_out)],
        ranked_by=name and title(name),
        spread=name and _spread(np.array([row.values[name].mean() for row in rows])),
        cases=[_case(case) for case in cases],
    )
    write_result(path, page)


def _spread(scores: Float[np.ndarray, "objects"]) -> str:
    """How the finite scores of objects lie; nothing to show for one."""
    finite = scores[np.isfinite(scores)]
    if len(finite) < 2:
        return ""
    counts, edges = np.histogram(finite, bins=min(_BINS, max(4, len(finite) // 2)))
    return charts.histogram({charts.ALL: counts}, edges)


def _case(case: Case) -> dict[str, Any]:
    strips = [
        (label, data_uri(Image.fromarray(pixels), "PNG", optimize=True), max(pixels.shape[0], _LEAST_HEIGHT))
        for label, pixels in ((label, strip(images)) for label, images in case.strips.items() if len(images))
    ]
    scores = ", ".join(f"{metric} {value:.3f}" for metric, value in case.scores.items())
    return {"label": case.label, "key": case.key, "scores": scores, "strips": strips}


def _shown(value: object) -> str:
    """A value of `about`: lists and groups in words."""
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {part}" for name, part in value.items())
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
