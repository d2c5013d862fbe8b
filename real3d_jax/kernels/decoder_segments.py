"""The decoder in kernels: a tile's outputs, and the backward pass a few layers, a segment, at a time.

A segment starts from the pre-activations that were stored before it, and computes its layers again. Its weights'
gradients stay in registers while a program walks through its tiles. Hopper GPUs have kernels of their own for this,
`decoder_hopper`, and for what comes before, `query_hopper`; here are those for others.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from real3d_jax.kernels import decoder_hopper, fused_silu, warpgroups
from real3d_jax.kernels.decoder_hopper import TILE
from real3d_jax.kernels.pallas import launch, load
from real3d_jax.kernels.plane_windows import dot

OUTPUTS = 4  # raw density and colour
PADDED_OUTPUTS = 16  # the least that a matrix product takes
_LAYERS = 4
_WARPS = 8
_PROGRAMS = 132


def starts(hidden: Float[Array, "layers C C"], interpret: bool) -> tuple[int, ...]:
    """The hidden layers before which pre-activations are to be stored, for weights in the dtype of the computation."""
    most = decoder_hopper.LAYERS if warpgroups.fit(hidden.shape[1], hidden.dtype, interpret) else _LAYERS
    return tuple(range(0, len(hidden), most)) or (0,)


def padded(out: Float[Array, "C 4"]) -> Float[Array, "C 16"]:
    """The output layer's weights with columns of zeros."""
    return jnp.pad(out, ((0, 0), (0, PADDED_OUTPUTS - OUTPUTS)))


def output_layer(
    out: Float[Array, "C 4"], bias: Float[Array, "4"], dtype: DTypeLike
) -> tuple[Float[Array, "C 16"], Float[Array, "C 16"], Float[Array, "16"]]:
    """Its weights as two numbers of the dtype whose sum they are, and its bias, padded; for `decode`.

    The exponential enlarges the output layer's error.
    """
    out = padded(out)
    high = out.astype(dtype)
    low = (out - high.astype(jnp.float32)).astype(dtype)
    return high, low, jnp.pad(bias, (0, PADDED_OUTPUTS - OUTPUTS))


def decode(z: Any, hidden: Any, biases: Any, output: Sequence[Any], dtype: DTypeLike, interpret: bool) -> Any:
    """Inside a kernel: outputs (points, 16) of which 4 count, from the first pre-activations and an `output_layer`."""
    for layer in range(hidden.shape[0]):
        h = fused_silu.silu(z, dtype, interpret)
        z = dot(h, hidden[layer]) + biases[layer + 1, :][None, :]
    h = fused_silu.silu(z, dtype, interpret)
    out_high, out_low, out_bias = output
    outputs = dot(h, out_high[...]) + out_bias[...][None, :]
    if dtype != jnp.float32:
        outputs += dot(h, out_low[...])
    return outputs


def store_starts(
    z: Any, hidden: Any, biases: Any, before: Sequence[int], stored: Sequence[Any], rows: Any, interpret: bool
) -> None:
    """Inside a kernel: stores a tile's pre-activations before some layers, from the first ones in the dtype."""
    for layer in range(before[-1] + 1):
        if layer in before:
            stored[before.index(layer)][rows, :] = z
        if layer < before[-1]:
            h = fused_silu.silu(z, z.dtype, interpret)
            z = (dot(h, hidden[layer]) + biases[layer + 1, :][None, :]).astype(z.dtype)


