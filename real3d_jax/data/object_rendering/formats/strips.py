"""Strips and fans as triangles."""

import numpy as np
from jaxtyping import Int


def strip_triangles(corners: Int[np.ndarray, "n"]) -> Int[np.ndarray, "triangles 3"]:
    """Each corner after the second makes a triangle with the two before it; every other one is turned."""
    count = max(len(corners) - 2, 0)
    triangles = corners[np.arange(count)[:, None] + np.arange(3)]
    triangles[1::2] = triangles[1::2, ::-1]
    return triangles


def fan_triangles(corners: Int[np.ndarray, "n"]) -> Int[np.ndarray, "triangles 3"]:
    """Each corner after the second makes a triangle with the one before it and the first."""
    count = max(len(corners) - 2, 0)
    first = np.zeros(count, np.int64)
    return corners[np.stack([first, np.arange(1, count + 1), np.arange(2, count + 2)], -1)]
