"""Runs the rows of an ablation one after another: each from the same start, with one seed and one budget, and scored.

The folder has a training workdir for `start` (stage 0) and for each row, with `evaluation/` in it; and `ablation.md`
and `ablation.json`, written anew after every row. The same command goes on where a stopped one left off.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import jax

from real3d_jax import config_files
from real3d_jax.ablation.rows import FULL, ROWS, START
from real3d_jax.ablation.table import MARKDOWN, Scored, publish
from real3d_jax.cli import USER_ERROR
from real3d_jax.config.training import Config
from real3d_jax.errors import MissingDataError, UserError
from real3d_jax.scoring.config import EvaluationConfig
from real3d_jax.scoring.evaluation import evaluate
from real3d_jax.scoring.publish import SUMMARY
from real3d_jax.scoring.results import ROWS as RESULTS
from real3d_jax.scoring.results import SETTINGS, load_settings
from real3d_jax.training.loop import train
from real3d_jax.training.reporting import say

# What may change between two calls of the command.
_MAY_DIFFER = ("config.data.workers", "config.data.prefetch", "config.data.root", "config.schedule.keep")


@dataclasses.dataclass(frozen=True)
class Ablation:
    """What is run.

    Attributes:
      configs: of `start`, unless a checkpoint is given instead, and of every row by its name.
      evaluation: what all are scored on.
      out: folder of everything.
      start: checkpoint that every row begins with.
    """

    configs: Mapping[str, Config]
    evaluation: EvaluationConfig
    out: Path
    start: Path


def plan(
    config: str,
    evaluation: str,
    *,
    rows: list[str],
    size: str,
    out: Path,
    steps: int | None = None,
    start: Path | None = None,
    start_steps: int | None = None,
    changes: list[str],
) -> Ablation:
    """Reads the configurations of all rows, so that a mistake in any is told before the first is run.

    Args:
      config: file of training configurations, whose argument is 'ROW,SIZE'.
      evaluation: file of the evaluation's configuration, whose argument is the size.
      rows: names of them.
      size: 'tiny', 'small' or 'paper'.
      out: folder of everything.
      steps: of every row; None takes those of the config.
      start: checkpoint to begin with; None trains stage 0 first.
      start_steps: of stage 0; None takes those of its config.
      changes: `--config.KEY=VALUE`, for every row.

    Raises:
      UserError: a file cannot be used.
    """
    earlier = [name for name in ROWS if name not in rows and (_results(out, name) / SUMMARY).exists()]
    configs = {}
    if start is None:
        configs[START] = _with_steps(config_files.load(f"{config}:{START},{size}", changes), start_steps)
    source = start or out / START
    for name in [*rows, *earlier]:
        loaded = _with_steps(config_files.load(f"{config}:{name},{size}", changes), steps)
        configs[name] = dataclasses.replace(loaded, init_from=str(source))
    _check_changes(config, list(configs), size, changes)
    for name, row in configs.items():
        _check_same(out / name, row)
    scored_on = config_files.load_as(EvaluationConfig, f"{evaluation}:{size}")
    return Ablation(configs, _with_changes(scored_on, next(iter(configs.values()))), out, source)


def run(ablation: Ablation) -> int:
    """Trains and scores everything that is not finished.

    Returns:
      The exit code: 0 when every row has its numbers, 2 when one of them failed, 143 or 130 when stopped by a signal.

    Raises:
      UserError: something has to be put right first.
    """
    failed: dict[str, str] = {}
    names = list(dict.fromkeys([START, *ablation.configs]))
    for number, name in enumerate(names, 1):
        say(f"row        {name} ({number} of {len(names)})")
        try:
            code = _train_and_score(ablation, name)
        except MissingDataError:
            raise
        except UserError as error:
            if name == START:
                raise
            say(f"failed     {name}: {error}")
            failed[name] = str(error)
            code = 0
        if code:
            return code
        publish(ablation.out, _scored(ablation), failed, bootstrap=ablation.evaluation.bootstrap)
        jax.clear_caches()  # each row compiles its own programs
    say((ablation.out / MARKDOWN).read_text().rstrip())
    return USER_ERROR if failed else 0


def _train_and_score(ablation: Ablation, name: str) -> int:
    """One row, or what is missing of it. Returns an exit code."""
    workdir = ablation.out / name
    checkpoint = ablation.start if name == START else workdir
    config = ablation.configs.get(name)
    if config is not None and not _is_trained(workdir, config):
        code = train(config, workdir)
        if code:
            return code
    if _is_scored(ablation, name, checkpoint):
        say(f"finished   {name}")
        return 0
    return evaluate(ablation.evaluation, checkpoint, _results(ablation.out, name), method=name)


def _scored(ablation: Ablation) -> dict[str, Scored]:
    """What is finished, in the table's order."""
    found = {}
    for name in (START, *ROWS):
        folder = _results(ablation.out, name)
        if (name == START or name in ablation.configs) and (folder / SUMMARY).exists():
            found[name] = Scored(folder, ablation.configs.get(name))
    return found


