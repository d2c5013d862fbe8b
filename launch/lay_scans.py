"""Lays OmniObject3D's raw scans into the world of its renders.

`python launch/lay_scans.py --help` has examples and options; `real3d lay-scans` is the same.
"""

from real3d_jax.commands.lay_scans import main
from real3d_jax.runtime.cli import run

if __name__ == "__main__":
    run(main)
