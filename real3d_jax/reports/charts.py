"""Small charts as SVG, which take their colours from the page's style: `.all`, `.kept`, `.rejected`, `.threshold`."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int
from markupsafe import Markup

from real3d_jax.reports.pages import shared_macro

ALL = "all"  # the kind of what has no kinds
_CHARTS = "charts.html"
_WIDTH, _HEIGHT = 320, 140
_LEFT, _TOP, _BASE = 8, 14, 118  # where the drawing begins, and where it ends below
_STEP = 21  # from one horizontal bar to the next
_LEAST_HEIGHT = 2.0  # of a bar that stands for something


def histogram(
    counts: Mapping[str, Sequence[int] | Int[np.ndarray, "bins"]],
    edges: Float[np.ndarray, "edges"],
    *,
    unit: str = "",
    scale: float = 1.0,
    ticks: int = 3,
    threshold: float | None = None,
) -> Markup:
    """How often values lie between edges.

    Args:
      counts: in each bin, by kind; the first kind stands at the bottom. One kind alone is `ALL`.
      edges: growing, one more than bins.
      unit: behind numbers.
      scale: numbers are shown times this.
      ticks: how many numbers stand below, evenly spread.
      threshold: where a line is drawn, if anywhere; beyond the last edge it is drawn there.
    """
    bins = len(edges) - 1
    tallest = max(1, *np.sum([np.asarray(each) for each in counts.values()], axis=0).tolist())
    width = (_WIDTH - 2 * _LEFT) / bins
    bars = []
    for k in range(bins):
        rectangles, y = [], float(_BASE)
        for kind, each in counts.items():
            if each[k]:
                height = max(_LEAST_HEIGHT, (_BASE - _TOP) * each[k] / tallest)
                y -= height
                rectangles.append((kind, _LEFT + k * width + 0.5, y, width - 1, height))
        said = ", ".join(f"{each[k]:,}" + (f" {kind}" if kind != ALL else "") for kind, each in counts.items())
        bars.append((f"{edges[k] * scale:.4g} to {edges[k + 1] * scale:.4g}{unit}: {said}", rectangles))
    low, high = float(edges[0]), float(edges[-1])
    places = np.linspace(0, 1, ticks)
    labels = [(_LEFT + (_WIDTH - 2 * _LEFT) * p, f"{(low + (high - low) * p) * scale:.4g}{unit}") for p in places]
    line = None
    if threshold is not None:
        line = _LEFT + (_WIDTH - 2 * _LEFT) * min((threshold - low) / (high - low), 1)
    return shared_macro(_CHARTS, "histogram", bars=bars, labels=labels, threshold=line, **_frame())


def sky_map(azimuth: Float[np.ndarray, "n"], elevation: Float[np.ndarray, "n"]) -> Markup:
    """Where cameras are, seen from the origin; degrees."""
    x = _LEFT + (azimuth + 180) / 360 * (_WIDTH - 2 * _LEFT)
    y = 6 + (90 - elevation) / 180 * (_BASE - 6)
    radius = 2.4 if len(x) <= 600 else 1.4
    return shared_macro(_CHARTS, "sky_map", points=list(zip(x, y, strict=True)), radius=radius, **_frame())


def bars(rows: Sequence[tuple[str, float, str]]) -> Markup:
    """One horizontal bar for each `(name, length in [0, 1], kind)`, with its length written behind it."""
    frame = _frame() | {"height": _STEP * len(rows) + 8}
    return shared_macro(_CHARTS, "bars", rows=rows, step=_STEP, **frame)


def _frame() -> dict[str, int]:
    return {"width": _WIDTH, "height": _HEIGHT, "left": _LEFT, "base": _BASE}
