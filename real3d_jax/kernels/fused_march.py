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
from real3d_jax.kernels.fused_field import fold_first_layer
from real3d_jax.kernels.pallas import launch, load, over_devices, store
from real3d_jax.kernels.plane_windows import Place, dot, interpolate, scatter, texel_coordinates

GROUP = 16  # rays
_RUN = 4  # samples of a ray that lie in a tile
_TILE = GROUP * _RUN
_OUTPUTS, _PADDED_OUTPUTS = 4, 16
_SEGMENT_TILE, _SEGMENT_LAYERS, _SEGMENT_WARPS, _SEGMENT_PROGRAMS = 128, 4, 8, 132
_LARGEST_EXPONENT = 80.0
_CHUNK = 64  # samples of a ray that are summed at a time
FIRST_INSIDE = False
SCATTER_INSIDE = False
COMPOSITE = "pallas"


class March(NamedTuple):
    """Numbers that the kernels are compiled for."""

    samples: int
    density_bias: float
    dtype: jnp.dtype
    interpret: bool
    first_inside: bool = False
    scatter_inside: bool = False

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
    interpret: bool = False,
) -> tuple[Float[Array, "B R 3"], Float[Array, "B R 1"]]:
    """Sums of the samples' colours, and of their weights, along rays."""
    layers = [decoder_params[f"layer_{i}"] for i in range(len(decoder_params))]
    folded = fold_first_layer(planes, layers[0]["kernel"])
    hidden = jnp.stack([layer["kernel"] for layer in layers[1:-1]])
    biases = jnp.stack([layer["bias"] for layer in layers[:-1]])
    decoder = (hidden, biases, layers[-1]["kernel"], layers[-1]["bias"])
    rays = jnp.concatenate([origins, directions, near[..., None], far[..., None]], axis=-1)
    march = March(samples, density_bias, jnp.dtype(dtype), interpret, FIRST_INSIDE, SCATTER_INSIDE)
    function = over_devices(functools.partial(_grouped, march), batch=planes.shape[0], batched=(True, False, True))
    sums = function(folded, decoder, rays)
    return sums[..., 1:], sums[..., :1]


