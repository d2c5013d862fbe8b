"""The options of commands that take a trained model, and cut objects out of photographs for it."""

import argparse
from pathlib import Path

CONFIG = "reconstruct"
NETWORK = "u2net"


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Adds --config, --checkpoint and --ema."""
    parser.add_argument("--config", default=CONFIG, help=f"config file, or a name (default: {CONFIG})")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        help="training workdir, one of its steps, weights, a hub name, or 'mini', the package's own (default)",
    )
    parser.add_argument("--ema", action="store_true", help="the averaged parameters of a run")


def add_elevation(parser: argparse.ArgumentParser) -> None:
    """Adds --elevation, which is short for a key of the config (`elevation_change`)."""
    parser.add_argument(
        "--elevation",
        metavar="DEGREES",
        help="of the camera above the object, or 'estimate': what is photographed from above then stands upright "
        "(default: config.input.elevation, which is 'estimate' for 'mini' and 0, the picture's own up, for others)",
    )


def elevation_change(arguments: argparse.Namespace) -> list[str]:
    """The change of the config that --elevation stands for, if it is given."""
    return [] if arguments.elevation is None else [f"--config.input.elevation={arguments.elevation}"]


def add_cut_out(parser: argparse.ArgumentParser, what: str) -> None:
    """Adds --cut_out; `what` is found, as the help says it."""
    parser.add_argument(
        "--cut_out",
        nargs="?",
        const=NETWORK,
        default="",
        metavar="NETWORK",
        help=f"find {what} with rembg, by one of its networks (default: {NETWORK}); needs '.[cut-out]'",
    )
