"""The line to the first process: its beats are heard, its silence and its end are told apart."""

import socket
import threading
import time

import pytest

from real3d_jax.runtime import first_watch, hosts, watch
from real3d_jax.runtime.roll_call import Ended, Line

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


@pytest.fixture
def ends():
    """The line on the first process, and on another one."""
    first, other = socket.socketpair()
    yield Line("node-0", first), Line("node-0", other)
    first.close()
    for thread in threading.enumerate():
        if thread.name == "watch the first process":
            thread.join(10)
    other.close()


@pytest.fixture
def left(monkeypatch):
    """A list that gets the sentence and the exit code of this process' end, which does not come."""
    told = []
    monkeypatch.setattr(first_watch.jax, "process_count", lambda: 3)
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
    watcher = first_watch.FirstWatch(other, 0.2)
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
    watcher = first_watch.FirstWatch(other, 600.0)
    watcher._aborted(6)
    assert "Process 0 of 3 (node-0) gives no sign of life;" in left[0]
    watcher.stop()
    first.live(for_good=True)


def test_the_first_process_speaks_at_every_look_and_once_for_good(ends, monkeypatch):
    first, other = ends
    monkeypatch.setattr(hosts, "_lines", [first])
    monkeypatch.setattr(hosts, "is_first", lambda: True)
    monkeypatch.setattr(watch, "_POLL", 0.01)
    monkeypatch.setattr(watch.Watch, "_look_once", lambda self: None)
    monkeypatch.setattr(watch.Watch, "_publish", lambda self, doing: None)
    monkeypatch.setattr(hosts, "is_alone", lambda: False)
    with watch.Watch():
        time.sleep(0.2)
    first.connection.close()
    said = b""
    while part := other.connection.recv(2**16):
        said += part
    assert len(said) > 2 and set(said[:-1]) == {ord(".")} and said[-1:] == b"!"
