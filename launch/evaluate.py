"""Scores a model, or renders of any method, and writes tables and a report.

`python launch/evaluate.py --help` has examples and options; `real3d evaluate` is the same.
"""

from real3d_jax.commands.evaluate import main
from real3d_jax.runtime.cli import run

if __name__ == "__main__":
    run(main)
