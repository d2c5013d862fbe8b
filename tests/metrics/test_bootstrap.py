"""Intervals against textbook ones, and what they refuse."""

import numpy as np
import pytest
import scipy.stats

from real3d_jax.errors import UserError
from real3d_jax.metrics import bootstrap
from real3d_jax.metrics.bootstrap import confidence_interval, mean_over_runs, paired_difference


def test_interval_is_the_normal_one_for_many_instances():
    """40,000 draws place the ends of a 95 % interval with a standard error of 0.014 of the mean's."""
    values = np.random.default_rng(0).normal(20, 3, 1000)
    error = values.std() / np.sqrt(len(values))
    for level, tolerance in ((0.95, 0.05), (0.99, 0.1)):
        expected = scipy.stats.norm.interval(level, values.mean(), error)
        interval = confidence_interval(values, level=level, resamples=40_000)
        np.testing.assert_allclose(interval, expected, atol=tolerance * error)


def test_interval_covers_the_truth_as_often_as_it_says():
    """Means of 40 skewed values: a 90 % interval must hold the true mean 1 in about 90 of 100 samples."""
    rng = np.random.default_rng(1)
    intervals = [confidence_interval(rng.exponential(1, 40), level=0.9, resamples=400, seed=s) for s in range(300)]
    covered = np.mean([low <= 1 <= high for low, high in intervals])
    assert 0.83 < covered < 0.93


def test_seed_and_memory_change_nothing(monkeypatch):
    values = np.random.default_rng(2).random(30)
    first = confidence_interval(values, resamples=200)
    assert first == confidence_interval(values, resamples=200)
    assert first != confidence_interval(values, resamples=200, seed=1)
    monkeypatch.setattr(bootstrap, "_INDICES_AT_ONCE", 64)
    assert confidence_interval(values, resamples=200) == first


def test_equal_values_have_no_width_and_one_value_no_interval():
    assert confidence_interval([2.0, 2.0, 2.0]) == (2.0, 2.0)
    assert np.isnan(confidence_interval([2.0])).all()
    single = paired_difference([3.0], [1.0])
    assert single.mean == 2 and np.isnan([single.low, single.high, single.p]).all()


def test_pairing_sees_what_spread_hides():
    rng = np.random.default_rng(3)
    a = rng.normal(20, 5, 60)
    b = a - 0.2 + rng.normal(0, 0.1, 60)
    difference = paired_difference(a, b)
    assert difference.mean == pytest.approx((a - b).mean())
    assert 0 < difference.low < difference.mean < difference.high and difference.p < 0.001
    reverse = paired_difference(b, a)
    assert reverse.mean == pytest.approx(-difference.mean) and reverse.high < 0
    low, high = confidence_interval(a - b)
    assert (difference.low, difference.high) == (low, high)


def test_p_value_is_that_of_the_t_test_in_large_samples():
    rng = np.random.default_rng(4)
    a, b = rng.normal(0.1, 1, 500), rng.normal(0, 1, 500)
    expected = scipy.stats.ttest_rel(a, b).pvalue
    assert 0.01 < expected < 0.5
    assert paired_difference(a, b, resamples=50_000).p == pytest.approx(expected, rel=0.15)
    assert paired_difference(a, a).p == 1


def test_runs_and_instances_both_make_an_interval_wider():
    """Of additive effects the variances of both means add up."""
    rng = np.random.default_rng(5)
    runs, instances = rng.normal(0, 1, 30), rng.normal(0, 4, 400)
    found = mean_over_runs(runs[:, None] + instances, resamples=40_000)
    assert found.mean == pytest.approx(runs.mean() + instances.mean())
    error = np.sqrt(runs.var() / 30 + instances.var() / 400)
    expected = scipy.stats.norm.interval(0.95, found.mean, error)
    np.testing.assert_allclose((found.low, found.high), expected, atol=0.06 * error)


def test_runs_that_agree_are_no_more_evidence_than_one():
    values = np.random.default_rng(6).normal(0.3, 1, 50)
    alone, thrice = (mean_over_runs(np.tile(values, (runs, 1)), resamples=20_000) for runs in (1, 3))
    width = alone.high - alone.low
    assert thrice.high - thrice.low == pytest.approx(width, rel=0.05)
    assert (alone.low, alone.high) == confidence_interval(values, resamples=20_000)


def test_memory_changes_no_interval_over_runs(monkeypatch):
    values = np.random.default_rng(7).random((3, 20))
    first = mean_over_runs(values, resamples=200)
    assert first != mean_over_runs(values, resamples=200, seed=1)
    monkeypatch.setattr(bootstrap, "_INDICES_AT_ONCE", 64)
    assert mean_over_runs(values, resamples=200) == first


def test_scores_over_runs_that_are_broken_are_refused():
    with pytest.raises(UserError, match=r"scores of shape \(runs, instances\), but got \(3,\)"):
        mean_over_runs(np.ones(3))
    with pytest.raises(UserError, match="1 of 4 scores are not finite"):
        mean_over_runs([[1.0, 2.0], [np.nan, 1.0]])


@pytest.mark.parametrize("scores", [[1.0, np.nan, np.inf], []])
def test_broken_scores_are_refused(scores):
    message = "2 of 3 scores are not finite" if scores else "needs a list"
    with pytest.raises(UserError, match=message):
        confidence_interval(scores)
    with pytest.raises(UserError, match=message):
        paired_difference([1.0, 2.0, 3.0], scores)


def test_other_instances_are_refused():
    with pytest.raises(UserError, match="has 2 scores and the other 3"):
        paired_difference([1.0, 2.0], [1.0, 2.0, 3.0])


def test_level_is_a_share():
    with pytest.raises(ValueError, match="between 0 and 1"):
        confidence_interval([1.0, 2.0], level=95.0)
