"""Checkpoints in a workdir: `checkpoints/STEP/` holds the latest, `best/STEP/` the best by validation PSNR.

Each has the items `params`, `ema` (if kept), `progress` (optimiser state and counters), and as JSON `data` (where the
reader of examples stood), `config` and `run` (results so far). Parameters are an item of their own, so that they can be
read without the optimiser's state, on any machine.
"""

import logging
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from jaxtyping import PyTree

from real3d_jax.checkpoints.run_folder import BEST, LATEST, first_line
from real3d_jax.config.files import differences as config_differences
from real3d_jax.errors import UserError
from real3d_jax.runtime.console import say
from real3d_jax.training.checkpoint_damage import is_of_storage, proves_damage
from real3d_jax.training.state import TrainState
from real3d_jax.weights.loading import check_shapes

_ARRAYS = ("params", "ema", "progress")
_RECORDS = ("data", "config", "run")
_WAITS = (1.0, 5.0, 20.0)  # seconds before a checkpoint that could not be read is tried again


class _DamagedError(Exception):
    """A checkpoint that is proved damaged; the message is why, in short."""


def prepare_workdir(workdir: Path) -> None:
    """Makes the folder and writes a file in it, so that a run fails at its start and not at its first checkpoint.

    Raises:
      UserError: the folder cannot be made or written.
    """
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=workdir):
            pass
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError(
            f"The workdir '{workdir}' cannot be written ({reason}): choose another by --workdir."
        ) from error


