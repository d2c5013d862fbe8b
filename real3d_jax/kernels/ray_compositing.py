"""Compositing of groups of rays in one pass over their samples' raw outputs, and its gradient in another.

The equations are those of `rendering.compositing`. Sums along a ray are products with ones: nothing is subtracted from
a total, so that what lies behind the opaque has no gradient at all, and densities from 0 to 1e30 have finite ones.
"""

import jax.numpy as jnp
from jax.experimental import pallas as pl

from real3d_jax.kernels.decoder_segments import OUTPUTS
from real3d_jax.kernels.pallas import load, store
from real3d_jax.kernels.plane_windows import dot
from real3d_jax.kernels.ray_groups import GROUP, RUN, TILE, March

LARGEST_EXPONENT = 80.0  # exp(80) is 5e34: densities stay finite, so that their gradients do
_CHUNK = 64  # samples of a ray that are summed at a time


def composite_kernel(raw, rays, live, sums, *, march: March):
    """Opacity and colour of a group's rays."""
    group = pl.program_id(0)
    ray = group * GROUP + jnp.arange(GROUP)
    wanted = _hits(rays, live, ray, group)
    before = jnp.zeros((GROUP,), jnp.float32)
    totals = [jnp.zeros((GROUP,), jnp.float32) for _ in range(OUTPUTS)]
    for index in _chunks(group, march):
        depth, _, colours = _activated(raw, index, wanted, march)
        weights = -jnp.expm1(-depth) * jnp.exp(-(before[:, None] + _sum_before(depth, march.interpret)))
        before += jnp.sum(depth, axis=1)
        totals[0] += jnp.sum(weights, axis=1)
        for i, colour in enumerate(colours):
            totals[1 + i] += jnp.sum(weights * colour, axis=1)
    for i, total in enumerate(totals):
        store(sums.at[i, ray], total, ray >= 0)


def composite_backward_kernel(raw, rays, live, d_sums, d_raw, d_bias, *, march: March):
    """The gradient of the raw outputs, and its sum over the group."""
    group = pl.program_id(0)
    ray = group * GROUP + jnp.arange(GROUP)
    wanted = _hits(rays, live, ray, group)
    incoming = [load(d_sums.at[i, ray], ray >= 0)[:, None] for i in range(OUTPUTS)]
    before = jnp.zeros((GROUP,), jnp.float32)
    chunks = []
    for index in _chunks(group, march):
        depth, slope, colours = _activated(raw, index, wanted, march)
        chunks.append((index, depth, slope, colours, before))
        before += jnp.sum(depth, axis=1)
    behind = jnp.zeros((GROUP,), jnp.float32)
    biases = [jnp.zeros((), jnp.float32) for _ in range(OUTPUTS)]
    for index, depth, slope, colours, before in reversed(chunks):
        reaching = jnp.exp(-(before[:, None] + _sum_before(depth, march.interpret)))
        passing = jnp.exp(-depth)
        weights = -jnp.expm1(-depth) * reaching
        value = incoming[0] + sum(colour * g for colour, g in zip(colours, incoming[1:], strict=True))
        added = weights * value
        after = behind[:, None] + _sum_before(added, march.interpret, reverse=True)
        behind += jnp.sum(added, axis=1)
        gradients = [slope * (passing * reaching * value - after)]
        gradients += [weights * g * c * (1 - c) for c, g in zip(colours, incoming[1:], strict=True)]
        for i, gradient in enumerate(gradients):
            store(d_raw.at[i, index], gradient.astype(d_raw.dtype), index >= 0)
            biases[i] += jnp.sum(jnp.sum(gradient, axis=1), axis=0)
    for i, total in enumerate(biases):
        d_bias[i, group] = total
    for i in range(OUTPUTS, d_raw.shape[0]):  # rows of zeros, in their own order: whole lines of memory at a time
        for first in range(0, march.samples, 16):
            block = pl.ds((group * march.samples + first) * GROUP, 16 * GROUP)
            d_raw[i, block] = jnp.zeros((16 * GROUP,), d_raw.dtype)


def _hits(rays, live, ray, group):
    return (load(rays.at[7, ray], ray >= 0) > load(rays.at[6, ray], ray >= 0)) & (group < live[0])


def _chunks(group, march: March):
    """The places of a group's samples, (rays, some samples), chunk after chunk."""
    size = 16
    while size < _CHUNK and march.samples % (2 * size) == 0:
        size *= 2
    ray = jnp.arange(GROUP)[:, None]
    for first in range(0, march.samples, size):
        sample = first + jnp.arange(size)[None, :]
        yield group * (GROUP * march.samples) + sample // RUN * TILE + ray * RUN + sample % RUN


def _activated(raw, index, wanted, march: March):
    """Optical depths, their derivatives by the raw density, and colours."""
    mask = wanted[:, None] & (index >= 0)
    exponent = load(raw.at[0, index], mask) + march.density_bias
    density = jnp.exp(jnp.minimum(exponent, LARGEST_EXPONENT))
    depth = jnp.where(mask, density, 0.0) * (1.0 / march.samples)
    colours = [1.0 / (1.0 + jnp.exp(-load(raw.at[i, index], mask))) for i in (1, 2, 3)]
    return depth, jnp.where(exponent < LARGEST_EXPONENT, depth, 0.0), colours


def _sum_before(values, interpret: bool, reverse: bool = False):
    """Along rows, the sum of those before (or behind) each; as products with ones of three parts that are exact."""
    size = values.shape[1]
    first, second = jnp.arange(size)[:, None], jnp.arange(size)[None, :]
    ones = jnp.where(first > second if reverse else first < second, 1.0, 0.0)
    if interpret:
        return dot(values, ones)
    ones = ones.astype(jnp.bfloat16)
    total = jnp.zeros(values.shape, jnp.float32)
    for _ in range(3):
        part = values.astype(jnp.bfloat16)
        values = values - part.astype(jnp.float32)
        total += dot(part, ones)
    return total