def backward(
    stored: Sequence[Float[Array, "N C"]],
    incoming: Float[Array, "4 N"] | Float[Array, "8 N"],
    hidden: Float[Array, "layers C C"],
    biases: Float[Array, "layers+1 C"],
    out: Float[Array, "C 4"],
    tiles: Int[Array, "1"] | None = None,
    *,
    interpret: bool,
    pairs: bool = False,
) -> tuple[Float[Array, "N C"], Float[Array, "layers C C"], Float[Array, "layers+1 C"], Float[Array, "C 4"]]:
    """Gradients of the first pre-activations (in their memory), and of the weights but the output's bias.

    Args:
      stored: pre-activations before each of `starts`, in the dtype of the computation; halves of them on Hopper.
      incoming: the gradient of the decoder's outputs; with rows of zeros as `decoder_hopper.segment` takes it.
      hidden: weights between hidden layers, in that dtype.
      biases: of the hidden layers, the first one's too.
      out: the output layer's weights.
      tiles: how many of the first tiles of `TILE` points count; all if None.
      interpret: runs the kernels as plain JAX.
      pairs: keeps the slopes of a segment's activations in registers from the way up to the way down. Was measured for
        segments of three layers alone.
    """
    layers, before = len(hidden), starts(hidden, interpret)
    if warpgroups.fit(hidden.shape[1], hidden.dtype, interpret):
        sums_first = True
        tiles = jnp.array([incoming.shape[1] // TILE], jnp.int32) if tiles is None else tiles
        programs = warpgroups.multiprocessors()
        segment = functools.partial(decoder_hopper.segment, tiles=tiles, programs=programs, interpret=interpret)
    else:
        # What lies behind the tiles that count is no gradient, and is in no sum.
        sums_first = tiles is not None
        out = padded(out).astype(hidden.dtype)
        segment = functools.partial(_segment, tiles=tiles, pairs=pairs, interpret=interpret)
    d_hidden, d_biases, d_out = [], [], None
    for start, end, z in reversed(list(zip(before, (*before[1:], layers), stored, strict=True))):
        incoming, d_kernels, d_bias, d_last = segment(
            z,
            incoming,
            hidden[start:end],
            biases[start + 1 : end + 1],
            out,
            first=start == 0 and sums_first,
            last=end == layers,
        )
        d_hidden, d_biases = [d_kernels, *d_hidden], [d_bias, *d_biases]
        d_out = d_last if end == layers else d_out
    assert d_out is not None
    if not sums_first:
        d_biases = [jnp.sum(incoming, axis=0, dtype=jnp.float32)[None], *d_biases]
    return incoming, jnp.concatenate(d_hidden), jnp.concatenate(d_biases), d_out


def _segment(z, incoming, hidden, biases, out, *, tiles, first: bool, last: bool, pairs: bool, interpret: bool):
    """`decoder_hopper.segment` for other GPUs, widths and dtypes; the gradient of `z` takes its place.

    Args as there, but `out` is padded in the dtype of the computation, and `tiles` may be None: all. `pairs` is of
    `backward`.
    """
    count, channels = z.shape
    layers = hidden.shape[0]
    programs = min(_PROGRAMS, count // TILE)
    counted = () if tiles is None else (tiles,)

    def summed(*shape: int) -> Any:
        return jax.ShapeDtypeStruct((programs, *shape), jnp.float32)

    dz, d_hidden, d_biases, d_out = launch(
        functools.partial(
            _segment_kernel,
            layers=layers,
            first=first,
            last=last,
            pairs=pairs,
            programs=programs,
            interpret=interpret,
        ),
        (
            jax.ShapeDtypeStruct(z.shape, z.dtype),
            summed(layers, channels, channels),
            summed(layers + first, PADDED_OUTPUTS, channels),
            summed(channels, PADDED_OUTPUTS),
        ),
        z,
        incoming,
        hidden,
        biases,
        out,
        *counted,
        grid=(programs,),
        aliases={0: 0},
        warps=_WARPS,
        interpret=interpret,
    )
    return dz, d_hidden.sum(axis=0), d_biases.sum(axis=0)[:, 0], d_out.sum(axis=0)[:, :OUTPUTS]


def _segment_kernel(z, incoming, hidden, biases, out, *refs, layers, first, last, pairs, programs, interpret):
    *tiles, dz, d_hidden, d_biases, d_out = refs
    program = pl.program_id(0)
    dtype, channels = z.dtype, z.shape[1]
    ones = jnp.ones((PADDED_OUTPUTS, TILE), dtype)

    def one_tile(tile, sums):
        kernel_sums, bias_sums, out_sum = sums
        rows = pl.ds(tile * TILE, TILE)
        zs = [z[rows, :]]
        kept = []
        for layer in range(layers):
            kept.append(fused_silu.silu_and_slope(zs[-1], interpret) if pairs else None)
            if last or layer < layers - 1:
                h = kept[-1][0] if pairs else fused_silu.silu(zs[-1], dtype, interpret)
                zs.append((dot(h, hidden[layer]) + biases[layer, :][None, :]).astype(dtype))
        if last:
            channel = jnp.arange(PADDED_OUTPUTS)[None, :]
            points = tile * TILE + jnp.arange(TILE)[:, None]
            mask = (channel < OUTPUTS) & (points >= 0)
            gradient = load(incoming.at[channel % OUTPUTS, points], mask).astype(dtype)
            h, slope = fused_silu.silu_and_slope(zs[-1], interpret)
            out_sum += dot(h, gradient, transpose_a=True)
            gradient = (dot(gradient, out[...], transpose_b=True) * slope.astype(jnp.float32)).astype(dtype)
        else:
            gradient = incoming[rows, :]
        kernel_sums, bias_sums = list(kernel_sums), list(bias_sums)
        for layer in reversed(range(layers)):
            bias_sums[layer + first] += dot(ones, gradient)
            h, slope = kept[layer] if pairs else fused_silu.silu_and_slope(zs[layer], interpret)
            kernel_sums[layer] += dot(h, gradient, transpose_a=True)
            gradient = dot(gradient, hidden[layer], transpose_b=True) * slope.astype(jnp.float32)
            gradient = gradient.astype(dtype)
        if first:
            bias_sums[0] += dot(ones, gradient)
        dz[rows, :] = gradient
        return tuple(kernel_sums), tuple(bias_sums), out_sum

    zeros = (
        tuple(jnp.zeros((channels, channels), jnp.float32) for _ in range(layers)),
        tuple(jnp.zeros((PADDED_OUTPUTS, channels), jnp.float32) for _ in range(layers + first)),
        jnp.zeros((channels, PADDED_OUTPUTS), jnp.float32),
    )

    def first_tile(program):
        return program * (tiles[0][0] if tiles else z.shape[0] // TILE) // programs

    sums = jax.lax.fori_loop(first_tile(program), first_tile(program + 1), one_tile, zeros)
    kernel_sums, bias_sums, out_sum = sums
    for layer in range(layers):
        d_hidden[program, layer] = kernel_sums[layer]
    for layer in range(layers + first):
        d_biases[program, layer] = bias_sums[layer]
    d_out[program] = out_sum
