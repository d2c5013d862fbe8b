"""Curates photographs: keeps the objects that are whole, large enough and unoccluded, as records for training.

`python launch/curate.py --help` has examples and options; `real3d curate` is the same.
"""

from real3d_jax.commands.curate import main
from real3d_jax.runtime.cli import run

if __name__ == "__main__":
    run(main)
