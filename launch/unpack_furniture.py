"""Unpacks Sweet Home 3D's furniture libraries into meshes that launch/render_objects.py reads.

`python launch/unpack_furniture.py --help` has examples and options; `real3d unpack-furniture` is the same.
"""

from real3d_jax.commands.unpack_furniture import main
from real3d_jax.runtime.cli import run

if __name__ == "__main__":
    run(main)
