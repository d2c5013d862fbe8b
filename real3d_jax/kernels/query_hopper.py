"""Triplane query and decoder on the tensor cores of Hopper GPUs (Pallas' Mosaic GPU).

A program for each multiprocessor, whose warpgroups take tiles of 64 points, each on its own. From the points'
coordinates to the decoder's outputs all stays in registers: what a product leaves is how the next one takes its first
factor. The second one, the weights, stays in shared memory.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jaxtyping import Array, Float, Int

from real3d_jax.kernels import inline_ptx, plane_fragments, warpgroups
from real3d_jax.kernels.decoder_segments import OUTPUTS
from real3d_jax.kernels.inline_ptx import SIDE, mosaic_gpu

TILE = SIDE  # points
GROUPS = 5  # warpgroups of a program: as many as there are registers for
_PART = 8  # columns of the output layer's weights, of which there are two parts


class _Kind(NamedTuple):
    """What the kernel is compiled for.

    Attributes:
      side: texels per side of a plane.
      tiles: of each of `fields`.
      layers: hidden layers to go through.
      before: those before which pre-activations are stored.
      outputs: whether the output layer follows.
      interpret: runs the kernel as plain JAX.
    """

    side: int
    tiles: int
    layers: int
    before: tuple[int, ...]
    outputs: bool
    interpret: bool


class _Shared(NamedTuple):
    """In shared memory.

    Attributes:
      weights, rows, output_layer: constants; rows are biases, the output layer's last.
      leaving: pre-activations of each warpgroup.
      there: the constants have arrived.
    """

    weights: Any
    rows: Any
    output_layer: Any
    leaving: Any
    there: Any


@functools.partial(jax.jit, static_argnames=("before", "interpret"))  # equal calls are lowered once
def query(
    at: Float[Array, "3 N"],
    fields: Int[Array, "runs"],
    tiles: Int[Array, "1"],
    planes: Float[Array, "F 3 s s 64"],
    hidden: Float[Array, "layers 64 64"],
    biases: Float[Array, "layers+1 64"],
    output_layer: Sequence[Array] | None,
    *,
    before: tuple[int, ...] = (),
    interpret: bool,
) -> Sequence[Array]:
    """The decoder's outputs (4, N) at points, unless there is no output layer, and halves of pre-activations (N, 64).

    Args:
      at: coordinates in texels; N is a multiple of `TILE`.
      fields: of equally many tiles of points each.
      tiles: how many of the first tiles count; nothing is written for the others.
      planes: float32, their texels of the decoder's first layer.
      hidden: float32 or bfloat16, as which they are taken.
      biases: of all layers but the output layer.
      output_layer: of `decoder_segments.output_layer`.
      before: the hidden layers before which pre-activations are wanted, in bfloat16; see `decoder_hopper.segment`.
      interpret: runs the kernel as plain JAX.
    """
    gpu = mosaic_gpu()
    dtype, count = jnp.bfloat16, at.shape[1]
    layers = before[-1] if output_layer is None else len(hidden)
    outputs = output_layer is not None
    kind = _Kind(planes.shape[2], count // TILE // len(fields), layers, tuple(before), outputs, interpret)
    programs = 2 if interpret else warpgroups.multiprocessors()

    def matrices(*leading: int, rows: int = SIDE) -> Any:
        return warpgroups.matrices(*leading, rows=rows, dtype=dtype, interpret=interpret)

    memory = _Shared(
        weights=matrices(max(layers, 1)),
        rows=gpu.SMEM((layers + 2, SIDE), jnp.float32),
        output_layer=matrices(rows=2 * _PART),
        leaving=matrices(GROUPS),
        there=gpu.Barrier(num_barriers=1, num_arrivals=3),
    )

    def decoder_query(at, fields, tiles, planes, *refs):
        constants, results, shared = refs[:3], refs[3 : -len(memory)], _Shared(*refs[-len(memory) :])
        group = jax.lax.axis_index("group")

        @pl.when(group == 0)
        def _():
            for source, target in zip(constants, (shared.weights, shared.rows, shared.output_layer), strict=True):
                gpu.copy_gmem_to_smem(source, target, shared.there)

        gpu.barrier_wait(shared.there)
        worker, workers = jax.lax.axis_index("program") * GROUPS + group, np.int32(programs * GROUPS)

        def one_tile(step, _):
            _one_tile(kind, (at, fields, planes), shared, results, step * workers + worker, group)

        jax.lax.fori_loop(0, jax.lax.div(tiles[0] - worker + workers - 1, workers), one_tile, None)
        gpu.wait_smem_to_gmem(0)

    # All is halved, which is exact: SiLU's hyperbolic tangent is of half its argument.
    planes, hidden, biases = 0.5 * planes, 0.5 * hidden, 0.5 * biases
    matrix, last = _output_layer(output_layer)
    raw = [jax.ShapeDtypeStruct((OUTPUTS, count), jnp.float32)] if outputs else []
    return warpgroups.launch(
        decoder_query,
        [*raw, *[jax.ShapeDtypeStruct((count, SIDE), dtype)] * len(before)],
        at,
        fields,
        tiles,
        plane_fragments.channel_order(planes.reshape(-1, SIDE).astype(dtype)),
        hidden[: max(layers, 1)].astype(dtype),
        jnp.concatenate([biases[: layers + 1], last]),
        matrix,
        memory=memory,
        programs=programs,
        groups=GROUPS,
        interpret=interpret,
    )


def _output_layer(parts: Sequence[Array] | None) -> tuple[Float[Array, "16 64"], Float[Array, "1 64"]]:
    """Both parts of the output layer's weights, transposed, and its bias; zeros where there is none."""
    if parts is None:
        return jnp.zeros((2 * _PART, SIDE), jnp.bfloat16), jnp.zeros((1, SIDE))
    high, low, bias = parts
    matrix = jnp.concatenate([high[:, :_PART], low[:, :_PART]], axis=1).T
    return matrix, jnp.pad(bias[:_PART], (0, SIDE - _PART))[None]


