"""Rays through triplane fields, sampled, decoded and composited by kernels: the fast path of `render` on NVIDIA GPUs.

Nothing per sample is kept but the decoder's four outputs: where samples lie, which texels they touch, and what each
adds to its ray is computed on the chip. Sixteen neighbouring rays are a group, and the samples of a group are kept
together, four neighbouring ones of each ray after another: a tile (`fused_field`). Groups that miss the box come last
and are left out.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from real3d_jax.errors import UserError
from real3d_jax.kernels import fused_silu
from real3d_jax.kernels.decoder_segments import OUTPUTS, PADDED_OUTPUTS, TILE, backward, padded, starts
from real3d_jax.kernels.fused_field import fold_first_layer
from real3d_jax.kernels.pallas import launch, load, over_devices, store
from real3d_jax.kernels.plane_windows import Place, dot, interpolate, scatter, texel_coordinates

GROUP = 16  # rays
_RUN = 4  # samples of a ray that lie in a tile
_TILE = GROUP * _RUN
_LARGEST_EXPONENT = 80.0
_CHUNK = 64  # samples of a ray that are summed at a time


class March(NamedTuple):
    """Numbers that the kernels are compiled for.

    Attributes:
      samples: of a ray.
      density_bias: added to the raw density before the exponential.
      dtype: of the decoder.
      keep: whether the decoder's first pre-activations are kept for the backward pass, which else interpolates again.
      interpret: runs the kernels as plain JAX.
    """

    samples: int
    density_bias: float
    dtype: jnp.dtype
    keep: bool
    interpret: bool

    @property
    def runs(self) -> int:
        """Tiles of a group."""
        return self.samples // _RUN


def fits(rays: int, samples: int) -> bool:
    """Whether so many rays of a field divide into groups, and their samples into chunks."""
    return rays % GROUP == 0 and samples % 16 == 0


def march_fused(
    planes: Float[Array, "B 3 s s K"],
    decoder_params: dict,
    origins: Float[Array, "B R 3"],
    directions: Float[Array, "B R 3"],
    near: Float[Array, "B R"],
    far: Float[Array, "B R"],
    *,
    samples: int,
    density_bias: float,
    dtype: DTypeLike,
    keep: bool,
    interpret: bool = False,
) -> tuple[Float[Array, "B R 3"], Float[Array, "B R 1"]]:
    """Sums of the samples' colours, and of their weights, along rays."""
    layers = [decoder_params[f"layer_{i}"] for i in range(len(decoder_params))]
    folded = fold_first_layer(planes, layers[0]["kernel"])
    hidden = jnp.stack([layer["kernel"] for layer in layers[1:-1]])
    biases = jnp.stack([layer["bias"] for layer in layers[:-1]])
    decoder = (hidden, biases, layers[-1]["kernel"], layers[-1]["bias"])
    rays = jnp.concatenate([origins, directions, near[..., None], far[..., None]], axis=-1)
    march = March(samples, density_bias, jnp.dtype(dtype), keep and len(starts(len(hidden))) == 1, interpret)
    function = over_devices(functools.partial(_grouped, march), batch=planes.shape[0], batched=(True, False, True))
    sums = function(folded, decoder, rays)
    return sums[..., 1:], sums[..., :1]


def _grouped(march: March, planes, decoder, rays):
    """Sorts the groups: those that hit the box first."""
    batch, count, _ = rays.shape
    groups = rays.reshape(-1, GROUP, 8)
    hits = (groups[..., 7] > groups[..., 6]).any(axis=1)
    hit = hits.astype(jnp.int32)
    live = hit.sum()[None]
    place = jnp.where(hits, jnp.cumsum(hit), live + jnp.cumsum(1 - hit)) - 1
    numbers = jnp.arange(place.size, dtype=jnp.int32)
    order = jnp.zeros_like(numbers).at[place].set(numbers, unique_indices=True)
    fields = order // (count // GROUP)
    rays = jnp.moveaxis(groups[order], -1, 0).reshape(8, -1)
    sums = _march(march, planes, decoder, rays, fields, live)
    return jnp.moveaxis(sums.reshape(OUTPUTS, -1, GROUP)[:, place], 0, -1).reshape(batch, count, OUTPUTS)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _march(march: March, planes, decoder, rays, fields, live):
    """Opacity and colour (4, rays)."""
    return _forward(march, planes, decoder, rays, fields, live)[0]


