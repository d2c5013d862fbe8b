"""The first process says from the roll call on that it lives, and the others end, and say why, once it does not.

JAX's coordination service lies in the first process. When it breaks off, JAX ends the others at once, by an abort in
one of its own threads, with a trace that does not say which process was lost. The line that is open since the roll call
breaks at the same moment: whoever notices first, the thread that waits for that or the abort, one sentence is printed
and the process ends with code 1. Of a machine that is lost nothing closes the line; there the first process is no
longer heard, and JAX's own abort follows after 100 s.
"""

import contextlib
import ctypes
import os
import select
import signal
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from real3d_jax.runtime.roll_call import Ended, Line, Told

CRASH = 1  # the exit code of what is no user's error; starting again may help

_BEAT = 1.0  # seconds between two signs of life
_SOON = 0.5  # seconds within which the line breaks if an error or abort comes of that
_QUIET = 3.0  # seconds in which a first process that lives would have said so
_LOST = "it was killed, or its machine is lost"
_ENDED = f"has ended without a word; {_LOST}"
_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_int)


class Pulse:
    """Says on the first process that it lives, until `stop`; until `all_are_there`, also ends it if another one ends.

    JAX would wait for minutes for a process that has come and ends before all know each other's devices.

    Args:
      lines: to the other processes.
    """

    def __init__(self, lines: Sequence[Line]):
        self._lines, self._there, self._stopped = lines, threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._beat, name="say that the first process lives", daemon=True)
        self._thread.start()

    def all_are_there(self) -> None:
        """From here on processes may end; `Watch` looks after them."""
        self._there.set()

    def stop(self) -> None:
        """Says that this process lives until the lines are closed."""
        self._stopped.set()
        self._thread.join()
        for line in self._lines:
            line.live(for_good=True)

    def go_if_gone(self) -> None:
        """The first process is this one."""

    def _beat(self) -> None:
        while not self._stopped.is_set():
            for line in self._lines:
                line.live()
            self._look(_BEAT)

    def _look(self, seconds: float) -> None:
        """Waits for so long, or until a process ends that is needed."""
        if self._there.is_set():
            self._stopped.wait(seconds)
            return
        broken, _, _ = select.select([line.connection for line in self._lines], [], [], seconds)
        for line in self._lines:
            if line.connection in broken and line.hears_end(_SOON) and not self._there.wait(_QUIET):
                for other in self._lines:
                    other.tell()
                _say_and_end(line, len(self._lines) + 1, "has ended as it started: what it printed says why")


class FirstWatch:
    """Ends this process, with a sentence, once the first one has ended; until `stop`.

    Args:
      line: to the first process.
      count: how many processes there are.
      lost_seconds: after which it counts as lost if it has not said that it lives.
    """

    def __init__(self, line: Line, count: int, lost_seconds: float):
        self._line, self._count, self._lost, self._stopped = line, count, lost_seconds, False
        self._handler = _HANDLER(self._aborted)  # Python's own handlers do not run in a thread that aborts
        self._libc: Any = ctypes.CDLL(None)
        self._libc.signal.restype = ctypes.c_void_p
        self._libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
        self._former: Any = None
        self._catch_aborts()
        threading.Thread(target=self._wait, name="watch the first process", daemon=True).start()

    def all_are_there(self) -> None:
        """Devices have been found meanwhile, and what drives them may have set a handler of its own."""
        self._catch_aborts()

    def stop(self) -> None:
        """From here on the first process may end."""
        if not self._stopped:
            self._stopped = True
            self._libc.signal(signal.SIGABRT, self._former)

    def go_if_gone(self) -> None:
        """Returns only if the first process is there; a moment is waited for the line to break."""
        if not self._stopped:
            with self._ending():
                if self._line.hears_end(_SOON):
                    raise Ended

    def _catch_aborts(self) -> None:
        handler = ctypes.cast(self._handler, ctypes.c_void_p)
        former = self._libc.signal(signal.SIGABRT, handler)
        if former != handler.value:
            self._former = former

    def _wait(self) -> None:
        with self._ending():
            if self._line.hears_silence(self._lost):
                self._go(f"gives no sign of life since {self._lost:g} s; {_LOST}")

    def _aborted(self, _: int) -> None:
        with self._ending():
            if self._line.hears_end(_SOON):
                raise Ended
            if self._line.hears_silence(_QUIET):
                self._go(f"gives no sign of life; {_LOST}")

    @contextlib.contextmanager
    def _ending(self) -> Iterator[None]:
        """Ends this process if the line says meanwhile that the first one has ended."""
        try:
            yield
        except Ended:
            self._go(_ENDED)
        except Told:
            self._go("")

    def _go(self, what: str) -> None:
        """Ends this process, unless the first one may have ended; without a word if it has said why."""
        if not self._stopped:
            _say_and_end(self._line, self._count, what)


def watch_over(lines: Sequence[Line], number: int, count: int, *, lost_seconds: float) -> Pulse | FirstWatch:
    """What the process of this number needs.

    Args:
      lines: of the roll call.
      number: of this process.
      count: how many there are.
      lost_seconds: as of `FirstWatch`.
    """
    return FirstWatch(lines[0], count, lost_seconds) if number else Pulse(lines)


def _say_and_end(line: Line, count: int, what: str) -> None:
    if what:
        who = f"Process {line.number} of {count} ({line.host})"
        os.write(2, f"error: {who} {what}.\n".encode())
    os._exit(CRASH)
