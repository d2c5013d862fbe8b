"""Runs the rules over many drawn scenes, in several processes."""

import dataclasses
import functools
import multiprocessing
import pathlib
from collections.abc import Sequence

from PIL import Image
from tqdm import tqdm

from real3d_jax.benchmarks.curation.accuracy import Outcome, judge
from real3d_jax.benchmarks.curation.degradations import Degradation, degrade
from real3d_jax.benchmarks.curation.pictures import draw, sheet
from real3d_jax.benchmarks.curation.scenes import KINDS_OF_SCENES, make_scene
from real3d_jax.curation.rules.decisions import decide_all
from real3d_jax.curation.settings import PAPER, ROBUST, CurationSettings

_MOST_PICTURES = 24


@dataclasses.dataclass(frozen=True)
class Trial:
    """What is measured.

    Attributes:
      kind: of scenes, a key of `KINDS_OF_SCENES`.
      seed: of the scenes.
      scenes: how many.
      rules: occlusion rules.
      degradations: of depth and masks.
    """

    kind: str
    seed: int
    scenes: int
    rules: Sequence[str]
    degradations: Sequence[Degradation]


Found = dict[tuple[str, Degradation], list[Outcome]]  # by rule and degradation


def judge_all(trial: Trial, *, workers: int) -> Found:
    """Every instance that reaches the occlusion filter, in the order of the scenes."""
    found: Found = {(rule, degradation): [] for degradation in trial.degradations for rule in trial.rules}
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        parts = pool.imap(functools.partial(_judge_scene, trial), range(trial.scenes), chunksize=4)
        for part in tqdm(parts, total=trial.scenes, desc=trial.kind, unit="scene", disable=None):
            for key, outcomes in part.items():
                found[key].extend(outcomes)
    return found


def draw_misses(trial: Trial, found: Found, folder: pathlib.Path) -> None:
    """A sheet of each rule's first wrong decisions of each sort: `KIND-RULE-DEGRADATION-wrongly-kept.png`."""
    for (rule, degradation), outcomes in found.items():
        for sort in ("kept", "rejected"):
            wrong = [o for o in outcomes if o.whole != o.decision.kept and o.decision.kept == (sort == "kept")]
            tiles = [_tile(trial, rule, degradation, outcome) for outcome in wrong[:_MOST_PICTURES]]
            if tiles:
                sheet(tiles).save(folder / f"{trial.kind}-{rule}-{degradation.name}-wrongly-{sort}.png")


def settings_of(rule: str) -> CurationSettings:
    """The default settings with an occlusion rule."""
    return CurationSettings(occlusion={"paper": PAPER, "robust": ROBUST}[rule])


def _judge_scene(trial: Trial, number: int) -> Found:
    exact, found = make_scene(trial.seed, number, KINDS_OF_SCENES[trial.kind]), {}
    for degradation in trial.degradations:
        scene = degrade(exact, degradation)
        for rule in trial.rules:
            found[rule, degradation] = judge(number, scene, settings_of(rule))
    return found


def _tile(trial: Trial, rule: str, degradation: Degradation, outcome: Outcome) -> Image.Image:
    scene = degrade(make_scene(trial.seed, outcome.scene, KINDS_OF_SCENES[trial.kind]), degradation)
    decisions = decide_all(scene.instances, scene.disparity, settings=settings_of(rule), image_key=scene.key)
    return draw(scene, outcome.instance, decisions[outcome.instance], hidden=outcome.hidden)
