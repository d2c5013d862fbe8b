"""One self-contained HTML page of what was examined: it opens offline, in any browser."""

import base64
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from real3d_jax.data.inspection import verdict
from real3d_jax.data.inspection.examine import ItemReport, ViewReport
from real3d_jax.data.inspection.mesh import HullMesh
from real3d_jax.data.inspection.repairs import REPAIRS
from real3d_jax.data.inspection.statistics import Statistics, remarks
from real3d_jax.data.inspection.verdict import Verdict
from real3d_jax.reports import charts
from real3d_jax.reports.pages import render

_TEMPLATES = pathlib.Path(__file__).parent / "templates"
_MARKS = {verdict.AGREE: "✓", verdict.UNDECIDED: "?", verdict.UNCHECKED: "–"}  # the others: a cross
_HEADLINES = {
    verdict.AGREE: "The cameras are right",
    verdict.WRONG: "The cameras are wrong",
    verdict.DISAGREE: "Some cameras or masks are wrong",
    verdict.UNDECIDED: "Not enough to judge the cameras by",
    verdict.BROKEN: "Some cameras are none",
    verdict.UNCHECKED: "No cameras to check",
}
_BADGES = {
    verdict.AGREE: "fits",
    verdict.WRONG: "wrong",
    verdict.DISAGREE: "contradicts",
    verdict.UNDECIDED: "cannot tell",
    verdict.BROKEN: "broken",
    verdict.UNCHECKED: "not checked",
}
_GRAVEST_FIRST = (
    verdict.BROKEN,
    verdict.WRONG,
    verdict.DISAGREE,
    verdict.UNDECIDED,
    verdict.AGREE,
    verdict.UNCHECKED,
)
_READINGS = 5  # other ways to read the cameras that are shown
_BINS = 24
_LOW_IOU = 0.97  # printed in red below


def page(title: str, total: int, items: Sequence[ItemReport], numbers: Statistics, overall: Verdict) -> str:
    """The page's HTML.

    Args:
      title: what was examined.
      total: items of the split, of which `items` were examined.
      numbers: of the items' views.
      overall: the verdict on the data set.
    """
    graves = sorted(items, key=lambda item: _GRAVEST_FIRST.index(item.verdict.kind))
    drawn = len(numbers.fov_y) > 0
    if drawn:
        cards = [_card(item) for item in graves]
    else:
        # Photographs have nothing but their pictures, so they share one card.
        views = [view for item in graves for view in item.views]
        cards = [{"kind": verdict.UNCHECKED, "heading": None, "views": _figures(views), "more": 0, "scene": None}]
    return render(
        _TEMPLATES,
        "page.html",
        title=title,
        looked_at=f"all {total} items" if total == len(items) else f"{len(items)} of {total} items, evenly chosen",
        views=len(numbers.area),
        overall={
            "kind": overall.kind,
            "mark": _MARKS.get(overall.kind, "✕"),
            "headline": _HEADLINES[overall.kind],
            "sentence": overall.sentence,
        },
        remarks=remarks(numbers),
        tiles=_tiles(items, numbers),
        charts=_charts(items, numbers),
        called="Objects" if drawn else "Photographs",
        cards=cards,
    )


def _tiles(items: Sequence[ItemReport], numbers: Statistics) -> list[tuple[str, str]]:
    tiles = [("items", f"{len(items)}"), ("views an item", _range(numbers.views, "{:.0f}"))]
    tiles.append(("image size", numbers.sizes[0] + (" …" if len(numbers.sizes) > 1 else "")))
    tiles.append(("of the image is mask", _range(100 * numbers.area, "{:.0f}") + " %"))
    tiles.append(("masks touch the edge", f"{numbers.touching / max(len(numbers.area), 1):.0%}"))
    if len(numbers.fov_y):
        tiles.append(("distance to the origin", _range(numbers.distance, "{:.2f}")))
        tiles.append(("vertical field of view", _range(numbers.fov_y, "{:.1f}") + "°"))
        tiles.append(("elevation", _range(numbers.elevation, "{:.0f}") + "°"))
    checked = [item.check.iou for item in items if item.check]
    if checked:
        tiles.append(("mean hull IoU", f"{np.mean(checked):.3f}"))
    return tiles


