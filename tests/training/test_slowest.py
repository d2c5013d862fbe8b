"""Which of several processes the others wait for, from what they tell one another when metrics are written."""

import types

import pytest

from real3d_jax.training import slowest
from real3d_jax.training.slowest import Slowest


@pytest.fixture
def clock(monkeypatch):
    clock = types.SimpleNamespace(now=100.0)
    monkeypatch.setattr(slowest, "time", types.SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def three(monkeypatch, others):
    """This process is the first of three; the others tell the seconds in `others`."""
    told = []

    def gather(tree):
        told.append(tree)
        return [tree, *([seconds, f"node-{number}"] for number, seconds in enumerate(others.pop(0), start=1))]

    monkeypatch.setattr(slowest.hosts, "is_alone", lambda: False)
    monkeypatch.setattr(slowest.hosts, "gather", gather)
    monkeypatch.setattr(slowest.socket, "gethostname", lambda: "node-0")
    return told


def take(found, clock, *seconds):
    for part in seconds:
        with found.working():
            clock.now += part / 2
        clock.now += 50.0  # the devices' and the others' time does not count
        with found.working():
            clock.now += part / 2
        found.step()


def test_the_slowest_is_named_with_its_share_and_seconds(monkeypatch, clock):
    found = Slowest()
    told = three(monkeypatch, [([0.1, 0.1, 0.1, 0.9], [0.4, 0.4, 0.4, 0.2]), ([2.0], [0.1])])
    take(found, clock, 0.2, 0.2, 0.2, 0.2)
    first = found.exchange()
    assert told[0] == [[0.2] * 4, "node-0"]
    assert first == pytest.approx(
        {
            "slowest_process": 2,
            "slowest_share": 0.75,
            "slowest_work_seconds": 1.4 / 4,
            "median_work_seconds": 1.2 / 4,
        }
    )
    take(found, clock, 0.3)
    assert found.exchange() == pytest.approx(
        {"slowest_process": 1, "slowest_share": 1.0, "slowest_work_seconds": 2.0, "median_work_seconds": 0.3}
    )
    assert found.describe() == (
        "slowest    process 2 of 3 (node-2), in 60% of the steps: 0.3 s to read and place its examples, 0.3 s in the "
        "middle of all processes"
    )


def test_a_process_alone_has_nobody_to_wait_for(clock):
    found = Slowest()
    take(found, clock, 1.0)
    assert found.exchange() == {} and found.describe() == ""
