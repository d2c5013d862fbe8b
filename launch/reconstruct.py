"""Reconstructs photographs: for each an animation once around the object, a strip of views, and a mesh.

`python launch/reconstruct.py --help` has examples and options; `real3d reconstruct` is the same.
"""

from real3d_jax.commands.reconstruct import main
from real3d_jax.runtime.cli import run

if __name__ == "__main__":
    run(main)
