"""Takes photographs of single objects out of Tux Paint's stamps.

`python launch/unpack_photographs.py --help` has examples and options; `real3d unpack-photographs` is the same.
"""

from real3d_jax.commands.unpack_photographs import main
from real3d_jax.runtime.cli import run

if __name__ == "__main__":
    run(main)
