"""Curves of means with their intervals, one panel or several, as an SVG file that needs no page around it."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from markupsafe import escape

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BASE = 640, 300, 64, 24, 40, 250
_MARGIN = 30  # of the first and last points
_APART = 8  # between lines of the same place
_STEPS = (0.2, 0.5, 1.0, 2.0)
_TICKS = 6  # at most


class Point(NamedTuple):
    """A mean and its interval, if there is one."""

    x: float
    mean: float
    interval: Sequence[float] | None


class Line(NamedTuple):
    """A curve of growing x, its words and its colour."""

    words: str
    colour: str
    points: Sequence[Point]


class Panel(NamedTuple):
    """Curves with axes of their own; the title says what y is. Without a point it shows `empty`."""

    title: str
    lines: Sequence[Line]
    empty: str = ""


def curves(
    panels: Sequence[Panel],
    *,
    x_title: str,
    logarithmic: bool = False,
    columns: int = 2,
    label: Callable[[float], str] = "{:g}".format,
) -> str:
    """The panels, row by row.

    Args:
      panels: one at least.
      x_title: below each.
      logarithmic: of x, which then lies above 0.
      columns: panels side by side.
      label: of a place on the x axis.
    """
    columns = min(columns, len(panels))
    width, height = columns * _WIDTH, -(-len(panels) // columns) * _HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="12"><rect width="{width}" height="{height}" fill="white"/>'
    ]
    for number, panel in enumerate(panels):
        down, right = divmod(number, columns)
        drawn = "".join(_panel(panel, x_title=x_title, logarithmic=logarithmic, label=label))
        moved = f' transform="translate({right * _WIDTH} {down * _HEIGHT})"' if number else ""
        parts.append(f"<g{moved}>{drawn}</g>" if len(panels) > 1 else drawn)
    return "".join([*parts, "</svg>\n"])


def _panel(panel: Panel, *, x_title: str, logarithmic: bool, label: Callable[[float], str]) -> list[str]:
    title = f'<text x="8" y="18">{escape(panel.title)}</text>'
    places = sorted({point.x for line in panel.lines for point in line.points})
    if not places:
        return [title, f'<text x="{_WIDTH / 2}" y="{_HEIGHT / 2}" text-anchor="middle">{escape(panel.empty)}</text>']
    low, high, step = _ticks([end for line in panel.lines for p in line.points for end in p.interval or (p.mean,)])
    at = math.log if logarithmic else float
    span = at(places[-1]) - at(places[0]) if len(places) > 1 else 1.0

    def x(place: float, shift: float) -> float:
        share = (at(place) - at(places[0])) / span
        return _LEFT + _MARGIN + shift + (_WIDTH - _LEFT - _RIGHT - 2 * _MARGIN) * share

    def y(value: float) -> float:
        return _BASE - (_BASE - _TOP) * (value - low) / (high - low or 1.0)

    parts = []
    for k in range(round((high - low) / step) + 1):
        tick = low + k * step
        colour = "#666" if abs(tick) < step / 2 else "#ddd"
        parts.append(
            f'<path d="M{_LEFT} {y(tick):.1f}H{_WIDTH - _RIGHT}" stroke="{colour}"/>'
            f'<text x="{_LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:+.{_decimals(step)}f}</text>'
        )
    for place in places:
        parts.append(f'<text x="{x(place, 0):.1f}" y="{_BASE + 18}" text-anchor="middle">{escape(label(place))}</text>')
    parts.append(f'<text x="{_WIDTH / 2}" y="{_BASE + 38}" text-anchor="middle">{escape(x_title)}</text>')
    parts.append(title)
    for number, line in enumerate(panel.lines):
        shift = _APART * number - _APART * (len(panel.lines) - 1) / 2
        parts += _line(line, lambda place, shift=shift: x(place, shift), y) if line.points else []
        parts.append(f'<text x="{240 + 210 * number}" y="18" fill="{line.colour}">{escape(line.words)}</text>')
    return parts


def _ticks(ends: Sequence[float]) -> tuple[float, float, float]:
    """The lowest and the highest tick, 0 among them, and the way between two."""
    low, high = min(0.0, *ends), max(0.0, *ends)
    step = 10 ** math.floor(math.log10(max(high - low, 1e-9)))
    step *= next(factor for factor in _STEPS if (high - low) / (factor * step) <= _TICKS)
    return step * math.floor(low / step), step * math.ceil(high / step), step


def _decimals(step: float) -> int:
    return max(2, -math.floor(math.log10(step)))


def _line(line: Line, x: Callable[[float], float], y: Callable[[float], float]) -> list[str]:
    path = " ".join(f"{x(point.x):.1f},{y(point.mean):.1f}" for point in line.points)
    parts = [f'<polyline points="{path}" fill="none" stroke="{line.colour}" stroke-width="2"/>']
    for point in line.points:
        at = x(point.x)
        if point.interval:
            bottom, top = map(y, point.interval)
            parts.append(f'<path d="M{at:.1f} {bottom:.1f}V{top:.1f}" stroke="{line.colour}"/>')
        parts.append(f'<circle cx="{at:.1f}" cy="{y(point.mean):.1f}" r="3.5" fill="{line.colour}"/>')
    return parts
