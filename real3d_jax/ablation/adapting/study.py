"""Draws, curates, trains with growing numbers of photographs, and scores: all that is not there yet."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax

from real3d_jax.ablation.adapting.photographs import DEPTHS, INSTANCES, PHOTOGRAPHS, draw_photographs
from real3d_jax.ablation.pooling import Scored
from real3d_jax.checkpoints.trained_model import find_model
from real3d_jax.config import files as config_files
from real3d_jax.config.adapting import AdaptingConfig
from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.config.training import BatchConfig, Config
from real3d_jax.data.names import place
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.errors import UserError, check_installed
from real3d_jax.evaluation.evaluate import evaluate
from real3d_jax.evaluation.publish import SUMMARY
from real3d_jax.runtime import folders
from real3d_jax.runtime.console import say
from real3d_jax.training.loop import train

START = "start"
_OWN = "own"  # the one real data set of the training config


@dataclasses.dataclass(frozen=True)
class Study:
    """A study in its folder, `out`."""

    config: AdaptingConfig
    out: Path

    @property
    def curated(self) -> Path:
        """The folder of the curation."""
        return self.out / "curated"

    @property
    def records(self) -> Path:
        """The folder of the curated photographs."""
        return self.curated / "records"

    def workdir(self, number: int, seed: int) -> Path:
        """The folder of a run."""
        return self.out / str(number) / f"seed_{seed}"

    def results(self, number: int, seed: int) -> Path:
        """The folder of a run's scores."""
        return self.workdir(number, seed) / "evaluation"


def curate(study: Study) -> None:
    """Makes what is missing of `drawn/` and `curated/`.

    Raises:
      UserError: pycocotools, of the curation extra, is missing, or a folder holds others.
    """
    if (study.curated / "summary.json").exists():
        say(f"finished   {study.curated}")
        return
    check_installed("pycocotools", what="Photographs are curated", extra="curation")
    from real3d_jax.curation.backends.precomputed_depth import PrecomputedDepth
    from real3d_jax.curation.backends.precomputed_instances import PrecomputedInstances
    from real3d_jax.curation.run.curate import Curation
    from real3d_jax.curation.settings import CurationSettings, FilterSettings, OcclusionSettings

    drawn, curation = study.out / "drawn", study.config.curation
    say(f"drawing    {study.config.photographs.count} photographs")
    settings = dataclasses.asdict(study.config.photographs)
    draw_photographs(drawn, study.config.photographs, settings=settings)
    filters = FilterSettings(min_side=curation.min_side, border=curation.border)
    summary = Curation(
        source=str(drawn / PHOTOGRAPHS),
        out=study.curated,
        segmentation=PrecomputedInstances(False),
        depth=PrecomputedDepth((drawn / DEPTHS).resolve(), "disparity", False),
        rules=CurationSettings(filters, OcclusionSettings(), 0),
        instances=drawn / INSTANCES,
        image_size=curation.image_size,
    ).run(progress=False, beam=False)
    say(f"curated    {summary['instances']['kept']} of {summary['instances']['all']} instances: {summary['reasons']}")


def plan(study: Study) -> tuple[dict[tuple[int, int], Config], EvaluationConfig]:
    """The configuration of every run by number and seed, and of the scores, checked before the first begins.

    Raises:
      UserError: a config cannot be used, or there are fewer photographs than the greatest number.
    """
    config = study.config
    if list(config.numbers) != sorted(set(config.numbers)) or min(config.numbers, default=-1) < 0:
        raise UserError(f"config.numbers must grow from 0 on, not {config.numbers}.")
    scored_on = config_files.load_as(EvaluationConfig, config.evaluation)
    places = sorted(place(key, purpose="fraction") for key in RecordSet(study.records, "train").keys)
    if config.numbers[-1] > len(places):
        raise UserError(f"config.numbers goes up to {config.numbers[-1]}, and {len(places)} photographs were kept.")
    loaded = config_files.load(config.training, config.changes)
    if list(loaded.data.real) != [_OWN]:
        raise UserError(
            f"'{config.training}' must have one real data set, '{_OWN}', not {', '.join(loaded.data.real)}."
        )
    return {
        (number, seed): _run(loaded, study, number, seed, places) for number in config.numbers for seed in config.seeds
    }, scored_on


def _run(loaded: Config, study: Study, number: int, seed: int, places: list[float]) -> Config:
    """The config of a run on exactly `number` photographs, of which a greater number's run has all."""
    batch, data = loaded.batch, loaded.data
    streamed = {
        name: dataclasses.replace(stream, seed=stream.seed + 1000 * seed) for name, stream in data.streamed.items()
    }
    if number:
        share = 1.0 if number == len(places) else (places[number - 1] + places[number]) / 2
        own = dataclasses.replace(data.real[_OWN], path=str(study.records.resolve()), fraction=share)
        data = dataclasses.replace(data, real={_OWN: own}, streamed=streamed)
    else:
        batch = BatchConfig(batch.synthetic, 0, batch.micro_batches, batch.grow)
        data = dataclasses.replace(data, real={}, streamed=streamed)
    return dataclasses.replace(loaded, seed=seed, init_from=study.config.init_from, batch=batch, data=data)


def run(study: Study, publish: Callable[[], Any]) -> int:
    """Trains and scores what is not finished: first without photographs, then from the greatest number downwards.

    Args:
      study: what is run.
      publish: called after each run, so that one that is cut off leaves what it has.

    Returns:
      An exit code: 0, or 143 or 130 when stopped by a signal.
    """
    runs, scored_on = plan(study)
    code = _score(scored_on, find_model(study.config.init_from), study.out / START / "evaluation", START)
    for (number, seed), config in () if code else sorted(runs.items(), key=lambda item: (item[0][0] > 0, -item[0][0])):
        workdir = study.workdir(number, seed)
        say(f"run        {number} photographs, seed {seed}")
        if not (workdir / "summary.json").exists():
            code = train(config, workdir)
        if not code:
            code = _score(scored_on, find_model(workdir), study.results(number, seed), str(number))
        jax.clear_caches()
        if code:
            break
        publish()
    return code


def _score(config: EvaluationConfig, model: Any, out: Path, method: str) -> int:
    return 0 if (out / SUMMARY).exists() else evaluate(config, model, out, method=method)


def scored(study: Study) -> tuple[Scored, dict[int, list[Scored]]]:
    """The start, and the runs of each number whose scores are there."""
    runs, _ = plan(study)
    of_number: dict[int, list[Scored]] = {number: [] for number in study.config.numbers}
    for (number, seed), config in runs.items():
        if (study.results(number, seed) / SUMMARY).exists():
            of_number[number].append(Scored(study.results(number, seed), config))
    finished = {number: found for number, found in of_number.items() if found}
    return Scored(study.out / START / "evaluation", None), finished


def known(study: Study, number: int) -> Mapping[str, list[float]]:
    """Held-out novel PSNR of the supervised data before and after, of each seed, which tells what a run forgot."""
    found: dict[str, list[float]] = {"before": [], "after": []}
    for seed in study.config.seeds:
        if not (study.results(number, seed) / SUMMARY).exists():
            continue
        summary = folders.read_json(study.workdir(number, seed) / "summary.json", remedy="delete the run's folder")
        for when, values in found.items():
            if summary.get(f"psnr_{when}") is not None:
                values.append(summary[f"psnr_{when}"])
    return found


def curation_counts(study: Study) -> Mapping[str, Any]:
    """What curation kept, and why it rejected the others."""
    summary = folders.read_json(study.curated / "summary.json", remedy="delete the folder, and curate again")
    return {"instances": summary["instances"], "reasons": summary["reasons"]}
