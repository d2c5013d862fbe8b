"""The objects that a report shows: the best, the median and the worst ones, in pictures."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, UInt8

from real3d_jax.evaluation.results import Row
from real3d_jax.evaluation.tables import is_lower_better
from real3d_jax.images import as_bytes

# What objects are ranked by: the first of these that was measured.
_RANKED_BY = ("psnr", "consistency_psnr", "semantic_clip", "ssim", "consistency_ssim", "chamfer_l1")


@dataclasses.dataclass(frozen=True)
class Case:
    """One object to look at.

    Attributes:
      label: 'best', 'median', 'worst' or 'not finite'.
      key: the object's name.
      scores: its mean scores by metric.
      strips: rows of images by their title, uint8.
    """

    label: str
    key: str
    scores: Mapping[str, float]
    strips: Mapping[str, Sequence[UInt8[np.ndarray, "h w 3"]]]


def ranking_metric(rows: Sequence[Row]) -> str | None:
    """The metric that objects are ranked by; None if none of those was measured."""
    return next((name for name in _RANKED_BY if rows and all(name in row.values for row in rows)), None)


def choose_cases(rows: Sequence[Row], count: int) -> list[tuple[str, int]]:
    """Labels and numbers of the objects to show: `count` each of the best, the median and the worst.

    Objects with a prediction that is not finite come first, at most `count` of them.
    """
    name = ranking_metric(rows)
    if name is None:
        return []
    scores = np.array([row.values[name].mean() for row in rows])
    broken = [("not finite", int(k)) for k in np.flatnonzero(~np.isfinite(scores))[:count]]
    order = np.argsort(scores if is_lower_better(name) else -scores, kind="stable")
    order = [int(k) for k in order if np.isfinite(scores[k])]
    middle = max(0, (len(order) - count) // 2)
    chosen: dict[int, str] = {}
    parts = {"best": order[:count], "worst": order[::-1][:count], "median": order[middle : middle + count]}
    for label, numbers in parts.items():
        for number in numbers:
            chosen.setdefault(number, label)
    by_label = [
        (label, number) for label in ("best", "median", "worst") for number, of in chosen.items() if of == label
    ]
    return broken + by_label


def mean_scores(row: Row) -> dict[str, float]:
    """The mean of each metric over an object's views."""
    return {name: float(values.mean()) for name, values in row.values.items()}


def to_pixels(images: Float[np.ndarray, "V h w 3"]) -> list[UInt8[np.ndarray, "h w 3"]]:
    """Images in [0, 1] as bytes; what is not finite becomes magenta, so that it is seen."""
    broken = ~np.isfinite(images).all(axis=-1, keepdims=True)
    return list(np.where(broken, np.array([255, 0, 255], np.uint8), as_bytes(images)))


def difference(
    a: Sequence[UInt8[np.ndarray, "h w 3"]], b: Sequence[UInt8[np.ndarray, "h w 3"]]
) -> list[UInt8[np.ndarray, "h w 3"]]:
    """Absolute differences, white where the images agree."""
    return [255 - np.abs(x.astype(np.int16) - y).astype(np.uint8) for x, y in zip(a, b, strict=True)]
