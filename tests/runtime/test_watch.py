"""How one process of several judges the others by what they tell: who is lost, who has failed, who says why."""

import argparse
import contextlib
import json
import types

import pytest

from real3d_jax.errors import UserError
from real3d_jax.runtime import hosts, watch


class _EndedError(BaseException):
    """In the place of the process' end."""


class _Service:
    """JAX's coordination service, in one process."""

    def __init__(self):
        self.values = {}

    def key_value_set(self, key, value, allow_overwrite=False):
        assert allow_overwrite or key not in self.values
        self.values[key] = value

    def key_value_dir_get(self, prefix):
        return [(key, value) for key, value in self.values.items() if key.startswith(prefix)]


@pytest.fixture
def others(monkeypatch):
    """The first of three processes: `turn(seconds)` lets it look, while processes 1 and 2 may `live` or `fail`."""
    service, clock = _Service(), types.SimpleNamespace(now=0.0)
    monkeypatch.setattr(watch.jax, "process_count", lambda: 3)
    monkeypatch.setattr(watch.jax, "process_index", lambda: 0)
    monkeypatch.setattr(hosts, "is_alone", lambda: False)
    monkeypatch.setattr(hosts, "client", lambda: service)
    monkeypatch.setattr(watch, "time", types.SimpleNamespace(monotonic=lambda: clock.now, sleep=lambda s: None))
    monkeypatch.setattr(watch, "_GRACE", 0.0)

    def end(code):
        raise _EndedError(code)

    monkeypatch.setattr(watch.os, "_exit", end)

    def live(number):
        count = json.loads(service.values.get(f"{watch._ALIVE}/{number}", '{"count": 0}'))["count"] + 1
        state = {"count": count, "doing": watch.WAITING, "host": f"node-{number}"}
        service.values[f"{watch._ALIVE}/{number}"] = json.dumps(state)

    def fail(number, message, code=2):
        failure = {"process": number, "host": f"node-{number}", "message": message, "code": code}
        service.values[f"{watch._FAILED}/{number}"] = json.dumps(failure | {"stacks": False, "lost": None})

    def turns(watcher, seconds, living):
        for _ in range(round(seconds)):
            clock.now += 1.0
            for number in living:
                live(number)
            watcher._look_once()

    def leave(number):
        service.values[f"{watch._ALIVE}/{number}"] = json.dumps(
            {"count": 99, "doing": "done", "host": f"node-{number}"}
        )

    for number in (1, 2):
        live(number)
    return types.SimpleNamespace(fail=fail, turns=turns, leave=leave)


@pytest.mark.parametrize("lost_seconds", [5.0, watch._WORDS, 600.0])
def test_who_fails_without_a_word_is_not_taken_for_lost_while_words_are_waited_for(others, capsys, lost_seconds):
    """However long the two waits are: the process that failed has left, and gives no sign of life any more."""
    watcher = watch.Watch(lost_seconds=lost_seconds)
    others.turns(watcher, 3, living=[1, 2])
    others.fail(1, "")
    others.turns(watcher, watch._WORDS - 1, living=[2])
    assert not capsys.readouterr().err
    with pytest.raises(_EndedError, match=r"^2$"):
        others.turns(watcher, 5, living=[2])
    told = capsys.readouterr().err
    assert told == "error: Process 1 of 3 (node-1): It has ended with code 2 and without a word.\n"


def test_the_words_of_another_process_are_told_at_once(others, capsys):
    watcher = watch.Watch()
    others.fail(1, "")
    others.turns(watcher, 5, living=[2])
    others.fail(2, "This is wrong: mend it.")
    with pytest.raises(_EndedError, match=r"^2$"):
        others.turns(watcher, 1, living=[])
    assert capsys.readouterr().err == "error: Process 2 of 3 (node-2): This is wrong: mend it.\n"


def test_who_is_lost_while_words_are_waited_for_is_named(others, capsys):
    watcher = watch.Watch(lost_seconds=20.0)
    others.turns(watcher, 1, living=[1, 2])
    others.fail(1, "")
    with pytest.raises(_EndedError, match=r"^1$"):
        others.turns(watcher, 25, living=[])
    assert "error: Process 2 of 3 (node-2) gives no sign of life since 20 s" in capsys.readouterr().err


def test_who_is_done_is_not_taken_for_lost(others, capsys):
    watcher = watch.Watch(lost_seconds=5.0)
    others.turns(watcher, 3, living=[1, 2])
    others.leave(2)
    others.turns(watcher, 20, living=[1])
    assert not capsys.readouterr().err


def test_who_gets_on_no_more_is_ended_after_the_stall_unless_it_may_take_its_time(others, capsys):
    watcher = watch.Watch(stall_seconds=60.0)
    others.turns(watcher, 90, living=[1, 2])  # starting takes as long as it takes
    watcher.beat("compiling", patient=True)
    others.turns(watcher, 90, living=[1, 2])
    watcher.beat("taking step 3")
    others.turns(watcher, 60, living=[1, 2])
    assert not capsys.readouterr().err
    with pytest.raises(_EndedError, match=r"^1$"):
        others.turns(watcher, 1, living=[1, 2])
    assert "error: Nothing has moved for 1 minutes" in (told := capsys.readouterr().err)
    assert "the others waited while process 0 of 3" in told and "was taking step 3." in told


def test_without_a_stall_nothing_is_ended(others, capsys):
    watcher = watch.Watch()
    watcher.beat("taking step 3")
    others.turns(watcher, 5000, living=[1, 2])
    assert not capsys.readouterr().err


def test_a_watch_within_another_gives_way_to_it_again():
    with watch.watching() as outer:
        with watch.watching() as inner:
            assert watch.current() is inner
        assert watch.current() is outer
    assert watch.current() is not outer


@pytest.mark.parametrize("code", [0, None])
def test_who_leaves_in_good_order_ends_nobody(others, capsys, code):
    watch.Watch().told(SystemExit, SystemExit(code), None)
    assert not capsys.readouterr().err


@pytest.mark.parametrize(("error", "code"), [(SystemExit(3), 3), (SystemExit("why"), 1), (UserError("Mend it."), 2)])
def test_who_leaves_otherwise_ends_all_with_its_code(others, error, code):
    with pytest.raises(_EndedError, match=f"^{code}$"):
        watch.Watch().told(type(error), error, None)


def test_the_loss_of_the_first_is_told_by_who_sees_it(others, capsys, monkeypatch):
    monkeypatch.setattr(watch.jax, "process_index", lambda: 1)
    with pytest.raises(_EndedError, match=r"^1$"):
        others.turns(watch.Watch(lost_seconds=20.0), 25, living=[2])
    assert "error: Process 0 of 3 gives no sign of life since 20 s" in capsys.readouterr().err


@pytest.mark.parametrize("multihost", [True, False])
def test_joining_and_watching_take_the_options(monkeypatch, multihost):
    joined = []
    monkeypatch.setattr(hosts, "join", lambda seconds, **more: joined.append((seconds, more)))
    monkeypatch.setattr(watch, "Watch", lambda **options: contextlib.nullcontext(options))
    options = argparse.Namespace(multihost=multihost, join_seconds=7.0, lost_seconds=8.0, stall_minutes=0.5)
    with watch.joined(options) as made:
        assert made == {"stall_seconds": 30.0, "lost_seconds": 8.0}
    assert joined == ([(7.0, {"lost_seconds": 8.0})] if multihost else [])
