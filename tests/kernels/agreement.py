"""What the kernels compute, and how far it is from what the plain path does."""

import functools

import jax
import numpy as np

from real3d_jax.rendering import TriplaneField


def awaited(function):
    """`function`, whose results are waited for.

    Interpreted warpgroups ask JAX for computations of their own, for which a CPU has no room while 32 others wait for
    the kernel's results: all would wait forever.
    """

    @functools.wraps(function)
    def call(*args, **kwargs):
        return jax.block_until_ready(function(*args, **kwargs))

    return call


def with_gradients(function, field):
    """What a function makes of a field, and the gradients of a random combination of it: of planes and decoder."""

    @awaited
    @jax.jit
    def run(planes, params):
        def values(planes, params):
            return function(TriplaneField(planes, params, field.decoder))

        found, pull_back = jax.vjp(values, planes, params)
        leaves, tree = jax.tree.flatten(found)
        keys = jax.random.split(jax.random.key(9), len(leaves))
        weights = [jax.random.normal(key, leaf.shape) for key, leaf in zip(keys, leaves, strict=True)]
        return found, pull_back(jax.tree.unflatten(tree, weights))

    with jax.default_matmul_precision("highest"):
        return run(field.planes, field.decoder_params)


def worst(actual, expected):
    """The largest difference of any leaf, relative to the leaf's largest number; NaN if there is one anywhere."""
    pairs = zip(*(jax.tree.leaves(jax.device_get(tree)) for tree in (actual, expected)), strict=True)
    return float(np.max([np.abs(a - b).max() / np.abs(b).max() for a, b in pairs]))  # Python's max passes over NaN
