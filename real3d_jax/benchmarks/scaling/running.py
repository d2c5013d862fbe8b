"""Runs the rows of a scaling suite: all are compiled side by side, then each is measured when it is its turn.

Compiling is done by processes that fill the cache of compiled programs and end. A process that measures imports what
it needs, uses no device before its turn, and gets its turn when no other process has any of its devices: it has their
whole memory, which the step needs. Whatever a process does, or leaves undone, costs its own row at most: one that is
silent for too long, or has told of too little memory and says no more, is killed. This process uses no device itself.
"""

import dataclasses
import math
import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from real3d_jax.benchmarks.scaling import plan
from real3d_jax.benchmarks.scaling.plan import Row, Times
from real3d_jax.benchmarks.scaling.processes import MODULE, Process, environment, last_words
from real3d_jax.benchmarks.scaling.settings import SIZES, make_data_config
from real3d_jax.config import files as config_files

SPARE = 10.0  # seconds of the limit that are kept for writing and ending
_LOOK = 0.5  # seconds between two looks
_RUNNING = ("starting", "measuring")
_TOGETHER = 2.0  # seconds within which it is not known what a process has told first, on its two outputs
_LATE = 0.9  # share of the time needed that must be left, since plans are rough


class _Place:
    """A row, its process, and how far it is.

    States: 'compiling', 'compiled' (no process), 'importing', 'imported', 'starting', 'measuring', 'over'.
    """

    def __init__(self, row: Row, value: int):
        self.row, self.value = row, value
        self.state = "compiled"
        self.process: Any = None  # a `Process`, or None
        self.heard = self.began = self.memory = 0.0  # clocks: of the last word, of its turn, of words of memory
        self.result: dict[str, Any] = {}

    def go_to(self, state: str) -> None:
        """Changes its state, which is a sign of life."""
        self.state, self.heard = state, time.monotonic()
        if self.heard - self.memory > _TOGETHER:
            self.memory = 0.0


