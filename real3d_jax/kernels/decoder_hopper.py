"""The decoder's backward pass of a few layers, a segment, on the tensor cores of Hopper GPUs (Pallas' Mosaic GPU).

A program takes tiles of 128 points with three warpgroups. Two compute, 64 points each: pre-activations forward through
the segment's layers, gradients back. They leave activations and gradients in shared memory, where the third makes the
weights' gradients of them; those stay in its registers until the program ends. Weights stay in shared memory.
"""

import functools
import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jaxtyping import Array, Float, Int

from real3d_jax.kernels import warpgroups
from real3d_jax.kernels.inline_ptx import SIDE, mosaic_gpu

TILE = 2 * SIDE  # points of a program's step
LAYERS = 4  # of a segment: shared memory and registers hold no more
ROWS = 8  # of the outputs' gradient: as many as the copy engine takes
_OUTPUTS = 16  # the least rows that a matrix product takes in a transposed matrix; the others are zeros
_COLUMNS = 8  # the fewest columns of a product
_COMPUTING, _SUMMING = 160, 184  # registers of a thread


class _Kind(NamedTuple):
    """What the kernel is compiled for."""

    layers: int
    first: bool
    last: bool
    interpret: bool


class _Arrays(NamedTuple):
    """In the GPU's memory: what comes in, then what goes out.

    Attributes:
      starts: the first tile of each program, and the end.
    """

    halves: Any
    incoming: Any
    hidden: Any
    biases: Any
    out: Any
    ones: Any
    zeros: Any
    starts: Any
    dz: Any
    d_hidden: Any
    d_biases: Any
    d_out: Any


class _Shared(NamedTuple):
    """In shared memory; what has a first axis of two has a part for each warpgroup that computes.

    Attributes:
      weights, rows, output_layer, ones: constants; rows are biases.
      activations: before each layer.
      gradients: behind it; until then, the slope of the next layer's activations.
      arriving, leaving: half the pre-activations before the segment, and their gradient (until then, the first slope).
      last_activations: before the output layer.
      of_outputs, of_outputs_too: the gradient of the outputs, as the two products that it is in want it.
      constants_there, halves_there, incoming_there: what was asked for has arrived.
      ready: a layer's activations and gradients can be summed; then, the gradient that leaves.
      done: all of a tile's are summed.
    """

    weights: Any
    rows: Any
    activations: Any
    gradients: Any
    arriving: Any
    leaving: Any
    last_activations: Any
    of_outputs: Any
    of_outputs_too: Any
    output_layer: Any
    ones: Any
    constants_there: Any
    halves_there: Any
    incoming_there: Any
    ready: Any
    done: Any


