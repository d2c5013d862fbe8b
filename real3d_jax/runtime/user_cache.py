"""The folder that keeps, for all programs of a user, what would take long to make again."""

import os
from pathlib import Path

VARIABLE = "REAL3D_JAX_CACHE"  # of the environment: the folder


def cache_folder() -> Path:
    """`$REAL3D_JAX_CACHE`, or `real3d_jax` in `$XDG_CACHE_HOME`, which is `~/.cache` if it is not set."""
    own, shared = os.environ.get(VARIABLE), os.environ.get("XDG_CACHE_HOME")
    return Path(own).expanduser() if own else Path(shared or "~/.cache").expanduser() / "real3d_jax"
