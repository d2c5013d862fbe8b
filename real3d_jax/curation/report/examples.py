"""Chooses instances to show and draws them: photograph and depth around each, with what the occlusion filter looked at.

Which ones depends on their names alone, so the same ones are shown however the work was cut up and interrupted.
"""

import collections
import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from skimage import measure

from real3d_jax.curation.backends.interfaces import SourceImage
from real3d_jax.curation.instances import Box, Instance
from real3d_jax.curation.rules.decisions import Decision
from real3d_jax.curation.rules.evidence import OcclusionEvidence
from real3d_jax.reports.pictures import encoded

SHOWN = 12  # examples of each reason on the page
_PARTS = 100  # that draw examples, of any number
_PANEL = 300  # pixels of the longer side of a picture
_AROUND = 0.2  # of the box, shown on each side
_LEAST_AROUND = 24
_PIXELS = {"boundary": (255, 255, 255, 110), "contact": (255, 64, 200, 255)}
# From far to near: dark violet over magenta and orange to pale yellow.
_FAR_TO_NEAR = np.array([[13, 8, 60], [106, 23, 135], [195, 62, 110], [248, 140, 70], [252, 246, 180]], np.float32)
_UNKNOWN = (110, 118, 128)


def examples_of_part(number: int, count: int) -> int:
    """How many examples of each reason part `number` of `count` draws: enough in all, and few in a large run."""
    drawing = min(count, _PARTS)
    chosen = number * drawing // count != (number - 1) * drawing // count  # evenly spread
    return max(2, math.ceil(SHOWN / drawing)) if chosen else 0


class ExampleDrawer:
    """Keeps drawings of at most so many instances for each reason, of all that it is offered."""

    def __init__(self, per_reason: int):
        self._per_reason = per_reason
        self._chosen: dict[str, dict[str, Mapping[str, Any]]] = collections.defaultdict(dict)

    def offer(
        self,
        image: SourceImage,
        disparity: Float[np.ndarray, "H W"],
        decided: Sequence[tuple[Instance, Decision]],
    ) -> None:
        """Draws those instances of a photograph that go before the ones chosen so far."""
        for instance, decision in decided:
            if not self._per_reason or instance.box is None:
                continue
            chosen, rank = self._chosen[str(decision.reason)], _rank(image.photograph.key, instance.instance_id)
            if len(chosen) < self._per_reason or rank < max(chosen):
                neighbours = [other for other, _ in decided if other is not instance]
                chosen[rank] = {"rank": rank, **draw(image, disparity, instance, decision, neighbours)}
            if len(chosen) > self._per_reason:
                del chosen[max(chosen)]

    def examples(self) -> list[Mapping[str, Any]]:
        """The drawings: JSON."""
        return [chosen[rank] for _, chosen in sorted(self._chosen.items()) for rank in sorted(chosen)]


def draw(
    image: SourceImage,
    disparity: Float[np.ndarray, "H W"],
    instance: Instance,
    decision: Decision,
    neighbours: Sequence[Instance],
) -> dict[str, Any]:
    """An instance as JSON: pictures as base64, lines and points in pixels of the pictures.

    Args:
      image: the photograph.
      disparity: larger is nearer, NaN where unknown.
      instance: with a mask that is not empty.
      decision: what became of it.
      neighbours: the other instances of the photograph.
    """
    assert instance.box is not None
    left, top, right, bottom = window = _window(instance.box, image.size)
    scale = min(1.0, _PANEL / max(right - left, bottom - top))
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    rows, columns = slice(top, bottom), slice(left, right)
    drawing: dict[str, Any] = {
        "image": image.photograph.file,
        "instance_id": instance.instance_id,
        "category": instance.category,
        "score": instance.score,
        "reason": str(decision.reason),
        "details": dict(decision.details),
        "size": size,
        "photo": _jpeg(Image.fromarray(image.rgb[rows, columns]).resize(size, Image.Resampling.LANCZOS)),
        "depth": _jpeg(Image.fromarray(_coloured(disparity[rows, columns])).resize(size, Image.Resampling.BILINEAR)),
        "outline": _outline(instance.mask[rows, columns], scale),
        "neighbours": [line for other in neighbours for line in _outline(other.mask[rows, columns], scale)],
    }
    if decision.evidence is not None:
        drawing["pixels"] = _pixels(decision.evidence, window, scale, size)
        drawing["points"] = _points(decision.evidence, window, scale)
    return drawing


