"""Runs the rows of the paper's Table 5 (or Figure 5, Tables 6 and 7) one after another, and writes what came out.

    python launch/ablate.py --config configs/ablation.py --size tiny
    python launch/ablate.py --config configs/ablation.py --size small --rows base,clip,full --out runs/mine
    python launch/ablate.py --config configs/ablation.py --size tiny --rows figure_5
    python launch/ablate.py --config configs/ablation.py --size small --seeds 0 1 2
    python launch/ablate.py --config configs/table7.py --rows table_7 --size small --seeds 0 1 2
    python launch/ablate.py --config configs/table7.py --rows table_6 --size small --seeds 0 1 2

Stage 0 is trained first, and every row begins there, with the same seeds and one budget; not, however, from a stage 0
that knows too little of shape (config.gate). The same command goes on where a
stopped one left off; finished rows are kept. Exit codes: 0 finished, 2 something to put right (one sentence says what)
or a row that failed, 143 or 130 stopped by SIGTERM or Ctrl-C, with everything saved.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from real3d_jax.ablation.paper_sets import NOVEL_VIEWS, TEST_SETS, read_test_sets
from real3d_jax.ablation.rows import BASE, GAIN_ROWS, SIZES, listed, read_gain_rows, read_rows
from real3d_jax.config import files as config_files
from real3d_jax.config.ranges import SEEDS
from real3d_jax.errors import MissingDataError, UserError
from real3d_jax.runtime import cli
from real3d_jax.runtime.compile_cache import keep_programs


def main() -> int:
    """Reads the command line and runs the rows."""
    parser = argparse.ArgumentParser(
        description=cli.as_called(__doc__),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Any key of the training configs can be set, for all rows: --config.seed=7",
        allow_abbrev=False,
    )
    parser.add_argument("--config", required=True, help="config file, or name, whose argument is ROW,SIZE: ablation")
    parser.add_argument("--evaluation", help="config of the evaluation (default: eval/ beside --config, same name)")
    parser.add_argument(
        "--rows", default="", help="names with commas, table_5 (default), figure_5; or of table_6 and table_7"
    )
    parser.add_argument(
        "--test_sets",
        help="what rows are scored on besides: mvimgnet,co3d,omniobject3d,wild; '' for none "
        "(default: all of them for figure_5 and table_6, those with novel views for table_7)",
    )
    parser.add_argument("--size", choices=SIZES, default="tiny")
    parser.add_argument("--out", type=Path, help="folder of everything (default: runs/ablation_SIZE)")
    parser.add_argument("--steps", type=int, help="of every row (default: the config's)")
    parser.add_argument("--start", type=Path, help="checkpoint to begin with, instead of training stage 0")
    parser.add_argument("--start_steps", type=int, help="of stage 0 (default: the config's)")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[], help="repeats the rows (default: config.seed, once)"
    )
    parser.add_argument("--no_gate", action="store_true", help="begins rows whatever stage 0 knows: config.gate is 0")
    arguments, changes = parser.parse_known_args()
    gain_rows = read_gain_rows(arguments.rows)
    rows = [] if gain_rows else read_rows(arguments.rows)
    if rows == [BASE] and set(GAIN_ROWS) <= set(config_files.load_rows(arguments.config)):
        gain_rows = rows  # both kinds of tables have a row of that name
    test_sets = _test_sets(arguments)
    if "figure_5" in _words(arguments) and not test_sets:
        raise UserError("Figure 5 has a panel for each of --test_sets, which names none: name some, or leave it out.")
    for option in ("steps", "start_steps"):
        number = getattr(arguments, option)
        if number is not None and number < 1:
            raise UserError(f"--{option} must be at least 1, not {number}.")
    if arguments.start and arguments.start_steps:
        raise UserError("--start_steps is of stage 0, which --start replaces: leave out one of them.")

    _check_seeds(arguments.seeds, changes)
    if arguments.no_gate:
        changes += ["--config.gate.input_psnr=0", "--config.gate.iou=0"]

    if gain_rows:
        return _run_gains(arguments, gain_rows, test_sets, changes)

    from real3d_jax.ablation.figure import publish_figure
    from real3d_jax.ablation.plan import plan
    from real3d_jax.ablation.run import run  # takes seconds to import: a mistyped row is told before

    config = Path(arguments.config)
    ablation = plan(
        arguments.config,
        arguments.evaluation or str(config.parent / "eval" / config.name),
        rows=rows,
        size=arguments.size,
        out=arguments.out or Path("runs") / f"ablation_{arguments.size}",
        steps=arguments.steps,
        start=arguments.start,
        start_steps=arguments.start_steps,
        seeds=arguments.seeds,
        test_sets=test_sets,
        changes=changes,
    )
    keep_programs()
    try:
        return run(ablation, publish_more=publish_figure if _words(arguments) & {"figure_5"} else None)
    except MissingDataError as error:
        if arguments.size != "paper":
            raise
        raise UserError(
            f"{str(error).rstrip('.')}, or run on data that are made on the way, with --size tiny."
        ) from error


def _run_gains(arguments: argparse.Namespace, rows: list[str], test_sets: Sequence[str], changes: list[str]) -> int:
    from real3d_jax.ablation.gains import plan_gains, run_gains

    if arguments.start:
        raise UserError(
            "--start is of table_5 and figure_5; in tables 6 and 7 each row's init_from says where it begins."
        )
    config = Path(arguments.config)
    planned = plan_gains(
        arguments.config,
        arguments.evaluation or str(config.parent / "eval" / config.name),
        size=arguments.size,
        out=arguments.out or Path("runs") / f"table7_{arguments.size}",
        seeds=arguments.seeds,
        rows=rows,
        test_sets=test_sets,
        steps=arguments.steps,
        start_steps=arguments.start_steps,
        changes=changes,
    )
    keep_programs()
    return run_gains(planned)


def _words(arguments: argparse.Namespace) -> set[str]:
    return set(listed(arguments.rows))


def _test_sets(arguments: argparse.Namespace) -> Sequence[str]:
    if arguments.test_sets is not None:
        return read_test_sets(arguments.test_sets)
    words = _words(arguments)
    if words & {"figure_5", "table_6"}:
        return tuple(TEST_SETS)
    return NOVEL_VIEWS if "table_7" in words else ()


def _check_seeds(seeds: list[int], changes: list[str]) -> None:
    if seeds and (min(seeds) < 0 or max(seeds) >= SEEDS or len(set(seeds)) < len(seeds)):
        raise UserError(f"--seeds must be different numbers from 0 to {SEEDS - 1}, not {' '.join(map(str, seeds))}.")
    if seeds and any(word.partition("=")[0] == "--config.seed" for word in changes):
        raise UserError("--config.seed is of stage 0 and all rows, which --seeds gives others: leave out one of them.")