@functools.partial(jax.jit, static_argnames=("first", "last", "programs", "interpret"))  # equal calls are lowered once
def segment(
    halves: Float[Array, "N 64"],
    incoming: Float[Array, "N 64"] | Float[Array, "4 N"] | Float[Array, "8 N"],
    hidden: Float[Array, "layers 64 64"],
    biases: Float[Array, "layers 64"],
    out: Float[Array, "64 4"],
    tiles: Int[Array, "1"],
    *,
    first: bool,
    last: bool,
    programs: int,
    interpret: bool,
) -> tuple[Float[Array, "N 64"], Float[Array, "layers 64 64"], Float[Array, "biases 64"], Float[Array, "64 4"]]:
    """Gradients of the pre-activations before the segment, of its weights, its biases, and the output layer's weights.

    Inside, weights, biases and pre-activations are half of what they are, which is exact: the hyperbolic tangent in
    SiLU is of half its argument, and with the same weights on the way back slopes are twice as large.

    Args:
      halves: half the pre-activations, bfloat16; N is a multiple of `TILE`.
      incoming: the gradient of those behind it, bfloat16; if `last`, of the decoder's outputs (with rows of zeros it is
        taken as it is).
      hidden: its weights, bfloat16.
      biases: of the layers behind these weights, float32.
      out: the output layer's weights.
      tiles: how many of the first tiles count; no gradient is written for the others.
      first: the biases of the layer before are the first ones of those whose gradients come back.
      last: the output layer follows; its weights' gradient is none elsewhere.
      programs: that share the tiles: as many as the GPU has multiprocessors.
      interpret: runs the kernel as plain JAX.
    """
    gpu = mosaic_gpu()
    layers, dtype = len(hidden), halves.dtype
    if last:
        incoming = jnp.pad(incoming.astype(dtype), ((0, ROWS - len(incoming)), (0, 0)))

    def summed(*shape: int) -> Any:
        return jax.ShapeDtypeStruct((programs, *shape), jnp.float32)

    def matrices(*leading: int, rows: int = SIDE, swizzle: int = 128) -> Any:
        return warpgroups.matrices(*leading, rows=rows, dtype=dtype, interpret=interpret, swizzle=swizzle)

    def barrier(count: int, arrivals: int = 1) -> Any:
        return gpu.Barrier(num_barriers=count, num_arrivals=arrivals)

    memory = _Shared(
        weights=matrices(layers),
        rows=gpu.SMEM((layers, SIDE), jnp.float32),
        activations=matrices(2, layers),
        gradients=matrices(2, layers),
        arriving=matrices(2),
        leaving=matrices(2),
        last_activations=matrices(2 if last else 1),
        of_outputs=matrices(2, rows=_OUTPUTS),
        of_outputs_too=matrices(2, rows=_OUTPUTS, swizzle=32),
        output_layer=matrices(rows=_OUTPUTS, swizzle=32),
        ones=matrices(rows=_COLUMNS),
        constants_there=barrier(1, 8 if last else 3),
        halves_there=barrier(2),
        incoming_there=barrier(2, 2 if last else 1),
        ready=barrier(2 * (layers + 1)),
        done=barrier(2),
    )
    kind = _Kind(layers, first, last, interpret)

    def decoder_segment(*refs: Any) -> None:
        arrays, shared = _Arrays(*refs[: -len(memory)]), _Shared(*refs[-len(memory) :])
        group = jax.lax.axis_index("group")
        pl.when(group < 2)(lambda: _compute(kind, arrays, shared, group))
        pl.when(group == 2)(lambda: _sum(kind, arrays, shared))

    dz, d_hidden, d_biases, d_out = warpgroups.launch(
        decoder_segment,
        [
            jax.ShapeDtypeStruct(halves.shape, dtype),
            summed(layers, SIDE, SIDE),
            summed(layers + first, SIDE, _COLUMNS),
            summed(SIDE, _OUTPUTS),
        ],
        halves,
        incoming,
        0.5 * hidden,
        0.5 * biases,
        jnp.pad(0.5 * out.T, ((0, _OUTPUTS - out.shape[1]), (0, 0))).astype(dtype),
        jnp.ones((_COLUMNS, SIDE), dtype),
        jnp.zeros((_OUTPUTS - ROWS, SIDE), dtype),
        tiles * jnp.arange(programs + 1) // programs,
        memory=memory,
        programs=programs,
        groups=3,
        interpret=interpret,
    )
    return dz, d_hidden.sum(axis=0), d_biases.sum(axis=0)[..., 0], d_out.sum(axis=0)[:, : out.shape[1]]


def _compute(kind: _Kind, arrays: _Arrays, shared: _Shared, group: Any) -> None:
    """One of the two warpgroups that compute."""
    gpu = mosaic_gpu()
    layers, first, last, interpret = kind
    transposed = functools.partial(warpgroups.transposed, interpret=interpret)
    start, end = _tiles(arrays)
    gpu.set_max_registers(_COMPUTING, action="decrease")

    @pl.when(group == 0)
    def _():
        constants = [(arrays.hidden, shared.weights), (arrays.biases, shared.rows), (arrays.ones, shared.ones)]
        if last:
            constants += [(arrays.out, shared.output_layer)]
            of_outputs = [part.at[i] for part in (shared.of_outputs, shared.of_outputs_too) for i in range(2)]
            constants += [(arrays.zeros, part.at[ROWS:]) for part in of_outputs]
        for source, target in constants:
            gpu.copy_gmem_to_smem(source, target, shared.constants_there)

    def behind_slope(layer):
        return shared.gradients.at[group, layer - 1] if layer else shared.leaving.at[group]

    def ask_for_halves(tile):
        points = pl.ds(tile * TILE + group * SIDE, SIDE)
        gpu.copy_gmem_to_smem(arrays.halves.at[points], shared.arriving.at[group], shared.halves_there.at[group])

    def ask_for_incoming(tile):
        points, there = pl.ds(tile * TILE + group * SIDE, SIDE), shared.incoming_there.at[group]
        if last:
            for target in (shared.of_outputs, shared.of_outputs_too):
                gpu.copy_gmem_to_smem(arrays.incoming.at[:, points], target.at[group, :ROWS], there)
        else:
            gpu.copy_gmem_to_smem(arrays.incoming.at[points], shared.gradients.at[group, layers - 1], there)

    pl.when(start < end)(lambda: ask_for_halves(start))
    gpu.barrier_wait(shared.constants_there)

    def one_tile(tile, _):
        gpu.barrier_wait(shared.halves_there.at[group])
        half = warpgroups.load(shared.arriving.at[group], interpret).astype(jnp.float32)
        pl.when(tile + 1 < end)(lambda: ask_for_halves(tile + 1))
        for layer in range(layers):
            h, slope = warpgroups.silu_and_slope(half, interpret)
            if layer == 0:
                pl.when(tile > start)(lambda: gpu.barrier_wait(shared.done.at[group]))
                ask_for_incoming(tile)
                gpu.wait_smem_to_gmem(0, wait_read_only=True)
            # A slope waits where the gradient will be that it makes, which spares registers.
            warpgroups.store(behind_slope(layer), slope, interpret)
            warpgroups.store(shared.activations.at[group, layer], h, interpret)
            if last or layer < layers - 1:
                bias = warpgroups.equal_rows(shared.rows.at[layer], interpret)
                (half,) = warpgroups.added([bias], lambda h=h, layer=layer: [(h, shared.weights.at[layer])], interpret)

        gpu.barrier_wait(shared.incoming_there.at[group])
        if last:
            h, slope = warpgroups.silu_and_slope(half, interpret)
            warpgroups.store(shared.last_activations.at[group], h, interpret)
            of_outputs = transposed(shared.of_outputs_too.at[group])
            gradient = _times(warpgroups.product(of_outputs, shared.output_layer, interpret), slope)
            warpgroups.store(shared.gradients.at[group, layers - 1], gradient, interpret)
        else:
            gradient = warpgroups.load(shared.gradients.at[group, layers - 1], interpret)
        for layer in reversed(range(layers)):
            gpu.commit_smem()
            gpu.barrier_arrive(shared.ready.at[group * (layers + 1) + layer])
            gradient = warpgroups.product(gradient, transposed(shared.weights.at[layer]), interpret)
            gradient = _times(gradient, warpgroups.load(behind_slope(layer), interpret))
            warpgroups.store(behind_slope(layer), gradient, interpret)

        gpu.commit_smem()
        if first:
            gpu.barrier_arrive(shared.ready.at[group * (layers + 1) + layers])
        gpu.copy_smem_to_gmem(shared.leaving.at[group], arrays.dz.at[pl.ds(tile * TILE + group * SIDE, SIDE)])

    jax.lax.fori_loop(start, end, one_tile, None)
    pl.when(start < end)(lambda: gpu.barrier_wait(shared.done.at[group]))
    gpu.wait_smem_to_gmem(0)


