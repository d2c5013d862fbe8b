"""Trains a model.

`python launch/train.py --help` has examples and options; `real3d train` is the same.
"""

from real3d_jax.commands.train import main
from real3d_jax.runtime.cli import run

if __name__ == "__main__":
    run(main)
