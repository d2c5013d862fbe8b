"""Converts other programs' weights, or those of a training run, to ours, and ours back to TripoSR's.

`python launch/convert_weights.py --help` has examples and options; `real3d convert-weights` is the same.
"""

from real3d_jax.commands.convert_weights import main
from real3d_jax.runtime.cli import run

if __name__ == "__main__":
    run(main)
