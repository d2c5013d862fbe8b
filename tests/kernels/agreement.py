"""How far what the kernels compute is from what the plain path does."""

import jax
import numpy as np


def worst(actual, expected):
    """The largest difference of any leaf, relative to the leaf's largest number; NaN if there is one anywhere."""
    pairs = zip(*(jax.tree.leaves(jax.device_get(tree)) for tree in (actual, expected)), strict=True)
    return float(np.max([np.abs(a - b).max() / np.abs(b).max() for a, b in pairs]))  # Python's max passes over NaN
