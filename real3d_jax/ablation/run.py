"""Runs the rows of an ablation one after another: each from the same start, with one budget, and scored.

The folder has a training workdir for `start` (stage 0) and for each row, or for each of its seeds (`ROW/seed_N`), with
`evaluation/` in it; and `ablation.md` and `ablation.json`, written anew after every run. The same command goes on where
a stopped one left off.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from real3d_jax.ablation.gate import check_gate, gate_note
from real3d_jax.ablation.paper_sets import folder_of, results_of
from real3d_jax.ablation.plan import MAY_DIFFER, Ablation
from real3d_jax.ablation.pooling import Scored
from real3d_jax.ablation.rows import ROWS, START, row_of
from real3d_jax.ablation.table import MARKDOWN, publish
from real3d_jax.checkpoints.trained_model import TrainedModel, find_model
from real3d_jax.config import files as config_files
from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.config.training import Config
from real3d_jax.errors import MissingDataError, UserError
from real3d_jax.evaluation.evaluate import evaluate
from real3d_jax.evaluation.publish import SUMMARY
from real3d_jax.evaluation.results import ROWS as RESULTS
from real3d_jax.evaluation.results import SETTINGS, load_settings
from real3d_jax.runtime.cli import USER_ERROR
from real3d_jax.runtime.console import say
from real3d_jax.runtime.folders import read_json
from real3d_jax.training.loop import train


def run(ablation: Ablation, *, publish_more: Callable[[Ablation, Mapping[str, str]], None] | None = None) -> int:
    """Trains and scores everything that is not finished.

    Args:
      ablation: what is run.
      publish_more: is called after every run with what has failed, beside the table's being written.

    Returns:
      The exit code: 0 when every row has its numbers, 2 when one of them failed, 143 or 130 when stopped by a signal.

    Raises:
      UserError: something has to be put right first, or stage 0 is below the gate.
    """
    start: TrainedModel | None = None

    def begin(name: str) -> int:
        nonlocal start
        code = _train(ablation, name)
        if name == START and not code:
            start = find_model(ablation.start)
            _check_start(ablation, start)
        return code or _score(ablation, name, start if name == START else None)

    def write(failed: Mapping[str, str]) -> None:
        assert start is not None  # it is the first
        publish(
            ablation.out,
            _scored(ablation),
            failed,
            bootstrap=ablation.evaluation.bootstrap,
            about_start=_about_start(ablation, start),
        )
        if publish_more is not None:
            publish_more(ablation, failed)

    code = run_each(list(dict.fromkeys([START, *ablation.configs])), begin, write, starts=(START,))
    if code in (0, USER_ERROR):
        say((ablation.out / MARKDOWN).read_text().rstrip())
    return code


def run_each(
    names: Sequence[str],
    begin: Callable[[str], int],
    write: Callable[[Mapping[str, str]], None],
    *,
    starts: Collection[str],
) -> int:
    """One run after another.

    Args:
      names: of the runs.
      begin: trains and scores one, and returns an exit code; any but 0 ends everything.
      write: writes what is finished, given why others have failed; called after each.
      starts: runs without which the others have no beginning.

    Returns:
      The exit code: as `begin`'s, and 2 when a run has failed.

    Raises:
      UserError: a start failed, or data are missing.
    """
    failed: dict[str, str] = {}
    for number, name in enumerate(names, 1):
        say(f"row        {name} ({number} of {len(names)})")
        try:
            code = begin(name)
        except MissingDataError:
            raise
        except UserError as error:
            if name in starts:
                raise
            say(f"failed     {name}: {error}")
            failed[name] = str(error)
            code = 0
        if code:
            return code
        write(failed)
        jax.clear_caches()  # each row compiles its own programs
    return USER_ERROR if failed else 0


def train_and_score(ablation: Ablation, name: str) -> int:
    """A row that is no stage 0, or what is missing of it. Returns an exit code."""
    return _train(ablation, name) or _score(ablation, name, None)


def _train(ablation: Ablation, name: str) -> int:
    """Trains a row, or what is missing of it. Returns an exit code."""
    workdir, config = ablation.out / name, ablation.configs.get(name)
    return 0 if config is None or _is_trained(workdir, config) else train(config, workdir)


def _score(ablation: Ablation, name: str, model: TrainedModel | None) -> int:
    """Scores a row on what it is not scored on yet; `model` where it is found already. Returns an exit code."""
    checkpoint = ablation.start if name == START else ablation.out / name
    main = ablation.evaluation
    found = {
        folder_of(ablation.out, name, test, evaluation, main): evaluation
        for test, evaluation in {"": main, **ablation.test_sets}.items()
    }
    missing = {
        folder: evaluation
        for folder, evaluation in found.items()
        if not is_scored(folder, evaluation, {"path": str(checkpoint)})
    }
    if not missing:
        say(f"finished   {name}")
    for folder, evaluation in missing.items():
        model = model or find_model(checkpoint)
        if code := evaluate(evaluation, model, folder, method=name):
            return code
    return 0


def _check_start(ablation: Ablation, model: TrainedModel) -> None:
    """Refuses to begin rows with a stage 0 below the gate; finished ones stay."""
    configs = {name: config for name, config in ablation.configs.items() if name != START}
    start = ablation.configs.get(START)
    for name, config in configs.items():
        if not _is_trained(ablation.out / name, config):
            check_gate(config.gate, model, steps=start and start.schedule.steps)


def _about_start(ablation: Ablation, model: TrainedModel) -> str:
    gates = (config.gate for name, config in ablation.configs.items() if name != START)
    return gate_note(next(gates), model)


def _scored(ablation: Ablation) -> dict[str, list[Scored]]:
    """What is finished, in the table's order."""
    found: dict[str, list[Scored]] = {name: [] for name in (START, *ROWS)}
    for name in dict.fromkeys([START, *ablation.configs]):
        folder = results_of(ablation.out, name)
        if (folder / SUMMARY).exists():
            found[row_of(name)].append(Scored(folder, ablation.configs.get(name)))
    return {name: runs for name, runs in found.items() if runs}


def _is_trained(workdir: Path, config: Config) -> bool:
    summary = workdir / "summary.json"
    if not summary.exists():
        return False
    return read_json(summary, remedy="delete it, and it is written again")["steps"] >= config.schedule.steps


def is_scored(folder: Path, evaluation: EvaluationConfig, checkpoint: Mapping[str, Any]) -> bool:
    """Whether a folder's results are whole, and of this evaluation and checkpoint; else `evaluate` goes on or refuses.

    Args:
      folder: of the results.
      evaluation: that they should be of.
      checkpoint: what they should say of it: 'path', 'step'.
    """
    if not all((folder / file).exists() for file in (SUMMARY, SETTINGS, RESULTS)):
        return False
    settings = load_settings(folder)
    now = json.loads(json.dumps(config_files.to_tree(evaluation)))
    changed = config_files.differences(settings["config"], now, ignored=MAY_DIFFER)
    return checkpoint.items() <= settings["checkpoint"].items() and not changed
