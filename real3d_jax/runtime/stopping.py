"""Stops a run in good order when it is asked to: SIGTERM (a scheduler's) or SIGINT (Ctrl-C)."""

import signal
from types import FrameType
from typing import Any

import jax
from jax.experimental import multihost_utils


class StopRequest:
    """A context in which the two signals ask for a stop between two steps.

    Until `begin` is called there is nothing to save, and a signal ends the process at once. A second Ctrl-C always
    does. The exit code is 128 + the signal's number: 143 for SIGTERM, 130 for SIGINT.

    With several hosts SIGTERM is left to JAX, whose service makes all of them stop after the same step, whichever of
    them was told, before `begin` or after it; a first Ctrl-C is handed on as SIGTERM.
    """

    def __init__(self):
        self._signal: int | None = None
        self._began = False
        self._former: dict[int, Any] = {}
        self._several_hosts = jax.process_count() > 1

    def __enter__(self) -> "StopRequest":
        for number in (signal.SIGINT,) if self._several_hosts else (signal.SIGINT, signal.SIGTERM):
            self._former[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
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