def _results(out: Path, name: str) -> Path:
    return out / name / "evaluation"


def _is_trained(workdir: Path, config: Config) -> bool:
    summary = workdir / "summary.json"
    return summary.exists() and json.loads(summary.read_text())["steps"] >= config.schedule.steps


def _is_scored(ablation: Ablation, name: str, checkpoint: Path) -> bool:
    """Whether the results are whole, and of this evaluation; if they are not, `evaluate` goes on or refuses."""
    folder = _results(ablation.out, name)
    if not all((folder / file).exists() for file in (SUMMARY, SETTINGS, RESULTS)):
        return False
    settings = load_settings(folder)
    now = json.loads(json.dumps(config_files.to_tree(ablation.evaluation)))
    changed = config_files.differences(settings["config"], now, ignored=_MAY_DIFFER)
    return settings["checkpoint"]["path"] == str(checkpoint) and not changed


def _check_same(workdir: Path, config: Config) -> None:
    """Refuses to mix rows of different settings in one table."""
    path = workdir / "config.json"
    if not path.exists():
        return
    try:
        saved = json.loads(path.read_text())
    except ValueError as error:
        raise UserError(f"'{path}' is not valid JSON any more: delete '{workdir}', and it is run again.") from error
    now = json.loads(json.dumps(config_files.to_tree(config)))
    changed = config_files.differences(saved, now, ignored=_MAY_DIFFER)
    if changed:
        raise UserError(f"'{workdir}' was run with other settings ({changed[0]}): choose another --out.")


def _check_changes(config: str, rows: list[str], size: str, changes: list[str]) -> None:
    """Refuses changes on the command line that undo what a row is, such as a weight for a loss that it leaves out."""
    for name in rows if changes else ():
        (before, after) = (
            {line.split(":")[0] for line in config_files.differences(full, row)}
            for full, row in (
                [config_files.to_tree(config_files.load(f"{config}:{row},{size}", given)) for row in (FULL, name)]
                for given in ([], changes)
            )
        )
        for key in sorted(before ^ after):
            raise UserError(f"--{key} would undo what makes the row '{name}': change it in a config file of your own.")


def _with_changes(evaluation: EvaluationConfig, config: Config) -> EvaluationConfig:
    """The evaluation of what `config` trains: of its model, on data that lie in its folder and are made as it says."""
    embedded = {name: config.data.embedded.get(name, made) for name, made in evaluation.data.embedded.items()}
    data = dataclasses.replace(evaluation.data, root=config.data.root, embedded=embedded)
    return dataclasses.replace(evaluation, model=config.model, data=data)


def _with_steps(config: Config, steps: int | None) -> Config:
    """The same with another length; the curriculum ends with the run, as in Eq. 6."""
    if steps is None:
        return config
    cycle = config.losses.cycle
    cycle = dataclasses.replace(cycle, curriculum=dataclasses.replace(cycle.curriculum, steps=steps))
    return dataclasses.replace(
        config,
        schedule=dataclasses.replace(config.schedule, steps=steps),
        losses=dataclasses.replace(config.losses, cycle=cycle),
    )
