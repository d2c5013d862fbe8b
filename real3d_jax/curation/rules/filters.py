"""The filters that need neither depth nor neighbours: confidence, size, truncation, category."""

from real3d_jax.curation.instances import Box, Instance
from real3d_jax.curation.rules.reasons import Reason, Verdict
from real3d_jax.curation.settings import FilterSettings


def confident(instance: Instance, settings: FilterSettings) -> bool:
    """Whether a detection counts as an instance at all, to be kept or to be somebody's neighbour."""
    return instance.score >= settings.min_score


def score_verdict(instance: Instance, settings: FilterSettings) -> Verdict:
    """Rejects detections of low confidence."""
    return _verdict(Reason.LOW_SCORE, not confident(instance, settings), score=float(instance.score))


def size_verdict(box: Box, settings: FilterSettings) -> Verdict:
    """Rejects instances whose box has a short side."""
    left, top, right, bottom = box
    side = min(right - left, bottom - top)
    return _verdict(Reason.SMALL, side < settings.min_side, side=side)


def truncation_verdict(box: Box, width: int, height: int, settings: FilterSettings) -> Verdict:
    """Rejects instances whose box comes near the image's border."""
    left, top, right, bottom = box
    distance = min(left, top, width - right, height - bottom)
    return _verdict(Reason.TRUNCATED, distance < settings.border, border_distance=distance)


def category_verdict(instance: Instance, settings: FilterSettings) -> Verdict:
    """Rejects categories that are listed as excluded, whatever their case."""
    excluded = {name.casefold() for name in settings.excluded_categories}
    return _verdict(Reason.CATEGORY, instance.category.casefold() in excluded, category=instance.category)


def _verdict(reason: Reason, rejects: bool, **details) -> Verdict:
    return Verdict(reason if rejects else None, details)
