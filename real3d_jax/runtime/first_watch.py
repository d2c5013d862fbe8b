"""Tells the other processes why they end when the first one is killed, or its machine lost.

JAX's coordination service lies in the first process. When it breaks off, JAX ends the others at once, by an abort in
one of its own threads, with a trace that does not say which process was lost. The line that is open since the roll call
breaks at the same moment: whoever notices first, the thread that waits for that or the abort, one sentence is printed
and the process ends with code 1. Of a machine that is lost nothing closes the line; there the first process is no
longer heard, and JAX's own abort follows after 100 s.
"""

import ctypes
import os
import signal
import threading
from typing import Any

import jax

from real3d_jax.runtime.roll_call import Ended, Line

CRASH = 1  # the exit code of what is no user's error; starting again may help

_SOON = 0.5  # seconds within which the line breaks if an error or abort comes of that
_QUIET = 3.0  # seconds in which a first process that lives would have said so
_ENDED = "has ended without a word"
_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_int)


class FirstWatch:
    """Ends this process, with a sentence, once the first one has ended; until `stop`.

    Args:
      line: to the first process.
      lost_seconds: after which it counts as lost if it has not said that it lives.
    """

    def __init__(self, line: Line, lost_seconds: float):
        self._line, self._lost, self._stopped = line, lost_seconds, False
        self._handler = _HANDLER(self._aborted)  # Python's own handlers do not run in a thread that aborts
        self._libc: Any = ctypes.CDLL(None)
        self._libc.signal.restype = ctypes.c_void_p
        self._libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
        self._former = self._libc.signal(signal.SIGABRT, ctypes.cast(self._handler, ctypes.c_void_p))
        threading.Thread(target=self._wait, name="watch the first process", daemon=True).start()

    @classmethod
    def of(cls, line: Line | None, lost_seconds: float) -> "FirstWatch | None":
        """None without a line."""
        return None if line is None else cls(line, lost_seconds)

    def stop(self) -> None:
        """From here on the first process may end."""
        if not self._stopped:
            self._stopped = True
            self._libc.signal(signal.SIGABRT, self._former)

    def go_if_gone(self) -> None:
        """Returns only if the first process is there; a moment is waited for the line to break."""
        if not self._stopped and self._line.hears_end(_SOON):
            self._go(_ENDED)

    def _wait(self) -> None:
        try:
            if self._line.hears_silence(self._lost):
                self._go(f"gives no sign of life since {self._lost:g} s")
        except Ended:
            self._go(_ENDED)

    def _aborted(self, _: int) -> None:
        if self._line.hears_end(_SOON):
            self._go(_ENDED)
        elif self._is_silent():
            self._go("gives no sign of life")

    def _is_silent(self) -> bool:
        try:
            return self._line.hears_silence(_QUIET)
        except Ended:
            return True

    def _go(self, what: str) -> None:
        """Ends this process, unless the first one may have ended."""
        if self._stopped:
            return
        who = f"Process 0 of {jax.process_count()} ({self._line.host})"
        os.write(2, f"error: {who} {what}; it was killed, or its machine is lost.\n".encode())
        os._exit(CRASH)