def _grouped(march: March, planes, decoder, rays):
    """Sorts the groups: those that hit the box first."""
    batch, count, _ = rays.shape
    groups = rays.reshape(-1, GROUP, 8)
    hits = (groups[..., 7] > groups[..., 6]).any(axis=1)
    order = jnp.argsort(~hits, stable=True)
    place = jnp.zeros_like(order).at[order].set(jnp.arange(order.size, dtype=order.dtype), unique_indices=True)
    fields = (order // (count // GROUP)).astype(jnp.int32)
    live = hits.sum(dtype=jnp.int32)[None]
    rays = jnp.moveaxis(groups[order], -1, 0).reshape(8, -1)
    sums = _march(march, planes, decoder, rays, fields, live)
    return jnp.moveaxis(sums.reshape(_OUTPUTS, -1, GROUP)[:, place], 0, -1).reshape(batch, count, _OUTPUTS)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _march(march: March, planes, decoder, rays, fields, live):
    """Opacity and colour (4, rays)."""
    return _forward(march, planes, decoder, rays, fields, live)[0]


def _forward(march: March, planes, decoder, rays, fields, live):
    hidden, biases, out, out_bias = decoder
    side, channels = planes.shape[2], planes.shape[-1]
    groups = fields.shape[0]
    dtype = march.dtype
    out = jnp.pad(out, ((0, 0), (0, _PADDED_OUTPUTS - _OUTPUTS)))
    out_high = out.astype(dtype)
    out_low = (out - out_high.astype(jnp.float32)).astype(dtype)
    raw = launch(
        functools.partial(_query_kernel, march=march, side=side),
        jax.ShapeDtypeStruct((_OUTPUTS, groups * GROUP * march.samples), jnp.float32),
        rays,
        fields,
        live,
        planes.reshape(-1, channels).astype(dtype),
        hidden.astype(dtype),
        biases,
        out_high,
        out_low,
        jnp.pad(out_bias, (0, _PADDED_OUTPUTS - _OUTPUTS)),
        grid=(groups * march.runs,),
        interpret=march.interpret,
    )
    sums = launch(
        functools.partial(_composite_kernel, march=march),
        jax.ShapeDtypeStruct((_OUTPUTS, groups * GROUP), jnp.float32),
        raw,
        rays,
        live,
        grid=(groups,),
        interpret=march.interpret,
    )
    return sums, raw


def _march_fwd(march, planes, decoder, rays, fields, live):
    if rays.perturbed:
        raise UserError(
            "config.render.implementation = 'pallas' has no gradient with respect to points or cameras: "
            "set it to 'xla'."
        )
    planes, decoder, rays, fields, live = jax.tree.map(lambda x: x.value, (planes, decoder, rays, fields, live))
    sums, raw = _forward(march, planes, decoder, rays, fields, live)
    return sums, (planes, decoder, rays, fields, live, raw)


def _march_bwd(march, saved, d_sums):
    planes, decoder, rays, fields, live, raw = saved
    hidden, biases, out, _ = decoder
    side, channels = planes.shape[2], planes.shape[-1]
    groups, layers, dtype = fields.shape[0], hidden.shape[0], march.dtype
    interpret = march.interpret
    count = groups * GROUP * march.samples
    incoming, d_out_bias = launch(
        functools.partial(_composite_backward_kernel, march=march),
        (jax.ShapeDtypeStruct(raw.shape, jnp.float32), jax.ShapeDtypeStruct((_OUTPUTS, groups), jnp.float32)),
        raw,
        rays,
        live,
        d_sums,
        grid=(groups,),
        interpret=interpret,
    )
    starts = tuple(range(0, layers, _SEGMENT_LAYERS)) or (0,)
    hidden = hidden.astype(dtype)
    texels = planes.reshape(-1, channels).astype(dtype)
    first_inside = march.first_inside
    stored_starts = starts[1:] if first_inside else starts
    stored = []
    if stored_starts:
        stored = launch(
            functools.partial(_store_kernel, march=march, side=side, starts=stored_starts),
            [jax.ShapeDtypeStruct((count, channels), dtype)] * len(stored_starts),
            rays,
            fields,
            live,
            texels,
            hidden,
            biases,
            grid=(groups * march.runs,),
            interpret=interpret,
        )
    stored = ([None] if first_inside else []) + list(stored)
    padded_out = jnp.pad(out, ((0, 0), (0, _PADDED_OUTPUTS - _OUTPUTS))).astype(dtype)
    zeros = jnp.zeros((texels.shape[0], channels), jnp.float32)
    d_hidden, d_biases, d_out, d_planes = [], [], None, None
    for number in reversed(range(len(starts))):
        start, z = starts[number], stored[number]
        end = min(start + _SEGMENT_LAYERS, layers)
        incoming, d_kernels, d_bias, d_last, d_texels = _segment(
            march,
            side,
            z,
            incoming,
            hidden[start:end],
            biases[start : end + 1],
            padded_out,
            rays,
            fields,
            live,
            texels,
            zeros,
            last=end == layers,
            first=start == 0,
        )
        d_hidden, d_biases = [d_kernels, *d_hidden], [d_bias, *d_biases]
        d_out = d_last if end == layers else d_out
        d_planes = d_texels if start == 0 else d_planes
    if d_planes is None:
        d_planes = launch(
            functools.partial(_scatter_kernel, march=march, side=side),
            jax.ShapeDtypeStruct(zeros.shape, jnp.float32),
            rays,
            fields,
            live,
            incoming,
            zeros,
            grid=(groups * march.runs,),
            aliases={4: 0},
            interpret=interpret,
        )
    # Of a segment, the first bias belongs to the layer before it.
    first_biases = [d_biases[0][:1]] + [bias[1:] for bias in d_biases]
    d_decoder = (jnp.concatenate(d_hidden), jnp.concatenate(first_biases), d_out, d_out_bias.sum(axis=1))
    return d_planes.reshape(planes.shape), d_decoder, jnp.zeros_like(rays), None, None


_march.defvjp(_march_fwd, _march_bwd, symbolic_zeros=True)


def _segment(march, side, z, incoming, hidden, biases, out, rays, fields, live, texels, zeros, *, last, first):
    layers, channels = hidden.shape[0], texels.shape[1]
    count = fields.shape[0] * GROUP * march.samples
    programs = min(_SEGMENT_PROGRAMS, count // _SEGMENT_TILE)
    inside, scattering = z is None, first and march.scatter_inside

    def summed(*shape):
        return jax.ShapeDtypeStruct((programs, *shape), jnp.float32)

    shapes = [
        summed(layers, channels, channels),
        summed(layers + 1, _PADDED_OUTPUTS, channels),
        summed(channels, _PADDED_OUTPUTS),
    ]
    operands = [rays, fields, live, incoming, hidden, biases, out]
    aliases = {}
    if inside:
        operands.append(texels)
    else:
        operands.append(z)
        if not scattering:
            aliases[7] = 3
    if scattering:
        operands.append(zeros)
        aliases[8] = 3
        shapes.append(jax.ShapeDtypeStruct(zeros.shape, jnp.float32))
    else:
        shapes.append(jax.ShapeDtypeStruct((count, channels), march.dtype))
    d_hidden, d_biases, d_out, dz = launch(
        functools.partial(
            _segment_kernel,
            march=march,
            side=side,
            layers=layers,
            last=last,
            programs=programs,
            inside=inside,
            scattering=scattering,
        ),
        shapes,
        *operands,
        grid=(programs,),
        aliases=aliases,
        warps=_SEGMENT_WARPS,
        interpret=march.interpret,
    )
    d_texels = dz if scattering else None
    return dz, d_hidden.sum(axis=0), d_biases.sum(axis=0)[:, 0], d_out.sum(axis=0)[:, :_OUTPUTS], d_texels


def _place(rays, fields, first, points: int, march: March, side: int) -> Place:
    """Where consecutive samples lie, from number `first` on; all of one group."""
    sample = first + jnp.arange(points)
    group = first // (GROUP * march.samples)
    within = sample - group * (GROUP * march.samples)
    ray = group * GROUP + within // _RUN % GROUP
    number = within // _TILE * _RUN + within % _RUN
    origin, direction, (near, far) = (
        [load(rays.at[i, ray], ray >= 0) for i in rows] for rows in ((0, 1, 2), (3, 4, 5), (6, 7))
    )
    distance = near + (far - near) * ((number.astype(jnp.float32) + 0.5) * (1.0 / march.samples))
    at = [texel_coordinates(o + distance * d, side) for o, d in zip(origin, direction, strict=True)]
    firsts = [jnp.floor(jnp.min(x)) for x in at]
    lasts = [jnp.floor(jnp.max(x)) + 1 for x in at]
    ends = [jnp.clip(end, 0, side - 1).astype(jnp.int32) for end in firsts + lasts]
    return Place(fields[group], at, ends)


def _query_kernel(
    rays, fields, live, planes, hidden, biases, out_high, out_low, out_bias, raw, *, march: March, side: int
):
    tile = pl.program_id(0)
    dtype, interpret = march.dtype, march.interpret

    @pl.when(tile < live[0] * march.runs)
    def _():
        place = _place(rays, fields, tile * _TILE, _TILE, march, side)
        z = interpolate(place, planes, side) + biases[0, :][None, :]
        for layer in range(hidden.shape[0]):
            h = fused_silu.silu(z, dtype, interpret)
            z = dot(h, hidden[layer]) + biases[layer + 1, :][None, :]
        h = fused_silu.silu(z, dtype, interpret)
        outputs = dot(h, out_high[...]) + out_bias[...][None, :]
        if dtype != jnp.float32:
            outputs += dot(h, out_low[...])
        channel, rows = jnp.arange(_PADDED_OUTPUTS)[None, :], tile * _TILE + jnp.arange(_TILE)[:, None]
        store(raw.at[channel, rows], outputs, (channel < _OUTPUTS) & (rows >= 0))


def _store_kernel(rays, fields, live, planes, hidden, biases, *stored, march: March, side: int, starts):
    """Stores the pre-activations before each segment."""
    tile = pl.program_id(0)

    @pl.when(tile < live[0] * march.runs)
    def _():
        rows = pl.ds(tile * _TILE, _TILE)
        place = _place(rays, fields, tile * _TILE, _TILE, march, side)
        z = (interpolate(place, planes, side) + biases[0, :][None, :]).astype(march.dtype)
        for layer in range(starts[-1] + 1):
            if layer in starts:
                stored[starts.index(layer)][rows, :] = z
            if layer < starts[-1]:
                h = fused_silu.silu(z, march.dtype, march.interpret)
                z = (dot(h, hidden[layer]) + biases[layer + 1, :][None, :]).astype(march.dtype)


def _scatter_kernel(rays, fields, live, dz, _, d_planes, *, march: March, side: int):
    tile = pl.program_id(0)

    @pl.when(tile < live[0] * march.runs)
    def _():
        place = _place(rays, fields, tile * _TILE, _TILE, march, side)
        scatter(place, dz[pl.ds(tile * _TILE, _TILE), :], d_planes, side, march.interpret)


def _segment_kernel(
    rays,
    fields,
    live,
    incoming,
    hidden,
    biases,
    out,
    start,
    *refs,
    march: March,
    side: int,
    layers: int,
    last: bool,
    programs: int,
    inside: bool,
    scattering: bool,
):
    d_hidden, d_biases, d_out, dz = refs[-4:]
    program, dtype, interpret = pl.program_id(0), march.dtype, march.interpret
    channels = hidden.shape[-1]
    tiles = live[0] * (GROUP * march.samples // _SEGMENT_TILE)
    ones = jnp.ones((_PADDED_OUTPUTS, _SEGMENT_TILE), dtype)

    def one_tile(tile, sums):
        kernel_sums, bias_sums, out_sum = sums
        rows = pl.ds(tile * _SEGMENT_TILE, _SEGMENT_TILE)
        if inside or scattering:
            place = _place(rays, fields, tile * _SEGMENT_TILE, _SEGMENT_TILE, march, side)
        if inside:
            zs = [(interpolate(place, start, side) + biases[0, :][None, :]).astype(dtype)]
        else:
            zs = [start[rows, :]]
        for layer in range(layers if last else layers - 1):
            h = fused_silu.silu(zs[-1], dtype, interpret)
            zs.append((dot(h, hidden[layer]) + biases[layer + 1, :][None, :]).astype(dtype))
        if last:
            channel = jnp.arange(_PADDED_OUTPUTS)[None, :]
            points = tile * _SEGMENT_TILE + jnp.arange(_SEGMENT_TILE)[:, None]
            mask = (channel < _OUTPUTS) & (points >= 0)
            gradient = load(incoming.at[channel % _OUTPUTS, points], mask).astype(dtype)
            h, slope = fused_silu.silu_and_slope(zs[-1], interpret)
            out_sum += dot(h, gradient, transpose_a=True)
            gradient = (dot(gradient, out[...], transpose_b=True) * slope.astype(jnp.float32)).astype(dtype)
        else:
            gradient = incoming[rows, :]
        kernel_sums, bias_sums = list(kernel_sums), list(bias_sums)
        for layer in reversed(range(layers)):
            bias_sums[layer + 1] += dot(ones, gradient)
            h, slope = fused_silu.silu_and_slope(zs[layer], interpret)
            kernel_sums[layer] += dot(h, gradient, transpose_a=True)
            gradient = dot(gradient, hidden[layer], transpose_b=True) * slope.astype(jnp.float32)
            gradient = gradient.astype(dtype)
        bias_sums[0] += dot(ones, gradient)
        if scattering:
            scatter(place, gradient, dz, side, interpret)
        else:
            dz[rows, :] = gradient
        return tuple(kernel_sums), tuple(bias_sums), out_sum

    zeros = (
        tuple(jnp.zeros((channels, channels), jnp.float32) for _ in range(layers)),
        tuple(jnp.zeros((_PADDED_OUTPUTS, channels), jnp.float32) for _ in range(layers + 1)),
        jnp.zeros((channels, _PADDED_OUTPUTS), jnp.float32),
    )
    first, end = program * tiles // programs, (program + 1) * tiles // programs
    kernel_sums, bias_sums, out_sum = jax.lax.fori_loop(first, end, one_tile, zeros)
    for layer in range(layers):
        d_hidden[program, layer] = kernel_sums[layer]
    for layer in range(layers + 1):
        d_biases[program, layer] = bias_sums[layer]
    d_out[program] = out_sum


def _composite_kernel(raw, rays, live, sums, *, march: March):
    """Opacity and colour of a group's rays."""
    group = pl.program_id(0)
    ray = group * GROUP + jnp.arange(GROUP)
    wanted = _hits(rays, live, ray, group)
    before = jnp.zeros((GROUP,), jnp.float32)
    totals = [jnp.zeros((GROUP,), jnp.float32) for _ in range(_OUTPUTS)]
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
    incoming = [load(d_sums.at[i, ray], ray >= 0)[:, None] for i in range(_OUTPUTS)]
    before = jnp.zeros((GROUP,), jnp.float32)
    chunks = []
    for index in _chunks(group, march):
        depth, slope, colours = _activated(raw, index, wanted, march)
        chunks.append((index, depth, slope, colours, before))
        before += jnp.sum(depth, axis=1)
    behind = jnp.zeros((GROUP,), jnp.float32)
    biases = [jnp.zeros((), jnp.float32) for _ in range(_OUTPUTS)]
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
