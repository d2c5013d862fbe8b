"""Measures what encoding, rendering, meshes, training steps, evaluation and reading cost on this machine.

`python launch/benchmark.py --help` has examples and options; `real3d benchmark` is the same.
"""

from real3d_jax.commands.benchmark import main
from real3d_jax.runtime.cli import run

if __name__ == "__main__":
    run(main)
