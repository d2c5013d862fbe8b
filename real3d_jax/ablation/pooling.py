"""A row's runs of several seeds as one: means, and differences to the base, with intervals over seeds and objects."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from real3d_jax.config.evaluation import BootstrapConfig
from real3d_jax.config.training import Config
from real3d_jax.evaluation.baselines import BASELINES
from real3d_jax.evaluation.comparison import Difference, paired
from real3d_jax.evaluation.publish import SUMMARY
from real3d_jax.evaluation.results import Row, load_rows
from real3d_jax.evaluation.summary import Metric
from real3d_jax.evaluation.tables import load_metrics
from real3d_jax.metrics.bootstrap import mean_over_runs

_Rows = Mapping[str, Row]  # of one run, by the objects' names


@dataclasses.dataclass(frozen=True)
class Scored:
    """A finished run.

    Attributes:
      results: folder of its evaluation.
      config: it was trained with; None for a start that was given.
    """

    results: Path
    config: Config | None


def pooled_metrics(runs: Sequence[Scored], bootstrap: BootstrapConfig) -> dict[str, Metric]:
    """Every metric of a row as the mean over its runs; of one run, as its evaluation has them.

    A metric of a whole set of images, such as FID, has no interval over several runs.
    """
    each = [load_metrics(run.results / SUMMARY) for run in runs]
    if len(runs) == 1:
        return each[0]
    rows = [_by_name(run) for run in runs]
    found = {}
    for name, first in each[0].items():
        scores, left_out = _finite(np.stack(_scores(name, rows)))
        if scores.size:
            result = mean_over_runs(scores, level=bootstrap.level, resamples=bootstrap.resamples)
            count = {"count": scores.shape[1], "non_finite": left_out}
            found[name] = dataclasses.replace(first, mean=result.mean, interval=(result.low, result.high), **count)
            continue
        means = [metrics[name].mean for metrics in each if name in metrics]
        known = [mean for mean in means if mean is not None]
        if len(known) == len(runs):
            found[name] = dataclasses.replace(first, mean=float(np.mean(known)), interval=None)
    return found


def pooled_differences(
    runs: Sequence[Scored], base: Sequence[Scored], bootstrap: BootstrapConfig
) -> dict[str, Difference]:
    """A row minus the base, object by object, and seed by seed where there are several.

    Args:
      runs: of the row, each with its config.
      base: the base's. Only seeds and objects that both have count.
      bootstrap: of the intervals.
    """
    pairs = [(_by_name(run), _by_name(other)) for run, other in shared_seeds(runs, base)]
    if not pairs:
        return {}
    settings = {"level": bootstrap.level, "resamples": bootstrap.resamples}
    if len(pairs) == 1:
        ((mine, theirs),) = pairs
        return paired([(row, theirs[name]) for name, row in mine.items() if name in theirs], **settings)
    found = {}
    both = [rows for pair in pairs for rows in pair]
    names = dict.fromkeys(name for row in both[0].values() for name in row.values)
    for name in (name for name in names if not name.endswith(tuple(BASELINES))):
        scores = np.stack(_scores(name, both))
        differences, left_out = _finite(scores[0::2] - scores[1::2])
        if differences.size:
            result = mean_over_runs(differences, **settings)
            found[name] = Difference(
                result.mean, (result.low, result.high), result.p, differences.shape[1], non_finite=left_out
            )
    return found


def difference_of_gains(
    pairs: Sequence[tuple[Sequence[Scored], Sequence[Scored]]], bootstrap: BootstrapConfig
) -> dict[str, Difference]:
    """How much more one row gains over another than a third does over a fourth, object by object and seed by seed.

    Args:
      pairs: of rows, better and worse, the runs of each with their seeds; two of them.
      bootstrap: of the intervals.
    """
    seeds = [{run.config.seed: (run, other) for run, other in shared_seeds(*pair) if run.config} for pair in pairs]
    shared = [seed for seed in seeds[0] if seed in seeds[1]]
    if not shared:
        return {}
    rows = [[_by_name(run) for run in (*seeds[0][seed], *seeds[1][seed])] for seed in shared]
    flat = [found for four in rows for found in four]
    names = dict.fromkeys(name for row in flat[0].values() for name in row.values)
    found = {}
    for name in (name for name in names if not name.endswith(tuple(BASELINES))):
        scores = np.stack(_scores(name, flat))
        gains, left_out = _finite((scores[0::4] - scores[1::4]) - (scores[2::4] - scores[3::4]))
        if gains.size:
            result = mean_over_runs(gains, level=bootstrap.level, resamples=bootstrap.resamples)
            found[name] = Difference(
                result.mean, (result.low, result.high), result.p, gains.shape[1], non_finite=left_out
            )
    return found


def shared_seeds(runs: Sequence[Scored], base: Sequence[Scored]) -> list[tuple[Scored, Scored]]:
    """A row's runs with another row's of the same seed."""
    of_seed = {run.config.seed: run for run in base if run.config is not None}
    return [(run, of_seed[run.config.seed]) for run in runs if run.config is not None and run.config.seed in of_seed]


def _scores(name: str, runs: Sequence[_Rows]) -> list[Float[np.ndarray, "objects"]]:
    """Each run's means over the views of the objects that all runs have scored."""
    shared = [key for key, row in runs[0].items() if all(key in run and name in run[key].values for run in runs)]
    return [np.array([run[key].values[name].mean() for key in shared]) for run in runs]


def _finite(scores: Float[np.ndarray, "runs objects"]) -> tuple[Float[np.ndarray, "runs kept"], int]:
    """The objects with finite scores in all runs, and the number of the others."""
    kept = np.isfinite(scores).all(axis=0)
    return scores[:, kept], int((~kept).sum())


def _by_name(run: Scored) -> dict[str, Row]:
    return {row.key: row for row in load_rows(run.results)}
