"""From which number of photographs on adapting a model to them helps.

    python -m real3d_jax.ablation.adapting                       # draws, curates, trains, scores; minutes on a GPU
    python -m real3d_jax.ablation.adapting --config configs/adapting.py:rehearsal --out runs/rehearsal      # CPU

In the folder `--out` are then `adapting.json` and what is made of it, `table.md` and `curve.svg`; `before_after.png`;
and a workdir with `evaluation/` for each run. The same command goes on where a stopped one left off; `--documents`
writes table and curve of the JSON file into docs/, and measures nothing.
"""

from pathlib import Path

from real3d_jax.config import files as config_files
from real3d_jax.config.adapting import AdaptingConfig
from real3d_jax.runtime import cli, folders
from real3d_jax.runtime.compile_cache import keep_programs
from real3d_jax.runtime.console import say


def main() -> int:
    """Reads the command line and does what is not done."""
    parser = cli.module_parser("real3d_jax.ablation.adapting", __doc__)
    parser.epilog = "Any key of the config can be set: --config.seeds='(0, 1)'"
    parser.add_argument("--config", default="configs/adapting.py", help="(default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("runs/adapting"), help="folder (default: %(default)s)")
    parser.add_argument("--documents", action="store_true", help="writes table and curve into docs/, and ends")
    arguments, changes = parser.parse_known_args()
    config = config_files.load_as(AdaptingConfig, arguments.config, changes)

    from real3d_jax.ablation.adapting import documents, pictures, report
    from real3d_jax.ablation.adapting.study import Study, curate, run

    study = Study(config, arguments.out)
    if arguments.documents:
        documents.write(arguments.out)
        return 0
    plan = config_files.to_tree(config)
    folders.begin(study.out / "study.json", plan, made="begun")
    curate(study)
    keep_programs()
    code = run(study, lambda: report.publish(study))
    if code:
        return code
    say(report.table(report.publish(study)).rstrip())
    say(f"picture    {pictures.draw_pictures(study)}")
    return 0


if __name__ == "__main__":
    cli.run(main)
