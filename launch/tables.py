"""Makes the paper's Tables 1 to 4: scores every model on every test set, and compares them object by object.

`python launch/tables.py --help` has examples and options; `real3d tables` is the same.
"""

from real3d_jax.commands.tables import main
from real3d_jax.runtime.cli import run

if __name__ == "__main__":
    run(main)
