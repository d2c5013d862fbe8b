"""The program `real3d`: `real3d VERB ...` does what `python launch/VERB.py ...` does, without a checkout."""

import importlib
import importlib.metadata
import sys

from real3d_jax.errors import UserError, did_you_mean
from real3d_jax.runtime import cli

# Each is `main` of the module of that name, with '_' for '-'.
VERBS = {
    "train": "trains a model",
    "evaluate": "scores a model, or renders of any method, with tables and a report",
    "reconstruct": "makes views and a mesh of photographs",
    "demo": "serves a model: a page for the browser, and an address for programs",
    "prepare-data": "makes records of a data set",
    "curate": "makes records of the whole objects in photographs",
    "convert-weights": "reads other programs' weights, or a run's, and writes TripoSR's",
    "tables": "makes the paper's Tables 1 to 4 of several models",
    "ablate": "runs the rows of the paper's Tables 5 to 7 and Figure 5, and scores them",
    "benchmark": "measures what things cost on this machine",
    "compile-check": "says whether a training step fits devices that need not be there",
    "inspect-data": "shows what is in a data set, and whether its cameras are right",
    "render-objects": "renders meshes into views to train on",
    "lay-scans": "lays OmniObject3D's scans into the world of its renders",
    "unpack-furniture": "takes meshes out of Sweet Home 3D's furniture libraries",
    "unpack-photographs": "takes photographs out of Tux Paint's stamps",
    "print-config": "prints a config, with all changes, as a file",
}


def main() -> None:
    """Calls the program that the first word names, with the others, and exits with its code."""
    cli.run(_call)


def _call() -> int | None:
    verb, *words = sys.argv[1:] or ["--help"]
    if verb in ("-h", "--help"):
        print(_help())
        return 0
    if verb == "--version":
        print(importlib.metadata.version("real3d-jax"))
        return 0
    if verb not in VERBS:
        raise UserError(f"{cli.PROGRAM} has no command '{verb}': {did_you_mean(verb, VERBS)}")
    sys.argv = [f"{cli.PROGRAM} {verb}", *words]
    return importlib.import_module(f"real3d_jax.commands.{verb.replace('-', '_')}").main()


def _help() -> str:
    width = max(map(len, VERBS)) + 2
    lines = [f"  {verb:{width}}{what}" for verb, what in VERBS.items()]
    return "\n".join([f"usage: {cli.PROGRAM} COMMAND ... (each has --help)", "", *lines])
