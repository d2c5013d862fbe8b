"""Serves a trained model: a page to try it in the browser, and an HTTP address for programs.

    python launch/demo.py
    python launch/demo.py --config configs/reconstruct.py:triposr --checkpoint stabilityai/TripoSR --cut_out
    curl --data-binary @docs/images/cup.png http://127.0.0.1:7860/api/reconstruct -o cup.glb

Without --checkpoint it is the small model that comes with the package. It listens on this machine alone, unless --host
says otherwise; `--host 0.0.0.0` lets everybody in who can reach the port. Files of visitors are removed after a while.
Exit codes: 2 a setting cannot be used (one sentence says why), 143 or 130 stopped by SIGTERM or Ctrl-C.
"""

import argparse

from real3d_jax.commands.model_options import add_cut_out, add_elevation, add_model_options, elevation_change
from real3d_jax.config import files as config_files
from real3d_jax.errors import UserError
from real3d_jax.runtime import cli

_MOST = 1e6  # megabytes, megapixels, minutes


def main() -> int:
    """Reads the command line and serves."""
    parser = argparse.ArgumentParser(
        description=cli.as_called(__doc__),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Any key of the config can be set, which the sliders begin with: --config.surface.threshold=15",
        allow_abbrev=False,
    )
    add_model_options(parser)
    add_cut_out(parser, "objects")
    add_elevation(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    parser.add_argument("--port", type=int, default=7860, help="(default: %(default)s)")
    parser.add_argument("--share", action="store_true", help="a public address too, through Gradio's servers")
    most = parser.add_argument_group("limits")
    most.add_argument("--most_megabytes", type=float, default=20, help="of a picture's file (default: %(default)s)")
    most.add_argument("--most_megapixels", type=float, default=50, help="of a picture (default: %(default)s)")
    most.add_argument("--most_resolution", type=int, default=256, help="of a mesh (default: %(default)s)")
    most.add_argument("--most_waiting", type=int, default=16, help="for the model, others are sent away (%(default)s)")
    most.add_argument("--keep_minutes", type=float, default=60, help="of visitors' files (default: %(default)s)")
    arguments, changes = parser.parse_known_args()

    from real3d_jax.config.reconstruction import ReconstructionConfig

    config = config_files.load_as(ReconstructionConfig, arguments.config, [*changes, *elevation_change(arguments)])

    from real3d_jax.checkpoints.trained_model import as_trained, find_model, load_checkpoint
    from real3d_jax.inference.checks import check
    from real3d_jax.inference.demo.limits import Limits
    from real3d_jax.inference.demo.serve import check_demo_installed, serve
    from real3d_jax.inference.model import Model
    from real3d_jax.inference.preprocess import load_rembg
    from real3d_jax.inference.run import say_other_camera
    from real3d_jax.runtime.compile_cache import keep_programs
    from real3d_jax.weights.boxed import default_checkpoint

    if not 1 <= arguments.port <= 65535:
        raise UserError(f"--port is {arguments.port}: set it between 1 and 65535.")
    for name in ("most_megabytes", "most_megapixels", "keep_minutes"):
        if not 0 < getattr(arguments, name) <= _MOST:
            raise UserError(f"--{name} is {getattr(arguments, name):g}: set it above 0 and to at most {_MOST:g}.")
    limits = Limits(
        bytes=int(1e6 * arguments.most_megabytes),
        pixels=int(1e6 * arguments.most_megapixels),
        resolution=arguments.most_resolution,
        waiting=arguments.most_waiting,
        seconds=60 * arguments.keep_minutes,
    )
    check_demo_installed()
    check(config)
    keep_programs()
    found = find_model(arguments.checkpoint or default_checkpoint(config.model), ema=arguments.ema)
    config = as_trained(found, config)
    model = Model(config, load_checkpoint(found, config))
    say_other_camera(config, found)
    find_object = load_rembg(arguments.cut_out) if arguments.cut_out else None
    return serve(
        model, limits, find_object=find_object, host=arguments.host, port=arguments.port, share=arguments.share
    )
