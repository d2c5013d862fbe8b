"""Scores a model, or renders of any method, and writes tables and a report.

    python launch/evaluate.py --config configs/eval/smoke.py --checkpoint mini
    python launch/evaluate.py --renders lgm/mvimgnet --out results/lgm
    python launch/evaluate.py --out results/mine --compare results/lgm

The same command goes on where a stopped one left off. Exit codes: 0 finished, 2 something to put right (one sentence
says what), 143 or 130 stopped by SIGTERM or Ctrl-C; what was scored is kept. Several hosts: docs/pods.md.
"""

import argparse
from pathlib import Path

from real3d_jax.config import files as config_files
from real3d_jax.errors import UserError
from real3d_jax.runtime import cli, hosts, watch
from real3d_jax.runtime.compile_cache import keep_programs


def main() -> int:
    """Reads the command line and scores."""
    parser = argparse.ArgumentParser(
        description=cli.as_called(__doc__),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Any key of the config can be set: --config.data.limit=10",
        allow_abbrev=False,
    )
    parser.add_argument("--config", help="config file, or a name: eval/co3d or eval/co3d:released")
    parser.add_argument("--checkpoint", type=Path, help="training workdir, its step, weights, 'mini' or a hub name")
    parser.add_argument("--ema", action="store_true", help="score the averaged parameters of a run")
    parser.add_argument("--renders", type=Path, help="folder of renders of any method (docs/evaluation.md)")
    parser.add_argument("--vgg", default="", help="with --renders: ImageNet VGG16, path or hub name, for LPIPS")
    parser.add_argument("--clip", default="", help="with --renders: CLIP, path or hub name")
    parser.add_argument("--inception", default="", help="with --renders: pytorch-fid's InceptionV3, path")
    parser.add_argument("--out", type=Path, help="folder of results (default: evaluation/ in the checkpoint's run)")
    parser.add_argument("--name", help="of the method, in tables (default: the folder's)")
    parser.add_argument("--compare", type=Path, help="results of another evaluation, to be compared object by object")
    parser.add_argument(
        "--multihost",
        action="store_true",
        help="one process a host, to score a checkpoint; JAX finds the others (docs/pods.md)",
    )
    watch.add_options(parser)
    arguments, changes = parser.parse_known_args()
    if arguments.renders and (arguments.config or arguments.checkpoint or changes):
        raise UserError("--renders scores pictures that are there: leave out --config, --checkpoint and --config.KEY.")
    for option in () if arguments.renders else ("vgg", "clip", "inception"):
        if getattr(arguments, option):
            raise UserError(f"--{option} is of --renders: of a checkpoint, give it by --config.networks.{option}=PATH.")
    if arguments.renders and arguments.ema:
        raise UserError("--ema is of a run's parameters, which --renders has none of: leave it out.")
    if arguments.multihost and not (arguments.config and arguments.checkpoint):
        raise UserError("--multihost is for scoring a checkpoint: give --config and --checkpoint, or leave it out.")
    with watch.joined(arguments):
        keep_programs()
        with hosts.together():
            if arguments.compare and hosts.is_first():
                from real3d_jax.evaluation.results import load_settings

                load_settings(arguments.compare)  # what is not there is told before anything is scored
        code, out = _score(arguments, changes)
        if code == 0 and arguments.compare and hosts.is_first():
            from real3d_jax.evaluation.comparison import compare

            compare(out, arguments.compare)
    return code


def _score(arguments: argparse.Namespace, changes: list[str]) -> tuple[int, Path]:
    """Scores what the command line names. Returns the exit code and the folder of results."""
    out = arguments.out
    if arguments.renders:
        if out is None:
            raise UserError("--renders needs --out: name a folder for the results.")
        from real3d_jax.config.evaluation import NetworksConfig
        from real3d_jax.evaluation.score_renders import evaluate_renders

        options = NetworksConfig(
            vgg=arguments.vgg, clip=arguments.clip, clip_random_size="base", inception=arguments.inception
        )
        method = arguments.name or arguments.renders.resolve().name
        return evaluate_renders(arguments.renders, out, method=method, options=options), out
    if not arguments.config or not arguments.checkpoint:
        if out is not None and arguments.compare and not (arguments.config or arguments.checkpoint):
            return 0, out
        raise UserError("Give --config and --checkpoint, or --renders and --out, or --out and --compare.")

    from real3d_jax.config.evaluation import EvaluationConfig

    with hosts.together():
        config = config_files.load_as(EvaluationConfig, arguments.config, changes)

    from real3d_jax.checkpoints.trained_model import find_model
    from real3d_jax.evaluation.evaluate import evaluate
    from real3d_jax.evaluation.results import default_out

    method = arguments.name or arguments.checkpoint.resolve().name
    with hosts.together():
        model = find_model(arguments.checkpoint, ema=arguments.ema)
    out = out or default_out(arguments.checkpoint, config.name)
    return evaluate(config, model, out, method=method), out
