"""Tables 6 and 7: what real multi-view captures bring LRM, against what single views bring Real3D.

The folder has a training workdir for each start (`start_lrm`, `start_real3d`) and for each row and seed, with
`evaluation/` in it (and `evaluation_SET/` for further test sets), and `gains.md`, `table_6.md` and `gains.json`,
written anew after every run. The same command goes on where a stopped one left off; finished runs are kept.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from real3d_jax.ablation.gain_tables import publish_gains
from real3d_jax.ablation.paper_sets import Evaluations, folder_of, load_evaluations
from real3d_jax.ablation.plan import Ablation, check_same, with_changes, with_seed, with_steps
from real3d_jax.ablation.pooling import Scored
from real3d_jax.ablation.rows import GAIN_ROWS, GAIN_STARTS, GAIN_TABLES, row_of, run_name
from real3d_jax.ablation.run import run_each, train_and_score
from real3d_jax.config import files as config_files
from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.config.training import Config
from real3d_jax.evaluation.publish import SUMMARY
from real3d_jax.runtime.cli import USER_ERROR
from real3d_jax.runtime.console import say

_START_OF = {row: "start_lrm" if row.startswith("lrm") else "start_real3d" for row in GAIN_ROWS}


class Gains(NamedTuple):
    """What is run.

    Attributes:
      configs: of starts and runs by name, in order.
      evaluations: what each is scored on.
      test_sets: what each is scored on besides; one of each may be its `evaluations` itself.
      out: folder of all.
    """

    configs: Mapping[str, Config]
    evaluations: Mapping[str, EvaluationConfig]
    test_sets: Mapping[str, Evaluations]
    out: Path


def plan_gains(
    config: str,
    evaluation: str,
    *,
    size: str,
    out: Path,
    seeds: Sequence[int],
    rows: Sequence[str] = GAIN_TABLES["table_7"],
    test_sets: Sequence[str] = (),
    steps: int | None = None,
    start_steps: int | None = None,
    changes: Sequence[str] = (),
) -> Gains:
    """Reads all configurations, so that a mistake in any is told before the first is run.

    Args:
      config: file of training configurations, whose argument is 'ROW,SIZE'. Rows whose `init_from` names a start of the
        same table begin there; others begin where their config says.
      evaluation: file of the evaluations' configurations, with the same argument, or 'ROW,SIZE,TEST SET'.
      size: 'tiny', 'small' or 'paper'.
      out: folder of everything.
      seeds: of every row; none takes the config's, once.
      rows: some of `GAIN_ROWS`; the starts that they need come along. Commands with other rows can go beside, once a
        start that they share is finished.
      test_sets: names of those that rows are scored on besides.
      steps: of every row; None takes those of the configs.
      start_steps: of stage 0; None takes those of its config.
      changes: `--config.KEY=VALUE`, for all.

    Raises:
      UserError: a file cannot be used, or a folder has runs of other settings.
    """
    loaded = {row: config_files.load(f"{config}:{row},{size}", changes) for row in rows}
    needed = [start for row, start in _START_OF.items() if row in loaded and loaded[row].init_from == start]
    configs: dict[str, Config] = {}
    for start in dict.fromkeys(needed):
        configs[start] = with_steps(config_files.load(f"{config}:{start},{size}", changes), start_steps)
    for seed in seeds or (None,):
        for row, found in loaded.items():
            source = str(out / found.init_from) if found.init_from in GAIN_STARTS else found.init_from
            run = with_seed(with_steps(found, steps), seed)
            configs[run_name(row, seed)] = dataclasses.replace(run, init_from=source)
    evaluations, more = {}, {}
    for name, found in configs.items():
        check_same(out / name, found, may_grow=False)

        def scored_on(*test: str, row: str = row_of(name), trained: Config = found) -> EvaluationConfig:
            variant = ",".join((row, size, *test))
            return with_changes(config_files.load_as(EvaluationConfig, f"{evaluation}:{variant}"), trained)

        evaluations[name] = scored_on()
        more[name] = load_evaluations(scored_on, test_sets)
    return Gains(configs, evaluations, more, out)


def run_gains(gains: Gains) -> int:
    """Trains and scores everything that is not finished.

    Returns:
      The exit code: 0 when every row has its numbers, 2 when one of them failed, 143 or 130 when stopped by a signal.
    """

    def begin(name: str) -> int:
        alone = Ablation(
            {name: gains.configs[name]}, gains.evaluations[name], gains.out, gains.out / name, gains.test_sets[name]
        )
        return train_and_score(alone, name)

    said: list[str] = []

    def write(failed: Mapping[str, str]) -> None:
        said[:] = [publish(gains, failed)]

    code = run_each(list(gains.configs), begin, write, starts=GAIN_STARTS)
    if code in (0, USER_ERROR):
        say(said[0].rstrip())
    return code


def publish(gains: Gains, failed: Mapping[str, str]) -> str:
    """Writes what is finished; returns the tables."""
    tests = ("", *next(iter(gains.test_sets.values())))
    scored = {test: found for test in tests if (found := _scored(gains, test)) or not test}
    evaluation = next(iter(gains.evaluations.values()))
    return publish_gains(
        gains.out, scored, failed, configs=gains.configs, bootstrap=evaluation.bootstrap, table=evaluation.table
    )


def _scored(gains: Gains, test: str) -> dict[str, list[Scored]]:
    """The finished runs of each row on a test set."""
    found: dict[str, list[Scored]] = {}
    for name, config in gains.configs.items():
        main = gains.evaluations[name]
        folder = folder_of(gains.out, name, test, gains.test_sets[name].get(test, main), main)
        if (folder / SUMMARY).exists():
            found.setdefault(row_of(name), []).append(Scored(folder, config))
    return found
