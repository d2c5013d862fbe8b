"""From rows to numbers: a mean with an interval for every metric.

An object's score is the mean over its views, and a metric the mean over objects, whose resampling gives the interval.
Of a single object its views take the place of objects. Objects with a prediction that is not finite are left out of a
mean and counted beside it.
"""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from real3d_jax.config.evaluation import BootstrapConfig
from real3d_jax.evaluation.results import Row, load_features
from real3d_jax.metrics.bootstrap import confidence_interval
from real3d_jax.metrics.frechet import fid, kid

FITTED = {
    "fitted_on_input": "camera distance fitted on the input view",
    "fitted_on_metric": "camera distance fitted on the metric itself (not a fair score)",
}
_KID_SUBSET = 1000  # images of each set that are compared at a time, where there are as many


@dataclasses.dataclass(frozen=True)
class Metric:
    """A number with what it stands on.

    Attributes:
      mean: None where no object has a finite score.
      interval: of the mean; None for a single value or a number of the whole set (FID, KID).
      count: objects (or views) that the mean is of; of FID and KID, images of the smaller set.
      non_finite: those left out of it, since a prediction was not finite.
      unit: what is counted: 'instance', 'view' or 'image'.
      views: scored views behind it.
    """

    mean: float | None
    interval: tuple[float, float] | None
    count: int
    non_finite: int
    unit: str
    views: int


def summarise(
    rows: Sequence[Row],
    *,
    bootstrap: BootstrapConfig,
    seed: int,
    distances: Sequence[float] = (),
    scope: str = "instance",
) -> dict[str, Metric]:
    """Every metric of the rows, and those with a fitted camera distance (`NAME_fitted_on_input`, `..._on_metric`)."""
    found = {
        name: _metric([row.values[name] for row in rows if name in row.values], bootstrap, seed)
        for name in dict.fromkeys(name for row in rows for name in row.values)
    }
    for suffix, fitted in fit_distances(rows, distances, scope).items():
        for name in (name for name in rows[0].search if name != "input_psnr"):
            values = [row.search[name][k : k + 1] for row, k in zip(rows, fitted, strict=True)]
            views = sum(len(row.values[name]) for row in rows)
            found[f"{name}_{suffix}"] = dataclasses.replace(_metric(values, bootstrap, seed), views=views)
    return found


def fit_distances(rows: Sequence[Row], distances: Sequence[float], scope: str) -> dict[str, list[int]]:
    """For each object the number of the distance that fits best, on the input view and on the metric itself (PSNR)."""
    if not distances or not rows or not all("psnr" in row.search for row in rows):
        return {}
    found = {}
    for suffix, name in (("fitted_on_input", "input_psnr"), ("fitted_on_metric", "psnr")):
        scores = np.stack([np.nan_to_num(row.search[name], nan=-np.inf) for row in rows])
        if scope == "set":
            finite = scores[np.isfinite(scores).all(axis=1)]
            found[suffix] = [int(finite.mean(axis=0).argmax()) if len(finite) else 0] * len(rows)
        else:
            found[suffix] = scores.argmax(axis=1).tolist()
    return found


def at_fitted_distance(rows: Sequence[Row], distances: Sequence[float], scope: str, on: str) -> list[Row]:
    """The rows with their scores at the distance that fits best, `on` one of `FITTED`; without a search as they are."""
    chosen = fit_distances(rows, distances, scope).get(on)
    if chosen is None:
        return list(rows)
    return [
        dataclasses.replace(
            row, values={**row.values, **{name: of[k : k + 1] for name, of in row.search.items() if name in row.values}}
        )
        for row, k in zip(rows, chosen, strict=True)
    ]


def set_metrics(folder: Path, keys: Sequence[str], *, seed: int) -> dict[str, Metric]:
    """FID and KID between the renders and the input views of all objects, from the features kept in `folder`."""
    features = [found for key in keys if (found := load_features(folder, key)) is not None]
    if not features:
        return {}
    rendered, inputs = (np.concatenate([found[name] for found in features]) for name in ("rendered", "input"))
    finite = np.isfinite(rendered).all(axis=1)
    rendered, left_out = rendered[finite], int((~finite).sum())
    count = min(len(rendered), len(inputs))
    if count < 2:
        return {}
    subset = min(_KID_SUBSET, count)
    values = {
        "semantic_fid": fid(rendered, inputs),
        "semantic_kid": kid(rendered, inputs, subset_size=subset, seed=seed).mean,
    }
    return {name: Metric(value, None, count, left_out, "image", len(rendered)) for name, value in values.items()}


def _metric(scores: Sequence[np.ndarray], bootstrap: BootstrapConfig, seed: int) -> Metric:
    views = sum(len(values) for values in scores)
    unit = "instance" if len(scores) > 1 else "view"
    values = np.array([values.mean() for values in scores]) if len(scores) > 1 else scores[0]
    finite = values[np.isfinite(values)]
    left_out = len(values) - len(finite)
    if not len(finite):
        return Metric(None, None, 0, left_out, unit, views)
    ends = confidence_interval(finite, level=bootstrap.level, resamples=bootstrap.resamples, seed=seed)
    interval = ends if all(map(math.isfinite, ends)) else None
    return Metric(float(finite.mean()), interval, len(finite), left_out, unit, views)
