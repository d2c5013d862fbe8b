"""The training step is compiled by a thread, while the run does what else comes before it."""

from concurrent.futures import Future
from typing import Any

from real3d_jax.batches import TrainBatch
from real3d_jax.runtime import compile_cache, watch
from real3d_jax.runtime.console import timed
from real3d_jax.training.beside import begun
from real3d_jax.training.startup import Run
from real3d_jax.training.step_memory import check_fits


def begin_compiling(run: Run, batch: TrainBatch) -> None:
    """Has a thread compile the training step for batches like `batch` (on the mesh, or shapes), until `compile_step`.

    A step that cannot be lowered is compiled already, and stays.
    """
    step: Any = run.step_fn
    if run.compiling is None and hasattr(step, "lower"):
        watch.current().beat("compiling", patient=True)
        run.compiling = _compiled(step.lower(run.state, batch, run.frozen, run.key))
        run.first.mark("tracing")


def compile_step(run: Run, batch: TrainBatch) -> None:
    """Waits for the compiled training step, which `begin_compiling` may have begun.

    Raises:
      UserError: it needs more memory than the devices have.
    """
    begin_compiling(run, batch)
    if run.compiling is not None:
        watch.current().beat("compiling", patient=True)
        run.step_fn, run.compiling = run.compiling.result(), None
        check_fits(run.step_fn)


def _compiled(lowered: Any) -> Future[Any]:
    """Compiles a lowered training step and says how long that took.

    XLA takes minutes, and does not hold Python's lock. A program that ends before waits for it, as it would if its main
    thread compiled.
    """

    def compile_it() -> Any:
        with timed("compiling the training step") as notes, compile_cache.counting_found() as found:
            step = lowered.compile()
            if found.count:
                notes.append("compiled before")
        return step

    return begun("compiling", compile_it)
