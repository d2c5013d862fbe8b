"""The pose check of one object: do masks and cameras agree, and would another reading of the cameras agree better?"""

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from real3d_jax.data.inspection.hull import TOLERANCE, hull_iou, misfits
from real3d_jax.data.inspection.repairs import REPAIRS, Cameras, with_fov
from real3d_jax.data.inspection.silhouettes import Silhouettes

FOCAL_FACTORS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.1, 1.25, 1.45, 1.7, 2.0)
_MOST_VIEWS = 32  # of an object that has more, so many are compared
_SCREENED_VIEWS, _SCREENED_PIXELS, _SCREENED_STEPS = 12, 64, 48  # for repairs
_SUSPICIOUS = 0.985  # hull IoU below which it is asked whether one view is at fault
_ODD_AMONG, _ODD_REST = 6, 0.97  # it is looked for among so many views, of which the others must reach this hull IoU
_CAP = 10.0  # pixels: how wrong a hopeless pixel counts


@dataclasses.dataclass(frozen=True)
class Fit:
    """How well masks and cameras agree.

    Attributes:
      iou: share of the masks that the hull fills, the mean over views.
      misfit: how far pixels are from belonging to the hull, the mean in pixels (10 at the most for each).
    """

    iou: float
    misfit: float

    def beats(self, other: "Fit") -> bool:
        """Whether this fit is better by more than chance and the sampling of masks can make it."""
        return other.misfit > 2 * self.misfit + 0.03 and self.iou > other.iou + 0.01


@dataclasses.dataclass(frozen=True)
class PoseCheck:
    """What the masks say about an object's cameras.

    Attributes:
      view_iou: of the views that were compared, by their number.
      unfilled: of the same views, the pixels (`u, v`) of the mask that the hull leaves empty.
      iou: their mean.
      stored: the fit of the cameras as stored, on the pixels that repairs are compared on.
      repaired: the fit of each repair, by its name.
      fov_y: degrees as stored, the mean over views.
      focal: the misfit in pixels with focal lengths changed by each of `FOCAL_FACTORS`.
      odd_view: number of the one view without which the others agree, if no repair helps.
    """

    view_iou: Mapping[int, float]
    unfilled: Mapping[int, Float[np.ndarray, "pixels 2"]]
    iou: float
    stored: Fit
    repaired: Mapping[str, Fit]
    fov_y: float
    focal: Float[np.ndarray, "factors"]
    odd_view: int | None


def check_poses(
    outlines: Silhouettes, c2w: Float[np.ndarray, "views 4 4"], intrinsics: Float[np.ndarray, "views 4"]
) -> PoseCheck:
    """Compares two or more views.

    Args:
      outlines: of the views' masks.
      c2w: poses as stored, OpenGL axes; regular matrices.
      intrinsics: normalised `fx, fy, cx, cy`.
    """
    c2w, intrinsics = np.asarray(c2w, np.float64), np.asarray(intrinsics, np.float64)
    compared = _evenly(len(c2w), _MOST_VIEWS)
    found = misfits(outlines.chosen(compared), c2w[compared], intrinsics[compared])
    view_iou = hull_iou(found)
    unfilled = {int(view): outlines.pixels[view][found[i] > TOLERANCE] for i, view in enumerate(compared)}
    screened = _evenly(len(c2w), _SCREENED_VIEWS)
    few = outlines.chosen(screened, _SCREENED_PIXELS)

    def fit(cameras: Cameras) -> Fit:
        return _fit(few, cameras[0][screened], cameras[1][screened])

    stored = fit((c2w, intrinsics))
    repaired = {repair.name: fit(repair.apply(c2w, intrinsics)) for repair in REPAIRS}
    focal = np.array([fit(with_fov(factor)(c2w, intrinsics)).misfit for factor in FOCAL_FACTORS])
    odd = None
    if stored.iou < _SUSPICIOUS and not any(other.beats(stored) for other in repaired.values()):
        odd = _odd_view(stored, few, c2w[screened], intrinsics[screened])
    return PoseCheck(
        view_iou=dict(zip(compared.tolist(), view_iou.tolist(), strict=True)),
        unfilled=unfilled,
        iou=float(view_iou.mean()),
        stored=stored,
        repaired=repaired,
        fov_y=float(np.degrees(2 * np.arctan(0.5 / intrinsics[:, 1])).mean()),
        focal=focal,
        odd_view=None if odd is None else int(screened[odd]),
    )


def _odd_view(stored: Fit, outlines: Silhouettes, c2w, intrinsics) -> int | None:
    """The view without which the others agree, if there is such a one and there are enough others to say so."""
    if len(c2w) < _ODD_AMONG:
        return None
    without = []
    for view in range(len(c2w)):
        rest = np.delete(np.arange(len(c2w)), view)
        without.append(_fit(outlines.chosen(rest), c2w[rest], intrinsics[rest]))
    best = min(range(len(without)), key=lambda view: without[view].misfit)
    return best if without[best].iou >= _ODD_REST and without[best].beats(stored) else None


def _fit(outlines, c2w, intrinsics) -> Fit:
    found = misfits(outlines, c2w, intrinsics, _SCREENED_STEPS)
    return Fit(float(hull_iou(found).mean()), float(np.minimum(found, _CAP).mean()))


def _evenly(count: int, most: int) -> np.ndarray:
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).round().astype(int)
