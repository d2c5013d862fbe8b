"""Occlusion as the paper decides it (Appendix B): whose boundary is it where two instances meet?

Points are drawn on the contact. At each the disparity a little inside the mask is compared with that a little outside:
if the outside is nearer, the neighbour owns the boundary and the instance is occluded there. The points vote.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from real3d_jax.curation.rules.evidence import OcclusionEvidence, pixels
from real3d_jax.curation.rules.morphology import rim
from real3d_jax.curation.rules.outlines import Outline, contact
from real3d_jax.curation.rules.reasons import Reason, Verdict
from real3d_jax.curation.settings import OcclusionSettings


def paper_verdict(
    outline: Outline,
    others: Sequence[Outline],
    disparity: Float[np.ndarray, "H W"] | None,
    *,
    settings: OcclusionSettings,
    rng: np.random.Generator,
) -> tuple[Verdict, OcclusionEvidence | None]:
    """The paper's rule on one instance.

    Args:
      outline: of the instance, with a margin of at least half the contact kernel.
      others: outlines of its neighbours.
      disparity: of the whole image; NaN where unknown.
      settings: the constants.
      rng: draws the points.
    """
    touching = contact(outline, others, settings.contact_kernel)
    details = {"rule": "paper", "contact_pixels": int(touching.sum())}
    candidates, gradients = _candidates(outline.mask, touching, settings.sobel_kernel)
    if not len(candidates):
        return Verdict(None, details), None
    drawn = rng.integers(len(candidates), size=settings.samples)
    points, inward = candidates[drawn], gradients[drawn]
    outward, ambiguous = _outward(outline.mask, points, inward, settings.lookup)
    origin = np.array(outline.window[:2])
    points = points + origin
    step = settings.offset * outline.scale * outward
    inner_disparity, outer_disparity = (read(disparity, points + sign * step) for sign in (-1, 1))
    ratios = (inner_disparity + settings.epsilon) / (outer_disparity + settings.epsilon)
    occluded = (ratios < settings.ratio) & ~ambiguous
    known = np.isfinite(ratios) & ~ambiguous
    evidence = OcclusionEvidence(
        boundary=pixels(outline.boundary) + origin,
        contact=pixels(touching) + origin,
        points=points.astype(np.float32),
        normals=outward,
        inner=_unless(ambiguous, points - step),
        outer=_unless(ambiguous, points + step),
        inner_disparity=_unless(ambiguous, inner_disparity),
        outer_disparity=_unless(ambiguous, outer_disparity),
        occluded=occluded,
        ambiguous=ambiguous,
    )
    details |= {"points": len(points), "ambiguous": int(ambiguous.sum()), "known": int(known.sum())}
    if ambiguous.any():
        return Verdict(Reason.AMBIGUOUS_BOUNDARY, details), evidence
    if not known.any():
        return Verdict(Reason.NO_DEPTH, details), evidence
    share = float(occluded.sum() / known.sum())
    details |= {"occluded_share": share, "median_ratio": float(np.median(ratios[known]))}
    return Verdict(Reason.OCCLUDED if share >= settings.votes else None, details), evidence


def generator(seed: int, image_key: str, instance_id: int | str) -> np.random.Generator:
    """Random numbers of an instance: the same whatever the order or the process in which instances are seen."""
    name = f"{seed}\n{image_key}\n{instance_id}".encode()
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.blake2b(name, digest_size=16).digest(), "big")))


def read(disparity: Float[np.ndarray, "H W"] | None, points: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, " N"]:
    """The nearest pixel's disparity at (x, y) positions, which are moved into the image; NaN without depth."""
    if disparity is None:
        return np.full(len(points), np.nan, np.float32)
    return _at(disparity, points).astype(np.float32)


def _candidates(mask: np.ndarray, touching: np.ndarray, kernel: int) -> tuple[np.ndarray, np.ndarray]:
    """Rim pixels (x, y) in contact that have a Sobel gradient, and its direction, which points into the mask."""
    points = pixels(touching & rim(mask)) if touching.any() else np.zeros((0, 2), int)
    gradient = _sobel(mask, points, kernel)
    length = np.linalg.norm(gradient, axis=1)
    some = length > 0
    return points[some], (gradient[some] / length[some, None]).astype(np.float32)


def _sobel(mask: Bool[np.ndarray, "h w"], points: Int[np.ndarray, "N 2"], kernel: int) -> Float[np.ndarray, "N 2"]:
    """The mask's Sobel gradient (x, y) at some of its pixels; the mask goes on beyond the image as it is there."""
    smooth = np.array([1.0])
    for _ in range(kernel - 3):
        smooth = np.convolve(smooth, [1, 1])
    derivative = np.convolve(smooth, [-1, 0, 1])
    smooth = np.convolve(smooth, [1, 2, 1])
    reach = np.arange(kernel) - kernel // 2
    rows = np.clip(points[:, 1, None] + reach, 0, mask.shape[0] - 1)
    columns = np.clip(points[:, 0, None] + reach, 0, mask.shape[1] - 1)
    patches = mask[rows[:, :, None], columns[:, None, :]].astype(np.float64)
    return np.stack([patches @ derivative @ smooth, patches @ smooth @ derivative], -1)


def _outward(
    mask: Bool[np.ndarray, "h w"], points: Int[np.ndarray, "N 2"], normals: Float[np.ndarray, "N 2"], lookup: float
) -> tuple[Float[np.ndarray, "N 2"], Bool[np.ndarray, " N"]]:
    """Turns normals out of the mask by a look at it on both sides; both in or both out is ambiguous, and zero."""
    ahead, behind = (_at(mask, points + sign * lookup * normals) for sign in (1, -1))
    signs = behind.astype(np.float32) - ahead.astype(np.float32)
    return normals * signs[:, None], ahead == behind


def _at(array: np.ndarray, points: np.ndarray) -> np.ndarray:
    columns, rows = np.rint(points).astype(int).T
    return array[np.clip(rows, 0, array.shape[0] - 1), np.clip(columns, 0, array.shape[1] - 1)]


def _unless(condition: np.ndarray, values: np.ndarray) -> np.ndarray:
    condition = condition.reshape(-1, *[1] * (values.ndim - 1))
    return np.where(condition, np.nan, values).astype(np.float32)
