"""Which process keeps the others waiting: whose own work before a step takes the longest.

That work is reading the step's examples and placing them on the devices; what a process waits for the devices and for
the others is not counted. The processes tell one another as often as metrics are written, not at every step.
"""

import contextlib
import socket
import time
from collections import deque
from collections.abc import Iterator

import numpy as np

from real3d_jax.runtime import hosts

_KEPT = 1000  # steps between two exchanges that are looked at, the latest ones


class Slowest:
    """The seconds of this process' own work, and of all of them once they have told one another."""

    def __init__(self):
        self._recent: deque[float] = deque(maxlen=_KEPT)
        self._now = 0.0
        self._steps = np.zeros(0, int)  # in which each process was the slowest, since the start
        self._seconds = np.zeros(0)  # of work of each of them
        self._count = 0
        self._machines: list[str] = []

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Counts the time of a block to the step that comes next."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._now += time.monotonic() - began

    def step(self) -> None:
        """A step begins, for which all work is done."""
        self._recent.append(self._now)
        self._now = 0.0

    def exchange(self) -> dict[str, float]:
        """What the processes have told one another of the steps since the last time; all of them call it.

        Returns:
          `slowest_process`, `slowest_share` of the steps in which it was the slowest, its `slowest_work_seconds` a step
          and the `median_work_seconds` of all processes; nothing with one process, or without a step.
        """
        told = [] if hosts.is_alone() else hosts.gather([[round(s, 5) for s in self._recent], socket.gethostname()])
        self._recent.clear()
        if not told or not told[0][0]:
            return {}
        seconds = np.array([found[0] for found in told])  # (processes, steps)
        steps = np.bincount(seconds.argmax(axis=0), minlength=len(told))
        if not self._count:
            self._steps, self._seconds = np.zeros(len(told), int), np.zeros(len(told))
            self._machines = [found[1] for found in told]
        self._steps, self._seconds = self._steps + steps, self._seconds + seconds.sum(axis=1)
        self._count += seconds.shape[1]
        return _summary(steps, seconds.sum(axis=1))

    def describe(self) -> str:
        """The line at the end of a run, over all its steps of this try; empty with one process, or without a step."""
        if not self._count:
            return ""
        found = _summary(self._steps, self._seconds)
        number = int(found["slowest_process"])
        return (
            f"slowest    process {number} of {len(self._machines)} ({self._machines[number]}), in "
            f"{found['slowest_share']:.0%} of the steps: {found['slowest_work_seconds']:.3g} s to read and place its "
            f"examples, {found['median_work_seconds']:.3g} s in the middle of all processes"
        )


def _summary(steps: np.ndarray, seconds: np.ndarray) -> dict[str, float]:
    """Of how many steps each process was the slowest in, and its seconds in all of them."""
    count, number = steps.sum(), int(steps.argmax())
    return {
        "slowest_process": number,
        "slowest_share": float(steps[number] / count),
        "slowest_work_seconds": float(seconds[number] / count),
        "median_work_seconds": float(np.median(seconds) / count),
    }
