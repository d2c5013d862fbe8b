"""An example of the report as HTML: the photograph and the depth, and over both what the occlusion filter looked at."""

import html
from collections.abc import Mapping, Sequence
from typing import Any


def card(example: Mapping[str, Any]) -> str:
    """The drawing of `examples.draw`, as HTML."""
    overlay = _overlay(example)
    panels = "".join(_panel(example, name, overlay) for name in ("photo", "depth"))
    name = html.escape(f"{example['category'] or 'object'} {example['score']:.2f}")
    where = html.escape(f"{example['image']} · {example['instance_id']}")
    return (
        f'<article><div class="panels">{panels}</div><p><b>{name}</b> <span>{where}</span></p>'
        f'<p class="numbers">{html.escape(_numbers(example["details"]))}</p></article>'
    )


def _panel(example: Mapping[str, Any], name: str, overlay: str) -> str:
    width, height = example["size"]
    picture = f'<image href="data:image/jpeg;base64,{example[name]}" width="{width}" height="{height}"/>'
    return f'<svg viewBox="0 0 {width} {height}">{picture}{overlay}</svg>'


def _overlay(example: Mapping[str, Any]) -> str:
    width, height = example["size"]
    parts = [_lines("neighbours", example["neighbours"]), _lines("outline", example["outline"])]
    if "pixels" in example:
        source = f"data:image/png;base64,{example['pixels']}"
        parts.append(f'<image class="pixels" href="{source}" width="{width}" height="{height}"/>')
    points = example.get("points", ())
    normals = "".join(_normal(point) for point in points if point["inner"] is not None)
    return "".join([*parts, f'<g class="normals">{normals}</g>', f'<g class="points">{_points(points)}</g>'])


def _lines(name: str, lines: Sequence[Sequence[float]]) -> str:
    path = "".join(
        "M" + " ".join(f"{x:g},{y:g}" for x, y in zip(line[::2], line[1::2], strict=True)) + "Z" for line in lines
    )
    return f'<path class="{name}" d="{path}"/>'


def _normal(point: Mapping[str, Any]) -> str:
    (x1, y1), (x2, y2) = point["inner"], point["outer"]
    return (
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/><circle class="inner" cx="{x1}" cy="{y1}" r="1.6"/>'
        f'<circle class="outer" cx="{x2}" cy="{y2}" r="1.6"/>'
    )


def _points(points: Sequence[Mapping[str, Any]]) -> str:
    return "".join(
        f'<circle class="{point["vote"]}" cx="{point["at"][0]}" cy="{point["at"][1]}" r="3">'
        f"<title>{html.escape(_said(point))}</title></circle>"
        for point in points
    )


def _said(point: Mapping[str, Any]) -> str:
    inner, outer = point["disparity"]
    if inner is None or outer is None:
        return point["vote"]
    ratio = f"{inner / outer:.3f}" if outer else "-"
    return f"{point['vote']}: inner {inner:g} / outer {outer:g} = {ratio}"


def _numbers(details: Mapping[str, Any]) -> str:
    """The numbers of the decision in a line."""
    flat = {name: value for name, value in details.items() if not isinstance(value, Mapping)}
    flat |= details.get("occlusion", {})
    shown = {name: value for name, value in flat.items() if name not in ("score", "category", "rule")}
    return " · ".join(f"{name.replace('_', ' ')} {_short(value)}" for name, value in shown.items())


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
