"""Where a run's time goes: steps, waiting for data, saving, compiling; over all tries of the run.

The productive time is that in which the devices computed steps that count: a step lasts from its start, or from the end
of the one before it if that is later, to its end. Steps that were lost with a killed process are taken again and count
once. Goodput is the share of productive time in all the time in which the program ran, lost tries included.
"""

import contextlib
import json
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from real3d_jax.runtime import folders

FILE = "up_seconds.json"
_SPENT = {"data_wait": "data", "save": "saving", "compile": "compiling"}
_KEPT = 10_000  # steps whose times are looked at, the latest ones


class Times:
    """The times of one try.

    Args:
      workdir: has the time of earlier tries; None keeps none.
      productive: seconds of the steps that earlier tries took and that count.
    """

    def __init__(self, workdir: Path | None, productive: float = 0.0):
        self._path = None if workdir is None else workdir / FILE
        self._productive, self._before = productive, self._read()
        self._started = self._last = time.monotonic()
        self._begun: dict[int, float] = {}
        self._steps: deque[float] = deque(maxlen=_KEPT)
        self.spent = dict.fromkeys(_SPENT, 0.0)

    @property
    def productive(self) -> float:
        """Seconds of the steps that count."""
        return self._productive

    @contextlib.contextmanager
    def spending(self, what: str) -> Iterator[None]:
        """Counts the time of a block to 'compile', 'data_wait' or 'save'."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.spent[what] += time.monotonic() - began

    def begin(self, step: int) -> None:
        """A step is given to the devices."""
        self._begun[step] = time.monotonic()

    def end(self, step: int, ready: float) -> None:
        """A step was over at `ready`, by `time.monotonic`."""
        seconds = max(ready - max(self._begun.pop(step, self._last), self._last), 0.0)
        self._last = ready
        self._productive += seconds
        self._steps.append(seconds)

    def up_seconds(self) -> float:
        """Of all tries so far."""
        return self._before + time.monotonic() - self._started

    def goodput(self) -> float:
        """Productive share, in [0, 1]."""
        return min(self._productive / max(self.up_seconds(), 1e-9), 1.0)

    def summary(self) -> dict[str, float]:
        """`goodput`, quantiles of the steps' seconds, and seconds spent on the rest, of this try."""
        found = {"goodput": self.goodput()} | {f"{name}_seconds": seconds for name, seconds in self.spent.items()}
        if self._steps:
            found |= {f"step_seconds_p{q}": float(np.percentile(self._steps, q)) for q in (50, 99)}
        return found

    def keep(self) -> None:
        """Writes how long this try has lasted, for the next one; a disk that is full is told elsewhere."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                folders.replace_text(self._path, json.dumps(self.up_seconds()))

    def _read(self) -> float:
        try:
            return float(json.loads(self._path.read_text())) if self._path is not None else 0.0
        except (OSError, ValueError, TypeError):
            return 0.0


def describe(summary: dict[str, float]) -> str:
    """What `Times.summary` found, in a line."""
    steps = ""
    if "step_seconds_p50" in summary:
        steps = f"steps of {summary['step_seconds_p50']:.3g} s (99%: {summary['step_seconds_p99']:.3g} s), "
    spent = [f"{summary[f'{name}_seconds']:.1f} s for {what}" for name, what in _SPENT.items()]
    return f"goodput    {summary['goodput']:.1%} of all tries' time; {steps}waited {', '.join(spent)}"
