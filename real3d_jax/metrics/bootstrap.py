"""How sure a mean over instances is: percentile bootstrap intervals (Efron & Tibshirani, 1993, chapter 13)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.stats
from jaxtyping import Float

from real3d_jax.errors import UserError

_INDICES_AT_ONCE = 2**22


class PairedDifference(NamedTuple):
    """By how much the scores of one method exceed those of another on the same instances.

    Attributes:
      mean: of the differences.
      low: lower end of the mean's interval.
      high: upper end.
      p: two-sided bootstrap p-value of no difference, of which the interval is the inversion: twice the share of
        resampled means that lie on the other side of 0. NaN, like the interval, for a single instance.
    """

    mean: float
    low: float
    high: float
    p: float


def confidence_interval(
    values: Sequence[float] | np.ndarray, *, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """The percentile bootstrap interval of a mean over instances.

    Args:
      values: one score an instance. Instances are resampled, so that an instance's views must be averaged before.
      level: the interval's confidence, in (0, 1).
      resamples: how often as many instances are drawn, with replacement.
      seed: of the draws.

    Returns:
      Both ends; NaN for a single value, which tells nothing of the spread.

    Raises:
      UserError: there are no values, or one of them is not finite.
    """
    means = _resampled_means(_checked(values), level, resamples, seed)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired_difference(
    a: Sequence[float] | np.ndarray,
    b: Sequence[float] | np.ndarray,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> PairedDifference:
    """Compares two methods on the same instances: the mean of `a - b`, its interval and p-value.

    Pairs are resampled together, so that what makes an instance hard for both cancels.

    Args:
      a: one score an instance.
      b: the other method's, in the same order.
      level: the interval's confidence, in (0, 1).
      resamples: how often as many instances are drawn, with replacement.
      seed: of the draws.

    Raises:
      UserError: there are no values, one is not finite, or the two have different numbers of them.
    """
    scores_a, scores_b = _checked(a), _checked(b)
    if len(scores_a) != len(scores_b):
        raise UserError(
            f"A paired comparison needs the same instances, but one method has {len(scores_a)} scores and the other "
            f"{len(scores_b)}: keep those that both have."
        )
    difference = scores_a - scores_b
    return _described(difference, _resampled_means(difference, level, resamples, seed), level)


def mean_over_runs(
    values: Sequence[Sequence[float]] | np.ndarray, *, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> PairedDifference:
    """The mean over several runs on the same instances, with an interval for other runs and other instances.

    Runs and instances are both drawn anew, with replacement, and independently: an instance that is drawn counts in
    every run drawn. (Instances drawn for each run by itself would pass for new evidence with every run, and make the
    interval too narrow.) A single run is taken as it is.

    Args:
      values: scores, or paired differences of them, of shape (runs, instances).
      level: the interval's confidence, in (0, 1).
      resamples: how often both are drawn.
      seed: of the draws.

    Raises:
      UserError: there are no values, or one of them is not finite.
    """
    scores = np.asarray(values, np.float64)
    if scores.ndim != 2 or not scores.size:
        raise UserError(
            f"An interval over runs needs scores of shape (runs, instances), but got {scores.shape}: score something."
        )
    _checked(scores.ravel())
    if len(scores) == 1:
        return _described(scores[0], _resampled_means(scores[0], level, resamples, seed), level)
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, but is {level}")
    rng = np.random.default_rng(seed)
    of_runs = _shares(rng, len(scores), resamples) @ scores
    at_once = max(1, _INDICES_AT_ONCE // scores.shape[1])
    parts = (of_runs[start : start + at_once] for start in range(0, resamples, at_once))
    means = [np.sum(part * _shares(rng, scores.shape[1], len(part)), axis=1) for part in parts]
    return _described(scores.ravel(), np.concatenate(means), level)


def _shares(rng: np.random.Generator, count: int, draws: int) -> Float[np.ndarray, "draws count"]:
    """How much of a resampled mean each of `count` things is, when as many are drawn with replacement."""
    return rng.multinomial(count, np.full(count, 1 / count), size=draws) / count


def _described(values: Float[np.ndarray, "n"], means: Float[np.ndarray, "resamples"], level: float) -> PairedDifference:
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    rarer = min(np.count_nonzero(means <= 0), np.count_nonzero(means >= 0))
    p = min(1.0, 2 * (rarer + 1) / (len(means) + 1)) if len(values) > 1 else float("nan")
    return PairedDifference(float(values.mean()), float(low), float(high), p)


def _resampled_means(
    values: Float[np.ndarray, "n"], level: float, resamples: int, seed: int
) -> Float[np.ndarray, "resamples"]:
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, but is {level}")
    if len(values) == 1:
        return np.full(resamples, np.nan)
    result = scipy.stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=resamples,
        batch=max(1, _INDICES_AT_ONCE // len(values)),
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return result.bootstrap_distribution


def _checked(values: Sequence[float] | np.ndarray) -> Float[np.ndarray, "n"]:
    scores = np.asarray(values, np.float64)
    if scores.ndim != 1 or not len(scores):
        raise UserError(
            f"An interval needs a list of one score an instance, but got the shape {scores.shape}: score something."
        )
    broken = np.count_nonzero(~np.isfinite(scores))
    if broken:
        raise UserError(
            f"{broken} of {len(scores)} scores are not finite: count those instances and leave them out of the mean."
        )
    return scores
