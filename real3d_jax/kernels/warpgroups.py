"""What a warpgroup (128 threads of a Hopper GPU) does in the kernels for Pallas' Mosaic GPU backend.

Matrices are 64 x 64. In registers they lie as the tensor cores leave them, in shared memory (SMEM) as these read them:
in rows of 128 bytes, swizzled. Activations, loads and stores are written out as PTX: Pallas' own take so many registers
for their addresses that the kernels spill. That, and how registers are laid out, is Pallas' inside: `available` says
whether it is as it was in JAX 0.10 and 0.11.

With `interpret` everything is plain JAX, for Pallas' interpreter.
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.typing import DTypeLike
from jaxtyping import Array, Float

SIDE = 64  # rows and columns of a matrix

# Of two neighbouring float32 numbers z: z s and s + z s (1 - s), where s = sigmoid(z) = (1 + tanh(z / 2)) / 2.
_SILU_AND_SLOPE = """{
.reg .f32 a, b, s, t, x, y;
mul.f32 a, $2, 0f3F000000;
mul.f32 b, $3, 0f3F000000;
tanh.approx.f32 s, a;
tanh.approx.f32 t, b;
fma.rn.f32 s, s, 0f3F000000, 0f3F000000;
fma.rn.f32 t, t, 0f3F000000, 0f3F000000;
mul.f32 x, $2, s;
mul.f32 y, $3, t;
cvt.rn.bf16x2.f32 $0, y, x;
sub.f32 a, 0f3F800000, s;
sub.f32 b, 0f3F800000, t;
fma.rn.f32 s, x, a, s;
fma.rn.f32 t, y, b, t;
cvt.rn.bf16x2.f32 $1, t, s;
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
_AT_ROW = ".reg .b32 at;\nadd.u32 at, {base}, {row};\nxor.b32 at, at, {offset};\n"
_STORE = "{{\n" + _AT_ROW + "stmatrix.sync.aligned.m8n8.x4.shared.b16 [at], {{$2, $3, $4, $5}};\n}}"
_LOAD = "{{\n" + _AT_ROW + "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {{$0, $1, $2, $3}}, [at];\n}}"
_COLUMN = "{\n.reg .b32 t;\nmov.u32 t, %tid.x;\nand.b32 t, t, 3;\nshl.b32 $0, t, 3;\n}"
_LOAD_COLUMNS = "{{\n.reg .b32 at;\nadd.u32 at, $2, $3;\nld.shared.v2.f32 {{$0, $1}}, [at + {offset}];\n}}"


@functools.cache
def available() -> bool:
    """Whether this device is a Hopper GPU, and Pallas' insides are as they were."""
    if jax.default_backend() != "gpu" or not str(getattr(jax.devices()[0], "compute_capability", "")).startswith("9."):
        return False
    return insides_known()


def multiprocessors() -> int:
    """Of the GPU."""
    device: Any = jax.devices()[0]
    return device.core_count


def insides_known() -> bool:
    """Whether Pallas has the private parts that this file takes."""
    try:
        from jax.experimental.mosaic.gpu import fragmented_array, utils

        gpu = mosaic_gpu()
        inspect.signature(fragmented_array.FragmentedArray).bind(_registers=None, _layout=None, _is_signed=None)
        inspect.signature(utils.memref_ptr).bind(None)
        shape = fragmented_array.WGMMA_LAYOUT.registers_shape((SIDE, SIDE))
        parts = (gpu.inline_mgpu, gpu.RefType, gpu.LoweringSemantics.Warpgroup)
        return all(parts) and (shape[1], shape[4], int(np.prod(shape))) == (8, 2, 16)
    except (ImportError, AttributeError, TypeError, IndexError):
        return False


def mosaic_gpu() -> Any:
    """Pallas' Mosaic GPU backend, which only NVIDIA GPUs need."""
    from jax.experimental.pallas import mosaic_gpu as backend

    return backend


def matrices(*leading: int, rows: int = SIDE, dtype: DTypeLike, interpret: bool, swizzle: int = 128) -> Any:
    """Shared memory for matrices of `rows` x 64, in rows of `swizzle` bytes; without the layout when interpreted."""
    gpu = mosaic_gpu()
    return gpu.SMEM((*leading, rows, SIDE), dtype, transforms=() if interpret else _transforms(swizzle))


def _transforms(swizzle: int = 128) -> tuple[Any, ...]:
    gpu = mosaic_gpu()
    return (gpu.TilingTransform((8, swizzle // 2)), gpu.SwizzleTransform(swizzle))


def product(a: Any, b: Any, interpret: bool) -> Float[Array, "64 64"]:
    """a b, summed in float32: `a` in registers or shared memory, `b` in shared memory."""
    if interpret:
        return _plain_product(a, b)
    gpu = mosaic_gpu()

    def multiply(sums):
        gpu.wgmma(sums, a, b)
        return sums[...]

    return pl.run_scoped(multiply, gpu.ACC((SIDE, SIDE), jnp.float32))


def added(
    sums: Sequence[Array], factors: Callable[[], Sequence[tuple[Any, Any]]], interpret: bool
) -> list[Float[Array, "64 columns"]]:
    """Each of `sums` plus the product of two matrices in shared memory, which `factors` takes out of it."""
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


def silu_and_slope(z: Float[Array, "64 64"], interpret: bool) -> tuple[Float[Array, "64 64"], Float[Array, "64 64"]]:
    """SiLU of float32 numbers and its derivative, each rounded once to bfloat16."""
    if interpret:
        s = jax.nn.sigmoid(z)
        return (z * s).astype(jnp.bfloat16), (s + z * s * (1 - s)).astype(jnp.bfloat16)
    gpu = mosaic_gpu()

    def compute(_, z):
        llvm, vector, types = _dialects()
        h, slope = (np.empty(z.registers.shape, object) for _ in range(2))
        for index, register in np.ndenumerate(z.registers):
            pair = [vector.extract(register, dynamic_position=[], static_position=[i]) for i in range(2)]
            both = _asm(types["2 i32"], pair, _SILU_AND_SLOPE, "=r,=r,f,f", effects=False)
            h[index], slope[index] = (llvm.bitcast(types["bf16x2"], _part(types["i32"], both, i)) for i in range(2))
        return _array(h), _array(slope)

    kind = _registers_of(jnp.bfloat16)
    return gpu.inline_mgpu(arg_types=(gpu.Layout.WGMMA,), return_type=(kind, kind))(compute)(z)


def add_row(z: Float[Array, "64 64"], row: Any, interpret: bool) -> Float[Array, "64 64"]:
    """z plus a row of 64 float32 numbers in shared memory."""
    if interpret:
        return z + row[...][None, :]
    gpu = mosaic_gpu()

    def compute(_, z, row):
        _, vector, types = _dialects()
        from jax._src.lib.mlir.dialects import arith

        base, column = _address(row), _asm(types["i32"], [], _COLUMN, "=r", effects=False)
        before, after = z.registers.reshape(8, 2), np.empty((8, 2), object)
        for block in range(8):
            code = _LOAD_COLUMNS.format(offset=32 * block)
            both = _asm(types["2 f32"], [base, column], code, "=f,=f,r,r")
            for half in range(2):
                register = before[block, half]
                for i in range(2):
                    number = vector.extract(register, dynamic_position=[], static_position=[i])
                    number = arith.addf(number, _part(types["f32"], both, i))
                    register = vector.insert(number, register, dynamic_position=[], static_position=[i])
                after[block, half] = register
        return _array(after.reshape(z.registers.shape))

    layout = gpu.Layout.WGMMA
    return gpu.inline_mgpu(arg_types=(layout, gpu.RefType()), return_type=_registers_of(jnp.float32))(compute)(z, row)


def store(matrix: Any, values: Float[Array, "64 64"], interpret: bool) -> None:
    """Writes bfloat16 numbers to a matrix in shared memory."""
    if interpret:
        matrix[...] = values
        return
    gpu = mosaic_gpu()

    def compute(_, matrix, values):
        llvm, _, types = _dialects()
        base, row = _address(matrix), _asm(types["i32"], [], _ROW, "=r", effects=False)
        registers = [llvm.bitcast(types["i32"], register) for register in values.registers.reshape(-1)]
        for j in range(4):
            code = _STORE.format(base="$0", row="$1", offset=32 * j)
            _asm(types["void"], [base, row, *registers[4 * j : 4 * j + 4]], code, "r,r,r,r,r,r")

    kinds = (gpu.RefType(_transforms()), gpu.Layout.WGMMA)
    gpu.inline_mgpu(arg_types=kinds)(compute)(matrix, values)


def load(matrix: Any, interpret: bool) -> Float[Array, "64 64"]:
    """Reads bfloat16 numbers from a matrix in shared memory."""
    if interpret:
        return matrix[...]
    gpu = mosaic_gpu()

    def compute(_, matrix):
        llvm, _, types = _dialects()
        base, row = _address(matrix), _asm(types["i32"], [], _ROW, "=r", effects=False)
        registers = []
        for j in range(4):
            code = _LOAD.format(base="$4", row="$5", offset=32 * j)
            four = _asm(types["4 i32"], [base, row], code, "=r,=r,=r,=r,r,r")
            registers += [llvm.bitcast(types["bf16x2"], _part(types["i32"], four, i)) for i in range(4)]
        result = np.empty(len(registers), object)
        result[:] = registers
        return _array(result.reshape(_layout().registers_shape((SIDE, SIDE))))

    kinds = (gpu.RefType(_transforms()),)
    return gpu.inline_mgpu(arg_types=kinds, return_type=_registers_of(jnp.bfloat16))(compute)(matrix)


def _plain_product(a: Any, b: Any) -> Array:
    left, right = (x if isinstance(x, jax.Array) else x[...] for x in (a, b))
    return jnp.dot(left, right, preferred_element_type=jnp.float32)


def _registers_of(dtype: DTypeLike) -> Any:
    gpu = mosaic_gpu()
    return gpu.ShapeDtypeStruct((SIDE, SIDE), dtype, layout=gpu.Layout.WGMMA)


def _layout() -> Any:
    from jax.experimental.mosaic.gpu import fragmented_array

    return fragmented_array.WGMMA_LAYOUT


def _array(registers: np.ndarray) -> Any:
    from jax.experimental.mosaic.gpu import fragmented_array

    return fragmented_array.FragmentedArray(_registers=registers, _layout=_layout(), _is_signed=None)


def _dialects() -> tuple[Any, Any, dict[str, Any]]:
    """LLVM's and the vector dialect of MLIR, and types; inside a kernel's lowering."""
    from jax._src.lib import mlir
    from jax._src.lib.mlir.dialects import llvm, vector

    private: Any = mlir
    ir = private.ir
    types = {name: ir.Type.parse(f"!llvm.struct<({', '.join([name[2:]] * int(name[0]))})>") for name in _STRUCTS}
    types |= {"i32": ir.IntegerType.get_signless(32), "f32": ir.F32Type.get(), "void": ir.Type.parse("!llvm.void")}
    return llvm, vector, types | {"bf16x2": ir.VectorType.get((2,), ir.BF16Type.get())}


_STRUCTS = ("2 i32", "4 i32", "2 f32")


def _asm(result: Any, operands: Sequence[Any], code: str, constraints: str, *, effects: bool = True) -> Any:
    from jax._src.lib.mlir.dialects import llvm

    return llvm.inline_asm(result, operands, code, constraints, has_side_effects=effects, asm_dialect=0)


def _part(kind: Any, struct: Any, number: int) -> Any:
    from jax._src.lib.mlir.dialects import llvm

    return llvm.extractvalue(kind, struct, [number])


def _address(ref: Any) -> Any:
    """Of shared memory, in 32 bits."""
    from jax._src.lib.mlir.dialects import llvm
    from jax.experimental.mosaic.gpu import utils

    _, _, types = _dialects()
    return llvm.ptrtoint(types["i32"], utils.memref_ptr(ref))
