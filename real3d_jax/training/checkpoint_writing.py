"""Writing a step in the background: sealed with checksums before it counts as one, and known to have failed at once."""

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint._src.metadata import checkpoint as step_metadata
from orbax.checkpoint._src.path.atomicity import (
    COMMIT_SUCCESS_FILE,
    TMP_DIR_SUFFIX,
    AtomicRenameTemporaryPath,
    CommitFileTemporaryPath,
)

from real3d_jax.checkpoints.checksums import seal
from real3d_jax.runtime import stores
from real3d_jax.runtime.stores import Folder

_noted: list[Exception] = []  # what failed in the background, in a program of several processes


_LOOK = 0.02  # seconds between two looks at a step that is being written
_MOST_CLEANING = 5.0  # seconds


class _Note(logging.Filter):
    """Keeps Orbax's log from the terminal, and the errors that it tells."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, Exception) and jax.process_count() > 1:
            _noted.append(error)
        return False


_note = _Note()
_others: list[Any] = []  # the hook that was there


def _excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Leaves out what TensorStore's other writes say once one has failed and nobody waits for them any more."""
    if isinstance(error, RuntimeError) and str(error) == "Event loop is closed":
        return
    _others[-1](kind, error, trace)


def silence_orbax() -> None:
    """Orbax logs several lines a save, warns about items it was not asked for, and logs errors that it raises later."""
    logging.getLogger("absl").setLevel(logging.ERROR)
    logging.getLogger("absl").addFilter(_note)
    if sys.excepthook is not _excepthook:
        _others.append(sys.excepthook)
        sys.excepthook = _excepthook


class SealedFolder(AtomicRenameTemporaryPath):
    """A step's folder that gets the checksums of all its files just before it is renamed."""

    async def finalize(self) -> None:
        """As of the base class, whose own last writes come first, so that nothing changes after the seal."""
        if self.get_final().name.isdigit():  # a step, not an item in it
            store, self._checkpoint_metadata_store = self._checkpoint_metadata_store, None
            await asyncio.to_thread(_seal, Path(self.get()), self.get_final(), store)
        await super().finalize()


class SealedObjects(CommitFileTemporaryPath):
    """A step in an object store, whose checksums are written just before the object that says that it is whole."""

    async def finalize(self) -> None:
        """As of the base class, whose own last write but that object comes first."""
        if self.get_final().name.isdigit():
            store, self._checkpoint_metadata_store = self._checkpoint_metadata_store, None
            await asyncio.to_thread(_settle, self.get_final(), store)
            await asyncio.to_thread(seal, stores.place(self.get_final()))
        await super().finalize()


class StepWriter:
    """The steps in one folder, of which `keep` stay.

    Args:
      folder: whose subfolders are steps.
      keep: the latest ones, at least 1.
      arrays: names of the items that are trees of arrays.
      records: names of those that are JSON trees.

    Attributes:
      manager: Orbax's.
      written: steps, and the seconds from the call to the end of writing.
    """

    def __init__(self, folder: Folder, keep: int, *, arrays: Sequence[str], records: Sequence[str]):
        self.folder = folder
        handlers: dict[str, Any] = {name: ocp.StandardCheckpointHandler() for name in arrays}
        handlers |= {name: ocp.JsonCheckpointHandler() for name in records}
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep,
            enable_async_checkpointing=True,
            temporary_path_class=SealedObjects if stores.is_address(folder) else SealedFolder,
        )
        self.manager = ocp.CheckpointManager(folder, options=options, item_handlers=handlers)
        self._watch = ThreadPoolExecutor(max_workers=1)
        self._pending: tuple[int, Future[float]] | None = None
        self.written: list[tuple[int, float]] = []

    def steps(self) -> list[int]:
        """The steps that are written or being written, oldest first."""
        return sorted(self.manager.all_steps())

    def save(self, step: int, items: Mapping[str, Any]) -> tuple[int, Exception] | None:
        """Begins to write a step, once the one before it is written.

        Returns:
          A step that could not be written and why, as `failure`: the one before it, or this one.
        """
        failed = self.failure(wait=True)
        if failed is not None and jax.process_count() > 1:
            return failed
        began = time.monotonic()
        try:
            self.manager.save(step, args=ocp.args.Composite(**items), force=True)
        except Exception as error:
            self._clean(step)
            return step, error
        self._pending = step, self._watch.submit(self._seconds, began)
        return failed

    def failure(self, *, wait: bool = False) -> tuple[int, Exception] | None:
        """A step that could not be written and why, once; None if all are, or are still being written.

        What it left is deleted; steps before it stay.

        Args:
          wait: until everything is written.
        """
        if self._pending is None:
            return None
        while not (done := self._pending[1].done()) and wait and not _noted:
            time.sleep(_LOOK)
        if _noted:  # then Orbax waits for the other processes, which wait for this one
            return self._pending[0], _noted.pop()
        if not done:
            return None
        (step, ended), self._pending = self._pending, None
        error = ended.exception()
        if error is None:
            self.written.append((step, ended.result()))
            return None
        if not isinstance(error, Exception):
            raise error
        self._clean(step)
        return step, error

    def close(self) -> None:
        """Releases the threads; what could not be written is not told again."""
        self.failure(wait=True)
        self._watch.shutdown()
        self.manager.close()

    def _seconds(self, began: float) -> float:
        self.manager.wait_until_finished()
        return time.monotonic() - began

    def _clean(self, step: int) -> None:
        with contextlib.suppress(Exception):
            self.manager.wait_until_finished()  # it tells each thread of a failure once
        if jax.process_count() == 1:  # several processes end
            _remove(self.folder / (f"{step}" if stores.is_address(self.folder) else f"{step}{TMP_DIR_SUFFIX}"))
            self.manager.reload()


def _remove(folder: Folder) -> None:
    """Deletes a folder into which threads that nobody waits for may write for a moment."""
    until, quiet = time.monotonic() + _MOST_CLEANING, 0
    while quiet < 5 and time.monotonic() < until:
        quiet = 0 if folder.exists() else quiet + 1
        with contextlib.suppress(OSError):
            stores.remove(folder)
        time.sleep(_LOOK)


def _seal(folder: Folder, final: Any, store: Any) -> None:
    _settle(folder, store)
    # The words of the base class, which writes them once more.
    (folder / COMMIT_SUCCESS_FILE).write_text(f"Checkpoint commit was successful to {final}")
    seal(folder)


def _settle(folder: Any, store: Any) -> None:
    """Writes the time of a step into its metadata, as the base classes do."""
    if store is not None:
        store.wait_until_finished()
        path = step_metadata.step_metadata_file_path(folder)
        store.update(file_path=path, commit_timestamp_nsecs=time.time_ns())
        store.wait_until_finished()
