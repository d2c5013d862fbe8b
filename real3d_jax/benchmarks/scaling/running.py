"""Runs the rows of a scaling suite: each in a child, which compiles at once and is measured when it is its turn.

This process uses no device itself.
"""

import contextlib
import dataclasses
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from real3d_jax.benchmarks.scaling import plan
from real3d_jax.benchmarks.scaling.plan import Row
from real3d_jax.benchmarks.scaling.settings import SIZES, make_data_config
from real3d_jax.config import files as config_files

_MODULE = "real3d_jax.benchmarks.scaling.child"
_SPARE = 10.0  # seconds of the limit that are kept for writing and ending


class _Child:
    """A process that measures a row, and how far it is: 'compiling', 'compiled', 'preparing', 'ready', 'measuring'."""

    def __init__(self, row: Row, process: subprocess.Popen, log: Path):
        self.row, self.process, self.log = row, process, log
        self.state, self.saved, self.began = "compiling", False, 0.0
        self.result: dict[str, Any] = {}

    def say(self, word: str) -> None:
        """Tells it a word."""
        with contextlib.suppress(OSError):  # it is gone, which its output's end tells
            self.process.stdin.write(word + "\n")
            self.process.stdin.flush()

    def end(self) -> None:
        """Kills it and its readers."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def run_rows(
    rows: Sequence[Row],
    *,
    size: str,
    work: Path,
    steps: int,
    limit: float,
    platform: str,
    note: Callable[[dict[str, Any]], None],
    say: Callable[[str], None] = print,
) -> None:
    """Measures rows; `note` is called with each one's entry of the report whenever it has news.

    Args:
      rows: in their order.
      size: of `settings.SIZES`.
      work: folder for data, checkpoints and logs.
      steps: measured of each row.
      limit: seconds after which everything is ended; rows that would not fit are left out.
      platform: 'cpu' plays the devices.
      note: takes an entry.
      say: takes lines for people.
    """
    began, events = time.monotonic(), queue.Queue()
    work.mkdir(parents=True, exist_ok=True)
    deadline = began + limit - _SPARE
    children: list[_Child] = []
    for row in rows:
        folder = work / row.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        task = {"row": dataclasses.asdict(row), "size": size, "work": str(work), "steps": steps}
        log = work / f"{row.name}.log"
        children.append(_Child(row, _start(task, _environment(row, platform), log), log))
        threading.Thread(target=_listen, args=(children[-1], events), daemon=True).start()
    threading.Thread(target=lambda: events.put((None, {"event": make_data(size, work)})), daemon=True).start()
    active, data, slow = list(children), False, 1.0
    try:
        while active:
            try:
                child, heard = events.get(timeout=1.0)
            except queue.Empty:
                child, heard = None, {}
            now = time.monotonic()
            if child is None and heard:
                data = True
                say(f"{now - began:6.0f} s   data: {heard['event']}")
            elif child in active and _hear(child, heard, now - began, say, note):
                active.remove(child)
                child.end()
                if child.state == "measuring" and child.began:
                    slow = max((now - child.began) / plan.seconds(child.row, steps=steps, rate=SIZES[size].rate), 0.2)
            for one in list(active):
                needed = slow * plan.seconds(one.row, steps=steps, rate=SIZES[size].rate)
                if (one.state != "measuring" and now + needed > deadline) or now > deadline + 0.5 * _SPARE:
                    active.remove(one)
                    one.end()
                    note(_entry(one, "left out", f"no time was left; it was {one.state}"))
                    say(f"{now - began:6.0f} s   {one.row.name}: left out, no time was left ({one.state})")
            rate = SIZES[size].rate / slow
            _grant(
                active, children, work, data=data, deadline=deadline,
                needed=lambda rows, rate=rate: plan.makespan(plan.schedule(rows, steps=steps, rate=rate)),
            )  # fmt: skip
    finally:
        for one in children:
            one.end()


def make_data(size: str, work: Path) -> str:
    """Makes the data sets that are missing, side by side on the processors; says how long it took."""
    began = time.monotonic()
    sizes = SIZES[size]
    names = list(make_data_config(config_files.load(sizes.config).data, sizes, work / "data").embedded)
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    processes = [
        _start({"data": name, "size": size, "root": str(work / "data")}, environment, work / f"data_{name}.log")
        for name in names
    ]
    failed = [name for name, process in zip(names, processes, strict=True) if process.wait()]
    return f"failed: {', '.join(failed)}" if failed else f"{len(names)} sets in {time.monotonic() - began:.0f} s"


def _hear(
    child: _Child,
    heard: dict[str, Any],
    seconds: float,
    say: Callable[[str], None],
    note: Callable[[dict[str, Any]], None],
) -> bool:
    """Takes what a child says. Returns whether it is over."""
    event, row = heard.pop("event"), child.row
    clock = f"{seconds:6.0f} s   {row.name}:"
    if event == "compiled":
        child.state = "compiled"
        child.result |= heard
        say(f"{clock} compiled in {heard['compile_seconds']:.0f} s{' (before)' * heard['compiled_before']}")
    elif event == "prepared":
        child.state = "ready"
    elif event == "saved":
        child.saved = True
    elif event in ("measured", "traced"):
        child.result |= heard
        note(_entry(child, "measured"))
        if event == "measured":
            say(f"{clock} {heard['pairs_a_second']:.2f} pairs/s, {heard['step_seconds_p50']:.3f} s a step")
    elif event == "end":
        if "pairs_a_second" not in child.result:
            note(_entry(child, "failed", heard["reason"]))
            say(f"{clock} failed: {heard['reason']}")
        return True
    return event == "done"


def _grant(
    active: Sequence[_Child],
    children: Sequence[_Child],
    work: Path,
    *,
    data: bool,
    needed: Callable[[Sequence[Row]], float],
    deadline: float,
) -> None:
    """Lets children get ready that are next or next but one on their devices, and measures those that are next."""
    waiting = [child.row for child in active]
    by_name = {child.row.name: child for child in children}
    compiling = any(child.state == "compiling" for child in active)
    left = needed(waiting)
    for child in active:
        if child.state == "compiled" and data and plan.is_next(child.row, waiting, places=2):
            source = by_name.get(child.row.source)
            if source is not None and source in active and not source.saved:
                continue
            _take_checkpoint(work, child.row)
            child.state = "preparing"
            child.say("prepare")
        elif child.state == "ready" and plan.is_next(child.row, waiting, places=1):
            if compiling and time.monotonic() + left < deadline:
                continue  # others compile, and there is time to wait for them
            child.result["beside_compiling"] = sum(other.state == "compiling" for other in active)
            child.state, child.began = "measuring", time.monotonic()
            child.say("go")


def _take_checkpoint(work: Path, row: Row) -> None:
    """Links the files of the source's checkpoint, if it has one."""
    source = work / row.source
    if row.source and (source / "checkpoints").is_dir():
        shutil.copytree(source / "checkpoints", work / row.name / "checkpoints", copy_function=os.link)
        shutil.copy(source / "config.json", work / row.name)


