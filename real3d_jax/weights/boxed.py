"""The trained weights that come with the package, which are named by a word wherever a checkpoint's path is taken."""

import os
from importlib import resources
from pathlib import Path

from real3d_jax.config.conditioned import AnyModelConfig
from real3d_jax.errors import UserError
from real3d_jax.models.presets import PRESETS
from real3d_jax.runtime import stores
from real3d_jax.runtime.folders import check_local
from real3d_jax.runtime.stores import Folder
from real3d_jax.weights.converted import is_converted

MINI = "mini"
NAMES = (MINI,)


def boxed(name: str) -> Path:
    """The folder of converted weights called `name`, one of `NAMES`.

    Raises:
      UserError: this installation lacks them.
    """
    folder = Path(str(resources.files("real3d_jax"))) / "assets" / name
    if not is_converted(folder):
        raise UserError(
            f"The weights '{name}' are missing from '{folder}': install the package again, or give a model of your own."
        )
    return folder


def is_boxed(path: str | os.PathLike) -> bool:
    """Whether a path is one of the words; a folder of that name comes first."""
    return str(path) in NAMES and not Path(path).exists()


def default_checkpoint(model: AnyModelConfig) -> Path:
    """The word for the boxed weights of a model, where no checkpoint is given.

    Raises:
      UserError: there are none.
    """
    if model != PRESETS[MINI]:
        raise UserError(f"Give --checkpoint: no weights but those of the preset '{MINI}' come with the package.")
    return Path(MINI)


def find_checkpoint(path: str | os.PathLike) -> Folder:
    """`path`, or the folder of boxed weights that it names.

    Raises:
      UserError: as of `boxed`, or it is an address of an object store other than gs://.
    """
    if stores.is_address(path):
        return stores.place(path)
    check_local(path)
    return boxed(str(path)) if is_boxed(path) else Path(path)