def _one_tile(
    kind: _Kind, arrays: tuple[Any, Any, Any], shared: _Shared, results: Sequence[Any], tile: Any, group: Any
) -> None:
    """A tile of points, from their coordinates to what is wanted of them."""
    gpu = mosaic_gpu()
    at, fields, planes = arrays
    side, tiles, layers, before, outputs, interpret = kind
    points, texels = pl.ds(tile * TILE, TILE), 3 * side**2
    of_field = planes.at[pl.ds(fields[jax.lax.div(tile, np.int32(tiles))] * texels, texels)]
    starts = results[-len(before) :]

    half = plane_fragments.interpolated(at.at[:, points], of_field, shared.rows.at[0], side, interpret)
    for layer in range(layers + 1):
        if layer in before:
            gpu.wait_smem_to_gmem(0, wait_read_only=True)
            warpgroups.store(shared.leaving.at[group], half.astype(jnp.bfloat16), interpret)
            gpu.commit_smem()
            gpu.copy_smem_to_gmem(shared.leaving.at[group], starts[before.index(layer)].at[points])
        if layer < layers:
            h = warpgroups.silu(half, interpret)
            bias = warpgroups.equal_rows(shared.rows.at[layer + 1], interpret)
            (half,) = warpgroups.added([bias], lambda h=h, layer=layer: [(h, shared.weights.at[layer])], interpret)
    if outputs:
        matrix = warpgroups.transposed(shared.output_layer, interpret)
        both = warpgroups.product(warpgroups.silu(half, interpret), matrix, interpret, 2 * _PART)
        _write(results[0].at[:, points], both, shared.rows.at[layers + 1], interpret)


def _write(raw: Any, both: Array, row: Any, interpret: bool) -> None:
    """Writes the decoder's outputs (4, 64): of the products with both parts of the weights the sum, plus a row."""
    if interpret:
        raw[...] = (both[:, :_PART] + both[:, _PART:] + row[...][:_PART])[:, :OUTPUTS].T
        return
    gpu = mosaic_gpu()

    def compute(_, raw, both, row):
        numbers = [number for pair in inline_ptx.pairs(both) for number in inline_ptx.halves(pair)]
        operands = [*numbers, inline_ptx.pointer(raw), inline_ptx.address(row)]
        inline_ptx.run("", writing(4 * inline_ptx.strides(raw)[0]), "f" * 8 + "lr", operands)

    kinds = (gpu.RefType(), gpu.Layout.WGMMA, gpu.RefType())
    gpu.inline_mgpu(arg_types=kinds)(compute)(raw, both, row)


def writing(stride: int) -> str:
    """PTX: $0 ... $7 are this thread's numbers, of either part two columns of one row and of another; $8 is the array,
    whose rows are `stride` bytes apart, $9 the row to add. Half of the threads have columns that count."""
    lines = [
        ".reg .b32 t, u, column;",
        ".reg .b64 at, v;",
        ".reg .f32 a, x, y;",
        ".reg .pred there;",
        "mov.u32 t, %tid.x;",
        "and.b32 column, t, 3;",
        "setp.lt.u32 there, column, 2;",
        "mul.wide.u32 at, column, 2;",
        f"mul.lo.u64 at, at, {stride};",
        "shl.b32 column, column, 3;",
        "add.u32 column, column, $9;",
        "@there ld.shared.v2.f32 {x, y}, [column];",
        "bfe.u32 u, t, 5, 2;",
        "bfe.u32 t, t, 2, 3;",
        "mad.lo.u32 t, u, 16, t;",
        "mul.wide.u32 v, t, 4;",
        "add.u64 at, at, v;",
        "add.u64 at, at, $8;",
    ]
    for column in range(2):
        lines += [f"add.u64 at, at, {stride};"] if column else []  # offsets have no more than 31 bits
        for row in range(2):
            number = 2 * row + column
            lines += [f"add.f32 a, ${number}, ${number + 4};", f"add.f32 a, a, {'xy'[column]};"]
            lines.append(f"@there st.global.f32 [at + {32 * row}], a;")
    return "{\n" + "\n".join(lines) + "\n}"
