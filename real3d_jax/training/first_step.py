"""How long a run takes until its first step is over, and what with."""

import os
import time
from pathlib import Path

from real3d_jax.runtime.console import say


class FirstStep:
    """The seconds up to the end of the first step of a try, told in a line once that is over.

    Args:
      before: seconds that the program has run already, importing.
    """

    def __init__(self, before: float = 0.0):
        self._last = time.monotonic()
        self._spent = {"imports": before} if before else {}
        self._told = False

    def mark(self, what: str) -> None:
        """All that went by since the last mark was spent on `what`."""
        now = time.monotonic()
        self._spent[what] = self._spent.get(what, 0.0) + now - self._last
        self._last = now

    def over(self, ready: float) -> None:
        """A step was over at `ready`, by `time.monotonic`; of the first it is told."""
        if self._told:
            return
        self._told = True
        self._spent["the step"] = max(ready - self._last, 0.0)
        parts = ", ".join(f"{what} {seconds:.1f}" for what, seconds in self._spent.items() if seconds >= 0.05)
        say(f"first step after {sum(self._spent.values()):.1f} s: {parts}")


def seconds_of_process() -> float:
    """For how long this process has run; 0 where the system does not tell."""
    try:
        started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]  # in ticks since the boot
        return time.clock_gettime(time.CLOCK_BOOTTIME) - int(started) / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, ValueError):
        return 0.0