class Suite:
    """Measures rows.

    Args:
      rows: in their order.
      value: names of rows, the most valuable first: when time runs short, the last ones are left out.
      size: of `settings.SIZES`.
      times: of the plan.
      work: folder for data, checkpoints and logs.
      steps: measured of each row.
      limit: seconds after which everything is ended.
      platform: 'cpu' plays the devices.
      note: called with each row's entry of the report whenever it has news.
      say: takes lines for people.
      command: that a process's task is put behind.
      make: makes the data, and returns why it could not.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        *,
        value: Sequence[str],
        size: str,
        times: Times,
        work: Path,
        steps: int,
        limit: float,
        platform: str,
        note: Callable[[dict[str, Any]], None],
        say: Callable[[str], None] = print,
        command: Sequence[str] = MODULE,
        make: Callable[[str, Path], str] | None = None,
    ):
        self._size, self._times, self._work, self._steps = size, times, work, steps
        self._platform, self._note, self._say, self._command = platform, note, say, command
        self._make = make or make_data
        self._places = [_Place(row, value.index(row.name)) for row in rows]
        self._events: queue.Queue = queue.Queue()
        self._began = time.monotonic()
        self._deadline = self._began + limit - SPARE
        self._data, self._ratios = False, []

    def run(self) -> None:
        """Until all rows are over."""
        self._work.mkdir(parents=True, exist_ok=True)
        for place in self._places:
            folder = self._work / place.row.name
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            self._start(place, "compiling")
        threading.Thread(target=self._make_data, daemon=True).start()
        try:
            while self._active():
                self._look()
        finally:
            for place in self._places:
                if place.process is not None:
                    place.process.end()

    def _look(self) -> None:
        try:
            process, heard = self._events.get(timeout=_LOOK)
        except queue.Empty:
            pass
        else:
            if process is None:
                self._hear_of_data(heard)
            for place in self._active():
                if place.process is process and process is not None:
                    self._hear(place, heard)
        self._watch()
        self._keep_time()
        self._grant()

    def _active(self) -> list[_Place]:
        return [place for place in self._places if place.state != "over"]

    def _start(self, place: _Place, state: str) -> None:
        compiling = state == "compiling"
        task = {
            "row": dataclasses.asdict(place.row), "size": self._size, "work": str(self._work), "steps": self._steps,
            "compile": compiling,
        }  # fmt: skip
        log = self._work / f"{place.row.name}{'.compiling' * compiling}.log"
        variables = environment(place.row, self._platform, alone=not compiling)
        place.memory = 0.0
        place.process = Process(task, variables, log, self._command)
        place.process.listen(self._events)
        place.go_to(state)

    def _hear(self, place: _Place, heard: dict[str, Any]) -> None:
        """Takes what a process says."""
        event = heard.pop("event")
        place.go_to(place.state)
        if event == "compiled" and place.state == "compiling":
            self._compiled(place, heard)
        elif event == "imported":
            place.go_to("imported")
        elif event == "loaded":
            place.result |= heard
            self._tell(place, f"started, {'program kept' if heard['kept'] else 'compiled again'}")
        elif event == "prepared":
            place.go_to("measuring")
        elif event in ("measured", "traced"):
            place.result |= heard
            self._note(entry(place.row, "measured", "", place.result))
            if event == "measured":
                self._tell(place, f"{heard['pairs_a_second']:.2f} pairs/s, {heard['step_seconds_p50']:.3f} s a step")
        elif event in ("done", "end"):
            self._ended(place, heard.get("code", 0))

    def _compiled(self, place: _Place, heard: dict[str, Any]) -> None:
        place.result |= heard
        needed, limit = heard.get("program_gib"), heard.get("limit_gib")
        room = f", needs {needed:.1f} GiB of a device" if needed else ""
        room += f", which gives {limit:.1f}" if needed and limit else ""
        self._tell(place, f"compiled in {heard['compile_seconds']:.0f} s{' (before)' * heard['compiled_before']}{room}")
        if needed and limit and needed > limit:
            self._drop(
                place, "does not fit", f"the step needs {needed:.1f} GiB of a device, which gives {limit:.1f} GiB"
            )

    def _ended(self, place: _Place, code: int) -> None:
        """Its process has ended, or is about to."""
        if place.state == "compiling" and "compile_seconds" in place.result:
            place.process.end()
            place.process = None
            place.go_to("compiled")
        elif "pairs_a_second" in place.result:
            planned = plan.seconds(place.row, steps=self._steps, times=self._times)
            self._ratios.append((time.monotonic() - place.began) / planned)
            self._over(place)
        else:
            words = last_words(place.process.log, place.row.devices)
            self._drop(place, "failed", f"{words} ({place.state}; code {code})")

    def _watch(self) -> None:
        """Gives up rows whose processes do not get on."""
        for place in self._active():
            if place.process is None:
                continue
            now, silent = time.monotonic(), self._times.silent.get(place.state, math.inf)
            # While compiling it is told of what is tried and not needed.
            if place.state in _RUNNING and place.process.told_memory() and not place.memory:
                place.memory = now
            if place.memory and now - max(place.memory, place.heard) > self._times.out_of_memory:
                self._drop(place, "failed", f"{last_words(place.process.log, place.row.devices)} ({place.state})")
            elif now - place.heard > silent:
                words = last_words(place.process.log, place.row.devices)
                self._drop(place, "failed", f"no word for {silent:g} s while {place.state}; the last one: {words}")

    def _keep_time(self) -> None:
        """Leaves out rows that can no longer be done, the least valuable first, and at last ends those that run."""
        now = time.monotonic()
        if now > self._deadline + 0.5 * SPARE:
            for place in self._active():
                self._drop(place, "left out", f"no time was left; it was {place.state}")
        while late := self._late(now):
            self._drop(late[-1], "left out", f"no time was left; it was {late[-1].state}")

    def _late(self, now: float) -> list[_Place]:
        """Waiting rows that would be over too late, if all take as long as the rows so far have.

        And those whose turn is before theirs on one of their devices; the least valuable last.
        """
        slow = sum(self._ratios) / len(self._ratios) if self._ratios else 1.0
        free: dict[int, float] = {}
        waiting: list[_Place] = []
        for place in self._active():
            if place.state in _RUNNING:
                whole = slow * plan.seconds(place.row, steps=self._steps, times=self._times)
                free |= dict.fromkeys(place.row.devices, max(place.began + whole - now, 0.0) / slow)
            else:
                waiting.append(place)
        planned = plan.schedule([place.row for place in waiting], steps=self._steps, times=self._times, free=free)
        costing: list[_Place] = []
        devices: set[int] = set()
        for place, one in reversed(list(zip(waiting, planned, strict=True))):
            if now + _LATE * slow * one.end > self._deadline:
                devices |= set(place.row.devices)
            if devices & set(place.row.devices):
                costing.append(place)
        return sorted(costing, key=lambda place: place.value)

    def _grant(self) -> None:
        """Lets rows import that are next or next but one on their devices, and measures where devices are free."""
        waiting = [place.row for place in self._active()]
        holding = [place.row for place in self._active() if place.state in ("compiling", *_RUNNING)]
        used = {device for row in holding for device in row.devices}
        for place in self._active():
            if place.state == "compiled" and plan.is_next(place.row, waiting, places=2):
                self._start(place, "importing")
            elif place.state == "imported" and self._data and plan.is_next(place.row, waiting, places=1):
                if used & set(place.row.devices):
                    continue  # another process compiles there
                used |= set(place.row.devices)
                _take_checkpoint(self._work, place.row)
                place.began = time.monotonic()
                place.go_to("starting")
                place.process.say("go")

    def _make_data(self) -> None:
        began = time.monotonic()
        try:
            failed = self._make(self._size, self._work)
        except Exception as error:
            failed = f"{type(error).__name__}: {error}"
        self._events.put((None, {"failed": failed, "seconds": time.monotonic() - began}))

    def _hear_of_data(self, heard: dict[str, Any]) -> None:
        self._data = not heard["failed"]
        self._say(f"{self._clock()}   data: {heard['failed'] or 'made'} in {heard['seconds']:.0f} s")
        if heard["failed"]:
            for place in self._active():
                self._drop(place, "failed", f"its data could not be made: {heard['failed']}")

    def _drop(self, place: _Place, status: str, reason: str) -> None:
        """Ends a row; it stays measured if it was."""
        if "pairs_a_second" not in place.result:
            self._note(entry(place.row, status, reason, place.result))
            self._tell(place, f"{status}: {reason}")
        self._over(place)

    def _over(self, place: _Place) -> None:
        if place.process is not None:
            place.process.end()
        place.process = None
        place.state = "over"

    def _tell(self, place: _Place, text: str) -> None:
        self._say(f"{self._clock()}   {place.row.name}: {text}")

    def _clock(self) -> str:
        return f"{time.monotonic() - self._began:6.0f} s"


def make_data(size: str, work: Path) -> str:
    """Makes the data sets that are missing, side by side on the processors; returns which failed and why, or ''."""
    sizes = SIZES[size]
    names = list(make_data_config(config_files.load(sizes.config).data, sizes, work / "data").embedded)
    variables = os.environ | {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    processes = {
        name: Process({"data": name, "size": size, "root": str(work / "data")}, variables, work / f"data_{name}.log")
        for name in names
    }
    failed = [name for name, process in processes.items() if process.wait()]
    return f"{', '.join(failed)} failed, {last_words(processes[failed[0]].log, ())}" if failed else ""


def _take_checkpoint(work: Path, row: Row) -> None:
    """Links the files of the source's checkpoint, if it has one."""
    source = work / row.source
    if row.source and (source / "checkpoints").is_dir():
        shutil.copytree(source / "checkpoints", work / row.name / "checkpoints", copy_function=os.link)
        shutil.copy(source / "config.json", work / row.name)


def entry(row: Row, status: str, reason: str, result: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    """A row in the report: what it is, its status ('measured', 'failed', ...) and why, and what was found."""
    return dataclasses.asdict(row) | {"count": row.count, "status": status, "reason": reason} | dict(result)
