"""Rays through triplane fields, sampled, decoded and composited: the fast path of `render` on NVIDIA GPUs.

Samples stay in the order of the kernels' tiles (`ray_groups`) from the rays to the pixels, so nothing is brought into
another one. Groups of rays that miss the box are sorted behind the others, and no kernel looks at them. For the
backward pass the decoder's four outputs are kept, and its first pre-activations where there is room. What a tile does
is in `plane_windows`, what happens along a ray in `ray_compositing`.
"""

import functools

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from real3d_jax.errors import UserError
from real3d_jax.kernels import query_hopper, warpgroups
from real3d_jax.kernels.decoder_hopper import ROWS
from real3d_jax.kernels.decoder_segments import (
    OUTPUTS,
    PADDED_OUTPUTS,
    backward,
    decode,
    output_layer,
    starts,
    store_starts,
)
from real3d_jax.kernels.decoder_segments import TILE as SEGMENT_TILE
from real3d_jax.kernels.fused_field import Decoder
from real3d_jax.kernels.pallas import launch, over_devices, store
from real3d_jax.kernels.plane_windows import Place, interpolate, scatter, texel_coordinates
from real3d_jax.kernels.ray_compositing import composite_backward_kernel, composite_kernel
from real3d_jax.kernels.ray_groups import GROUP, RUN, TILE, March


def march_fused(
    folded: Float[Array, "B 3 s s C"],
    decoder: Decoder,
    rays: Float[Array, "B R 8"],
    *,
    samples: int,
    density_bias: float,
    dtype: DTypeLike,
    keep: bool,
    interpret: bool = False,
) -> tuple[Float[Array, "B R 3"], Float[Array, "B R 1"]]:
    """Colour over black, and opacity, of rays; equal to sampling, `query_planes`, the decoder and `composite`.

    Differentiable in the planes and the decoder.

    Args:
      folded: planes, with the decoder, of `folded_decoder`.
      decoder: the rest of it.
      rays: origin, direction, and the distances between which they are sampled, with the box as [-1, 1]^3; both
        distances 0 for those that miss. Sixteen consecutive ones should lie close together.
      samples: in the middles of so many equal parts of each way; see `ray_groups.marchable`.
      density_bias: added to the raw density.
      dtype: of the decoder.
      keep: spares a part of the backward pass for 2 C bytes a sample, where the decoder is one segment.
      interpret: runs the kernels as plain JAX.

    Raises:
      UserError: the rays are to be differentiated, which only the plain path does.
    """
    one_segment = len(starts(decoder[0].astype(dtype), interpret)) == 1
    march = March(samples, density_bias, jnp.dtype(dtype), keep and one_segment, interpret)
    function = over_devices(functools.partial(_grouped, march), batch=folded.shape[0], batched=(True, False, True))
    count = rays.shape[1]
    if missing := -count % GROUP:
        rays = jnp.pad(rays, ((0, 0), (0, missing), (0, 0)))  # these miss the box
    sums = function(folded, decoder, rays)[:, :count]
    return sums[..., 1:], sums[..., :1]


def _grouped(march: March, planes: Array, decoder: Decoder, rays: Array) -> Array:
    """Opacity and colour (B, R, 4): the groups that hit the box are sorted to the front."""
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
    sums = jnp.asarray(_march(march, planes, decoder, rays, fields, live))
    return jnp.moveaxis(sums.reshape(OUTPUTS, -1, GROUP)[:, place], 0, -1).reshape(batch, count, OUTPUTS)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _march(march: March, planes, decoder, rays, fields, live):
    """Opacity and colour (4, rays)."""
    return _forward(march._replace(keep=False), planes, decoder, rays, fields, live)[0]