def _forward(march: March, planes, decoder, rays, fields, live):
    """Opacity and colour, the raw outputs (4, samples), and the first pre-activations where they are kept."""
    hidden, biases, out, out_bias = decoder
    side, channels = planes.shape[2], planes.shape[-1]
    groups, dtype = fields.shape[0], march.dtype
    count = groups * GROUP * march.samples
    # The exponential enlarges the output layer's error: its weights are the sum of two numbers of the dtype.
    out = padded(out)
    out_high = out.astype(dtype)
    out_low = (out - out_high.astype(jnp.float32)).astype(dtype)
    shapes = [jax.ShapeDtypeStruct((OUTPUTS, count), jnp.float32)]
    if march.keep:
        shapes.append(jax.ShapeDtypeStruct((count, channels), dtype))
    raw, *kept = launch(
        functools.partial(_query_kernel, march=march, side=side),
        shapes,
        *_samples(rays, march, side),
        fields,
        live,
        planes.reshape(-1, channels).astype(dtype),
        hidden.astype(dtype),
        biases,
        out_high,
        out_low,
        jnp.pad(out_bias, (0, PADDED_OUTPUTS - OUTPUTS)),
        grid=(groups * march.runs,),
        interpret=march.interpret,
    )
    sums = launch(
        functools.partial(_composite_kernel, march=march),
        jax.ShapeDtypeStruct((OUTPUTS, groups * GROUP), jnp.float32),
        raw,
        rays,
        live,
        grid=(groups,),
        interpret=march.interpret,
    )
    return sums, raw, kept


def _march_fwd(march, planes, decoder, rays, fields, live):
    if rays.perturbed:
        raise UserError(
            "config.render.implementation = 'pallas' has no gradient with respect to points or cameras: "
            "set it to 'xla'."
        )
    planes, decoder, rays, fields, live = jax.tree.map(lambda x: x.value, (planes, decoder, rays, fields, live))
    sums, raw, kept = _forward(march, planes, decoder, rays, fields, live)
    return sums, (planes, decoder, rays, fields, live, raw, kept)


