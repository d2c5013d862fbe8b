"""Charts as SVG and HTML."""

import html
from collections.abc import Sequence

from real3d_jax.curation.report.statistics import Histogram

_WIDTH, _HEIGHT, _FOOT = 340, 120, 22


def funnel(steps: Sequence[tuple[str, int, int]]) -> str:
    """Bars of what each step left and took: (name, left, taken)."""
    most = max(steps[0][1], 1)
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td class='bar'>"
        f'<i class="left" style="width:{100 * left / most:.2f}%"></i>'
        f'<i class="taken" style="width:{100 * taken / most:.2f}%"></i></td>'
        f"<td>{left:,}</td><td>{f'−{taken:,}' if taken else ''}</td></tr>"
        for name, left, taken in steps
    )
    return f'<table class="funnel">{rows}</table>'


def bars(histogram: Histogram) -> str:
    """A histogram: kept on rejected, with the threshold."""
    count = len(histogram.kept)
    most = max(1, *(kept + rejected for kept, rejected in zip(histogram.kept, histogram.rejected, strict=True)))
    step = _WIDTH / count
    shapes = []
    for place, (kept, rejected) in enumerate(zip(histogram.kept, histogram.rejected, strict=True)):
        up, over = _HEIGHT * kept / most, _HEIGHT * rejected / most
        low = place * histogram.width
        said = f"{low:g} to {low + histogram.width:g}: {kept:,} kept, {rejected:,} rejected"
        bar = _bar("kept", place * step, _HEIGHT - up, step - 1, up)
        bar += _bar("rejected", place * step, _HEIGHT - up - over, step - 1, over)
        shapes.append(f"<g><title>{said}</title>{bar}</g>")
    return (
        f"<figure><figcaption>{html.escape(histogram.title)}</figcaption>"
        f'<svg viewBox="-6 -8 {_WIDTH + 12} {_HEIGHT + _FOOT + 8}">{"".join(shapes)}{_axis(histogram)}</svg></figure>'
    )


def _axis(histogram: Histogram) -> str:
    """Numbers below, the threshold across."""
    high = histogram.width * len(histogram.kept)
    labels = "".join(f'<text x="{_WIDTH * n / 4:.1f}" y="{_HEIGHT + 15}">{high * n / 4:g}</text>' for n in range(5))
    line = f'<line class="axis" x1="0" y1="{_HEIGHT}" x2="{_WIDTH}" y2="{_HEIGHT}"/>'
    x = _WIDTH * min(histogram.threshold / high, 1)
    return f'{line}{labels}<line class="threshold" x1="{x:.1f}" y1="-6" x2="{x:.1f}" y2="{_HEIGHT}"/>'


def _bar(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
