"""Tables 6 and 7: what real multi-view captures bring LRM, against what single views of the same objects bring Real3D.

The folder has a training workdir for each start (`start_lrm`, `start_real3d`) and for each row and seed, with
`evaluation/` in it, and `gains.md` and `gains.json`, written anew after every run. The same command goes on where a
stopped one left off; finished runs are kept.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax

from real3d_jax.ablation.plan import Ablation, check_same, results_of, with_changes, with_seed, with_steps
from real3d_jax.ablation.pooling import Scored, difference_of_gains, pooled_differences, pooled_metrics
from real3d_jax.ablation.rows import GAIN_ROWS, row_of, run_name
from real3d_jax.ablation.run import train_and_score
from real3d_jax.config import files as config_files
from real3d_jax.config.evaluation import BootstrapConfig, EvaluationConfig
from real3d_jax.config.training import Config
from real3d_jax.errors import UserError
from real3d_jax.evaluation.comparison import Difference
from real3d_jax.evaluation.publish import SUMMARY
from real3d_jax.evaluation.summary import Metric
from real3d_jax.evaluation.tables import cell, cell_of, heading, ordered
from real3d_jax.runtime.cli import USER_ERROR
from real3d_jax.runtime.console import say
from real3d_jax.runtime.folders import write_result

JSON, MARKDOWN = "gains.json", "gains.md"
STARTS = {"start_lrm": "LRM, stage 0", "start_real3d": "Real3D, stage 0"}
_START_OF = {"lrm": "start_lrm", "lrm_real": "start_lrm", "base": "start_real3d", "real3d": "start_real3d"}
MULTI_VIEW, SELF_TRAINING = ("lrm_real", "lrm"), ("real3d", "base")


class Gains(NamedTuple):
    """What is run: configurations and evaluations of starts and runs by name, in order, and the folder of all."""

    configs: Mapping[str, Config]
    evaluations: Mapping[str, EvaluationConfig]
    out: Path


def plan_gains(
    config: str,
    evaluation: str,
    *,
    size: str,
    out: Path,
    seeds: Sequence[int],
    rows: Sequence[str] = tuple(GAIN_ROWS),
    steps: int | None = None,
    start_steps: int | None = None,
    changes: Sequence[str] = (),
) -> Gains:
    """Reads all configurations, so that a mistake in any is told before the first is run.

    Args:
      config: file of training configurations, whose argument is 'ROW,SIZE'. Rows whose `init_from` names a start of the
        same table begin there; others begin where their config says.
      evaluation: file of the evaluations' configurations, with the same argument.
      size: 'tiny', 'small' or 'paper'.
      out: folder of everything.
      seeds: of every row; none takes the config's, once.
      rows: some of `GAIN_ROWS`; the starts that they need come along. Commands with other rows can go beside, once a start
        that they share is finished.
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
            source = str(out / found.init_from) if found.init_from in STARTS else found.init_from
            run = with_seed(with_steps(found, steps), seed)
            configs[run_name(row, seed)] = dataclasses.replace(run, init_from=source)
    evaluations = {}
    for name, found in configs.items():
        check_same(out / name, found, may_grow=False)
        scored_on = config_files.load_as(EvaluationConfig, f"{evaluation}:{row_of(name)},{size}")
        evaluations[name] = with_changes(scored_on, found)
    return Gains(configs, evaluations, out)


def run_gains(gains: Gains) -> int:
    """Trains and scores everything that is not finished.

    Returns:
      The exit code: 0 when every row has its numbers, 2 when one of them failed, 143 or 130 when stopped by a signal.
    """
    failed: dict[str, str] = {}
    for number, (name, config) in enumerate(gains.configs.items(), 1):
        say(f"row        {name} ({number} of {len(gains.configs)})")
        alone = Ablation({name: config}, gains.evaluations[name], gains.out, gains.out / name)
        try:
            if code := train_and_score(alone, name):
                return code
        except UserError as error:
            if name in STARTS:
                raise
            say(f"failed     {name}: {error}")
            failed[name] = str(error)
        publish_gains(gains, failed)
        jax.clear_caches()
    say((gains.out / MARKDOWN).read_text().rstrip())
    return USER_ERROR if failed else 0


