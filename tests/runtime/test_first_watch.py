"""The line to the first process: its beats are heard, its silence and its end are told apart."""

import ctypes
import signal
import socket
import threading
import time

import pytest

from real3d_jax.runtime import first_watch
from real3d_jax.runtime.roll_call import Ended, Line, Told

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


@pytest.fixture
def ends():
    """The line on the first process, and on another one."""
    first, other = socket.socketpair()
    yield Line("node-2", 2, first), Line("node-0", 0, other)
    first.close()
    for thread in threading.enumerate():
        if thread.name in ("watch the first process", "say that the first process lives"):
            thread.join(10)
    other.close()


@pytest.fixture
def left(monkeypatch):
    """A list that gets the sentence and the exit code of this process' end, which does not come."""
    told = []
    monkeypatch.setattr(first_watch.os, "write", lambda _, text: told.append(text.decode()))
    monkeypatch.setattr(first_watch.os, "_exit", told.append)
    return told


def _wait_for(told):
    until = time.monotonic() + 10
    while len(told) < 2 and time.monotonic() < until:
        time.sleep(0.01)


def test_a_first_process_that_lives_is_heard(ends):
    first, other = ends
    beating = threading.Event()

    def beat():
        for _ in range(15):
            first.live()
            time.sleep(0.05)
        beating.set()

    threading.Thread(target=beat).start()
    assert other.hears_silence(0.4)
    assert beating.is_set()
    first.live()
    first.connection.close()
    with pytest.raises(Ended):
        other.hears_silence(30.0)


def test_after_its_last_word_only_its_end_counts(ends):
    first, other = ends
    first.live()
    first.live(for_good=True)
    threading.Timer(0.3, first.connection.close).start()
    with pytest.raises(Ended):
        other.hears_silence(0.05)


def test_the_end_is_heard_behind_what_was_said_before(ends):
    first, other = ends
    first.live()
    assert not other.hears_end(0.05)
    first.live()
    first.connection.close()
    assert other.hears_end(5.0)


def test_silence_ends_this_process_with_a_sentence(ends, left):
    _, other = ends
    watcher = first_watch.FirstWatch(other, 3, 0.2)
    _wait_for(left)
    watcher.stop()
    assert left[0] == (
        "error: Process 0 of 3 (node-0) gives no sign of life since 0.2 s; it was killed, or its machine is lost.\n"
    )
    assert left[1] == first_watch.CRASH


def test_an_abort_for_want_of_the_first_process_is_told_as_that(ends, left, monkeypatch):
    monkeypatch.setattr(first_watch, "_SOON", 0.01)
    monkeypatch.setattr(first_watch, "_QUIET", 0.05)
    first, other = ends
    watcher = first_watch.FirstWatch(other, 3, 600.0)
    watcher._aborted(6)
    assert "Process 0 of 3 (node-0) gives no sign of life;" in left[0]
    watcher.stop()
    first.live(for_good=True)


def _said(line):
    said = b""
    while part := line.connection.recv(2**16):
        said += part
    return said


def test_the_first_process_speaks_at_every_beat_and_once_for_good(ends, monkeypatch):
    first, other = ends
    monkeypatch.setattr(first_watch, "_BEAT", 0.01)
    pulse = first_watch.Pulse([first])
    time.sleep(0.2)
    pulse.all_are_there()
    time.sleep(0.2)
    pulse.stop()
    first.connection.close()
    said = _said(other)
    assert len(said) > 4 and set(said[:-1]) == {ord(".")} and said[-1:] == b"!"


@pytest.fixture
def two(ends, monkeypatch):
    """The lines of a first process to two others, and the second of these."""
    monkeypatch.setattr(first_watch, "_BEAT", 0.01)
    third, other = socket.socketpair()
    yield [ends[0], Line("node-1", 1, third)], Line("node-0", 0, other)
    third.close()
    other.close()


def test_who_ends_as_all_start_ends_the_first_process_and_through_it_the_others(ends, two, left, monkeypatch):
    monkeypatch.setattr(first_watch, "_QUIET", 0.05)
    lines, other = two
    pulse = first_watch.Pulse(lines)
    ends[1].connection.close()
    _wait_for(left)
    pulse.stop()
    assert left[:2] == [
        "error: Process 2 of 3 (node-2) has ended as it started: what it printed says why.\n",
        first_watch.CRASH,
    ]
    with pytest.raises(Told):
        other.hears_end(5.0)


def test_who_ends_once_all_are_there_is_left_to_the_watch(ends, two, left, monkeypatch):
    """Also if the first process comes there a moment after it."""
    monkeypatch.setattr(first_watch, "_QUIET", 5.0)
    lines, _ = two
    pulse = first_watch.Pulse(lines)
    ends[1].connection.close()
    time.sleep(0.2)
    pulse.all_are_there()
    time.sleep(0.2)
    pulse.stop()
    assert not left


def test_who_is_told_that_the_first_process_ends_ends_without_a_word(ends, left):
    first, other = ends
    watcher = first_watch.FirstWatch(other, 3, 600.0)
    first.tell()
    until = time.monotonic() + 10
    while not left and time.monotonic() < until:
        time.sleep(0.01)
    watcher.stop()
    assert left == [first_watch.CRASH]


def test_aborts_are_caught_also_if_a_driver_has_set_its_own_handler_meanwhile(ends):
    watcher = first_watch.FirstWatch(ends[1], 3, 600.0)
    handler = watcher._libc.signal
    before = watcher._former
    ignored = 1
    handler(signal.SIGABRT, ignored)
    watcher.all_are_there()
    assert handler(signal.SIGABRT, ignored) == ctypes.cast(watcher._handler, ctypes.c_void_p).value
    watcher.stop()
    assert handler(signal.SIGABRT, before) == ignored