class Checkpoints:
    """Writes and restores the checkpoints of one workdir. Saving returns at once and goes on in the background.

    Args:
      workdir: the run's folder.
      keep: how many of the latest are kept; the best one is kept beside them.
    """

    def __init__(self, workdir: Path, keep: int):
        self.workdir = workdir.resolve()
        # Orbax logs several lines a save at INFO and warns about items it was not asked for.
        logging.getLogger("absl").setLevel(logging.ERROR)
        self._latest = _manager(self.workdir / LATEST, max(keep, 1))
        self._best = _manager(self.workdir / BEST, 1)

    def steps(self) -> list[int]:
        """The steps that can be restored, oldest first."""
        return sorted(self._latest.all_steps())

    def path(self, step: int) -> Path:
        """The folder of a step."""
        return self.workdir / LATEST / str(step)

    def save(self, state: TrainState, records: Mapping[str, Any], *, best: bool = False) -> None:
        """Saves `state` under its step; does nothing if that step is there.

        Args:
          state: the whole state, sharded as it is.
          records: JSON trees `data`, `config` and `run`.
          best: saves it as the best one, in place of the former.
        """
        manager = self._best if best else self._latest
        step = int(state.step)
        if step in manager.all_steps():
            return
        items: dict[str, Any] = {name: ocp.args.JsonSave(records[name]) for name in _RECORDS}
        items |= {name: ocp.args.StandardSave(tree) for name, tree in _arrays(state).items()}
        manager.save(step, args=ocp.args.Composite(**items), force=True)

    def records(self, step: int) -> dict[str, Any]:
        """The JSON trees saved with a step."""
        wanted = {name: ocp.args.JsonRestore() for name in _RECORDS}
        restored = self._latest.restore(step, args=ocp.args.Composite(**wanted))
        return {name: restored[name] for name in _RECORDS}

    def restore(self, step: int, abstract: TrainState) -> TrainState:
        """The state saved at `step`.

        Args:
          step: one of `steps()`.
          abstract: shapes and shardings of the state; devices and mesh may differ from those that saved it.

        Raises:
          UserError: the checkpoint holds parameters of another model, or no averaged ones where they are wanted.
        """
        wanted = _arrays(abstract)
        saved = self._latest.item_metadata(step)["params"]
        if saved is None:
            raise FileNotFoundError(f"The metadata of '{self.path(step) / 'params'}' are missing.")
        check_shapes(saved.tree, wanted["params"], where=f"The checkpoint '{self.path(step)}'")
        if "ema" in wanted and not (self.path(step) / "ema").is_dir():
            raise UserError(
                f"The checkpoint {self.path(step)} has no averaged parameters: set optimizer.ema_decay to 0."
            )
        items = {name: ocp.args.StandardRestore(tree) for name, tree in wanted.items()}
        restored = self._latest.restore(step, args=ocp.args.Composite(**items))
        return TrainState(
            params=restored["params"],
            ema=restored["ema"] if "ema" in wanted else None,
            **restored["progress"],
        )

    def restore_latest(self, abstract: TrainState) -> tuple[TrainState, dict[str, Any]] | None:
        """The newest readable state and its records, or None where no step was ever saved.

        A checkpoint that is proved damaged is moved to `unreadable/`, with a warning, and the one before it is tried.
        Errors of the storage may pass: reading is tried again, and then given up with everything left in its place.

        Raises:
          UserError: there are checkpoints, but none can be read, or the storage does not answer; or as `restore`.
        """
        for step in reversed(self.steps()):
            try:
                return self._read(step, abstract)
            except _DamagedError as error:
                say(f"warning: {self.path(step)} cannot be read ({error}); trying the one before.")
                self._set_aside(step)
        if (self.workdir / "unreadable").exists() and not self.steps():
            raise UserError(
                f"No checkpoint in '{self.workdir}' can be read (they lie in its folder 'unreadable' now): start again "
                "with another --workdir."
            )
        return None

    def best_psnr(self) -> float:
        """The validation PSNR of the best checkpoint; -inf if there is none."""
        step = self._best.latest_step()
        if step is None:
            return -float("inf")
        restored = self._best.restore(step, args=ocp.args.Composite(run=ocp.args.JsonRestore()))
        return float(restored["run"]["psnr"])

    def forget_best(self) -> None:
        """Deletes the best checkpoint, of a run that is begun anew."""
        for step in self._best.all_steps():
            self._best.delete(step)

    def wait(self) -> None:
        """Returns when everything is written."""
        self._latest.wait_until_finished()
        self._best.wait_until_finished()

    def close(self) -> None:
        """Waits, then releases the background threads."""
        self.wait()
        self._latest.close()
        self._best.close()

    def _read(self, step: int, abstract: TrainState) -> tuple[TrainState, dict[str, Any]]:
        """A step's state and records, read again after errors that may pass; damage counts once it is seen twice.

        Raises:
          _DamagedError: the checkpoint is damaged.
          UserError: the storage does not answer; or as `restore`.
        """
        damaged = False
        for wait in (*_WAITS, None):
            try:
                return self.restore(step, abstract), self.records(step)
            except UserError:
                raise
            except Exception as error:  # Orbax passes on whatever its storage raises
                if not is_of_storage(error):
                    raise
                reason, before = first_line(error), damaged
                damaged = proves_damage(error, self.path(step))
                if damaged and before:
                    raise _DamagedError(reason) from error
                if wait is None:
                    raise UserError(
                        f"The checkpoint '{self.path(step)}' cannot be read now ({reason}), which does not prove it "
                        "damaged, so it stays: see that the storage answers, and run the same command again."
                    ) from error
            say(f"warning: {self.path(step)} cannot be read ({reason}); trying again in {wait:g} s.")
            time.sleep(wait)
        raise AssertionError("the last try returns or raises")

    def _set_aside(self, step: int) -> None:
        if jax.process_index() == 0:
            aside = self.workdir / "unreadable" / str(step)
            aside.parent.mkdir(exist_ok=True)
            shutil.rmtree(aside, ignore_errors=True)
            shutil.move(self.path(step), aside)
        self._latest.reload()


def _manager(folder: Path, keep: int) -> ocp.CheckpointManager:
    handlers: dict[str, Any] = {name: ocp.StandardCheckpointHandler() for name in _ARRAYS}
    handlers |= {name: ocp.JsonCheckpointHandler() for name in _RECORDS}
    options = ocp.CheckpointManagerOptions(max_to_keep=keep, enable_async_checkpointing=True)
    return ocp.CheckpointManager(folder, options=options, item_handlers=handlers)


def _arrays(state: TrainState) -> dict[str, PyTree]:
    items = {
        "params": state.params,
        "progress": {
            "step": state.step,
            "opt_state": state.opt_state,
            "skipped": state.skipped,
            "skipped_in_a_row": state.skipped_in_a_row,
        },
    }
    return items if state.ema is None else items | {"ema": state.ema}


def check_same_run(saved: Mapping[str, Any], current: Mapping[str, Any], workdir: Path) -> list[str]:
    """Compares the configuration of a workdir with the one that is to go on in it.

    Returns:
      What differs, in words, where that is allowed.

    Raises:
      UserError: the model or the seed differs.
    """
    changed = config_differences(saved, current)
    for change in changed:
        if change.startswith(("config.model", "config.seed")):
            raise UserError(
                f"The workdir '{workdir}' was trained with another config ({change}): use another --workdir, "
                "or that config."
            )
    return changed