def publish_gains(gains: Gains, failed: Mapping[str, str]) -> None:
    """Writes `gains.json` and `gains.md` of what is finished; `failed` says why a run has no numbers."""
    scored: dict[str, list[Scored]] = {}
    for name, config in gains.configs.items():
        folder = results_of(gains.out, name)
        if (folder / SUMMARY).exists():
            scored.setdefault(row_of(name), []).append(Scored(folder, config))
    evaluation = next(iter(gains.evaluations.values()))
    bootstrap = evaluation.bootstrap
    metrics = {row: pooled_metrics(runs, bootstrap) for row, runs in scored.items()}
    deltas = _deltas(scored, bootstrap)
    said = [f"`{name}` failed: {reason}" for name, reason in failed.items()]
    tree = {
        "rows": {row: {key: dataclasses.asdict(x) for key, x in found.items()} for row, found in metrics.items()},
        "deltas": {words: {key: dataclasses.asdict(x) for key, x in found.items()} for words, found in deltas.items()},
        "failed": dict(failed),
    }
    write_result(gains.out / JSON, json.dumps(tree, indent=1, allow_nan=False) + "\n")
    lines = [*_markdown(metrics, deltas, evaluation.table), _note(gains, scored, bootstrap), *said]
    write_result(gains.out / MARKDOWN, "\n".join(lines) + "\n")


def _deltas(scored: Mapping[str, Sequence[Scored]], bootstrap: BootstrapConfig) -> dict[str, dict[str, Difference]]:
    def of(pair: tuple[str, str]) -> tuple[Sequence[Scored], Sequence[Scored]]:
        return scored.get(pair[0], ()), scored.get(pair[1], ())

    multi_view, self_training = of(MULTI_VIEW), of(SELF_TRAINING)
    found = {
        "LRM* - LRM (multi-view)": pooled_differences(*multi_view, bootstrap=bootstrap),
        "Real3D - TripoSR (single views)": pooled_differences(*self_training, bootstrap=bootstrap),
        "single views' gain - multi-view's": difference_of_gains([self_training, multi_view], bootstrap),
    }
    return {words: differences for words, differences in found.items() if differences}


def _markdown(
    metrics: Mapping[str, Mapping[str, Metric]], deltas: Mapping[str, Mapping[str, Difference]], table: int
) -> list[str]:
    columns = ordered({key: metric for found in metrics.values() for key, metric in found.items()}, table)
    heads = ["Model", *map(heading, columns)]
    lines = [heads, ["---"] * len(heads)]
    names = {**STARTS, **GAIN_ROWS}
    lines += [[names[row], *(cell(found.get(key), key) for key in columns)] for row, found in metrics.items()]
    for words, found in deltas.items():
        lines.append([words, *(_difference(found.get(key), key) for key in columns)])
    return ["| " + " | ".join(line) + " |" for line in lines]


def _difference(found: Difference | None, key: str) -> str:
    if found is None:
        return "-"
    p = "" if found.p is None else f", p {found.p:.4f}"
    return cell_of(found.mean, found.interval, key) + p


def _note(gains: Gains, scored: Mapping[str, Sequence[Scored]], bootstrap: BootstrapConfig) -> str:
    runs = {row: config for name, config in gains.configs.items() if (row := row_of(name)) in GAIN_ROWS}
    steps = ", ".join(f"{GAIN_ROWS[row]} {config.schedule.steps}" for row, config in runs.items())
    seeds = ", ".join(f"{GAIN_ROWS[row]} {len(scored.get(row, ()))}" for row in runs)
    return (
        f"\nSteps: {steps}. Seeds: {seeds}. In brackets {bootstrap.level:.0%} bootstrap intervals over objects, and "
        "seeds where there are several; of differences, paired object by object and seed by seed."
    )
