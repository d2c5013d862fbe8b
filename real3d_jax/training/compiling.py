"""The training step is compiled by a thread, while the run does what else comes before it."""

import functools
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from real3d_jax.batches import TrainBatch
from real3d_jax.runtime import compile_cache, watch
from real3d_jax.runtime.console import timed
from real3d_jax.runtime.threads import begun
from real3d_jax.training.kept_step import describe
from real3d_jax.training.startup import Run
from real3d_jax.training.step_memory import check_fits


def begin_compiling(run: Run, batch: TrainBatch) -> None:
    """Has a thread compile the training step for batches like `batch` (on the mesh, or shapes), until `compile_step`.

    A step that cannot be lowered is compiled already, and stays.
    """
    step: Any = run.step_fn
    if run.compiling is None and hasattr(step, "lower"):
        watch.current().beat("compiling", patient=True)
        arguments = run.state, batch, run.frozen, run.key
        lowered, keep = step.lower(*arguments), None
        if run.kept is not None:
            keep = functools.partial(run.kept.write, lowered=lowered, arguments=describe(arguments))
        run.compiling = _compiled(lowered, keep)
        run.first.mark("tracing")


def compile_step(run: Run, batch: TrainBatch) -> None:
    """Waits for the compiled training step, which an earlier start has kept or `begin_compiling` may have begun.

    Raises:
      UserError: it needs more memory than the devices have.
    """
    step = None
    if run.kept is not None and run.kept.is_there:
        watch.current().beat("reading the step", patient=True)
        step = run.kept.take(describe((run.state, batch, run.frozen, run.key)))
    if step is None:
        begin_compiling(run, batch)
        if run.compiling is None:
            return
        watch.current().beat("compiling", patient=True)
        step, run.compiling = run.compiling.result(), None
    run.step_fn = step
    check_fits(step)


def _compiled(lowered: Any, keep: Callable[..., None] | None) -> Future[Any]:
    """Compiles a lowered training step and says how long that took.

    XLA takes minutes, and does not hold Python's lock. A program that ends before waits for it, as it would if its main
    thread compiled.

    Args:
      lowered: the step.
      keep: called by another thread with the compiled step, and whether it was found in JAX's cache (`from_cache`).
    """

    def compile_it() -> Any:
        with timed("compiling the training step") as notes, compile_cache.counting_found() as found:
            step = lowered.compile()
            if found.count:
                notes.append("compiled before")
        if keep is not None:
            begun("keeping", functools.partial(keep, step, from_cache=bool(found.count)))
        return step

    return begun("compiling", compile_it)