def _entry(child: _Child, status: str, reason: str = "") -> dict[str, Any]:
    row = child.row
    return (
        dataclasses.asdict(row)
        | {"count": row.count, "status": status, "reason": reason}
        | {name: value for name, value in child.result.items() if name != "event"}
    )


def _environment(row: Row, platform: str) -> Mapping[str, str]:
    if platform == "cpu":
        flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={row.count}"
        return os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags.strip()}
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else [str(n) for n in range(max(row.devices) + 1)]
    return os.environ | {
        "CUDA_VISIBLE_DEVICES": ",".join(names[n] for n in row.devices),
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "XLA_PYTHON_CLIENT_MEM_FRACTION": "0.9",  # a bound, since nothing is taken ahead
    }


def _start(task: Mapping[str, Any], environment: Mapping[str, str], log: Path) -> subprocess.Popen:
    with log.open("w") as file:
        return subprocess.Popen(
            [sys.executable, "-m", _MODULE, json.dumps(task)], env=dict(environment), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=file, text=True, start_new_session=True,
        )  # fmt: skip


def _listen(child: _Child, events: queue.Queue) -> None:
    for line in child.process.stdout:
        events.put((child, json.loads(line)))
    code = child.process.wait()
    events.put((child, {"event": "end", "reason": f"code {code}: {_last_words(child.log)}"}))


def _last_words(log: Path) -> str:
    """The line of a log that says best what went wrong: of too little memory, or the last one."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    told = [line for line in lines if "RESOURCE_EXHAUSTED" in line or "out of memory" in line.lower()]
    return (told or lines or ["nothing was said"])[-1][:300]
