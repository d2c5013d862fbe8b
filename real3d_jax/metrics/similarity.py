"""Similarity transforms, and the one that lays a point set on another."""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.spatial import KDTree

from real3d_jax.errors import UserError

_COARSE_POINTS = 400
_COARSE_ITERATIONS = 20
_FINE_POINTS = 5000
_FINE_ITERATIONS = 100
_REFINED_STARTS = 4
_CONVERGED = 1e-7  # relative change of the distance


class Similarity(NamedTuple):
    """`scale * rotation @ point + translation`.

    Attributes:
      scale: positive.
      rotation: 3x3, without reflection.
      translation: in the target's units.
    """

    scale: float
    rotation: Float[np.ndarray, "3 3"]
    translation: Float[np.ndarray, "3"]

    def __call__(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """The points moved."""
        return self.scale * points @ self.rotation.T + self.translation


def fit_similarity(source: Float[np.ndarray, "n 3"], target: Float[np.ndarray, "n 3"]) -> Similarity:
    """The similarity of least squared error between points that belong together (Umeyama, 1991)."""
    mean_source, mean_target = source.mean(axis=0), target.mean(axis=0)
    centred_source, centred_target = source - mean_source, target - mean_target
    left, singular, right = np.linalg.svd(centred_target.T @ centred_source)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    rotation = left * signs @ right
    scale = float(np.sum(singular * signs) / np.sum(centred_source**2))
    return Similarity(scale, rotation, mean_target - scale * rotation @ mean_source)


def align_similarity(
    source: Float[np.ndarray, "n 3"], target: Float[np.ndarray, "m 3"], *, seed: int = 0
) -> Similarity:
    """Lays points on others by iterated closest points with scale.

    Closest points are taken both ways, from the source to the target and back: one way alone, the source could shrink
    onto a part of the target. It starts with equal centres and spreads from many rotations (none, the 24 of a cube, and
    the 4 that match principal axes), goes on with those that came nearest, and keeps the best.

    Args:
      source: points of the surface to move.
      target: points of the surface to lay them on.
      seed: of the points taken, where there are many.

    Raises:
      UserError: a set has fewer than four points, no extent, or a point that is not finite.
    """
    source, target = _checked(source, "source"), _checked(target, "target")
    random = np.random.default_rng(seed)
    few_of_source, few_of_target = (_some(points, _COARSE_POINTS, random) for points in (source, target))
    starts = [_start(few_of_source, few_of_target, r) for r in _rotations(few_of_source, few_of_target)]
    roughly = [_iterate(few_of_source, few_of_target, start, _COARSE_ITERATIONS) for start in starts]
    nearest = sorted(roughly, key=lambda result: result[0])[:_REFINED_STARTS]
    source, target = (_some(points, _FINE_POINTS, random) for points in (source, target))
    refined = [_iterate(source, target, transform, _FINE_ITERATIONS) for _, transform in nearest]
    return min(refined, key=lambda result: result[0])[1]


def _iterate(
    source: Float[np.ndarray, "n 3"], target: Float[np.ndarray, "m 3"], transform: Similarity, iterations: int
) -> tuple[float, Similarity]:
    """The distance reached, and the transform that reaches it."""
    tree, last, best = KDTree(target), np.inf, transform
    for _ in range(iterations):
        moved = transform(source)
        forth, nearest_target = tree.query(moved)
        back, nearest_source = KDTree(moved).query(target)
        distance = float(np.mean(forth**2) + np.mean(back**2))
        if distance >= last * (1 - _CONVERGED):
            break
        last = distance
        pairs_source = np.concatenate([source, source[nearest_source]])
        pairs_target = np.concatenate([target[nearest_target], target])
        best, transform = transform, fit_similarity(pairs_source, pairs_target)
    return last, best


def _start(
    source: Float[np.ndarray, "n 3"], target: Float[np.ndarray, "m 3"], rotation: Float[np.ndarray, "3 3"]
) -> Similarity:
    scale = float(_spread(target) / _spread(source))
    return Similarity(scale, rotation, target.mean(axis=0) - scale * rotation @ source.mean(axis=0))


def _rotations(source: Float[np.ndarray, "n 3"], target: Float[np.ndarray, "m 3"]) -> list[Float[np.ndarray, "3 3"]]:
    """The 24 rotations of a cube, the identity first, and the 4 that lay principal axes on principal axes."""
    signed = [
        np.eye(3)[list(order)] * np.array(signs)[:, None]
        for order in itertools.permutations(range(3))
        for signs in itertools.product((1.0, -1.0), repeat=3)
    ]
    flips = [np.diag(signs) for signs in itertools.product((1.0, -1.0), repeat=3)]
    axes_source, axes_target = (np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[2].T for x in (source, target))
    principal = [axes_target @ flip @ axes_source.T for flip in flips]
    return [rotation for rotation in signed + principal if np.linalg.det(rotation) > 0]


def _spread(points: Float[np.ndarray, "n 3"]) -> float:
    return float(np.sqrt(np.mean(np.sum((points - points.mean(axis=0)) ** 2, axis=1))))


def _some(points: Float[np.ndarray, "n 3"], count: int, random: np.random.Generator) -> Float[np.ndarray, "k 3"]:
    return points if len(points) <= count else points[random.choice(len(points), count, replace=False)]


def _checked(points: Float[np.ndarray, "n 3"], name: str) -> Float[np.ndarray, "n 3"]:
    points = np.asarray(points, np.float64)
    if len(points) < 4 or not np.isfinite(points).all() or _spread(points) == 0:
        raise UserError(
            f"The {name} of an alignment needs at least four finite points that differ, but has {len(points)}: check "
            "its mesh."
        )
    return points
