"""The occlusion rule of Appendix B where its numbers show: the boundary's width, the points, the offset, the vote.

The instance judged stands left of one that touches it along a straight, vertical edge.
"""

import dataclasses

import numpy as np
import pytest
from curation.drawing import rectangle, scene

from real3d_jax.curation.rules.occlusion import paper_verdict
from real3d_jax.curation.rules.outlines import Outline
from real3d_jax.curation.settings import OcclusionSettings

PAPER = OcclusionSettings()
LEFT, RIGHT = rectangle(60, 60, 160, 200), rectangle(160, 60, 260, 200)  # sides of 100 and 140: s = 120


class Chosen(np.random.Generator):
    """Draws the candidates that it is told."""

    def __init__(self, numbers):
        super().__init__(np.random.PCG64(0))
        self._numbers = np.asarray(numbers)

    def integers(self, high, size):
        assert len(self._numbers) == size and self._numbers.max() < high
        return self._numbers


def judged(disparity, settings=PAPER, rng=None):
    instances, _ = scene((LEFT, 0.2), (RIGHT, 0.4))
    outline, other = (Outline(instance, settings.boundary_kernel, margin=8) for instance in instances)
    return paper_verdict(outline, [other], disparity, settings=settings, rng=rng or np.random.default_rng(0))


def beside(nearer: slice) -> np.ndarray:
    """Disparity of the scene, equal on both sides of the edge but in some rows, where the right side is nearer."""
    _, disparity = scene((LEFT, 0.2), (RIGHT, 0.2))
    disparity[nearer, 160:260] = 0.4
    return disparity


def test_the_boundary_is_what_a_square_of_nine_erodes():
    """Four pixels deep all around."""
    _, evidence = judged(beside(slice(0)))
    frame = LEFT & ~rectangle(64, 64, 156, 196)
    found = np.zeros_like(frame)
    found[tuple(evidence.boundary.T[::-1])] = True
    np.testing.assert_array_equal(found, frame)


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_points_are_drawn_on_the_outermost_rim(kernel):
    """Points whose eight neighbours are all in the mask are ignored, however far the gradient's operator sees."""
    settings = dataclasses.replace(PAPER, sobel_kernel=kernel, samples=200)
    _, evidence = judged(beside(slice(0)), settings)
    columns, rows = evidence.points.astype(int).T
    neighbours = np.stack([LEFT[rows + y, columns + x] for y in (-1, 0, 1) for x in (-1, 0, 1)])
    assert not neighbours.all(axis=0).any()
    assert len(np.unique(rows)) > 50


def test_twenty_points_read_depth_at_a_twentieth_of_the_mean_side():
    _, evidence = judged(beside(slice(0)))
    assert len(evidence.points) == 20
    for side, sign in ((evidence.inner, -1), (evidence.outer, 1)):
        np.testing.assert_allclose(side - evidence.points, sign * 0.05 * 120 * evidence.normals, atol=1e-4)
    straight = evidence.normals[:, 0] > 0.999
    np.testing.assert_allclose(
        evidence.outer[straight] - evidence.points[straight], [[6, 0]] * straight.sum(), atol=0.1
    )
    assert straight.sum() > 10


@pytest.mark.parametrize(("behind", "reason"), [(9, None), (10, "occluded"), (11, "occluded")])
def test_half_of_the_points_vote_an_object_occluded(behind, reason):
    """Ten of twenty are half, and enough."""
    split = 130
    disparity = beside(slice(0, split))
    _, everything = judged(disparity, dataclasses.replace(PAPER, samples=500), Chosen(np.arange(500) % 100))
    order = [int(i) for i in np.arange(100) if 80 <= everything.points[i, 1] <= 180]  # away from the corners
    above = [i for i in order if everything.points[i, 1] < split]
    below = [i for i in order if everything.points[i, 1] >= split]
    verdict, evidence = judged(disparity, rng=Chosen(above[:behind] + below[: 20 - behind]))
    assert evidence.occluded.sum() == behind
    assert verdict.reason == reason
