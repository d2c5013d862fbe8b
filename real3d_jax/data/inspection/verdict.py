"""What the pose check amounts to, in words: of an object, and of a whole data set."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from real3d_jax.data.inspection.pose_check import FOCAL_FACTORS, Fit, PoseCheck
from real3d_jax.data.inspection.repairs import KEEP_AIM, REPAIRS, Repair

AGREE, WRONG, DISAGREE = "agree", "wrong", "disagree"
UNDECIDED, BROKEN, UNCHECKED = "undecided", "broken", "unchecked"
FIELD_OF_VIEW = "fov"
_GOOD = 0.97  # hull IoU of right cameras and clean masks
_POOR = 0.9  # below it cameras or masks are at fault
_REPAIRED = 0.95  # a repair is named if it reaches this
_FEWEST = 3  # views that are called right
_FEW = 6  # views; fewer agree by chance, so these must fit better:
_FEW_GOOD = 0.985
_TOLD_APART = 0.5  # of the wrong readings that keep the aim must fit worse, else the fit says nothing
_VOTES = 0.7  # of the objects must fit a data set's repair better than their own cameras
_FOV_OBJECTS = 3  # fewer say nothing on the field of view
_FOV_GAIN = 1.6  # how many times smaller another field of view must make the misfit
_FOV_MISFIT = 0.04  # pixels, at the most, with the better field of view: rough poses look like a wrong one
_FOV_DIFFERENCE = 0.003  # pixels by which it must be smaller, at the least
_FOV_SIGMAS = 3.0  # by how many standard errors


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What is to be said of an object's cameras, or a data set's.

    Attributes:
      kind: AGREE, WRONG (a repair is named), DISAGREE (none helps), UNDECIDED (too little to judge by), BROKEN (cameras
        that are none), or UNCHECKED (nothing to compare).
      sentence: the reasons.
      repair: the name of the repair that WRONG calls for, or FIELD_OF_VIEW.
    """

    kind: str
    sentence: str
    repair: str | None = None


def judge(check: PoseCheck, names: Sequence[str]) -> Verdict:
    """The verdict on one object; `names` are those of its views. Its field of view is not judged: see `judge_all`."""
    views = len(check.view_iou)
    better = _better_repair(check.stored, check.repaired, _FEW_GOOD if views < _FEW else _REPAIRED)
    if better:
        return Verdict(WRONG, _with(better, check.stored, check.repaired[better.name]), better.name)
    if check.odd_view is not None:
        return Verdict(DISAGREE, f"View {names[check.odd_view]} contradicts the others, which agree without it.")
    if check.iou < _POOR:
        return Verdict(DISAGREE, "Masks and cameras contradict each other, and none of the usual repairs helps.")
    if views < _FEWEST:
        return Verdict(UNDECIDED, f"The cameras fit, but {views} views are not enough to judge.")
    if views < _FEW and check.iou < _FEW_GOOD:
        return Verdict(UNDECIDED, f"The cameras fit only roughly, and {views} views are not enough to judge.")
    as_good = _as_good(check.stored, check.repaired)
    if len(as_good) > (1 - _TOLD_APART) * len(KEEP_AIM):
        why = "not enough views to judge" if views < _FEW else "the object is too round, or its views are too alike"
        return Verdict(
            UNDECIDED, f"The cameras fit, but so do {len(as_good)} of {len(KEEP_AIM)} wrong readings of them: {why}."
        )
    if check.iou < _GOOD:
        return Verdict(AGREE, "The cameras fit best as they are, though roughly: the masks or the poses are inexact.")
    return Verdict(AGREE, f"The hull fills the masks of all {views} views.")


