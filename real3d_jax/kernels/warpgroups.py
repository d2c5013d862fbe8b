"""What a warpgroup (128 threads of a Hopper GPU) does in the kernels for Pallas' Mosaic GPU backend.

Matrices are 64 x 64. In registers they lie as the tensor cores leave them, in shared memory (SMEM) as these read them:
in rows of 128 bytes, swizzled. Activations, loads and stores are written out as PTX (`inline_ptx`): Pallas' own take so
many registers for their addresses that the kernels spill.

With `interpret` everything is plain JAX, for Pallas' interpreter.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from real3d_jax.kernels import inline_ptx
from real3d_jax.kernels.inline_ptx import SIDE, mosaic_gpu

# Of two neighbouring float32 numbers h = z / 2: SiLU(z) = f = h + h t, and twice its slope, 1 + f + t (1 - f), where
# t = tanh(h).
_SILU_AND_SLOPE = """{
.reg .f32 s, t, f, g, a, b;
tanh.approx.f32 s, $2;
tanh.approx.f32 t, $3;
fma.rn.f32 f, $2, s, $2;
fma.rn.f32 g, $3, t, $3;
cvt.rn.bf16x2.f32 $0, g, f;
sub.f32 a, 0f3F800000, f;
sub.f32 b, 0f3F800000, g;
add.f32 f, 0f3F800000, f;
add.f32 g, 0f3F800000, g;
fma.rn.f32 s, s, a, f;
fma.rn.f32 t, t, b, g;
cvt.rn.bf16x2.f32 $1, t, s;
}"""
# The first of them alone.
_SILU = """{
.reg .f32 s, t;
tanh.approx.f32 s, $1;
tanh.approx.f32 t, $2;
fma.rn.f32 s, $1, s, $1;
fma.rn.f32 t, $2, t, $2;
cvt.rn.bf16x2.f32 $0, t, s;
}"""
# Where in a swizzled matrix this thread's row of stmatrix and ldmatrix begins, in bytes: its eight numbers of column
# block 0 or 1. Those of blocks 2 j and 2 j + 1 are there XOR 32 j.
_ROW = """{
.reg .b32 t, r, u;
mov.u32 t, %tid.x;
and.b32 r, t, 7;
shr.u32 u, t, 4;
and.b32 u, u, 1;
xor.b32 u, u, r;
shl.b32 u, u, 4;
shl.b32 r, r, 7;
or.b32 r, r, u;
shr.u32 u, t, 3;
and.b32 u, u, 1;
shl.b32 u, u, 10;
or.b32 r, r, u;
shr.u32 u, t, 5;
and.b32 u, u, 3;
shl.b32 u, u, 11;
or.b32 $0, r, u;
}"""
_STORE = """{{
.reg .b32 at;
add.u32 at, $0, $1;
xor.b32 at, at, {offset};
stmatrix.sync.aligned.m8n8.x4.shared.b16 [at], {{$2, $3, $4, $5}};
}}"""
_LOAD = """{{
.reg .b32 at;
add.u32 at, $4, $5;
xor.b32 at, at, {offset};
ldmatrix.sync.aligned.m8n8.x4.shared.b16 {{$0, $1, $2, $3}}, [at];
}}"""
_COLUMN = "{\n.reg .b32 t;\nmov.u32 t, %tid.x;\nand.b32 t, t, 3;\nshl.b32 $0, t, 3;\n}"
_LOAD_COLUMNS = "{{\n.reg .b32 at;\nadd.u32 at, $2, $3;\nld.shared.v2.f32 {{$0, $1}}, [at + {offset}];\n}}"


@functools.cache
def available() -> bool:
    """Whether this device is a Hopper GPU, and Pallas' insides are as they were."""
    if jax.default_backend() != "gpu" or not str(getattr(jax.devices()[0], "compute_capability", "")).startswith("9."):
        return False
    return inline_ptx.known()


def fit(channels: int, dtype: DTypeLike, interpret: bool) -> bool:
    """Whether the kernels of warpgroups take a decoder of so many channels, here: 64, in bfloat16, on a Hopper GPU."""
    return channels == SIDE and dtype == jnp.bfloat16 and not interpret and available()


