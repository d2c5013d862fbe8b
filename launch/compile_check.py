"""Compiles the training step for devices that need not be there.

`python launch/compile_check.py --help` has examples and options; `real3d compile-check` is the same.
"""

from real3d_jax.commands.compile_check import main
from real3d_jax.runtime.cli import run

if __name__ == "__main__":
    run(main)