def _rank(key: str, instance_id: int | str) -> str:
    return hashlib.sha256(f"{key}/{instance_id}".encode()).hexdigest()[:16]


def _window(box: Box, size: tuple[int, int]) -> Box:
    """What is shown: left, top, right, bottom."""
    left, top, right, bottom = box
    around = max(_LEAST_AROUND, round(_AROUND * max(right - left, bottom - top)))
    return max(left - around, 0), max(top - around, 0), min(right + around, size[1]), min(bottom + around, size[0])


def _outline(mask: Bool[np.ndarray, "h w"], scale: float) -> list[list[float]]:
    """The mask's contours as `[x, y, x, y, ...]`, simplified to half a pixel of the picture."""
    padded = np.pad(mask, 1).astype(np.float32)
    contours = [measure.approximate_polygon(line, 0.5 / scale) for line in measure.find_contours(padded, 0.5)]
    return [_rounded((line[:, ::-1] - 1 + 0.5) * scale).ravel().tolist() for line in contours if len(line) > 3]


def _pixels(evidence: OcclusionEvidence, window: Box, scale: float, size: tuple[int, int]) -> str:
    """The boundary's and the contact's pixels, as a transparent PNG."""
    overlay = np.zeros((size[1], size[0], 4), np.uint8)
    for name, colour in _PIXELS.items():
        x, y = ((getattr(evidence, name) - np.array(window[:2]) + 0.5) * scale).astype(int).T
        inside = (x >= 0) & (x < size[0]) & (y >= 0) & (y < size[1])
        overlay[y[inside], x[inside]] = colour
    return encoded(Image.fromarray(overlay), "PNG", optimize=True)


def _points(evidence: OcclusionEvidence, window: Box, scale: float) -> list[dict[str, Any]]:
    """The examined points: where, which way, what depth, and their vote. No more than 40, evenly chosen."""
    origin = np.array(window[:2]) - 0.5
    shown = np.unique(np.linspace(0, len(evidence.points) - 1, min(len(evidence.points), 40)).astype(int))
    place = {
        name: _rounded((getattr(evidence, name) - origin) * scale).tolist() for name in ("points", "inner", "outer")
    }
    return [
        {
            "at": place["points"][n],
            "inner": None if evidence.ambiguous[n] else place["inner"][n],
            "outer": None if evidence.ambiguous[n] else place["outer"][n],
            "disparity": [_number(float(side[n])) for side in (evidence.inner_disparity, evidence.outer_disparity)],
            "vote": "ambiguous" if evidence.ambiguous[n] else "occluded" if evidence.occluded[n] else "front",
        }
        for n in shown.tolist()
    ]


def _coloured(disparity: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    known = np.isfinite(disparity)
    low, high = np.percentile(disparity[known], [1, 99]) if known.any() else (0.0, 1.0)
    near = np.clip((np.where(known, disparity, low) - low) / max(high - low, 1e-9), 0, 1) * (len(_FAR_TO_NEAR) - 1)
    stops = np.arange(len(_FAR_TO_NEAR))
    rgb = np.stack([np.interp(near, stops, _FAR_TO_NEAR[:, channel]) for channel in range(3)], -1)
    return np.where(known[..., None], np.round(rgb), _UNKNOWN).astype(np.uint8)


def _number(value: float) -> float | None:
    return float(f"{value:.4g}") if np.isfinite(value) else None


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.round(np.where(np.isfinite(values), values, -1).astype(np.float64), 1)


def _jpeg(image: Image.Image) -> str:
    return encoded(image, "JPEG", quality=82)
