"""Reconstructs photographs: for each an animation once around the object, a strip of views, and a mesh.

    python launch/reconstruct.py --input docs/images/cup.png --out out
    python launch/reconstruct.py --config configs/reconstruct.py:triposr --checkpoint weights/triposr \\
        --input 'photos/*.jpg' --out out --cut_out
    python launch/reconstruct.py --config configs/reconstruct.py:base --checkpoint runs/real3d --input a.png --out out

Without --checkpoint it is the small model that comes with the package.
The object must be cut out (a transparent background), or rembg does it (--cut_out). The same command goes on where a
stopped one left off, and photographs that were edited are done again. Exit codes: 0 finished, 2 a photograph or a
setting cannot be used, or a mesh is empty (one sentence says why; the others are done), 143 or 130 stopped by SIGTERM
or Ctrl-C.
"""

import argparse
from pathlib import Path

from real3d_jax.commands.model_options import NETWORK, add_cut_out, add_elevation, add_model_options, elevation_change
from real3d_jax.config import files as config_files
from real3d_jax.runtime import cli
from real3d_jax.runtime.compile_cache import keep_programs


def main() -> int:
    """Reads the command line and reconstructs."""
    parser = argparse.ArgumentParser(
        description=cli.as_called(__doc__),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Any key of the config can be set: --config.surface.resolution=512",
        allow_abbrev=False,
    )
    add_model_options(parser)
    parser.add_argument("--input", required=True, help="a photograph, a folder of them, or a pattern in quotes")
    add_cut_out(parser, "the object")
    add_elevation(parser)
    parser.add_argument(
        "--cut_out_always", action="store_true", help="also of photographs whose background is transparent"
    )
    parser.add_argument(
        "--redo", action="store_true", help="make anew what --out has of other settings, or of another picture"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of results: a folder for each photograph")
    arguments, changes = parser.parse_known_args()

    from real3d_jax.config.reconstruction import ReconstructionConfig

    config = config_files.load_as(ReconstructionConfig, arguments.config, [*changes, *elevation_change(arguments)])

    from real3d_jax.checkpoints.trained_model import find_model
    from real3d_jax.inference.run import reconstruct_all  # takes seconds to import: a mistyped config is told before
    from real3d_jax.weights.boxed import default_checkpoint

    keep_programs()
    model = find_model(arguments.checkpoint or default_checkpoint(config.model), ema=arguments.ema)
    always = arguments.cut_out_always
    cut_out = arguments.cut_out or (NETWORK if always else "")
    return reconstruct_all(
        config, model, arguments.input, arguments.out, cut_out=cut_out, always=always, redo=arguments.redo
    )
