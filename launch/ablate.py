"""Runs the rows of the paper's Table 5 (or Figure 5) one after another, scores them, and writes the table.

`python launch/ablate.py --help` has examples and options; `real3d ablate` is the same.
"""

from real3d_jax.commands.ablate import main
from real3d_jax.runtime.cli import run

if __name__ == "__main__":
    run(main)
