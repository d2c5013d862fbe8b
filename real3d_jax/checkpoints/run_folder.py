"""What lies in a training run's folder, and how it is read: `checkpoints/STEP/` the latest, `best/STEP/` the best ones.

`training/checkpoints.py` writes them, and says what is in a step.
"""

import json
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from real3d_jax.checkpoints.checksums import ChecksumError, verify
from real3d_jax.errors import UserError
from real3d_jax.runtime import stores
from real3d_jax.runtime.stores import Folder

LATEST = "checkpoints"
BEST = "best"
COMMITTED = "commit_success.txt"  # Orbax's; in an object store it says that a step is whole
_SHORT = 200  # characters of a message


def is_training_folder(path: Folder) -> bool:
    """Whether `path` is a workdir, its `checkpoints` or `best`, or a single step, rather than converted weights."""
    return step_folder(path) is not None


def load_params(path: Folder | str, *, ema: bool = False) -> dict[str, Any]:
    """`read_params` of a run.

    Args:
      path: a workdir (its latest checkpoint is read), its `best` folder, or the folder of one step.
      ema: takes the averaged parameters instead.

    Raises:
      UserError: there is no checkpoint; or as `read_params`.
    """
    return read_params(_found_step(path), ema=ema)


def load_config_tree(path: Folder | str) -> dict[str, Any]:
    """`read_config_tree` of a run; `path` as in `load_params`.

    Raises:
      UserError: there is no checkpoint.
    """
    return read_config_tree(_found_step(path))


def read_params(step: Folder, *, ema: bool) -> dict[str, Any]:
    """The parameters in a step's folder, or the averaged ones, as a nested dictionary of numpy arrays.

    Raises:
      UserError: it has no averaged parameters, or cannot be read, or its files are not those that were written.
    """
    item = stores.absolute(step) / ("ema" if ema else "params")
    _verify(step, item.name)  # before the next line: what was saved and is gone is damage
    if not item.is_dir():
        raise UserError(f"The checkpoint '{step}' has no averaged parameters: read it without them.")
    number = jax.process_index()  # each process reads by itself: Orbax would leave it waiting for one that cannot
    alone = ocp.options.MultiprocessingOptions(number, {number}, f"process_{number}")
    try:
        with ocp.StandardCheckpointer(multiprocessing_options=alone) as reader:
            metadata = reader.metadata(item).item_metadata
            target = jax.tree.map(lambda leaf: np.empty(leaf.shape, leaf.dtype), metadata.tree)
            return reader.restore(item, target)
    except Exception as error:
        raise UserError(f"The checkpoint '{step}' cannot be read ({first_line(error)}): use another step.") from error


def read_config_tree(step: Folder) -> dict[str, Any]:
    """The configuration in a step's folder, as `config.files.parse` takes it; empty where parameters alone were saved.

    Raises:
      UserError: it is not what was written.
    """
    _verify(step, "config")  # before the next line, as above
    path = step / "config" / "metadata"
    return json.loads(path.read_text()) if path.is_file() else {}


def step_folder(path: Folder) -> Folder | None:
    """The folder of a step: `path` itself, or the latest of a workdir, its `checkpoints` or `best`; None without."""
    if _is_step(path):
        return path
    if (path / LATEST).is_dir():
        path = path / LATEST
    steps = [p for p in path.iterdir() if p.name.isdigit() and _is_step(p)] if path.is_dir() else []
    return max(steps, key=lambda p: int(p.name), default=None)


def _is_step(path: Folder) -> bool:
    return (path / "params").is_dir() and (not stores.is_address(path) or (path / COMMITTED).exists())


def _verify(step: Folder, item: str) -> None:
    try:
        verify(stores.absolute(step), [item])
    except (ChecksumError, OSError) as error:
        raise UserError(f"The checkpoint '{step}' cannot be read ({first_line(error)}): use another step.") from error


def _found_step(path: Folder | str) -> Folder:
    step = step_folder(stores.place(path))
    if step is None:
        raise UserError(f"There is no checkpoint in '{path}': give a training workdir or one of its steps.")
    return step


def first_line(error: Exception) -> str:
    """What an error of the storage says, in short; of a long one the end, where the system's own words are."""
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return text if len(text) <= _SHORT else f"{text[: _SHORT // 4]} ... {text[-_SHORT * 3 // 4 :]}"
