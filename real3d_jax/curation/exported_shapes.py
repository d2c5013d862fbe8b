"""Segmentations, boxes and numbers as annotation tools write them, made into COCO's own forms.

COCO has a list of polygons `[[x, y, x, y, ...], ...]`, or run lengths `{"size": ..., "counts": ...}`. Tools also write
one polygon without the outer list (VIA), points as pairs or as `{"x": ..., "y": ...}`, numbers as text, JSON within
text, several run lengths, and polygons of one or two points beside sound ones.
"""

import json
import math
from typing import Any

_FLAT = "polygons without the outer list"
_POINTS = "polygons of points"
_TEXT = "numbers as text"
_SLIVERS = "polygons of fewer than three points, left out beside others"


def segmentation(value: Any) -> tuple[Any, list[str]]:
    """COCO's form of a segmentation, and what was repaired. What is not understood stays as it is, to be refused."""
    repairs: list[str] = []
    if isinstance(value, str) and value.strip()[:1] in ("[", "{"):
        try:
            value = json.loads(value)
            repairs.append("segmentations as text")
        except ValueError:
            return value, []
    if isinstance(value, dict):
        return _runs(value, repairs), repairs
    if not isinstance(value, list):
        return value, repairs
    polygons = _polygons(value, repairs)
    sound = [polygon for polygon in polygons if not _is_sliver(polygon)]
    if len(sound) < len(polygons) and all(isinstance(polygon, list) for polygon in polygons):
        if sound:
            repairs.append(_SLIVERS)
        polygons = sound
    return polygons, repairs


def number(value: Any) -> float | None:
    """A finite number, which may be text; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def flag(value: Any) -> bool | None:
    """A yes or no: 0, 1, "0", "1", true, "false", null (no); None if it is none of these."""
    if value is None:
        return False
    text = str(value).strip().casefold()
    return {"0": False, "0.0": False, "false": False, "": False, "1": True, "1.0": True, "true": True}.get(text)


def identity(value: Any) -> str:
    """One spelling of an id, so that 2, 2.0 and "2" are the same."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.strip() if isinstance(value, str) else str(value)


def _runs(runs: dict[str, Any], repairs: list[str]) -> dict[str, Any]:
    """Run lengths with whole numbers."""
    fixed = {name: _whole(runs[name]) if isinstance(runs.get(name), list) else runs[name] for name in runs}
    if fixed != runs or any(isinstance(n, str) for n in _listed(runs.get("size"))):
        repairs.append(_TEXT)
    return fixed


def _whole(values: list[Any]) -> list[Any]:
    read = [number(value) if isinstance(value, str) else value for value in values]
    return [
        int(new) if isinstance(new, float) and new.is_integer() and isinstance(old, str) else old
        for new, old in zip(read, values, strict=True)
    ]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _polygons(value: list[Any], repairs: list[str]) -> list[Any]:
    if value and all(_is_number(entry) for entry in value):
        repairs.append(_FLAT)
        return [_numbers(value, repairs)]
    if len(value) > 2 and all(_is_point(entry) for entry in value):
        repairs.append(_POINTS)
        return [_numbers(_joined(value), repairs)]
    polygons = []
    for entry in value:
        if isinstance(entry, list) and entry and all(_is_point(point) for point in entry):
            repairs.append(_POINTS)
            entry = _joined(entry)
        whole = isinstance(entry, list) and all(_is_number(number) for number in entry)
        polygons.append(_numbers(entry, repairs) if whole else entry)
    return polygons


def _joined(points: list[Any]) -> list[Any]:
    return [c for point in points for c in ((point["x"], point["y"]) if isinstance(point, dict) else point)]


def _numbers(values: list[Any], repairs: list[str]) -> list[Any]:
    if not any(isinstance(value, str) for value in values):
        return values
    repairs.append(_TEXT)
    return [float(value) if isinstance(value, str) else value for value in values]


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) or (isinstance(value, str) and number(value) is not None)


def _is_point(value: Any) -> bool:
    if isinstance(value, dict):
        return value.keys() == {"x", "y"} and all(_is_number(entry) for entry in value.values())
    return isinstance(value, list) and len(value) == 2 and all(_is_number(entry) for entry in value)


def _is_sliver(polygon: Any) -> bool:
    """A polygon of one or two points has no area; one number is no point."""
    return isinstance(polygon, list) and len(polygon) in (0, 2, 4) and all(_is_number(entry) for entry in polygon)
