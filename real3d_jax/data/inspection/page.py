"""One self-contained HTML page of what was examined: it opens offline, in any browser."""

import base64
import html
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from real3d_jax.data.inspection import charts, verdict
from real3d_jax.data.inspection.examine import ItemReport, ViewReport
from real3d_jax.data.inspection.mesh import HullMesh
from real3d_jax.data.inspection.repairs import REPAIRS
from real3d_jax.data.inspection.statistics import Statistics, remarks
from real3d_jax.data.inspection.verdict import Verdict

_ASSETS = pathlib.Path(__file__).parent / "assets"
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
    cards = "".join(_photographs(graves) if not len(numbers.fov_y) else map(_card, graves))
    looked_at = f"all {total} items" if total == len(items) else f"{len(items)} of {total} items, evenly chosen"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title><style>{_asset("page.css")}</style></head><body><main>
<header><h1>{html.escape(title)}</h1><p>{looked_at}, {len(numbers.area)} views</p></header>
{_verdict(overall)}
<ul class="remarks">{"".join(f"<li>{html.escape(remark)}</li>" for remark in remarks(numbers))}</ul>
<section class="tiles">{_tiles(items, numbers)}</section>
<section class="charts">{_charts(items, numbers)}</section>
<h2 class="section">{"Objects" if len(numbers.fov_y) else "Photographs"}<small>the gravest first</small></h2>
{cards}
<footer>{_FOOTER}</footer>
</main><script>{_asset("viewer.js")}</script></body></html>
"""


_FOOTER = """Each object is the visual hull of its masks under its cameras, coloured by its views. Hull IoU is the share
of a mask that the hull fills; red dots are pixels that it leaves empty. Frames are
<span class="key" style="background:#5fd791"></span>filled to <span class="key" style="background:#ff5555"></span>empty.
Drag to turn, wheel to zoom, point at a picture to find its camera."""


def _verdict(overall: Verdict) -> str:
    return (
        f'<section class="verdict {overall.kind}"><div class="mark">{_MARKS.get(overall.kind, "✕")}</div>'
        f"<div><h2>{_HEADLINES[overall.kind]}</h2><p>{html.escape(overall.sentence)}</p></div></section>"
    )


def _tiles(items: Sequence[ItemReport], numbers: Statistics) -> str:
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
    return "".join(f'<div class="tile"><b>{value}</b><span>{name}</span></div>' for name, value in tiles)


def _range(values: np.ndarray, form: str) -> str:
    low, high = form.format(values.min()), form.format(values.max())
    return low if low == high else f"{low} – {high}"


def _charts(items: Sequence[ItemReport], numbers: Statistics) -> str:
    drawn = [("Mask, share of the image", charts.histogram(numbers.area, low=0.0, high=1.0, unit=" %", scale=100.0))]
    if len(numbers.fov_y):
        far = float(numbers.distance.max()) * 1.25 or 1.0
        drawn = [
            ("Where the cameras are", charts.sky_map(numbers.azimuth, numbers.elevation)),
            ("Elevation of the cameras", charts.histogram(numbers.elevation, low=-90.0, high=90.0, unit="°")),
            ("Distance to the origin", charts.histogram(numbers.distance, low=0.0, high=far)),
            *drawn,
        ]
    checks = [item.check for item in items if item.check]
    if checks:
        rows = [("as stored", float(np.mean([check.stored.iou for check in checks])), "var(--agree)")]
        for repair in REPAIRS:
            mean = float(np.mean([check.repaired[repair.name].iou for check in checks]))
            rows.append((repair.name.replace("_", " "), mean, "var(--bar)"))
        rows = [rows[0], *sorted(rows[1:], key=lambda row: -row[1])[:_READINGS]]
        drawn.append(("Hull IoU by reading", charts.bars(rows)))
    return "".join(f'<div class="chart"><h3>{name}</h3>{svg}</div>' for name, svg in drawn)


def _card(item: ItemReport) -> str:
    iou = f"hull IoU {item.check.iou:.3f}" if item.check else ""
    shown = [(i, view) for i, view in enumerate(item.views) if view.picture]
    left = len(item.views) - len(shown)
    more = f'<p class="more">and {left} more views</p>' if left else ""
    figures = "".join(_figure(i, view) for i, view in shown)
    about = (
        f'<div class="about"><h3>{html.escape(item.key)} <span class="badge">{_BADGES[item.verdict.kind]}</span>'
        f'<span class="iou">{iou}</span></h3><p>{html.escape(item.verdict.sentence)}</p>'
        f'<div class="views">{figures}</div>{more}</div>'
    )
    data = _scene(item)
    scene = (
        f'<div class="scene"><canvas></canvas><small>drag to turn</small><script type="application/json">'
        f"{json.dumps(data, separators=(',', ':'), allow_nan=False)}</script></div>"
    )
    drawn = bool(data["cameras"])
    classes = f"object {item.verdict.kind}" + (" has-cameras" if drawn else "")
    return f'<article class="{classes}">{scene if drawn else ""}{about}</article>'


def _photographs(items: Sequence[ItemReport]) -> list[str]:
    """Photographs have nothing but their pictures, so they share one card."""
    figures = "".join(_figure(i, view) for i, view in enumerate(view for item in items for view in item.views))
    return [f'<article class="object unchecked"><div class="about"><div class="views">{figures}</div></div></article>']


def _figure(number: int, view: ViewReport) -> str:
    name = html.escape(view.name)
    low = ' class="low"' if view.iou is not None and view.iou < _LOW_IOU else ""
    iou = f"<b{low}>{view.iou:.2f}</b>" if view.iou is not None else ""
    return (
        f'<figure data-view="{number}" title="{name}"><img src="{view.picture}" alt="{name}" loading="lazy">'
        f"<figcaption><span>{name}</span>{iou}</figcaption></figure>"
    )


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


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")