def _march_bwd(march, saved, d_sums):
    planes, decoder, rays, fields, live, raw, stored = saved
    hidden, biases, out, _ = decoder
    side, channels = planes.shape[2], planes.shape[-1]
    groups, interpret = fields.shape[0], march.interpret
    incoming, d_out_bias = launch(
        functools.partial(_composite_backward_kernel, march=march),
        (jax.ShapeDtypeStruct(raw.shape, jnp.float32), jax.ShapeDtypeStruct((OUTPUTS, groups), jnp.float32)),
        raw,
        rays,
        live,
        d_sums,
        grid=(groups,),
        interpret=interpret,
    )
    at, ends = _samples(rays, march, side)
    hidden = hidden.astype(march.dtype)
    if not stored:
        stored = launch(
            functools.partial(_store_kernel, march=march, side=side, starts=starts(len(hidden))),
            [jax.ShapeDtypeStruct((raw.shape[1], channels), march.dtype)] * len(starts(len(hidden))),
            at,
            ends,
            fields,
            live,
            planes.reshape(-1, channels).astype(march.dtype),
            hidden,
            biases,
            grid=(groups * march.runs,),
            interpret=interpret,
        )
    tiles = live * (GROUP * march.samples // TILE)
    dz, d_hidden, d_biases, d_out = backward(stored, incoming, hidden, biases, out, tiles, interpret=interpret)
    zeros = jnp.zeros((planes.size // channels, channels), jnp.float32)
    d_planes = launch(
        functools.partial(_scatter_kernel, march=march, side=side),
        jax.ShapeDtypeStruct(zeros.shape, jnp.float32),
        at,
        ends,
        fields,
        live,
        dz,
        zeros,
        grid=(groups * march.runs,),
        aliases={5: 0},
        interpret=interpret,
    )
    d_decoder = (d_hidden, d_biases, d_out, d_out_bias.sum(axis=1))
    return d_planes.reshape(planes.shape), d_decoder, jnp.zeros_like(rays), None, None


_march.defvjp(_march_fwd, _march_bwd, symbolic_zeros=True)


def _samples(rays: Float[Array, "8 R"], march: March, side: int) -> tuple[Array, Array]:
    """Where the samples lie, in texels (3, N), and the texels that each tile touches (6, tiles); tile after tile."""
    origin, direction, (near, far) = (
        rays[rows].reshape(len(rays[rows]), -1, 1, GROUP, 1) for rows in (slice(0, 3), slice(3, 6), slice(6, 8))
    )
    number = jnp.arange(march.samples, dtype=jnp.float32).reshape(march.runs, 1, _RUN)
    distance = near + (far - near) * ((number + 0.5) * (1.0 / march.samples))
    at = texel_coordinates(origin + distance * direction, side)
    first, last = jnp.floor(at.min(axis=(3, 4))), jnp.floor(at.max(axis=(3, 4))) + 1
    ends = jnp.clip(jnp.concatenate([first, last]), 0, side - 1).astype(jnp.int32)
    return at.reshape(3, -1), ends.reshape(6, -1)


def _place(at, ends, fields, tile, march: March) -> Place:
    """Where the samples of a tile lie."""
    rows = pl.ds(tile * _TILE, _TILE)
    return Place(fields[tile // march.runs], [at[i, rows] for i in range(3)], [ends[i, tile] for i in range(6)])


def _query_kernel(
    at, ends, fields, live, planes, hidden, biases, out_high, out_low, out_bias, raw, *kept, march: March, side: int
):
    tile = pl.program_id(0)
    dtype, interpret = march.dtype, march.interpret

    @pl.when(tile < live[0] * march.runs)
    def _():
        z = interpolate(_place(at, ends, fields, tile, march), planes, side) + biases[0, :][None, :]
        if kept:
            kept[0][pl.ds(tile * _TILE, _TILE), :] = z.astype(dtype)
        for layer in range(hidden.shape[0]):
            h = fused_silu.silu(z, dtype, interpret)
            z = dot(h, hidden[layer]) + biases[layer + 1, :][None, :]
        h = fused_silu.silu(z, dtype, interpret)
        outputs = dot(h, out_high[...]) + out_bias[...][None, :]
        if dtype != jnp.float32:
            outputs += dot(h, out_low[...])
        channel, rows = jnp.arange(PADDED_OUTPUTS)[None, :], tile * _TILE + jnp.arange(_TILE)[:, None]
        store(raw.at[channel, rows], outputs, (channel < OUTPUTS) & (rows >= 0))


def _store_kernel(at, ends, fields, live, planes, hidden, biases, *stored, march: March, side: int, starts):
    """Stores the pre-activations before each segment."""
    tile = pl.program_id(0)

    @pl.when(tile < live[0] * march.runs)
    def _():
        rows = pl.ds(tile * _TILE, _TILE)
        place = _place(at, ends, fields, tile, march)
        z = (interpolate(place, planes, side) + biases[0, :][None, :]).astype(march.dtype)
        for layer in range(starts[-1] + 1):
            if layer in starts:
                stored[starts.index(layer)][rows, :] = z
            if layer < starts[-1]:
                h = fused_silu.silu(z, march.dtype, march.interpret)
                z = (dot(h, hidden[layer]) + biases[layer + 1, :][None, :]).astype(march.dtype)


def _scatter_kernel(at, ends, fields, live, dz, _, d_planes, *, march: March, side: int):
    """Adds the gradient of each sample to the texels around it."""
    tile = pl.program_id(0)

    @pl.when(tile < live[0] * march.runs)
    def _():
        gradient = dz[pl.ds(tile * _TILE, _TILE), :]
        scatter(_place(at, ends, fields, tile, march), gradient, d_planes, side, march.interpret)


def _composite_kernel(raw, rays, live, sums, *, march: March):
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


def _composite_backward_kernel(raw, rays, live, d_sums, d_raw, d_bias, *, march: March):
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
            store(d_raw.at[i, index], gradient, index >= 0)
            biases[i] += jnp.sum(jnp.sum(gradient, axis=1), axis=0)
    for i, total in enumerate(biases):
        d_bias[i, group] = total


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
        yield group * (GROUP * march.samples) + sample // _RUN * _TILE + ray * _RUN + sample % _RUN


def _activated(raw, index, wanted, march: March):
    """Optical depths, their derivatives by the raw density, and colours."""
    mask = wanted[:, None] & (index >= 0)
    exponent = load(raw.at[0, index], mask) + march.density_bias
    density = jnp.exp(jnp.minimum(exponent, _LARGEST_EXPONENT))
    depth = jnp.where(mask, density, 0.0) * (1.0 / march.samples)
    colours = [1.0 / (1.0 + jnp.exp(-load(raw.at[i, index], mask))) for i in (1, 2, 3)]
    return depth, jnp.where(exponent < _LARGEST_EXPONENT, depth, 0.0), colours


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
