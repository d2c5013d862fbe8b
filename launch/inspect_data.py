"""Shows what is in a folder of records, and whether its cameras are right.

`python launch/inspect_data.py --help` has examples and options; `real3d inspect-data` is the same.
"""

from real3d_jax.commands.inspect_data import main
from real3d_jax.runtime.cli import run

if __name__ == "__main__":
    run(main)
