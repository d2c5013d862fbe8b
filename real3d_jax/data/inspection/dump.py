"""What was examined, as JSON for programs."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from real3d_jax.data.inspection.examine import ItemReport, ViewReport
from real3d_jax.data.inspection.verdict import Verdict


def dump(items: Sequence[ItemReport], total: int, overall: Verdict) -> dict[str, Any]:
    """Cameras as stored (OpenGL axes) and verdicts; numbers that are not finite are null.

    `{"items": [{"key", "views": [{"name", "c2w", "fov_y", ...}], "hull_iou", ...}], "items_in_split", "verdict"}`, with
    `fov_y` in degrees. `hull_iou` is null where there is nothing to compare.
    """
    return {
        "items": [
            {
                "key": item.key,
                "views": [_view(view) for view in item.views],
                "hull_iou": item.check.iou if item.check else None,
                "verdict": _verdict(item.verdict),
            }
            for item in items
        ],
        "items_in_split": total,
        "verdict": _verdict(overall),
    }


def _view(view: ViewReport) -> dict[str, Any]:
    return {
        "name": view.name,
        "c2w": None if view.c2w is None else [[_finite(x) for x in row] for row in np.asarray(view.c2w).tolist()],
        "fov_y": None if view.fov_y is None else _finite(view.fov_y),
        "hull_iou": view.iou,
        "mask_area": view.area,
        "touches_edge": view.touches_edge,
    }


def _verdict(found: Verdict) -> dict[str, Any]:
    return {"kind": found.kind, "sentence": found.sentence, "repair": found.repair}


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