def _forward(march: March, planes, decoder, rays, fields, live):
    """Opacity and colour, the raw outputs (4, samples), and the first pre-activations where they are kept."""
    hidden, biases, out, out_bias = decoder
    side, channels = planes.shape[2], planes.shape[-1]
    groups, dtype = fields.shape[0], march.dtype
    count = groups * GROUP * march.samples
    output = output_layer(out, out_bias, dtype)
    if warpgroups.fit(channels, dtype, march.interpret):
        place = _samples(rays, march, side)[0], fields, live * march.runs
        before = (0,) if march.keep else ()
        raw, *kept = query_hopper.query(
            *place, planes, hidden, biases, output, before=before, interpret=march.interpret
        )
    else:
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
            *output,
            grid=(groups * march.runs,),
            interpret=march.interpret,
        )
    sums = launch(
        functools.partial(composite_kernel, march=march),
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
    on_hopper = warpgroups.fit(channels, march.dtype, interpret)
    # As the kernels behind it take it: padded with zeros in their dtype, or as it is.
    taken = ((ROWS, raw.shape[1]), march.dtype) if on_hopper else (raw.shape, jnp.float32)
    incoming, d_out_bias = launch(
        functools.partial(composite_backward_kernel, march=march),
        (jax.ShapeDtypeStruct(*taken), jax.ShapeDtypeStruct((OUTPUTS, groups), jnp.float32)),
        raw,
        rays,
        live,
        d_sums,
        grid=(groups,),
        interpret=interpret,
    )
    at, ends = _samples(rays, march, side)
    hidden = hidden.astype(march.dtype)
    before = starts(hidden, interpret)
    if not stored and on_hopper:
        place = at, fields, live * march.runs
        stored = query_hopper.query(*place, planes, hidden, biases, None, before=before, interpret=interpret)
    elif not stored:
        stored = launch(
            functools.partial(_store_kernel, march=march, side=side, before=before),
            [jax.ShapeDtypeStruct((raw.shape[1], channels), march.dtype)] * len(before),
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
    tiles = live * (GROUP * march.samples // SEGMENT_TILE)
    dz, d_hidden, d_biases, d_out = backward(
        stored, incoming, hidden, biases, out, tiles, interpret=interpret, pairs=len(stored) == 1
    )
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
    number = jnp.arange(march.samples, dtype=jnp.float32).reshape(march.runs, 1, RUN)
    distance = near + (far - near) * ((number + 0.5) * (1.0 / march.samples))
    at = texel_coordinates(origin + distance * direction, side)
    first, last = jnp.floor(at.min(axis=(3, 4))), jnp.floor(at.max(axis=(3, 4))) + 1
    ends = jnp.clip(jnp.concatenate([first, last]), 0, side - 1).astype(jnp.int32)
    return at.reshape(3, -1), ends.reshape(6, -1)


def _place(at, ends, fields, tile, march: March) -> Place:
    """Where the samples of a tile lie."""
    rows = pl.ds(tile * TILE, TILE)
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
            kept[0][pl.ds(tile * TILE, TILE), :] = z.astype(dtype)
        outputs = decode(z, hidden, biases, (out_high, out_low, out_bias), dtype, interpret)
        channel, rows = jnp.arange(PADDED_OUTPUTS)[None, :], tile * TILE + jnp.arange(TILE)[:, None]
        store(raw.at[channel, rows], outputs, (channel < OUTPUTS) & (rows >= 0))


def _store_kernel(at, ends, fields, live, planes, hidden, biases, *stored, march: March, side: int, before):
    """Stores the pre-activations before each segment."""
    tile = pl.program_id(0)

    @pl.when(tile < live[0] * march.runs)
    def _():
        rows = pl.ds(tile * TILE, TILE)
        place = _place(at, ends, fields, tile, march)
        z = interpolate(place, planes, side) + biases[0, :][None, :]
        store_starts(z.astype(march.dtype), hidden, biases, before, stored, rows, march.interpret)


def _scatter_kernel(at, ends, fields, live, dz, _, d_planes, *, march: March, side: int):
    """Adds the gradient of each sample to the texels around it."""
    tile = pl.program_id(0)

    @pl.when(tile < live[0] * march.runs)
    def _():
        gradient = dz[pl.ds(tile * TILE, TILE), :]
        scatter(_place(at, ends, fields, tile, march), gradient, d_planes, side, march.interpret)
