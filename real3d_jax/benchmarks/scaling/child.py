"""Compiles or measures one row in a process of its own, which sees only its devices; or makes one data set.

Talks to its parent in lines of JSON: it tells on its standard output what it has done, and, if it measures, waits on
its standard input for 'go' before it uses a device. Everything else that is printed goes to standard error. It ends
when the parent does.
"""

import contextlib
import dataclasses
import itertools
import json
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from real3d_jax.benchmarks.scaling.plan import PROFILED, WARM_UP, Row


def main() -> None:
    """Does what the JSON in its first argument says."""
    task = json.loads(sys.argv[1])
    talk = Talk()
    if "data" in task:
        from real3d_jax.benchmarks.scaling.settings import SIZES, make_data_config
        from real3d_jax.config import files as config_files
        from real3d_jax.data.embedded.preparation import prepare

        sizes, root = SIZES[task["size"]], Path(task["root"])
        made = make_data_config(config_files.load(sizes.config).data, sizes, root).embedded[task["data"]]
        prepare(root / made.path, made, progress=False)
        return
    row = Row(**task["row"] | {"devices": tuple(task["row"]["devices"])})
    measure(row, task["size"], Path(task["work"]), steps=task["steps"], compile_only=task["compile"], talk=talk)


class Talk:
    """With the parent."""

    def __init__(self):
        self._out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        self._words: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def tell(self, event: str, **values: Any) -> None:
        """Tells the parent."""
        self._out.write(json.dumps({"event": event} | values) + "\n")
        self._out.flush()

    def wait(self, word: str) -> None:
        """Waits until the parent says `word`."""
        heard = self._words.get()
        assert heard == word, (heard, word)

    def _listen(self) -> None:
        for line in sys.stdin:
            self._words.put(line.strip())
        os.killpg(0, signal.SIGKILL)  # the parent is gone, and so go the readers of examples


def measure(row: Row, size: str, work: Path, *, steps: int, compile_only: bool, talk: Any) -> None:
    """Waits for its turn, trains for a few steps by the product's own loop, and tells what it saw.

    With `compile_only` it does not wait, and ends when the step is compiled and in the cache. The program is the same,
    down to the lines of code that it comes from, and so is the hash by which JAX finds it.
    """
    import jax

    from real3d_jax.benchmarks.measuring import device
    from real3d_jax.benchmarks.scaling.settings import make_config
    from real3d_jax.benchmarks.step_programs import trace_step
    from real3d_jax.benchmarks.topologies import Topology
    from real3d_jax.runtime import compile_cache, compiler_options
    from real3d_jax.runtime.stopping import StopRequest
    from real3d_jax.training.loop import take_steps
    from real3d_jax.training.saving import save
    from real3d_jax.training.startup import prepared
    from real3d_jax.training.step_memory import limit_gib, needed_gib

    config = make_config(row, size, work / "data")
    folder = work / row.name
    if not compile_only:
        talk.tell("imported")
        talk.wait("go")
    compile_cache.keep_programs(tell=False)
    began = time.monotonic()
    with StopRequest() as stop, compiler_options.matmul_precision(config.compute.matmul_precision):
        program = trace_step(config, Topology("here", jax.default_backend(), jax.devices(), None))
        traced = time.monotonic() - began
        with compile_cache.counting_found() as found:
            step = program.traced.lower().compile()
        seconds = time.monotonic() - began
        if compile_only:
            talk.tell(
                "compiled", device=device(), compile_seconds=seconds, trace_seconds=traced,
                compiled_before=found.count > 0, program_gib=needed_gib(step), limit_gib=limit_gib(),
            )  # fmt: skip
            talk.tell("done")
            return
        talk.tell("loaded", kept=found.count > 0, load_seconds=seconds)
        began = time.monotonic()
        with prepared(config, folder) as run:
            start = int(run.state.step)
            restored = time.monotonic() - began
            run.batches = itertools.chain([next(run.batches)], run.batches)
            watched = _Watched(step, run)
            seen: Any = _Seen(run.reporter, talk)
            run.step_fn, run.reporter = watched, seen
            talk.tell("prepared", prepare_seconds=time.monotonic() - began)

            def go_to(last: int, profile: range = range(0)) -> None:
                run.config = dataclasses.replace(
                    config, schedule=dataclasses.replace(config.schedule, steps=last, log_every=1)
                )
                take_steps(run, int(run.state.step), stop, profile)

            go_to(start + 1)
            saved = None
            if row.saves:
                began = time.monotonic()
                save(run)
                run.checkpoints.wait()
                saved = time.monotonic() - began
                talk.tell("saved")
            go_to(start + WARM_UP + steps)
            result = seen.summary(row, start + WARM_UP, steps) | watched.waited(start + WARM_UP, steps)
            peaks = [(one.memory_stats() or {}).get("peak_bytes_in_use", 0) for one in jax.local_devices()]
            result |= {
                "peak_device_gib": max(peaks) / 2**30 or None,
                "ready_seconds": restored,
                "save_seconds": saved,
                "start_step": start,
                "device": device(),
            }
            talk.tell("measured", **result)
            if row.count > 1:
                go_to(start + WARM_UP + steps + PROFILED, range(int(run.state.step) + 1, int(run.state.step) + 2))
                from real3d_jax.benchmarks.scaling import traces

                times = traces.read(run.workdir / "profile")
                if times is not None:
                    talk.tell("traced", **{f"{name}_seconds": value for name, value in times._asdict().items()})
    talk.tell("done")


class _Watched:
    """A compiled step that notes, whenever it is called, how long its run has waited for examples so far."""

    def __init__(self, step: Any, run: Any):
        self._step, self._run, self._first = step, run, int(run.state.step) + 1
        self._waited: list[float] = []

    def __call__(self, *arguments: Any) -> Any:
        self._waited.append(self._run.times.spent["data_wait"])
        return self._step(*arguments)

    def waited(self, before: int, steps: int) -> dict[str, float]:
        """Seconds a step that the host waited for examples, of `steps` steps after `before`."""
        first = before - self._first  # index of the call of step `before`
        return {"data_wait_seconds": (self._waited[first + steps] - self._waited[first]) / steps}


class _Seen:
    """A run's reporter, which notes each step's loss and end, and tells the parent of it."""

    def __init__(self, reporter: Any, talk: Any):
        self._reporter, self._talk = reporter, talk
        self.ends: dict[int, float] = {}
        self.losses: dict[int, float] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reporter, name)

    def step(self, step: int, metrics: Any, *, ready: float, extra: Any = dict) -> None:
        """As of `Reporter`."""
        self.ends[step], self.losses[step] = ready, float(metrics["loss"])
        self._talk.tell("step", number=step)
        self._reporter.step(step, metrics, ready=ready, extra=extra)

    def summary(self, row: Row, before: int, steps: int) -> dict[str, Any]:
        """Of `steps` steps after step `before`, by the clock, waiting for examples included."""
        ends = [self.ends[step] for step in range(before, before + steps + 1)]
        each = np.diff(ends)
        rate = steps * row.examples / (ends[-1] - ends[0])
        return {
            "pairs_a_second": rate,
            "step_seconds_p50": float(np.percentile(each, 50)),
            "step_seconds_p99": float(np.percentile(each, 99)),
            "steps": steps,
            "losses": self.losses.copy(),
        }


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
