"""Keep an instance or not, with the reason and the numbers behind it."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from real3d_jax.curation.instances import Instance
from real3d_jax.curation.rules.contour_occlusion import contour_verdict
from real3d_jax.curation.rules.evidence import OcclusionEvidence
from real3d_jax.curation.rules.filters import (
    category_verdict,
    confident,
    score_verdict,
    size_verdict,
    truncation_verdict,
)
from real3d_jax.curation.rules.occlusion import generator, paper_verdict
from real3d_jax.curation.rules.outlines import Outline
from real3d_jax.curation.rules.reasons import Reason, Verdict
from real3d_jax.curation.settings import CurationSettings, FilterSettings, OcclusionSettings
from real3d_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Decision:
    """What became of an instance.

    Attributes:
      kept: whether it is worth training on.
      reason: a value of `Reason`.
      details: numbers of each filter that ran; they go into JSON as they are.
      evidence: what the occlusion filter looked at; None if it did not run or found no contact.
    """

    kept: bool
    reason: str
    details: Mapping[str, Any]
    evidence: OcclusionEvidence | None = None


def decide(
    instance: Instance,
    others: Sequence[Instance],
    disparity: Float[np.ndarray, "H W"] | None,
    *,
    settings: CurationSettings,
    image_key: str,
) -> Decision:
    """Runs the filters on one instance.

    Args:
      instance: the one in question.
      others: the other instances of its photograph; those below the least score do not count.
      disparity: larger is nearer, NaN where unknown (`depth.to_disparity`); None if there is no depth.
      settings: every constant.
      image_key: the photograph's name, from which samples are drawn.

    Raises:
      UserError: a mask or the disparity is not of the instance's size.
    """
    _check_sizes([instance, *others], disparity, image_key)
    others = [other for other in others if confident(other, settings.filters) and other.box is not None]
    outlines = [_outline(other, settings.occlusion) for other in others]
    return _decide(instance, outlines, disparity, settings, image_key)


def decide_all(
    instances: Sequence[Instance],
    disparity: Float[np.ndarray, "H W"] | None,
    *,
    settings: CurationSettings,
    image_key: str,
) -> list[Decision]:
    """Runs the filters on all instances of a photograph: the decisions of `decide`, in order, at less cost.

    Raises:
      UserError: masks and disparity differ in size.
    """
    _check_sizes(instances, disparity, image_key)
    usable = [instance for instance in instances if confident(instance, settings.filters) and instance.box is not None]
    outlines = [_outline(instance, settings.occlusion) for instance in usable]
    return [_decide(instance, outlines, disparity, settings, image_key) for instance in instances]


def _decide(
    instance: Instance,
    outlines: Sequence[Outline],
    disparity: np.ndarray | None,
    settings: CurationSettings,
    image_key: str,
) -> Decision:
    """`outlines` are those of the photograph's usable instances; the instance's own may be among them."""
    details: dict[str, Any] = {}
    for verdict in _simple_verdicts(instance, settings.filters):
        details |= verdict.details
        if verdict.reason is not None:
            return Decision(False, verdict.reason, details)
    mine = next((outline for outline in outlines if outline.instance is instance), None)
    verdict, evidence = _occlusion(
        mine or _outline(instance, settings.occlusion),
        [outline for outline in outlines if outline is not mine],
        disparity,
        settings,
        image_key,
    )
    details["occlusion"] = verdict.details
    return Decision(verdict.reason is None, verdict.reason or Reason.KEPT, details, evidence)


def _occlusion(
    outline: Outline,
    others: Sequence[Outline],
    disparity: np.ndarray | None,
    settings: CurationSettings,
    image_key: str,
) -> tuple[Verdict, OcclusionEvidence | None]:
    if settings.occlusion.rule == "robust":
        return contour_verdict(outline, others, disparity, settings=settings.occlusion)
    rng = generator(settings.seed, image_key, outline.instance.instance_id)
    return paper_verdict(outline, others, disparity, settings=settings.occlusion, rng=rng)


def _simple_verdicts(instance: Instance, settings: FilterSettings) -> Iterator[Verdict]:
    yield score_verdict(instance, settings)
    box = instance.box
    if box is None:
        yield Verdict(Reason.EMPTY_MASK, {})
        return
    height, width = instance.mask.shape
    yield size_verdict(box, settings)
    yield truncation_verdict(box, width, height, settings)
    yield category_verdict(instance, settings)


def _outline(instance: Instance, settings: OcclusionSettings) -> Outline:
    margin = max(settings.boundary_kernel, settings.contact_kernel, 2 * math.ceil(settings.lookup)) // 2 + 1
    return Outline(instance, settings.boundary_kernel, margin)


def _check_sizes(instances: Sequence[Instance], disparity: np.ndarray | None, image_key: str) -> None:
    if not instances:
        return
    size = instances[0].mask.shape
    for instance in instances:
        if instance.mask.shape != size:
            raise UserError(
                f"Instance {instance.instance_id} of '{image_key}' has a mask of {_size(instance.mask.shape)} pixels "
                f"and instance {instances[0].instance_id} one of {_size(size)}: give masks of the whole photograph."
            )
    if disparity is not None and disparity.shape != size:
        raise UserError(
            f"The depth of '{image_key}' has {_size(disparity.shape)} pixels and its masks {_size(size)}: "
            "give depth of the photograph's size."
        )


def _size(shape: Sequence[int]) -> str:
    return f"{shape[1]}x{shape[0]}"
