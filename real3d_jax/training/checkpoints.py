"""Checkpoints in a workdir: `checkpoints/STEP/` holds the latest, `best/STEP/` the best by validation PSNR.

Each has the items `params`, `ema` (if kept), `progress` (optimiser state and counters), and as JSON `data` (where the
reader of examples stood), `config` and `run` (results so far). Parameters are an item of their own, so that they can be
read without the optimiser's state, on any machine.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax
import orbax.checkpoint as ocp
from jaxtyping import PyTree

from real3d_jax.checkpoints.checksums import SUMS, is_sealed, verify
from real3d_jax.checkpoints.run_folder import BEST, COMMITTED, LATEST, first_line
from real3d_jax.errors import UserError
from real3d_jax.runtime import hosts, stores
from real3d_jax.runtime.console import say
from real3d_jax.runtime.stores import Folder
from real3d_jax.training.checkpoint_damage import is_of_storage, proves_damage
from real3d_jax.training.checkpoint_writing import StepWriter, silence_orbax
from real3d_jax.training.state import TrainState
from real3d_jax.training.workdir import UNREADABLE, check_no_history
from real3d_jax.weights.loading import check_shapes

_ARRAYS = ("params", "ema", "progress")
_RECORDS = ("data", "config", "run")
_WAITS = (1.0, 5.0, 20.0)  # seconds before a checkpoint that could not be read is tried again

_Found = TypeVar("_Found")


class _DamagedError(Exception):
    """A checkpoint that is proved damaged; the message is why, in short."""


class Checkpoints:
    """Writes and restores the checkpoints of one workdir. Saving returns at once and goes on in the background.

    Args:
      workdir: the run's folder.
      keep: how many of the latest are kept; the best one is kept beside them.
    """

    def __init__(self, workdir: Folder, keep: int):
        self.workdir = stores.absolute(workdir)
        silence_orbax()
        self._latest = StepWriter(self.workdir / LATEST, max(keep, 1), arrays=_ARRAYS, records=_RECORDS)
        self._best = StepWriter(self.workdir / BEST, 1, arrays=_ARRAYS, records=_RECORDS)

    def steps(self) -> list[int]:
        """The steps that can be restored, oldest first."""
        return self._latest.steps()

    def path(self, step: int) -> Folder:
        """The folder of a step."""
        return self.workdir / LATEST / str(step)

    def save(self, state: TrainState, records: Mapping[str, Any], *, best: bool = False) -> None:
        """Saves `state` under its step; does nothing if that step is there.

        A best one is never alone: before the first of the latest is written, none is.

        Args:
          state: the whole state, sharded as it is.
          records: JSON trees `data`, `config` and `run`.
          best: saves it as the best one, in place of the former.

        Raises:
          UserError: it, or one that was saved before, could not be written; those before that are still there.
        """
        if best and not self._latest.steps():
            self.save(state, records)
            self._tell(self._latest.failure(wait=True))
        writer = self._best if best else self._latest
        step = int(state.step)
        if step in writer.steps():
            return
        items: dict[str, Any] = {name: ocp.args.JsonSave(records[name]) for name in _RECORDS}
        items |= {name: ocp.args.StandardSave(tree) for name, tree in _arrays(state).items()}
        self._tell(writer.save(step, items))

    def check(self) -> None:
        """Tells, once, if a step could not be written; costs next to nothing.

        Raises:
          UserError: it could not; those before it are still there.
        """
        for writer in (self._latest, self._best):
            self._tell(writer.failure())

    def written(self) -> list[tuple[int, float]]:
        """The latest steps that were written since this was last asked, and how many seconds each took."""
        steps, self._latest.written = self._latest.written, []
        return steps

    def records(self, step: int) -> dict[str, Any]:
        """The JSON trees saved with a step."""
        wanted = {name: ocp.args.JsonRestore() for name in _RECORDS}
        restored = self._latest.manager.restore(step, args=ocp.args.Composite(**wanted))
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
        saved = self._latest.manager.item_metadata(step)["params"]
        if saved is None:
            raise FileNotFoundError(f"The metadata of '{self.path(step) / 'params'}' are missing.")
        check_shapes(saved.tree, wanted["params"], where=f"The checkpoint '{self.path(step)}'")
        if "ema" in wanted and not (self.path(step) / "ema").is_dir():
            raise UserError(
                f"The checkpoint {self.path(step)} has no averaged parameters: set optimizer.ema_decay to 0."
            )
        items = {name: ocp.args.StandardRestore(tree) for name, tree in wanted.items()}
        restored = self._latest.manager.restore(step, args=ocp.args.Composite(**items))
        return TrainState(
            params=restored["params"],
            ema=restored["ema"] if "ema" in wanted else None,
            **restored["progress"],
        )

    def restore_latest(self, abstract: TrainState) -> tuple[TrainState, dict[str, Any]] | None:
        """The newest readable state and its records, or None where no step is to be found.

        All processes take the same step. The files are compared with their checksums first, each process a part of
        them. A checkpoint that is proved damaged is moved to `unreadable/`, with a warning, and the one before it is
        tried. Errors of the storage may pass: reading is tried again, and then given up with everything left in its
        place.

        Raises:
          UserError: a checkpoint cannot be read, though it is not proved damaged; or as `restore`.
        """
        for step in reversed(hosts.from_process(0, self.steps())):
            try:
                return self._read(step, abstract)
            except _DamagedError as error:
                say(f"warning: {self.path(step)} cannot be read ({error}); trying the one before.")
                self._set_aside(self.path(step), str(step))
                self._latest.manager.reload()
        check_no_history(self.workdir)
        return None

    def best_psnr(self) -> float:
        """The validation PSNR of the best checkpoint; -inf if there is none.

        One that cannot be read is moved to `unreadable/`, with a warning, and counts as none.
        """
        step = hosts.from_process(0, max(self._best.steps(), default=None))
        if step is None:
            return -math.inf
        folder = self.workdir / BEST / str(step)
        psnr, reason = hosts.from_process(0, _read_psnr(folder) if hosts.is_first() else None)
        if psnr is not None:
            return psnr
        say(f"warning: {folder} cannot be read ({reason}); the next one that is scored becomes the best.")
        self._set_aside(folder, f"{BEST}-{step}")
        self._best.manager.reload()
        return -math.inf

    def wait(self) -> None:
        """Returns when everything is written.

        Raises:
          UserError: something could not be.
        """
        for writer in (self._latest, self._best):
            self._tell(writer.failure(wait=True))

    def close(self) -> None:
        """Waits, then releases the background threads."""
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
            _, error = self._attempt(step, lambda: self._verify(step))
            told = next(filter(None, hosts.gather(error)), None)
            if told is None:
                found, told = self._attempt(step, lambda: (self.restore(step, abstract), self.records(step)))
                if told is not None and not hosts.is_alone():
                    raise _unreadable(self.path(step), told["reason"])  # the others wait for this process
                if found is not None:
                    if not is_sealed(self.path(step)):
                        say(f"warning: {self.path(step)} has no {SUMS} and was read without a check of its numbers.")
                    return found
            assert told is not None
            reason, before = told["reason"], damaged
            damaged = told["damaged"]
            if damaged and before:
                raise _DamagedError(reason)
            if wait is None:
                raise hosts.told_by_first(_unreadable(self.path(step), reason))
            say(f"warning: {self.path(step)} cannot be read ({reason}); trying again in {wait:g} s.")
            time.sleep(wait)
        raise AssertionError("the last try returns or raises")

    def _verify(self, step: int) -> bool:
        """Compares this process' share of a step's files with their checksums."""
        if not self.path(step).is_dir():  # since all processes must see what the first one has found
            raise TimeoutError("its folder is not to be seen")
        verify(self.path(step), share=(jax.process_index(), jax.process_count()))
        return True

    def _attempt(self, step: int, read: Callable[[], _Found]) -> tuple[_Found | None, dict[str, Any] | None]:
        """What `read` returns, or what came of it."""
        try:
            return read(), None
        except UserError:
            raise
        except Exception as error:  # Orbax passes on whatever its storage raises
            if not is_of_storage(error):
                raise
            return None, {
                "reason": hosts.described(first_line(error)),
                "damaged": proves_damage(error, self.path(step)),
            }

    def _set_aside(self, folder: Folder, name: str) -> None:
        if hosts.is_first():
            stores.move(folder, self.workdir / UNREADABLE / name, marker=COMMITTED)
        hosts.gather(None)

    def _tell(self, failed: tuple[int, Exception] | None) -> None:
        if failed is not None:
            step, error = failed
            raise UserError(
                f"The checkpoint of step {step} could not be written ({hosts.described(first_line(error))}): see that "
                f"'{self.workdir}' can be written and has room; the checkpoints before it are whole."
            ) from error


def _unreadable(folder: Folder, reason: str) -> UserError:
    return UserError(
        f"The checkpoint '{folder}' cannot be read now ({reason}), which does not prove it damaged, so it stays: see "
        "that the storage answers, and run the same command again."
    )


def _read_psnr(folder: Folder) -> tuple[float | None, str]:
    """The score of the step in a folder, or why it cannot be read."""
    try:
        verify(folder, ["run"])
        return float(json.loads((folder / "run" / "metadata").read_text())["psnr"]), ""
    except Exception as error:
        return None, first_line(error)


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
