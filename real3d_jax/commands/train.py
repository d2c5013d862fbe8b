"""Trains a model: `python launch/train.py --config configs/smoke.py [--workdir runs/smoke] [--config.KEY=VALUE ...]`.

The same command goes on where a stopped run left off. Exit codes: 0 finished, 2 something to put right (one sentence
says what), 143 or 130 stopped by SIGTERM or Ctrl-C, with everything saved.
"""

import argparse
import re

import jax

from real3d_jax.config import files as config_files
from real3d_jax.config.printing import as_file
from real3d_jax.errors import MissingDataError, UserError
from real3d_jax.runtime import garbage, stores, watch
from real3d_jax.runtime.compile_cache import keep_programs
from real3d_jax.runtime.threads import begun


def main() -> int:
    """Reads the command line and trains."""
    parser = argparse.ArgumentParser(
        description="Trains a model. The same command goes on where a stopped run left off.",
        epilog="Any key of the config can be set: --config.schedule.steps=100",
        allow_abbrev=False,
    )
    parser.add_argument("--config", required=True, help="config file, or a name: real3d or real3d:embedded")
    parser.add_argument("--workdir", help="folder of the run, gs:// too (default: runs/ and the config's name)")
    parser.add_argument(
        "--multihost",
        action="store_true",
        help="one process a host, on a TPU pod or under Slurm or MPI; JAX finds the others (docs/pods.md)",
    )
    parser.add_argument(
        "--print_config", action="store_true", help="print the config, with all changes, as a file, and do no more"
    )
    parser.add_argument("--profile", type=_steps, default=range(0), metavar="START:STEPS", help="traces them")
    watch.add_options(parser)
    arguments, changes = parser.parse_known_args()
    with watch.joined(arguments):
        return _train(arguments, changes)


def _steps(text: str) -> range:
    """Steps written as START:STEPS, the first one and how many; the first step of a run is 1."""
    match = re.fullmatch(r"([1-9]\d*):([1-9]\d*)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"give START:STEPS, such as 100:5, not '{text}'")
    return range(int(match[1]), int(match[1]) + int(match[2]))


def _train(arguments: argparse.Namespace, changes: list[str]) -> int:
    config = config_files.load(arguments.config, changes)
    if arguments.print_config:
        print(as_file(config, source=" ".join([arguments.config, *changes])), end="")
        return 0

    garbage.collect_rarely()
    begun("devices", jax.devices)  # a GPU takes seconds to start, in which Python imports
    from real3d_jax.training.first_step import seconds_of_process
    from real3d_jax.training.loop import train  # takes seconds to import: a mistyped config is told before

    garbage.collect_rarely()
    keep_programs(steps=True)
    try:
        workdir = stores.place(arguments.workdir or f"runs/{config.name}")
        return train(config, workdir, profile=arguments.profile, before=seconds_of_process())
    except MissingDataError as error:
        variant = config_files.embedded_variant(arguments.config)
        if variant is None:
            raise
        hint = f"or train on data that are made on the way, with --config {variant}"
        raise UserError(f"{str(error).rstrip('.')}, {hint}.") from error
