"""Small charts as SVG."""

import html
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

_WIDTH, _HEIGHT = 320, 140
_LEFT, _BASE = 8, 118
_BINS = 24


def histogram(values: Float[np.ndarray, "n"], *, low: float, high: float, unit: str = "", scale: float = 1.0) -> str:
    """How often each value occurs, from `low` to `high`; the axis is labelled in `scale` times the values."""
    counts, edges = np.histogram(np.clip(values, low, high), bins=_BINS, range=(low, high))
    width = (_WIDTH - 2 * _LEFT) / _BINS
    tallest = max(int(counts.max()), 1)
    bars = []
    for i, count in enumerate(counts):
        if count:
            height = max(2.0, (_BASE - 14) * count / tallest)
            tip = f"{edges[i] * scale:.3g} to {edges[i + 1] * scale:.3g}{unit}: {count}"
            bars.append(
                f'<rect x="{_LEFT + i * width + 0.75:.1f}" y="{_BASE - height:.1f}" width="{width - 1.5:.1f}" '
                f'height="{height:.1f}" rx="2" fill="var(--bar)"><title>{tip}</title></rect>'
            )
    ticks = [
        f'<text x="{_LEFT + (_WIDTH - 2 * _LEFT) * t:.0f}" y="{_BASE + 16}" text-anchor="{anchor}">'
        f"{(low + (high - low) * t) * scale:.3g}{unit}</text>"
        for t, anchor in ((0, "start"), (0.5, "middle"), (1, "end"))
    ]
    return _svg([*bars, _base_line(), *ticks])


def sky_map(azimuth: Float[np.ndarray, "n"], elevation: Float[np.ndarray, "n"]) -> str:
    """Where the cameras are, seen from the origin; degrees."""
    x = _LEFT + (azimuth + 180) / 360 * (_WIDTH - 2 * _LEFT)
    y = 6 + (90 - elevation) / 180 * (_BASE - 6)
    level = 6 + 0.5 * (_BASE - 6)
    radius = 2.4 if len(x) <= 600 else 1.4
    dots = [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{radius}"/>' for a, b in zip(x, y, strict=True)]
    frame = [
        f'<rect x="{_LEFT}" y="6" width="{_WIDTH - 2 * _LEFT}" height="{_BASE - 6}" rx="6" fill="none" '
        'stroke="var(--line)"/>',
        f'<line x1="{_LEFT}" x2="{_WIDTH - _LEFT}" y1="{level}" y2="{level}" stroke="var(--line)"/>',
        f'<text x="{_LEFT + 4}" y="18">+90°</text><text x="{_LEFT + 4}" y="{_BASE - 4}">-90°</text>',
        f'<text x="{_LEFT}" y="{_BASE + 16}">-180°</text>',
        f'<text x="{_WIDTH / 2}" y="{_BASE + 16}" text-anchor="middle">azimuth 0°</text>',
        f'<text x="{_WIDTH - _LEFT}" y="{_BASE + 16}" text-anchor="end">180°</text>',
    ]
    return _svg([*frame, f'<g fill="var(--bar)" fill-opacity="0.55">{"".join(dots)}</g>'])


def bars(rows: Sequence[tuple[str, float, str]]) -> str:
    """One bar for each `(name, length in [0, 1], CSS color)`, with its length written behind it."""
    parts, step = [], 21
    for i, (name, value, color) in enumerate(rows):
        y = 4 + i * step
        parts.append(
            f'<text class="name" x="0" y="{y + 12}">{html.escape(name)}</text>'
            f'<rect x="132" y="{y + 2}" width="150" height="12" rx="4" fill="var(--line)"/>'
            f'<rect x="132" y="{y + 2}" width="{max(150 * value, 2):.1f}" height="12" rx="4" fill="{color}"/>'
            f'<text x="{_WIDTH}" y="{y + 12}" text-anchor="end">{value:.2f}</text>'
        )
    return _svg(parts, height=step * len(rows) + 8)


def _base_line() -> str:
    return f'<line x1="{_LEFT}" x2="{_WIDTH - _LEFT}" y1="{_BASE}" y2="{_BASE}" stroke="var(--line)"/>'


def _svg(parts: Sequence[str], height: int = _HEIGHT) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img">{"".join(parts)}</svg>'
