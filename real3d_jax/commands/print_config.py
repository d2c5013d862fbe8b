"""Prints a config, with all changes, as a Python file that gives the same again.

    real3d print-config --config real3d --config.seed=7 > mine.py
    real3d train --config mine.py

It takes configs of training, evaluation and reconstruction.
"""

import argparse

from real3d_jax.config.printing import as_file, load_any
from real3d_jax.runtime import cli


def main() -> None:
    """Reads the command line and prints the config."""
    parser = argparse.ArgumentParser(
        description=cli.as_called(__doc__),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Any key of the config can be set: --config.schedule.steps=100",
        allow_abbrev=False,
    )
    parser.add_argument("--config", required=True, help="config file, or the name of the package's own, such as smoke")
    arguments, changes = parser.parse_known_args()
    config = load_any(arguments.config, changes)
    print(as_file(config, source=" ".join([arguments.config, *changes])), end="")
