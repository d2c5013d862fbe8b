"""Why an instance is kept or not."""

import enum
from typing import Any, NamedTuple


class Reason(enum.StrEnum):
    """The filters run in this order; the first that rejects gives the reason."""

    KEPT = "kept"
    LOW_SCORE = "low_score"
    EMPTY_MASK = "empty_mask"
    SMALL = "small"
    TRUNCATED = "truncated"
    CATEGORY = "category"
    AMBIGUOUS_BOUNDARY = "ambiguous_boundary"
    NO_DEPTH = "no_depth"
    OCCLUDED = "occluded"


class Verdict(NamedTuple):
    """What one filter says.

    Attributes:
      reason: why it rejects; None if it does not.
      details: the numbers it went by; they go into JSON as they are.
    """

    reason: Reason | None
    details: dict[str, Any]
