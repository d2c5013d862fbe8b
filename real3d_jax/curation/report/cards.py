"""What the page shows of an example: the drawing of `examples.draw`, its numbers in words."""

from collections.abc import Mapping, Sequence
from typing import Any


def card(example: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the template's card."""
    width, height = example["size"]
    return {
        "width": width,
        "height": height,
        "pictures": [example["photo"], example["depth"]],
        "outline": _path(example["outline"]),
        "neighbours": _path(example["neighbours"]),
        "pixels": example.get("pixels", ""),
        "points": [{**point, "said": _said(point)} for point in example.get("points", ())],
        "name": f"{example['category'] or 'object'} {example['score']:.2f}",
        "where": f"{example['image']} · {example['instance_id']}",
        "numbers": _numbers(example["details"]),
    }


def _path(lines: Sequence[Sequence[float]]) -> str:
    """Closed lines, each `[x, y, x, y, ...]`, as SVG has them."""
    return "".join(
        "M" + " ".join(f"{x:g},{y:g}" for x, y in zip(line[::2], line[1::2], strict=True)) + "Z" for line in lines
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