def multiprocessors() -> int:
    """Of the GPU."""
    device: Any = jax.devices()[0]
    return device.core_count


def launch(
    kernel: Callable,
    outputs: Sequence[Any],
    *operands: jax.Array,
    memory: Sequence[Any],
    programs: int,
    groups: int,
    interpret: bool,
) -> Sequence[Array]:
    """Runs a kernel.

    Args:
      kernel: gets references to the operands, the outputs and the shared memory; its axes are "program" and "group".
      outputs: their shapes.
      *operands: arrays in the GPU's memory.
      memory: what it has in shared memory.
      programs: that run, one on each multiprocessor.
      groups: warpgroups of a program.
      interpret: runs it on the CPU.
    """
    gpu = mosaic_gpu()
    return gpu.kernel(
        kernel,
        out_type=tuple(outputs),
        scratch_types=list(memory),
        grid=(programs,),
        grid_names=("program",),
        num_threads=groups,
        thread_name="group",
        compiler_params=gpu.CompilerParams(lowering_semantics=gpu.LoweringSemantics.Warpgroup),
        interpret=_interpreter() if interpret else None,
    )(*operands)


def _interpreter() -> Any:
    from jax._src.pallas.mosaic_gpu.interpret.params import InterpretGPUParams

    return InterpretGPUParams()


def matrices(*leading: int, rows: int = SIDE, dtype: DTypeLike, interpret: bool, swizzle: int = 128) -> Any:
    """Shared memory for matrices of `rows` x 64, in rows of `swizzle` bytes; without the layout when interpreted."""
    gpu = mosaic_gpu()
    return gpu.SMEM((*leading, rows, SIDE), dtype, transforms=() if interpret else _transforms(swizzle))


