"""Garbage is collected rarely while a program starts, and as usual after that."""

import gc

import pytest

from real3d_jax.runtime import garbage
from real3d_jax.runtime.garbage import collect_as_usual, collect_rarely


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    """A program that has not started yet, and the thresholds of the tests after it."""
    monkeypatch.setattr(garbage, "_usual", None)
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_garbage_is_collected_rarely_and_then_as_before():
    gc.set_threshold(600, 7, 8)
    collect_rarely()
    collect_rarely()
    assert gc.get_threshold()[0] > 10_000 and gc.get_freeze_count() > 0
    collect_as_usual()
    assert gc.get_threshold() == (600, 7, 8)


def test_who_has_chosen_thresholds_keeps_them():
    gc.set_threshold(600, 7, 8)
    collect_as_usual()
    assert gc.get_threshold() == (600, 7, 8)
