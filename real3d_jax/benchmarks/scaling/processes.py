"""Processes that a scaling suite starts: what they are told, what they say, and how they end."""

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from real3d_jax.benchmarks.scaling.plan import Row

MODULE = (sys.executable, "-m", "real3d_jax.benchmarks.scaling.child")
_GONE = 1.5  # seconds that the rest of a killed group is waited for
_TOO_LITTLE = re.compile(r"RESOURCE_EXHAUSTED|out of memory", re.IGNORECASE)
_BEST = "ran out of memory trying to allocate"  # of the lines that tell it, the one that says how much
_WHERE = re.compile(r"GPU_(\d+)_bfc|\] \[(\d+)\] ")


class Process:
    """A process in a group of its own, which ends with it.

    Args:
      task: what it is told in its last argument, as JSON.
      environment: its variables.
      log: file of its standard error.
      command: that the task is put behind.
    """

    def __init__(
        self, task: Mapping[str, Any], environment: Mapping[str, str], log: Path, command: Sequence[str] = MODULE
    ):
        self.log = log
        with log.open("w") as file:
            self._process: Any = subprocess.Popen(
                [*command, json.dumps(task)], env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=file, text=True, start_new_session=True,
            )  # fmt: skip
        self._read = 0

    def listen(self, events: queue.Queue) -> None:
        """Puts `(self, what it said)` into a queue, from a thread; the last event is 'end', with its code."""
        threading.Thread(target=self._listen, args=(events,), daemon=True).start()

    def say(self, word: str) -> None:
        """Tells it a word."""
        with contextlib.suppress(OSError):  # it is gone, which its output's end tells
            self._process.stdin.write(word + "\n")
            self._process.stdin.flush()

    def wait(self) -> int:
        """Until it has ended; returns its code."""
        return self._process.wait()

    def end(self) -> None:
        """Kills it and its readers, and waits until they are gone, since they may hold memory of a GPU."""
        until = time.monotonic() + _GONE
        with contextlib.suppress(ProcessLookupError):
            while time.monotonic() < until:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
                time.sleep(0.02)

    def told_memory(self) -> bool:
        """Whether it has written of too little memory since it was asked last."""
        with self.log.open(errors="replace") as file:
            file.seek(self._read)
            text = file.read()
            self._read = file.tell()
        return bool(_TOO_LITTLE.search(text))

    def _listen(self, events: queue.Queue) -> None:
        for line in self._process.stdout:
            events.put((self, json.loads(line)))
        code = self._process.wait()
        events.put((self, {"event": "end", "code": code}))


def last_words(log: Path, devices: Sequence[int]) -> str:
    """The line of a log that says best what went wrong: of too little memory, and of which GPU, or the last one.

    Args:
      log: of a process.
      devices: numbers of those that it takes for 0, 1, ...
    """
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    told = [line for line in lines if _TOO_LITTLE.search(line)]
    if not told:
        return (lines or ["nothing was said"])[-1][:300]
    line = next((line for line in told if _BEST in line), told[-1])
    where = _WHERE.search(line)
    number = int(where[1] or where[2]) if where else -1
    device = f" on GPU {devices[number]}" if 0 <= number < len(devices) else ""
    return f"out of memory{device}: {line.partition('] ')[2] or line}"[:300]


def environment(row: Row, platform: str, *, alone: bool) -> dict[str, str]:
    """The variables of a process for a row; what JAX's hash of a program depends on is the same for all of a row.

    Args:
      row: whose devices it sees.
      platform: 'cpu' plays the devices.
      alone: whether it has its devices to itself, and takes nine tenths of their memory at once, which leaves no gaps.
    """
    if platform == "cpu":
        flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={row.count}"
        return os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags.strip()}
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else [str(n) for n in range(max(row.devices) + 1)]
    return os.environ | {
        "CUDA_VISIBLE_DEVICES": ",".join(names[n] for n in row.devices),
        "XLA_PYTHON_CLIENT_PREALLOCATE": "true" if alone else "false",
        "XLA_PYTHON_CLIENT_MEM_FRACTION": "0.9",
    }
