"""Ends all processes of a program together, and soon: when one fails, is lost, or none gets on for long.

Each process has a thread that tells the others through JAX's coordination service that it lives and what it does, and
reads what they tell. Whoever fails tells the others, whose main threads may be waiting on their devices for ever; the
first process prints one sentence, and all of them leave with the same code. A process that gets on no more shows the
stacks of its threads.

When the first process is killed, JAX itself ends the others, with a trace and code 134, as its service lies there; when
its machine is lost, after 100 s. `first_watch` has them say why, and ends them sooner, from the roll call on.
"""

import argparse
import contextlib
import faulthandler
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, NoReturn

import jax
from tqdm import tqdm

from real3d_jax.errors import UserError
from real3d_jax.runtime import hosts
from real3d_jax.runtime.cli import USER_ERROR
from real3d_jax.runtime.first_watch import CRASH

WAITING = "waiting for the others"

_POLL = 1.0  # seconds between two looks
_GRACE = 10.0  # seconds that the first process waits for the others to leave
_WORDS = 60.0  # seconds that a failure without words waits for one with; who has failed does not count as lost
_FAILED, _ALIVE, _HEARD = "real3d/failed", "real3d/alive", "real3d/heard"


class Watch:
    """A context in which processes end together.

    Args:
      stall_seconds: without a `beat` after which the program is ended; 0 waits for ever.
      lost_seconds: without a sign of life after which a process counts as lost.
    """

    def __init__(self, *, stall_seconds: float = 0.0, lost_seconds: float = 60.0):
        self._stall, self._lost = stall_seconds, lost_seconds
        self._doing, self._since, self._patient = "starting", time.monotonic(), True
        self._count, self._silent = 0, 0.0
        self._seen: dict[int, tuple[Any, float]] = {}
        self._leave = threading.Event()
        self._ending = threading.Lock()
        self._first = hosts.first_watch()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
        self._alone = hosts.is_alone()

    def __enter__(self) -> "Watch":
        self._thread.start()
        if self._first is not None:
            self._first.all_are_there()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.told(kind, error, trace)
        self._leave.set()
        self._forget_first()
        self._thread.join()
        if not self._alone:
            self._publish("done")

    def beat(self, doing: str, *, patient: bool = False) -> None:
        """Says that the program gets on.

        Args:
          doing: what it does now, for messages.
          patient: this may take as long as it takes.
        """
        self._doing, self._since, self._patient = doing, time.monotonic(), patient

    def told(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Ends all processes if there are several and `error` is one; to be called before what waits for the others."""
        del kind
        if error is None or self._alone or (isinstance(error, SystemExit) and not error.code):
            return
        if isinstance(error, UserError):
            code, message = USER_ERROR, str(error)
        elif isinstance(error, SystemExit):
            code, message = int(error.code) if isinstance(error.code, int) else CRASH, ""
        else:
            with contextlib.suppress(Exception):
                self._hear()  # the error comes of what another process has told already
            if self._first is not None:
                self._first.go_if_gone()  # the error comes of that
            code, message = CRASH, f"{type(error).__name__}: {str(error).strip()}"
            sys.excepthook(type(error), error, trace)
        self._end(message, code)

    def told_of_device(self, error: BaseException, what: str) -> None:
        """Ends all processes, from any thread, for a device that failed: `what`."""
        if not self._alone:
            with contextlib.suppress(Exception):
                self._hear()  # the error comes of what another process has told already
        said = " ".join(str(error).split())
        self._end(f"{what} failed while it was {self._doing}: {type(error).__name__}: {said}", CRASH)

    def _look(self) -> None:
        while not self._leave.wait(_POLL):
            self._look_once()

    def _look_once(self) -> None:
        stalled = self._stall and not self._patient and time.monotonic() - self._since > self._stall
        if self._alone:
            if stalled:
                self._end(f"{self._no_step()} (it was {self._doing})", CRASH, stacks=True)
            return
        try:
            failed = self._hear()
            self._publish(self._doing)
            others = self._others()
        except Exception:
            return  # the service is gone, and `first_watch` ends this process
        for number, state in others.items():
            if number not in failed and time.monotonic() - self._seen[number][1] > self._lost:
                who = f"Process {number} of {jax.process_count()}{_on(state)}"
                self._end(
                    f"{who} gives no sign of life since {self._lost:g} s; it was killed, or its machine is lost.",
                    CRASH,
                    lost=number,
                )
        if stalled:
            self._end(self._who_is_late(others), CRASH, stacks=True)

    def _publish(self, doing: str) -> None:
        self._count += 1
        state = {"count": self._count, "doing": doing, "host": socket.gethostname()}
        with contextlib.suppress(Exception):
            hosts.client().key_value_set(f"{_ALIVE}/{jax.process_index()}", json.dumps(state), allow_overwrite=True)

    def _others(self) -> dict[int, dict[str, Any]]:
        """What the other processes that are not done have told last."""
        told = {_number(key): json.loads(text) for key, text in hosts.client().key_value_dir_get(f"{_ALIVE}/")}
        found = {}
        for number in range(jax.process_count()):
            state = told.get(number, {"count": 0, "doing": "starting"})
            if number not in self._seen or self._seen[number][0] != state["count"]:
                self._seen[number] = state["count"], time.monotonic()
            if number != jax.process_index() and state["doing"] != "done":
                found[number] = state
        return found

    def _hear(self) -> set[int]:
        """Leaves, if another process has failed; returns those that have, while words for it are waited for."""
        told = [json.loads(text) for _, text in hosts.client().key_value_dir_get(f"{_FAILED}/")]
        told = [failure for failure in told if failure["process"] != jax.process_index()]
        told.sort(key=lambda failure: not failure["message"])
        failed = {failure["process"] for failure in told}
        if not told:
            return failed
        failure = told[0]
        if not failure["message"]:  # this process is about to find the same, and the first one has the words
            self._silent = self._silent or time.monotonic()
            if time.monotonic() - self._silent < _WORDS:
                return failed
            failure = failure | {"message": f"It has ended with code {failure['code']} and without a word."}
        if self._ending.acquire(blocking=False):
            self._go(failure, prefix=not failure["stacks"] and failure["lost"] is None)
        return failed

    def _end(self, message: str, code: int, *, stacks: bool = False, lost: int | None = None) -> None:
        """Ends all processes; returns in none."""
        if not self._ending.acquire(blocking=False):
            threading.Event().wait()  # the other thread is at it
        failure = {
            "process": 0 if self._alone else jax.process_index(),
            "host": socket.gethostname(),
            "message": message,
            "code": code,
            "stacks": stacks,
            "lost": lost,
        }
        if not self._alone:
            with contextlib.suppress(Exception):
                hosts.client().key_value_set(f"{_FAILED}/{failure['process']}", json.dumps(failure))
        self._go(failure, prefix=False)

    def _go(self, failure: dict[str, Any], *, prefix: bool) -> NoReturn:
        if failure["stacks"]:
            print(f"Stacks of {'this process' if self._alone else hosts.this_process()}:", file=sys.stderr, flush=True)
            faulthandler.dump_traceback(file=sys.__stderr__ or 2, all_threads=True)
        first_speaks = self._alone or jax.process_index() == (0 if failure["lost"] != 0 else failure["process"])
        if first_speaks and failure["message"]:
            who = f"Process {failure['process']} of {jax.process_count()} ({failure['host']}): " * prefix
            tqdm.write(f"error: {who}{failure['message']}", file=sys.stderr)
        if not self._alone:
            self._forget_first()
            with contextlib.suppress(Exception):
                hosts.client().key_value_set(f"{_HEARD}/{jax.process_index()}", "")
                if jax.process_index() == 0:
                    self._see_off(failure["lost"])
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(failure["code"])  # the interpreter's own end would wait for the others

    def _see_off(self, lost: int | None) -> None:
        """Waits until the others have heard; the service ends with this process."""
        expected = set(range(1, jax.process_count())) - {lost}
        until = time.monotonic() + _GRACE
        while time.monotonic() < until:
            heard = {_number(key) for key, _ in hosts.client().key_value_dir_get(f"{_HEARD}/")}
            if expected <= heard:
                time.sleep(0.2)  # they leave right after that
                return
            time.sleep(0.1)

    def _forget_first(self) -> None:
        """From here on the first process may leave."""
        if self._first is not None:
            self._first.stop()

    def _who_is_late(self, others: dict[int, dict[str, Any]]) -> str:
        states = others | {jax.process_index(): {"doing": self._doing, "host": socket.gethostname()}}
        late = {number: state for number, state in states.items() if not state["doing"].startswith(WAITING)}
        if not late or len(late) == len(states):
            return f"{self._no_step()}: all processes are {self._doing}."
        names = "; ".join(f"process {n} of {len(states)}{_on(s)} was {s['doing']}" for n, s in sorted(late.items()))
        return f"{self._no_step()}: the others waited while {names}."

    def _no_step(self) -> str:
        return f"Nothing has moved for {self._stall / 60:g} minutes, as the stacks above show"


def _number(key: str) -> int:
    return int(key.rsplit("/", 1)[1])


def _on(state: dict[str, Any]) -> str:
    return f" ({state['host']})" if "host" in state else ""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `joined`."""
    waits = parser.add_argument_group("how long others are waited for")
    waits.add_argument("--join_seconds", type=float, default=300.0, help="at the start, with --multihost (%(default)g)")
    waits.add_argument(
        "--lost_seconds", type=float, default=60.0, help="without a sign of life of another process (%(default)g)"
    )
    waits.add_argument(
        "--stall_minutes",
        type=float,
        default=30.0,
        help="until a program that gets on no more ends (%(default)g; 0: never)",
    )


@contextlib.contextmanager
def joined(options: argparse.Namespace) -> Iterator[Watch]:
    """Joins the other processes, with --multihost, and watches over all of them.

    Args:
      options: of `add_options`, and `multihost`.

    Raises:
      UserError, SystemExit: as of `hosts.join`.
    """
    if options.multihost:
        hosts.join(options.join_seconds, lost_seconds=options.lost_seconds)
    with watching(stall_seconds=60 * options.stall_minutes, lost_seconds=options.lost_seconds) as watch:
        yield watch


_current: Watch | None = None


@contextlib.contextmanager
def watching(*, stall_seconds: float = 0.0, lost_seconds: float = 60.0) -> Iterator[Watch]:
    """A `Watch` that `current` gives meanwhile, also where it was not handed on; arguments as there."""
    global _current
    with Watch(stall_seconds=stall_seconds, lost_seconds=lost_seconds) as watch:
        former, _current = _current, watch
        try:
            yield watch
        finally:
            _current = former


def current() -> Watch:
    """The watch of `watching`; one that does nothing outside of it."""
    return _current or Watch()
