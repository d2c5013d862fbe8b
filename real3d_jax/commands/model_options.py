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
