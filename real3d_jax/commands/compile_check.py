"""Compiles the training step for devices that need not be there: does it fit, and what do they exchange?

    python launch/compile_check.py --config configs/real3d.py --topology v5e:16x16
    python launch/compile_check.py --config configs/real3d.py --topology cpu:8 --size tiny

TPUs (v4, v5e, v5p, v6e) need libtpu (`pip install 'jax[tpu]'`) and no TPU; `cpu:N` are N devices of this processor;
`cuda:N` is lowered only, which tells neither memory nor time. Exit codes: 0 it fits, 1 it does not, 2 something to put
right (one sentence says what).
"""

import argparse
import sys

from real3d_jax.config import files as config_files
from real3d_jax.models.presets import PRESETS
from real3d_jax.runtime import cli

_FITS_NOT = 1


def main() -> int:
    """Reads the command line, compiles, and prints what was found."""
    parser = argparse.ArgumentParser(
        description=cli.as_called(__doc__),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Any key of the config can be set: --config.mesh.fsdp=8",
        allow_abbrev=False,
    )
    parser.add_argument("--config", required=True, help="config file, or a name: real3d")
    parser.add_argument("--topology", required=True, help="v5e:16x16, v4:4x4x8, v5p:2x2x2, v6e:4x4, cpu:8 or cuda:8")
    parser.add_argument(
        "--size",
        choices=list(PRESETS),
        help="with the model of this preset, which compiles sooner; 'tiny' shrinks views and other networks, too",
    )
    arguments, changes = parser.parse_known_args()
    config = config_files.load(arguments.config, changes)

    from real3d_jax.benchmarks import topologies  # takes seconds to import: a mistyped config is told before

    topology = topologies.find(arguments.topology)
    from real3d_jax.benchmarks.compile_check import check, describe, notes
    from real3d_jax.benchmarks.step_programs import shrunken

    if arguments.size:
        config = shrunken(config, arguments.size)
    for note in notes(config, topology):
        print(f"note: {note}", file=sys.stderr)
    checked = check(config, topology)
    for line in describe(config, checked):
        print(line)
    return 0 if checked.fits else _FITS_NOT
