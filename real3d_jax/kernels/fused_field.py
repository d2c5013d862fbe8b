"""Triplane query and decoder in one kernel: the fast path of `field.query_raw` on NVIDIA GPUs.

The decoder's first layer is linear and so is bilinear interpolation, so that layer is applied to the planes beforehand
(`fold_first_layer`). A program of a kernel then takes a tile of consecutive points and keeps all else on the chip.
It does not gather: in each plane it goes through the windows of texels that the tile's points touch, and a product of
bilinear weights (points x texels) with the texels adds them up; the product's transpose adds gradients to the planes,
a texel at a time instead of a sample at a time. This is exact for any points, and fast where the points of a tile lie
close together: `render` orders them so.

The backward pass computes the decoder again, in segments of a few layers: a segment starts from the pre-activations
that were stored at its beginning, and its weight gradients stay in registers while a program walks through its tiles.

The kernels are Pallas kernels for its Triton backend; `interpret` runs them as plain JAX on any device, for tests.
"""

import functools

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from real3d_jax.errors import UserError
from real3d_jax.kernels import query_hopper, warpgroups
from real3d_jax.kernels.decoder_segments import (
    OUTPUTS,
    PADDED_OUTPUTS,
    TILE,
    backward,
    decode,
    output_layer,
    starts,
    store_starts,
)
from real3d_jax.kernels.pallas import launch, over_devices, store
from real3d_jax.kernels.plane_windows import Place, interpolate, scatter, texel_coordinates

TILE_RAYS, TILE_SAMPLES = 4, 4  # a compact tile: 4 x 4 neighbouring rays, 4 samples of each
_TILE = TILE_RAYS**2 * TILE_SAMPLES

Decoder = tuple[Array, Array, Array, Array]  # hidden weights, all biases but the last, last weights and bias


def query_raw_fused(
    planes: Float[Array, "B 3 s s K"],
    decoder_params: dict,
    points: Float[Array, "B N 3"],
    *,
    dtype: DTypeLike,
    interpret: bool = False,
) -> Float[Array, "B N 4"]:
    """Raw density and colour at points in [-1, 1]^3; equal to `query_planes` followed by the decoder.

    Differentiable in the planes and the decoder. Consecutive points should lie close together.

    Args:
      planes: square, float32.
      decoder_params: `layer_0` ... `layer_n` of `models.decoder.Decoder`.
      points: float32 coordinates.
      dtype: of planes and activations inside; sums are float32.
      interpret: runs the kernels as plain JAX.

    Raises:
      UserError: the points are to be differentiated, which only the plain path does.
    """
    folded, decoder = folded_decoder(planes, decoder_params)
    count = points.shape[1]
    missing = -count % TILE
    points = jnp.pad(jnp.swapaxes(points, 1, 2), ((0, 0), (0, 0), (0, missing)), mode="edge")

    query = functools.partial(_query, jnp.dtype(dtype), interpret)
    query = over_devices(query, batch=planes.shape[0], batched=(True, False, True))
    return jnp.swapaxes(query(folded, decoder, points)[..., :count], 1, 2)


def folded_decoder(
    planes: Float[Array, "B 3 s s K"], decoder_params: dict
) -> tuple[Float[Array, "B 3 s s C"], Decoder]:
    """Planes as of `fold_first_layer`, and what is left of the decoder."""
    layers = [decoder_params[f"layer_{i}"] for i in range(len(decoder_params))]
    hidden = jnp.stack([layer["kernel"] for layer in layers[1:-1]])
    biases = jnp.stack([layer["bias"] for layer in layers[:-1]])
    return fold_first_layer(planes, layers[0]["kernel"]), (hidden, biases, layers[-1]["kernel"], layers[-1]["bias"])