def _transforms(swizzle: int = 128) -> tuple[Any, ...]:
    gpu = mosaic_gpu()
    return (gpu.TilingTransform((8, swizzle // 2)), gpu.SwizzleTransform(swizzle))


def product(a: Any, b: Any, interpret: bool, columns: int = SIDE) -> Float[Array, "64 columns"]:
    """a b, summed in float32: `a` in registers or shared memory, `b` in shared memory."""
    if interpret:
        return _plain_product(a, b)
    gpu = mosaic_gpu()

    def multiply(sums):
        gpu.wgmma(sums, a, b)
        return sums[...]

    return pl.run_scoped(multiply, gpu.ACC((SIDE, columns), jnp.float32))


def added(
    sums: Sequence[Array], factors: Callable[[], Sequence[tuple[Any, Any]]], interpret: bool
) -> list[Float[Array, "64 columns"]]:
    """Each of `sums` plus the product of two matrices of `factors`, as in `product`."""
    if interpret:
        return [total + _plain_product(a, b) for total, (a, b) in zip(sums, factors(), strict=True)]
    gpu = mosaic_gpu()

    def multiply(refs):
        for ref, (a, b) in zip(refs, factors(), strict=True):
            gpu.wgmma(ref, a, b)

    return list(pl.run_state(multiply)([gpu.ACC.init(total) for total in sums]))


def zeros(columns: int, interpret: bool) -> Float[Array, "64 columns"]:
    """Sums to start with."""
    start = jnp.zeros((SIDE, columns), jnp.float32)
    if interpret:
        return start
    gpu = mosaic_gpu()
    return gpu.layout_cast(start, gpu.Layout.WGMMA)


def transposed(matrix: Any, interpret: bool) -> Any:
    """A matrix in shared memory as its transpose, for a product."""
    return _Transposed(matrix) if interpret else matrix.transpose((1, 0))


class _Transposed(NamedTuple):
    matrix: Any

    def __getitem__(self, index: Any) -> Any:
        assert index is ...
        return self.matrix[...].T


def silu_and_slope(h: Float[Array, "64 64"], interpret: bool) -> tuple[Float[Array, "64 64"], Float[Array, "64 64"]]:
    """SiLU of 2 h, float32 numbers, and twice its derivative there, each rounded once to bfloat16."""
    if interpret:
        s = jax.nn.sigmoid(2 * h)
        return (2 * h * s).astype(jnp.bfloat16), (2 * s + 4 * h * s * (1 - s)).astype(jnp.bfloat16)
    gpu = mosaic_gpu()

    def compute(_, h):
        both = [
            inline_ptx.run("rr", _SILU_AND_SLOPE, "ff", inline_ptx.halves(pair), effects=False)
            for pair in inline_ptx.pairs(h)
        ]
        silu, slope = zip(*both, strict=True)
        return inline_ptx.from_bits(silu), inline_ptx.from_bits(slope)

    kind = inline_ptx.matrix(jnp.bfloat16)
    return gpu.inline_mgpu(arg_types=(gpu.Layout.WGMMA,), return_type=(kind, kind))(compute)(h)


def silu(h: Float[Array, "64 64"], interpret: bool) -> Float[Array, "64 64"]:
    """SiLU of 2 h, of float32 numbers, rounded to bfloat16."""
    if interpret:
        return jax.nn.silu(2 * h).astype(jnp.bfloat16)
    gpu = mosaic_gpu()

    def compute(_, h):
        numbers = map(inline_ptx.halves, inline_ptx.pairs(h))
        return inline_ptx.from_bits([inline_ptx.run("r", _SILU, "ff", two, effects=False)[0] for two in numbers])

    return gpu.inline_mgpu(arg_types=(gpu.Layout.WGMMA,), return_type=inline_ptx.matrix(jnp.bfloat16))(compute)(h)


def equal_rows(row: Any, interpret: bool) -> Float[Array, "64 64"]:
    """A matrix whose rows are 64 float32 numbers in shared memory."""
    if interpret:
        return jnp.broadcast_to(row[...], (SIDE, SIDE))
    gpu = mosaic_gpu()

    def compute(_, row):
        operands, numbers = [inline_ptx.address(row), *inline_ptx.run("r", _COLUMN, "", [], effects=False)], []
        for block in range(8):
            numbers += 2 * inline_ptx.run("ff", _LOAD_COLUMNS.format(offset=32 * block), "rr", operands)
        return inline_ptx.from_floats(numbers)

    return gpu.inline_mgpu(arg_types=(gpu.RefType(),), return_type=inline_ptx.matrix(jnp.float32))(compute)(row)


def store(matrix: Any, values: Float[Array, "64 64"], interpret: bool) -> None:
    """Writes bfloat16 numbers to a matrix in shared memory."""
    if interpret:
        matrix[...] = values
        return
    gpu = mosaic_gpu()

    def compute(_, matrix, values):
        place = [inline_ptx.address(matrix), *inline_ptx.run("r", _ROW, "", [], effects=False)]
        registers = list(map(inline_ptx.bits, inline_ptx.pairs(values)))
        for j in range(4):
            inline_ptx.run("", _STORE.format(offset=32 * j), "r" * 6, [*place, *registers[4 * j : 4 * j + 4]])

    kinds = (gpu.RefType(_transforms()), gpu.Layout.WGMMA)
    gpu.inline_mgpu(arg_types=kinds)(compute)(matrix, values)


def load(matrix: Any, interpret: bool) -> Float[Array, "64 64"]:
    """Reads bfloat16 numbers from a matrix in shared memory."""
    if interpret:
        return matrix[...]
    gpu = mosaic_gpu()

    def compute(_, matrix):
        place, registers = [inline_ptx.address(matrix), *inline_ptx.run("r", _ROW, "", [], effects=False)], []
        for j in range(4):
            registers += inline_ptx.run("rrrr", _LOAD.format(offset=32 * j), "rr", place)
        return inline_ptx.from_bits(registers)

    kinds = (gpu.RefType(_transforms()),)
    return gpu.inline_mgpu(arg_types=kinds, return_type=inline_ptx.matrix(jnp.bfloat16))(compute)(matrix)


def _plain_product(a: Any, b: Any) -> Array:
    left, right = (x if isinstance(x, jax.Array) else x[...] for x in (a, b))
    return jnp.dot(left, right, preferred_element_type=jnp.float32)
