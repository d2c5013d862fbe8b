"""Prepares a data set of records. Killed, it goes on where it stopped when it is run again.

`python launch/prepare_data.py --help` has examples and options; `real3d prepare-data` is the same.
"""

from real3d_jax.commands.prepare_data import main
from real3d_jax.runtime.cli import run

if __name__ == "__main__":
    run(main)
