"""The arithmetic of the benchmark; its numbers are in docs/reconstruction.md."""

import numpy as np
import pytest

from real3d_jax.benchmarks.elevations import elevation_of, errors
from real3d_jax.data.frames import spherical_c2w
from real3d_jax.inference.uprightness import ELEVATIONS


def test_degrees_off_of_each_way():
    true = np.array([10.0, -6.0, 41.0])
    scores = np.zeros((3, 3, len(ELEVATIONS)))
    for view, told in enumerate([(10, 0, 12), (-6, -6, -10), (0, 40, 40)]):
        for criterion, elevation in enumerate(told):
            scores[view, criterion, np.flatnonzero(elevation == ELEVATIONS)] = 1
    off = errors(true, scores)
    assert off["level"].tolist() == [0, 0, 41] and off["stands"].tolist() == [10, 0, 1]
    assert off["all three"].tolist() == [2, 4, 1]  # the mirror has the most weight
    assert off["the mean"].tolist() == [5, 21, 26] and off["0"].tolist() == [10, 6, 41]


def test_elevations_of_cameras():
    c2w = spherical_c2w(np.array([0.3, 2.0]), np.radians([25.0, -10.0]), np.array([1.6, 2.0]))
    assert [elevation_of(one) for one in c2w] == pytest.approx([25.0, -10.0])