def _sum(kind: _Kind, arrays: _Arrays, shared: _Shared) -> None:
    """The warpgroup that sums the weights' gradients over points."""
    gpu = mosaic_gpu()
    layers, first, last, interpret = kind
    transposed = functools.partial(warpgroups.transposed, interpret=interpret)
    start, end = _tiles(arrays)
    gpu.set_max_registers(_SUMMING, action="increase")
    gpu.barrier_wait(shared.constants_there)

    def of_layer(tile, layer, group):
        layer += tile >> 30  # 0, which the compiler cannot know: else it keeps all matrices' addresses in registers
        gradient = shared.gradients.at[group, layer]
        of_weights = transposed(shared.activations.at[group, layer]), gradient
        return of_weights, (transposed(gradient), transposed(shared.ones))

    def of_leaving(group):
        return ((transposed(shared.leaving.at[group]), transposed(shared.ones)),)

    def of_last_activations(group):
        return ((transposed(shared.last_activations.at[group]), transposed(shared.of_outputs.at[group])),)

    def add(sums, factors, *where):
        return warpgroups.added(sums, functools.partial(factors, *where), interpret)

    def one_tile(tile, sums):
        of_weights, of_biases, of_first, of_out = (list(part) for part in sums)
        for layer, group in itertools.product(reversed(range(layers)), range(2)):
            gpu.barrier_wait(shared.ready.at[group * (layers + 1) + layer])
            if last and layer == layers - 1:
                of_out = add(of_out, of_last_activations, group)
            both = add([of_weights[layer], of_biases[layer]], of_layer, tile, layer, group)
            of_weights[layer], of_biases[layer] = both
            if not (layer or first):
                gpu.barrier_arrive(shared.done.at[group])
        for group in range(2) if first else ():
            gpu.barrier_wait(shared.ready.at[group * (layers + 1) + layers])
            of_first = add(of_first, of_leaving, group)
            gpu.barrier_arrive(shared.done.at[group])
        return tuple(of_weights), tuple(of_biases), tuple(of_first), tuple(of_out)

    def zeros(count, columns):
        return tuple(warpgroups.zeros(columns, interpret) for _ in range(count))

    of_weights, of_biases, of_first, of_out = jax.lax.fori_loop(
        start,
        end,
        one_tile,
        (zeros(layers, SIDE), zeros(layers, _COLUMNS), zeros(int(first), _COLUMNS), zeros(int(last), _OUTPUTS)),
    )
    program = jax.lax.axis_index("program")
    for layer in range(layers):
        arrays.d_hidden[program, layer] = of_weights[layer]
    for row, total in enumerate((*of_first, *of_biases)):
        arrays.d_biases[program, row] = total
    if last:
        arrays.d_out[program] = of_out[0]


def _tiles(arrays: _Arrays) -> tuple[Any, Any]:
    program = jax.lax.axis_index("program")
    return arrays.starts[program], arrays.starts[program + 1]


def _times(gradient: Array, slope: Array) -> Array:
    return (gradient * slope.astype(jnp.float32)).astype(slope.dtype)