def fold_first_layer(planes: Float[Array, "B 3 s s K"], kernel: Float[Array, "3*K C"]) -> Float[Array, "B 3 s s C"]:
    """Planes whose texels are what the decoder's first layer makes of them; summed over planes, its features."""
    per_plane = kernel.reshape(3, 1, -1, kernel.shape[-1])
    # A copy for each row of texels: the sum of its gradients is then made of many products instead of a long one, whose
    # few outputs would leave most of a GPU idle.
    per_row = jnp.broadcast_to(per_plane, (*planes.shape[:3], *per_plane.shape[2:]))
    return jnp.einsum("bphwk,bphkc->bphwc", planes, per_row, precision=jax.lax.Precision.HIGHEST)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _query(
    dtype: jnp.dtype,
    interpret: bool,
    planes: Float[Array, "B 3 s s C"],
    decoder: Decoder,
    points: Float[Array, "B 3 N"],
) -> Float[Array, "B 4 N"]:
    """Raw outputs from folded planes; the backward pass keeps only the arguments."""
    hidden, biases, out, out_bias = decoder
    batch, _, side, _, channels = planes.shape
    count = points.shape[-1]
    if warpgroups.fit(channels, dtype, interpret):
        output = output_layer(out, out_bias, dtype)
        (raw,) = query_hopper.query(*_in_a_row(points, side), planes, hidden, biases, output, interpret=interpret)
        return jnp.swapaxes(raw.reshape(OUTPUTS, batch, count), 0, 1)
    kernel = functools.partial(_forward_kernel, side=side, dtype=dtype, interpret=interpret)
    return launch(
        kernel,
        jax.ShapeDtypeStruct((batch, OUTPUTS, count), jnp.float32),
        points,
        _touched_texels(points, side),
        planes.reshape(-1, channels).astype(dtype),
        hidden.astype(dtype),
        biases,
        *output_layer(out, out_bias, dtype),
        grid=(batch, count // _TILE),
        interpret=interpret,
    )


def _query_forward(dtype, interpret, planes, decoder, points):
    if points.perturbed:
        raise UserError(
            "config.render.implementation = 'pallas' has no gradient with respect to points or cameras: "
            "set it to 'xla'."
        )
    planes, decoder, points = jax.tree.map(lambda x: x.value, (planes, decoder, points))
    return _query(dtype, interpret, planes, decoder, points), (planes, decoder, points)


def _query_backward(dtype, interpret, saved, gradient):
    planes, decoder, points = saved
    hidden, biases, out, _ = decoder
    batch, _, side, _, channels = planes.shape
    count = points.shape[-1]
    hidden = hidden.astype(dtype)
    touched = _touched_texels(points, side)

    before = starts(hidden, interpret)
    if warpgroups.fit(channels, dtype, interpret):
        place = _in_a_row(points, side)
        stored = query_hopper.query(*place, planes, hidden, biases, None, before=before, interpret=interpret)
    else:
        stored = launch(
            functools.partial(_store_kernel, side=side, before=before, interpret=interpret),
            [jax.ShapeDtypeStruct((batch * count, channels), dtype)] * len(before),
            points,
            touched,
            planes.reshape(-1, channels).astype(dtype),
            hidden,
            biases,
            grid=(batch, count // _TILE),
            interpret=interpret,
        )
    incoming = jnp.swapaxes(gradient, 0, 1).reshape(OUTPUTS, -1)
    dz, d_hidden, d_biases, d_out = backward(stored, incoming, hidden, biases, out, interpret=interpret)

    zeros = jnp.zeros((batch * 3 * side * side, channels), jnp.float32)
    d_planes = launch(
        functools.partial(_scatter_kernel, side=side, interpret=interpret),
        jax.ShapeDtypeStruct(zeros.shape, jnp.float32),
        points,
        touched,
        dz,
        zeros,
        grid=(batch, count // _TILE),
        aliases={3: 0},
        interpret=interpret,
    )
    d_decoder = (d_hidden, d_biases, d_out, gradient.sum(axis=(0, 2)))
    return d_planes.reshape(planes.shape), d_decoder, jnp.zeros_like(points)


_query.defvjp(_query_forward, _query_backward, symbolic_zeros=True)


def _in_a_row(points: Float[Array, "B 3 N"], side: int) -> tuple[Array, Array, Array]:
    """The points of all fields as `query_hopper.query` takes them."""
    batch, _, count = points.shape
    at = jnp.swapaxes(texel_coordinates(points, side), 0, 1).reshape(3, -1)
    return at, jnp.arange(batch, dtype=jnp.int32), jnp.array([batch * count // query_hopper.TILE], jnp.int32)


def _touched_texels(points: Float[Array, "B 3 N"], side: int) -> Array:
    """First and last texel that each tile touches along x, y, z, as int32 (B, tiles, 6); outside is cut off."""
    batch, _, count = points.shape
    at = texel_coordinates(points, side).reshape(batch, 3, count // _TILE, _TILE)
    ends = jnp.stack([jnp.floor(at.min(axis=-1)), jnp.floor(at.max(axis=-1)) + 1], axis=1)
    return jnp.moveaxis(jnp.clip(ends, 0, side - 1).astype(jnp.int32).reshape(batch, 6, -1), 1, 2)


def _forward_kernel(
    points, touched, planes, hidden, biases, out_high, out_low, out_bias, raw, *, side, dtype, interpret
):
    field, tile = pl.program_id(0), pl.program_id(1)
    z = interpolate(_place(points, touched, side), planes, side) + biases[0, :][None, :]
    outputs = decode(z, hidden, biases, (out_high, out_low, out_bias), dtype, interpret)
    channel, rows = jnp.arange(PADDED_OUTPUTS)[None, :], tile * _TILE + jnp.arange(_TILE)[:, None]
    store(raw.at[field, channel, rows], outputs, (channel < OUTPUTS) & (rows >= 0))


def _store_kernel(points, touched, planes, hidden, biases, *stored, side, before, interpret):
    """Stores the pre-activations before each segment."""
    rows = pl.ds((pl.program_id(0) * pl.num_programs(1) + pl.program_id(1)) * _TILE, _TILE)
    z = interpolate(_place(points, touched, side), planes, side) + biases[0, :][None, :]
    store_starts(z.astype(hidden.dtype), hidden, biases, before, stored, rows, interpret)


def _scatter_kernel(points, touched, dz, _, d_planes, *, side, interpret):
    """Adds the gradient of each point to the texels around it."""
    gradient = dz[pl.ds((pl.program_id(0) * pl.num_programs(1) + pl.program_id(1)) * _TILE, _TILE), :]
    scatter(_place(points, touched, side), gradient, d_planes, side, interpret)


def _place(points, touched, side: int) -> Place:
    """Where this program's points lie; `touched` is from `_touched_texels`."""
    field, tile = pl.program_id(0), pl.program_id(1)
    at = [texel_coordinates(points[field, axis, pl.ds(tile * _TILE, _TILE)], side) for axis in range(3)]
    return Place(field, at, [touched[field, tile, i] for i in range(6)])
