"""When a run's state is saved, and what is told of saves and of records that could not be read."""

import contextlib
from collections.abc import Iterator

from real3d_jax.errors import UserError
from real3d_jax.runtime import hosts
from real3d_jax.runtime.console import say
from real3d_jax.training.startup import Run
from real3d_jax.training.workdir import SAVED


def save(run: Run, *, best: bool = False) -> None:
    """Begins to save the state, as the best one too; what cannot be written is told as of `note_saved`."""
    with _unsaved_told(run), run.times.spending("save"):
        run.checkpoints.save(run.state, run.records(), best=best)
        run.saved()
    run.times.keep()


def save_at_last(run: Run) -> None:
    """Saves the state of a run that is about to end with an error."""
    try:
        save(run)
        run.checkpoints.wait()
        say(f"saved step {int(run.state.step)}; the same command goes on from there")
    except UserError as error:
        say(f"warning: {error}")


def note_saved(run: Run) -> None:
    """Tells of checkpoints that have been written since, or could not be."""
    with _unsaved_told(run):
        run.checkpoints.check()
    for step, seconds in run.checkpoints.written():
        run.reporter.scalars(step, {SAVED: step, "written_seconds": seconds})
        if run.mirror is not None:
            run.mirror.soon()  # so that the metrics of the steps before it are where it is


def note_quarantined(run: Run, step: int, known: set[str]) -> None:
    """Tells of records that could not be read since, and that other ones take the place of."""
    if not hosts.is_first():
        return
    for entry in run.quarantine.entries(known):
        say(f"warning: {entry['reason']} Training goes on without it ({run.quarantine.shown}).")
        run.reporter.scalars(step, {"quarantined": len(known)})


@contextlib.contextmanager
def _unsaved_told(run: Run) -> Iterator[None]:
    """Tells of a checkpoint that could not be written, and goes on if the config says so."""
    try:
        yield
    except UserError as error:
        if run.config.schedule.stop_if_unsaved or not hosts.is_alone():
            raise
        say(f"warning: {error}")
