"""Keep an instance or not, with the reason and the numbers behind it."""

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from real3d_jax.curation.evidence import OcclusionEvidence
from real3d_jax.curation.instances import Instance
from real3d_jax.curation.settings import CurationSettings


class Reason(enum.StrEnum):
    """Why an instance is kept or not; the filters run in this order and the first that rejects gives the reason."""

    KEPT = "kept"
    EMPTY_MASK = "empty_mask"
    LOW_SCORE = "low_score"
    CATEGORY = "category"
    SMALL = "small"
    TRUNCATED = "truncated"
    NO_DEPTH = "no_depth"
    AMBIGUOUS_BOUNDARY = "ambiguous_boundary"
    OCCLUDED = "occluded"


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
    raise NotImplementedError


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
    raise NotImplementedError
