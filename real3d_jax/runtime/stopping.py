"""Stops a run in good order when it is asked to: SIGTERM (a scheduler's) or SIGINT (Ctrl-C)."""

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

import jax
from jax.experimental import multihost_utils


class StopRequest:
    """A context in which the two signals ask for a stop between two steps.

    Until `begin` is called there is nothing to save, and a signal ends the process at once, or when the compiler is
    done. A second Ctrl-C always does. The exit code is 128 + the signal's number: 143 for SIGTERM, 130 for SIGINT.

    With several hosts SIGTERM is left to JAX, whose service makes all of them stop after the same step, whichever of
    them was told, before `begin` or after it; a first Ctrl-C is handed on as SIGTERM.

    Args:
      patience: seconds after a signal in which the next step has to end. A step may hang in the compiler for minutes,
        where Python hears of no signal; then the process is ended where it stands, with the same exit code. For work
        that loses nothing by that, on one host; None waits for ever.
    """

    def __init__(self, *, patience: float | None = None):
        self._signal: int | None = None
        self._began = False
        self._former: dict[int, Any] = {}
        self._several_hosts = jax.process_count() > 1
        self._patience = None if self._several_hosts else patience

    def __enter__(self) -> "StopRequest":
        for number in (signal.SIGINT,) if self._several_hosts else (signal.SIGINT, signal.SIGTERM):
            self._former[number] = signal.signal(number, self._handle)
        if self._patience is not None:
            self._ended = threading.Event()
            self._heard, write = os.pipe()
            os.set_blocking(write, False)
            self._former_descriptor = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
            self._watch = threading.Thread(target=self._end_late, args=(self._patience,), daemon=True)
            self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._patience is not None:
            self._ended.set()
            os.close(signal.set_wakeup_fd(self._former_descriptor))  # which wakes the thread
            self._watch.join()
            os.close(self._heard)
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def begin(self) -> None:
        """From here on a signal is kept until `requested` is asked."""
        self._began = True

    def requested(self, step: int) -> bool:
        """Whether to stop after `step`; to be asked after every step, and all hosts get the same answer."""
        if self._several_hosts and multihost_utils.reached_preemption_sync_point(step):
            self._signal = signal.SIGTERM
        return self.stopped

    @property
    def stopped(self) -> bool:
        """Whether a stop has been requested."""
        return self._signal is not None

    @property
    def name(self) -> str:
        """Of the signal, for messages."""
        return signal.Signals(self._signal or signal.SIGTERM).name

    @property
    def exit_code(self) -> int:
        """128 + the signal's number."""
        return 128 + (self._signal or signal.SIGTERM)

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self._several_hosts:
            signal.signal(number, signal.SIG_DFL)  # a second one ends this process without waiting for the others
            signal.raise_signal(signal.SIGTERM)
            return
        if not self._began or (self._signal is not None and number == signal.SIGINT):
            raise SystemExit(128 + number)
        self._signal = number

    def _end_late(self, patience: float) -> None:
        """Waits for a signal without the main thread, which may be in the compiler."""
        heard = os.read(self._heard, 1)
        while heard and heard[0] not in self._former:
            heard = os.read(self._heard, 1)
        if not heard or self._ended.wait(patience):
            return
        number = heard[0]
        print(
            f"stopped by {signal.Signals(number).name}: what it was doing took longer than {patience:g} s; "
            "the same command goes on",
            file=sys.stderr,
            flush=True,
        )
        os._exit(128 + number)