def judge_all(checks: Sequence[PoseCheck], verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict on a data set, from those of its objects and the checks of the objects that could be compared."""
    counts = collections.Counter(verdict.kind for verdict in verdicts)
    if counts[BROKEN]:
        return Verdict(
            BROKEN, f"In {_of(counts[BROKEN], len(verdicts))} a camera is no rotation, position and focal length."
        )
    if not checks:
        return Verdict(UNCHECKED, "No item has two views with a mask, so there is nothing to compare.")
    stored, repaired = _mean([check.stored for check in checks]), _mean_repairs(checks)
    better = _better_repair(stored, repaired, _REPAIRED)
    if better and np.mean([c.repaired[better.name].misfit < c.stored.misfit for c in checks]) >= _VOTES:
        return Verdict(WRONG, _with(better, stored, repaired[better.name]), better.name)
    if sentence := _better_fov(checks):
        return Verdict(WRONG, sentence, FIELD_OF_VIEW)
    bad = counts[WRONG] + counts[DISAGREE]
    if bad:
        return Verdict(DISAGREE, f"The cameras or masks of {_of(bad, len(verdicts))} are wrong; they come first below.")
    as_good = _as_good(stored, repaired)
    if len(as_good) > (1 - _TOLD_APART) * len(KEEP_AIM):
        return Verdict(UNDECIDED, "The cameras fit, but there are too few views, or too round objects, to be sure.")
    return Verdict(AGREE, "The hulls of the objects fill their masks, and no other reading of the cameras does.")


def _better_repair(stored: Fit, repaired: Mapping[str, Fit], enough: float) -> Repair | None:
    """The repair that fits best, if it fits well and better than the cameras as stored; of equals the most usual."""
    found = [r for r in REPAIRS if repaired[r.name].iou >= enough and repaired[r.name].beats(stored)]
    return min(found, key=lambda repair: round(repaired[repair.name].misfit, 2), default=None)


def _as_good(stored: Fit, repaired: Mapping[str, Fit]) -> list[Repair]:
    """Wrong readings of right cameras that the masks cannot tell from them."""
    return [repair for repair in KEEP_AIM if not stored.beats(repaired[repair.name])]


def _better_fov(checks: Sequence[PoseCheck]) -> str | None:
    """A sentence on the field of view that all objects call for; None if in doubt.

    A wrong field of view looks much like a smaller or larger object, so one object says little on it.
    """
    if len(checks) < _FOV_OBJECTS:
        return None
    stored = np.array([check.stored.misfit for check in checks])
    others = np.stack([check.focal for check in checks])
    best = int(others.mean(0).argmin())
    misfit = float(others[:, best].mean())
    gains = stored - others[:, best]
    least = max((_FOV_GAIN - 1) * misfit, _FOV_DIFFERENCE, _FOV_SIGMAS * gains.std(ddof=1) / np.sqrt(len(gains)))
    if gains.mean() < least or misfit > _FOV_MISFIT or (gains > 0).mean() < _VOTES:
        return None
    given = float(np.mean([check.fov_y for check in checks]))
    factor = _lowest(np.array([*FOCAL_FACTORS, 1.0]), np.array([*others.mean(0), stored.mean()]))
    better = np.degrees(2 * np.arctan(np.tan(np.radians(given) / 2) / factor))
    return (
        f"With a field of view near {better:.0f}° the hulls miss the masks by {misfit:.3f} pixels, with "
        f"{given:.1f}° as stored by {stored.mean():.3f}: the field of view is wrong."
    )


def _lowest(factors: Float[np.ndarray, "n"], misfit: Float[np.ndarray, "n"]) -> float:
    """The factor where the misfit is lowest: of a parabola through its lowest value and the two beside it."""
    order = np.argsort(factors)
    x, y = np.log(factors[order]), misfit[order]
    middle = int(np.clip(y.argmin(), 1, len(y) - 2))
    near = slice(middle - 1, middle + 2)
    square, slope, _ = np.polyfit(x[near], y[near], 2)
    lowest = -slope / (2 * square) if square > 0 else x[y.argmin()]
    return float(np.exp(np.clip(lowest, x[near][0], x[near][-1])))


def _mean(fits: Sequence[Fit]) -> Fit:
    return Fit(float(np.mean([fit.iou for fit in fits])), float(np.mean([fit.misfit for fit in fits])))


def _mean_repairs(checks: Sequence[PoseCheck]) -> dict[str, Fit]:
    return {repair.name: _mean([check.repaired[repair.name] for check in checks]) for repair in REPAIRS}


def _with(repair: Repair, stored: Fit, fit: Fit) -> str:
    return f"With {repair.done} the hull IoU is {fit.iou:.2f}, as stored it is {stored.iou:.2f}: {repair.cause}."


def _of(count: int, total: int) -> str:
    return f"{count} of {total} objects"
