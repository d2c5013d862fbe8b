"""Where a run's time goes, over tries of which one was killed."""

import types

import pytest

from real3d_jax.training import times
from real3d_jax.training.times import Times, describe


@pytest.fixture
def clock(monkeypatch):
    clock = types.SimpleNamespace(now=100.0)
    monkeypatch.setattr(times, "time", types.SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def take(found, clock, steps, seconds, *, gap=0.0):
    for step in steps:
        clock.now += gap
        found.begin(step)
        clock.now += seconds
        found.end(step, clock.now)


def test_goodput_counts_steps_once_and_the_time_of_all_tries(tmp_path, clock):
    first = Times(tmp_path)
    with first.spending("compile"):
        clock.now += 10.0
    take(first, clock, range(1, 11), 2.0, gap=1.0)
    kept = first.productive  # the checkpoint of step 10
    take(first, clock, range(11, 16), 2.0)
    first.keep()
    assert first.goodput() == pytest.approx(30 / 50)
    clock.now += 1000.0  # it was killed, and nobody was there
    second = Times(tmp_path, kept)
    take(second, clock, range(11, 21), 2.0)
    summary = second.summary()
    assert second.productive == pytest.approx(40.0)
    assert summary["goodput"] == pytest.approx(40 / 70)
    assert summary["compile_seconds"] == 0.0 and first.summary()["compile_seconds"] == 10.0


def test_a_step_that_was_given_early_lasts_from_the_end_of_the_one_before(clock):
    found = Times(None)
    found.begin(1)
    found.begin(2)
    clock.now += 8.0
    found.end(1, 103.0)
    found.end(2, 108.0)
    summary = found.summary()
    assert found.productive == pytest.approx(8.0)
    assert summary["step_seconds_p50"] == pytest.approx(4.0) and summary["step_seconds_p99"] == pytest.approx(4.98)
    assert describe(summary).startswith(
        "goodput    100.0% of all tries' time; steps of 4 s (99%: 4.98 s), waited 0.0 s"
    )


def test_a_damaged_file_of_earlier_tries_is_no_matter(tmp_path, clock):
    (tmp_path / times.FILE).write_text("12")
    assert Times(tmp_path).up_seconds() == 12.0
    (tmp_path / times.FILE).write_text('{"')
    assert Times(tmp_path).up_seconds() == 0.0