def _range(values: np.ndarray, form: str) -> str:
    low, high = form.format(values.min()), form.format(values.max())
    return low if low == high else f"{low} – {high}"


def _charts(items: Sequence[ItemReport], numbers: Statistics) -> list[tuple[str, str]]:
    drawn = [("Mask, share of the image", _histogram(numbers.area, 0.0, 1.0, unit=" %", scale=100.0))]
    if len(numbers.fov_y):
        far = float(numbers.distance.max()) * 1.25 or 1.0
        drawn = [
            ("Where the cameras are", charts.sky_map(numbers.azimuth, numbers.elevation)),
            ("Elevation of the cameras", _histogram(numbers.elevation, -90.0, 90.0, unit="°")),
            ("Distance to the origin", _histogram(numbers.distance, 0.0, far)),
            *drawn,
        ]
    checks = [item.check for item in items if item.check]
    if checks:
        rows = [("as stored", float(np.mean([check.stored.iou for check in checks])), "good")]
        for repair in REPAIRS:
            mean = float(np.mean([check.repaired[repair.name].iou for check in checks]))
            rows.append((repair.name.replace("_", " "), mean, charts.ALL))
        rows = [rows[0], *sorted(rows[1:], key=lambda row: -row[1])[:_READINGS]]
        drawn.append(("Hull IoU by reading", charts.bars(rows)))
    return drawn


def _histogram(values: Float[np.ndarray, "n"], low: float, high: float, **shown: Any) -> str:
    counts, edges = np.histogram(np.clip(values, low, high), bins=_BINS, range=(low, high))
    return charts.histogram({charts.ALL: counts}, edges, **shown)


def _card(item: ItemReport) -> dict[str, Any]:
    scene = _scene(item)
    return {
        "kind": item.verdict.kind,
        "heading": item.key,
        "badge": _BADGES[item.verdict.kind],
        "iou": f"hull IoU {item.check.iou:.3f}" if item.check else "",
        "sentence": item.verdict.sentence,
        "views": _figures(item.views),
        "more": sum(not view.picture for view in item.views),
        "scene": scene if scene["cameras"] else None,
    }


def _figures(views: Sequence[ViewReport]) -> list[dict[str, Any]]:
    """The views that have a picture, each with its number among all."""
    return [
        {
            "number": number,
            "name": view.name,
            "picture": view.picture,
            "iou": "" if view.iou is None else f"{view.iou:.2f}",
            "low": view.iou is not None and view.iou < _LOW_IOU,
        }
        for number, view in enumerate(views)
        if view.picture
    ]


def _scene(item: ItemReport) -> dict[str, Any]:
    """What the viewer draws: cameras that can be drawn, and the hull."""
    cameras = [
        {
            "position": _rounded(view.c2w[:3, 3]),
            "axes": [_rounded(view.c2w[:3, k]) for k in range(3)],
            "fov_y": round(view.fov_y, 3),
            "aspect": round(view.size[0] / view.size[1], 4),
            "iou": None if view.iou is None else round(view.iou, 3),
        }
        for view in item.views
        if view.c2w is not None and view.fov_y is not None and np.isfinite([*view.c2w.flat, view.fov_y]).all()
    ]
    return {"cameras": cameras, "mesh": _packed(item.mesh) if item.mesh and cameras else None}


def _packed(mesh: HullMesh) -> dict[str, Any]:
    low = mesh.vertices.min(0)
    size = np.maximum(mesh.vertices.max(0) - low, 1e-9)
    return {
        "low": _rounded(low),
        "size": _rounded(size),
        "vertices": _base64(((mesh.vertices - low) / size * 65535).astype("<u2")),
        "faces": _base64(mesh.faces.astype("<u2")),
        "colors": _base64(mesh.colors),
    }


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode()


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.5g}") for value in values]
