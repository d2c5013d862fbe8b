"""What an ablation runs: the configurations of stage 0, of every row with every seed, and of the evaluation.

All of them are read and checked before the first is run.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from real3d_jax.ablation.paper_sets import Evaluations, load_evaluations, results_of
from real3d_jax.ablation.rows import FULL, ROWS, START, row_of, run_name
from real3d_jax.config import files as config_files
from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.config.training import Config, going_on
from real3d_jax.errors import UserError
from real3d_jax.evaluation.publish import SUMMARY
from real3d_jax.runtime import folders
from real3d_jax.weights.networks import RANDOM

# What may change between two calls of the command.
MAY_DIFFER = (
    "config.data.workers",
    "config.data.prefetch",
    "config.data.root",
    "config.data.max_quarantined",
    "config.schedule.keep",
    "config.schedule.checkpoint_minutes",
    "config.schedule.stop_if_unsaved",
    "config.gate",
)
_LENGTH = ("config.schedule.steps",)
_SEED_STRIDE = 1000  # between the seeds of a stream in runs of seeds that follow one another


@dataclasses.dataclass(frozen=True)
class Ablation:
    """What is run.

    Attributes:
      configs: of `start`, unless a checkpoint is given instead, and of every run by its name (`rows.run_name`).
      evaluation: what all are scored on.
      out: folder of everything.
      start: checkpoint that every row begins with.
      test_sets: what all are scored on besides, by the test set's name; one may be `evaluation` itself.
    """

    configs: Mapping[str, Config]
    evaluation: EvaluationConfig
    out: Path
    start: Path
    test_sets: Evaluations = dataclasses.field(default_factory=dict)


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
    seeds: Sequence[int] = (),
    test_sets: Sequence[str] = (),
    changes: list[str],
) -> Ablation:
    """Reads the configurations of all rows, so that a mistake in any is told before the first is run.

    Args:
      config: file of training configurations, whose argument is 'ROW,SIZE'.
      evaluation: file of the evaluation's configuration, whose argument is the size, or 'SIZE,TEST SET'.
      rows: names of them.
      size: 'tiny', 'small' or 'paper'.
      out: folder of everything.
      steps: of every row; None takes those of the config.
      start: checkpoint to begin with; None trains stage 0 first.
      start_steps: of stage 0; None takes those of its config.
      seeds: that every row is repeated with, each in a folder of its own; none takes the config's, once.
      test_sets: names of those that rows are scored on besides.
      changes: `--config.KEY=VALUE`, for every row.

    Raises:
      UserError: a file cannot be used.
    """
    configs = {}
    if start is None:
        configs[START] = with_steps(config_files.load(f"{config}:{START},{size}", changes), start_steps)
    source = start or out / START
    runs = [(row, seed) for seed in seeds or (None,) for row in rows]
    for row, seed in dict.fromkeys([*runs, *_finished(out, with_seeds=bool(seeds))]):
        loaded = with_steps(config_files.load(f"{config}:{row},{size}", changes), steps)
        configs[run_name(row, seed)] = dataclasses.replace(with_seed(loaded, seed), init_from=str(source))
    _check_changes(config, list(dict.fromkeys(map(row_of, configs))), size, changes)
    begun = any(
        (folder / "config.json").exists() for row in ROWS for folder in (out / row, *(out / row).glob("seed_*"))
    )
    for name, found in configs.items():
        check_same(out / name, found, may_grow=name == START and not begun)
    first = next(iter(configs.values()))

    def scored_on(variant: str) -> EvaluationConfig:
        return with_changes(config_files.load_as(EvaluationConfig, f"{evaluation}:{variant}"), first)

    more = load_evaluations(lambda test: scored_on(f"{size},{test}"), test_sets)
    return Ablation(configs, scored_on(size), out, source, more)


def _finished(out: Path, *, with_seeds: bool) -> list[tuple[str, int | None]]:
    """The rows that an earlier call has scored, with their seeds or without."""
    if not with_seeds:
        return [(row, None) for row in ROWS if (results_of(out, row) / SUMMARY).exists()]
    found = [(row, folder) for row in ROWS for folder in (out / row).glob("seed_*")]
    scored = [
        (row, folder.name.removeprefix("seed_")) for row, folder in found if (folder / "evaluation" / SUMMARY).exists()
    ]
    return sorted((row, int(seed)) for row, seed in scored if seed.isdigit())


def check_same(workdir: Path, config: Config, *, may_grow: bool) -> None:
    """Refuses to mix rows of different settings in one table. A run that none begins with yet `may_grow` longer."""
    path = workdir / "config.json"
    if not path.exists():
        return
    saved = folders.read_json(path, remedy=f"delete '{workdir}', and it is run again")
    now = json.loads(json.dumps(config_files.to_tree(going_on(config, saved))))
    longer = may_grow and saved["schedule"]["steps"] < config.schedule.steps
    folders.check_same(
        saved,
        now,
        lambda change: f"'{workdir}' was run with other settings ({change}): choose another --out.",
        where="config",
        may_differ=MAY_DIFFER + _LENGTH * longer,
    )


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


def with_changes(evaluation: EvaluationConfig, config: Config) -> EvaluationConfig:
    """The evaluation of what `config` trains: of its model, on data that lie in its folder and are made as it says.

    A VGG with weights that is given for the losses' LPIPS judges the rows, too, unless the evaluation names its own.
    """
    embedded = {name: config.data.embedded.get(name, made) for name, made in evaluation.data.embedded.items()}
    data = dataclasses.replace(evaluation.data, root=config.data.root, embedded=embedded)
    vgg = evaluation.networks.vgg or (config.perceptual.vgg if config.perceptual.vgg != RANDOM else "")
    networks = dataclasses.replace(evaluation.networks, vgg=vgg)
    return dataclasses.replace(evaluation, model=config.model, data=data, networks=networks)


def with_seed(config: Config, seed: int | None) -> Config:
    """The same with another seed, and other objects streamed."""
    if seed is None:
        return config
    streamed = {
        name: dataclasses.replace(stream, seed=stream.seed + _SEED_STRIDE * seed)
        for name, stream in config.data.streamed.items()
    }
    return dataclasses.replace(config, seed=seed, data=dataclasses.replace(config.data, streamed=streamed))


def with_steps(config: Config, steps: int | None) -> Config:
    """The same with another length."""
    if steps is None:
        return config
    return dataclasses.replace(config, schedule=dataclasses.replace(config.schedule, steps=steps))
