"""Precision and recall of "unoccluded"."""

import dataclasses
from collections.abc import Iterable

from real3d_jax.benchmarks.curation.scenes import Scene
from real3d_jax.curation.rules.decisions import Decision, decide_all
from real3d_jax.curation.rules.reasons import Reason
from real3d_jax.curation.settings import CurationSettings

HIDDEN = 0.01  # an object counts as occluded if more than this share of its silhouette is hidden
_BEFORE_OCCLUSION = {Reason.LOW_SCORE, Reason.EMPTY_MASK, Reason.SMALL, Reason.TRUNCATED, Reason.CATEGORY}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One instance that reached the occlusion filter.

    Attributes:
      scene: number of its scene.
      instance: its number in the scene.
      hidden: true share of its silhouette that is hidden.
      decision: the rule's, without its evidence.
    """

    scene: int
    instance: int
    hidden: float
    decision: Decision

    @property
    def whole(self) -> bool:
        """Whether it is in truth unoccluded."""
        return self.hidden <= HIDDEN

    @property
    def alone(self) -> bool:
        """Whether nothing touches it, which makes the decision easy."""
        return not self.decision.details["occlusion"]["contact_pixels"]


@dataclasses.dataclass(frozen=True)
class Score:
    """Counts over instances.

    Attributes:
      instances: how many.
      whole: of them unoccluded in truth.
      kept: of them kept.
      right: kept and unoccluded in truth.
      ambiguous: rejected for an ambiguous boundary, though unoccluded in truth.
    """

    instances: int
    whole: int
    kept: int
    right: int
    ambiguous: int

    @property
    def precision(self) -> float:
        """Share of the kept that are unoccluded."""
        return self.right / self.kept if self.kept else 1.0

    @property
    def recall(self) -> float:
        """Share of the unoccluded that are kept."""
        return self.right / self.whole if self.whole else 1.0


def judge(number: int, scene: Scene, settings: CurationSettings) -> list[Outcome]:
    """Decides on every instance of a scene and pairs each that reached the occlusion filter with its truth."""
    decisions = decide_all(scene.instances, scene.disparity, settings=settings, image_key=scene.key)
    return [
        Outcome(number, index, hidden, dataclasses.replace(decision, evidence=None))
        for index, (decision, hidden) in enumerate(zip(decisions, scene.hidden, strict=True))
        if decision.reason not in _BEFORE_OCCLUSION
    ]


def score(outcomes: Iterable[Outcome]) -> Score:
    """Counts them."""
    outcomes = list(outcomes)
    kept = [outcome for outcome in outcomes if outcome.decision.kept]
    ambiguous = [outcome for outcome in outcomes if outcome.decision.reason == Reason.AMBIGUOUS_BOUNDARY]
    return Score(
        instances=len(outcomes),
        whole=sum(outcome.whole for outcome in outcomes),
        kept=len(kept),
        right=sum(outcome.whole for outcome in kept),
        ambiguous=sum(outcome.whole for outcome in ambiguous),
    )
