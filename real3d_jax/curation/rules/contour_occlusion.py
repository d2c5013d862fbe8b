"""Occlusion decided along the whole contour (`--occlusion robust`).

At every point of the contour the mean disparity in a band inside the mask is compared with that of the neighbour, or of
the background, in a band outside; medians along the contour remove noise. What decides is how much the stretches of
contour that something nearer owns may hide (`completion`), however long the contour is on which the object itself is in
front.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from real3d_jax.curation.rules.completion import hidden_area
from real3d_jax.curation.rules.contours import Contour, trace
from real3d_jax.curation.rules.evidence import OcclusionEvidence, pixels
from real3d_jax.curation.rules.outlines import Outline, contact, cut, intersection
from real3d_jax.curation.rules.reasons import Reason, Verdict
from real3d_jax.curation.settings import ContourSettings, OcclusionSettings

_OUTSIDE, _BACKGROUND, _OWN, _FIRST_NEIGHBOUR = -1, 0, 1, 2  # labels of pixels


@dataclasses.dataclass(frozen=True)
class _Sides:
    """What lies on both sides of the contour's points.

    Attributes:
      meets: label of what is outside: beyond the image, background, or a neighbour.
      inner: mean disparity inside the mask; NaN if unknown.
      outer: mean disparity of what the point meets; NaN if unknown.
      log_ratio: of inner to outer, its median along the contour; NaN if unknown.
    """

    meets: Int[np.ndarray, " N"]
    inner: Float[np.ndarray, " N"]
    outer: Float[np.ndarray, " N"]
    log_ratio: Float[np.ndarray, " N"]


def contour_verdict(
    outline: Outline,
    others: Sequence[Outline],
    disparity: Float[np.ndarray, "H W"] | None,
    *,
    settings: OcclusionSettings,
) -> tuple[Verdict, OcclusionEvidence | None]:
    """The rule on one instance.

    Args:
      outline: of the instance.
      others: outlines of its neighbours.
      disparity: of the whole image; NaN where unknown.
      settings: the constants.
    """
    constants = settings.contour
    touching = contact(outline, others, settings.contact_kernel)
    contour = trace(
        outline.mask,
        spacing=constants.spacing,
        smoothing=constants.smoothing,
        least_length=constants.least_curve,
    )
    contour = dataclasses.replace(contour, points=contour.points + outline.window[:2])
    sides = _sides(outline, others, contour, disparity, settings)
    neighbour, background = sides.meets >= _FIRST_NEIGHBOUR, sides.meets == _BACKGROUND
    behind_neighbour = neighbour & (sides.log_ratio < np.log(constants.ratio))
    behind_background = background & (sides.log_ratio < np.log(constants.background_ratio))
    occluded = behind_neighbour | behind_background
    unknown = neighbour & np.isnan(sides.log_ratio)
    hidden = _hidden_share(outline, contour, occluded, constants)
    details = {
        "rule": "robust",
        "contact_pixels": int(touching.sum()),
        "contact_length": _length(neighbour, outline, constants),
        "unknown_length": _length(unknown, outline, constants),
        "occluded_length": _length(behind_neighbour, outline, constants),
        "background_occluded_length": _length(behind_background, outline, constants),
        "median_ratio": _median_ratio(sides.log_ratio[neighbour]),
        "hidden_share": hidden,
    }
    reason = None
    if hidden > constants.hidden:
        reason = Reason.OCCLUDED
    elif unknown.any() and _hidden_share(outline, contour, occluded | unknown, constants) > constants.hidden:
        reason = Reason.NO_DEPTH
    shown = neighbour | behind_background
    if not shown.any():
        return Verdict(reason, details), None
    return Verdict(reason, details), _evidence(outline, touching, contour, sides, shown, occluded, constants)


def _hidden_share(outline: Outline, contour: Contour, owned: np.ndarray, constants: ContourSettings) -> float:
    """Of the whole object, if the points that something nearer owns are `owned`."""
    tangent = max(round(constants.tangent / constants.spacing), 1)
    hidden = hidden_area(contour, owned, tangent=tangent, extension=constants.extension)
    return hidden / (hidden + int(outline.mask.sum()))


def _length(which: np.ndarray, outline: Outline, constants: ContourSettings) -> float:
    """Of contour, in units of the mean box side."""
    return float(which.sum() * constants.spacing / outline.scale)


def _sides(
    outline: Outline,
    others: Sequence[Outline],
    contour: Contour,
    disparity: np.ndarray | None,
    settings: OcclusionSettings,
) -> _Sides:
    constants = settings.contour
    reach = settings.contact_kernel // 2
    far = _band(outline, constants)
    labels, origin = _labels(outline, others, int(np.ceil(max(far, reach))) + 1)

    def along(distances: np.ndarray, sign: int) -> tuple[np.ndarray, np.ndarray]:
        at = contour.points[:, None] + sign * distances[:, None] * contour.normals[:, None]
        x, y = np.rint(at).astype(int).transpose(2, 0, 1)
        found = labels[y - origin[1], x - origin[0]]
        if disparity is None:
            return found, np.full(found.shape, np.nan)
        height, width = disparity.shape
        return found, disparity[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]

    met = along(np.arange(reach) + 0.5, 1)[0]
    first = (met >= _FIRST_NEIGHBOUR).argmax(1)
    meets = met[np.arange(len(met)), first]
    meets = np.where(meets < _FIRST_NEIGHBOUR, met[:, 0], meets)
    meets = np.where(meets == _OWN, _BACKGROUND, meets)
    distances = np.linspace(0.5, far, constants.band_samples)
    inner_labels, inner_values = along(distances, -1)
    outer_labels, outer_values = along(distances, 1)
    inner = _mean(inner_values, inner_labels == _OWN)
    outer = _mean(outer_values, outer_labels == meets[:, None])
    log_ratio = np.log((inner + settings.epsilon) / (outer + settings.epsilon))
    width = round(constants.window * outline.scale / constants.spacing)
    return _Sides(meets, inner, outer, _smooth(log_ratio, meets, contour.curve, width))


def _labels(outline: Outline, others: Sequence[Outline], margin: int) -> tuple[Int[np.ndarray, "h w"], tuple[int, int]]:
    """What each pixel around the instance belongs to, and the (x, y) of the array's corner."""
    left, top, right, bottom = outline.box
    height, width = outline.instance.mask.shape
    whole = (left - margin, top - margin, right + margin, bottom + margin)
    labels = np.full((whole[3] - whole[1], whole[2] - whole[0]), _OUTSIDE, np.int16)
    cut(labels, _inside(whole, (0, 0, width, height)), whole)[:] = _BACKGROUND
    for number, other in enumerate(others, _FIRST_NEIGHBOUR):
        overlap = intersection(whole, other.box)
        if overlap is not None:
            cut(labels, overlap, whole)[cut(other.instance.mask, overlap)] = number
    cut(labels, outline.box, whole)[cut(outline.instance.mask, outline.box)] = _OWN
    return labels, whole[:2]


