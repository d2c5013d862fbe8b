"""Runs of several seeds as one row."""

import numpy as np
import pytest

from real3d_jax.ablation.pooling import difference_of_gains, pooled_differences, pooled_metrics
from real3d_jax.config.evaluation import BootstrapConfig
from real3d_jax.metrics.bootstrap import mean_over_runs

BOOTSTRAP = BootstrapConfig(level=0.9, resamples=2000)
RNG = np.random.default_rng(0)
HARD = RNG.normal(0, 5, 12)  # what makes an object hard for every run


def test_one_run_is_as_its_evaluation_has_it(finished):
    metrics = pooled_metrics([finished("row", 0, HARD)], BOOTSTRAP)
    assert tuple(metrics["psnr"].interval) == (0.0, 1.0)
    assert metrics["semantic_fid"].mean == 3.0


def test_several_runs_are_averaged(finished):
    runs = [finished("row", seed, 20 + HARD + 2 * seed, fid=3.0 + seed) for seed in (0, 1)]
    metrics = pooled_metrics(runs, BOOTSTRAP)
    assert metrics["psnr"].mean == pytest.approx(21 + HARD.mean())
    low, high = metrics["psnr"].interval
    assert low < 20 + HARD.mean() < 22 + HARD.mean() < high
    assert metrics["psnr"].count == 12
    assert (metrics["semantic_fid"].mean, metrics["semantic_fid"].interval) == (3.5, None)
    without = finished("without", 2, 20 + HARD, fid=None)
    assert set(pooled_metrics([*runs, without], BOOTSTRAP)) == {"psnr"}, "not the mean of some seeds"


def test_differences_are_paired_by_seed_and_object(finished):
    """Seeds that only one of both has, and objects likewise, count for nothing."""
    base = [finished("base", seed, HARD + 10 * seed) for seed in (0, 1, 2)]
    row = [finished("row", seed, (HARD + 10 * seed + 0.5 + 0.1 * seed)[:11]) for seed in (1, 2, 7)]
    differences = pooled_differences(row, base, BOOTSTRAP)
    assert set(differences) == {"psnr"}, "a baseline has none: it is of no run"
    found = differences["psnr"]
    assert found.mean == pytest.approx(0.65)
    assert found.count == 11
    np.testing.assert_allclose(found.interval, (0.6, 0.7), atol=1e-6)  # what is hard for both cancels
    assert found.p < 0.01
    assert pooled_differences(row[2:], base, BOOTSTRAP) == {}


def test_one_seed_is_paired_object_by_object(finished):
    base, row = [finished("base", 4, HARD)], [finished("row", 4, HARD + 0.5 + 0.01 * np.arange(12))]
    found = pooled_differences(row, base, BOOTSTRAP)["psnr"]
    assert found.mean == pytest.approx(0.555) and found.interval[0] > 0.5


def test_objects_without_a_finite_score_in_every_run_are_left_out(finished):
    broken = HARD + 1.0
    broken[3] = np.nan
    base = [finished("base", seed, HARD) for seed in (0, 1)]
    row = [finished("row", 0, HARD + 1.0), finished("row", 1, broken)]
    found = pooled_differences(row, base, BOOTSTRAP)["psnr"]
    assert (found.count, found.non_finite) == (11, 1)
    assert found.mean == pytest.approx(1.0)
    metrics = pooled_metrics(row, BOOTSTRAP)["psnr"]
    assert (metrics.count, metrics.non_finite) == (11, 1)


def test_intervals_are_of_the_level_that_is_asked_for(finished):
    base = [finished("base", seed, HARD) for seed in (0, 1)]
    gains = RNG.normal(0.5, 1.0, (2, 12))
    row = [finished("row", seed, HARD + gains[seed]) for seed in (0, 1)]
    none = [finished("none", seed, HARD) for seed in (0, 1)]
    settings = BootstrapConfig(level=0.6, resamples=500)
    expected = mean_over_runs(gains, level=0.6, resamples=500)
    for found in (
        pooled_differences(row, base, settings),
        difference_of_gains([(row, base), (none, base)], settings),
    ):
        assert found["psnr"].interval == pytest.approx((expected.low, expected.high))