def _inside(box: tuple[int, int, int, int], image: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    overlap = intersection(box, image)
    assert overlap is not None, "boxes of instances are in the image"
    return overlap


def _band(outline: Outline, constants: ContourSettings) -> float:
    return max(constants.band * outline.scale, constants.least_band)


def _mean(values: np.ndarray, which: Bool[np.ndarray, "N K"]) -> Float[np.ndarray, " N"]:
    which = which & np.isfinite(values)
    count = which.sum(1)
    total = np.where(which, values, 0).sum(1, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _smooth(
    values: Float[np.ndarray, " N"], meets: Int[np.ndarray, " N"], curve: Int[np.ndarray, " N"], width: int
) -> Float[np.ndarray, " N"]:
    """Medians over `width` points of the same curve that meet the same thing."""
    result = np.full(len(values), np.nan)
    for number in np.unique(curve):
        indices = np.flatnonzero(curve == number)
        half = min(width, len(indices) - 1) // 2
        around = indices[(np.arange(len(indices))[:, None] + np.arange(-half, half + 1)) % len(indices)]
        same = meets[around] == meets[indices][:, None]
        ordered = np.sort(np.where(same, values[around], np.nan), axis=1)  # NaN last
        count = np.isfinite(ordered).sum(1)
        result[indices] = ordered[np.arange(len(indices)), np.maximum(count - 1, 0) // 2]
    return result


def _median_ratio(log_ratio: np.ndarray) -> float | None:
    known = log_ratio[np.isfinite(log_ratio)]
    return float(np.exp(np.median(known))) if known.size else None


def _evidence(
    outline: Outline,
    touching: np.ndarray,
    contour: Contour,
    sides: _Sides,
    shown: np.ndarray,
    occluded: np.ndarray,
    constants: ContourSettings,
) -> OcclusionEvidence:
    points, normals = contour.points[shown].astype(np.float32), contour.normals[shown].astype(np.float32)
    middle = np.float32(_band(outline, constants) / 2)
    return OcclusionEvidence(
        boundary=pixels(outline.boundary) + outline.window[:2],
        contact=pixels(touching) + outline.window[:2],
        points=points,
        normals=normals,
        inner=points - middle * normals,
        outer=points + middle * normals,
        inner_disparity=sides.inner[shown].astype(np.float32),
        outer_disparity=sides.outer[shown].astype(np.float32),
        occluded=occluded[shown],
        ambiguous=np.zeros(len(points), bool),
    )
