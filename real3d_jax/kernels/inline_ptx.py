"""PTX inside kernels for Pallas' Mosaic GPU backend: registers of matrices, addresses, and MLIR's calls.

This is Pallas' inside, of which nothing is public: `known` says whether it is as it was in JAX 0.10 and 0.11.
"""

import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jax.typing import DTypeLike

SIDE = 64  # rows and columns of a matrix


def mosaic_gpu() -> Any:
    """Pallas' Mosaic GPU backend, which only NVIDIA GPUs need."""
    from jax.experimental.pallas import mosaic_gpu as backend

    return backend


def known() -> bool:
    """Whether Pallas has the private parts that this file takes."""
    try:
        from jax.experimental.mosaic.gpu import fragmented_array, utils

        gpu = mosaic_gpu()
        inspect.signature(fragmented_array.FragmentedArray).bind(_registers=None, _layout=None, _is_signed=None)
        inspect.signature(utils.memref_ptr).bind(None)
        shape = fragmented_array.WGMMA_LAYOUT.registers_shape((SIDE, SIDE))
        mlir = _mlir()
        inspect.signature(mlir.llvm.inline_asm).bind(*[None] * 4, has_side_effects=True, asm_dialect=0)
        parts = (gpu.inline_mgpu, gpu.RefType, gpu.LoweringSemantics.Warpgroup, mlir.vector.from_elements)
        parts += (mlir.ir.MemRefType.get_strides_and_offset,)
        return all(parts) and (shape[1], shape[4], int(np.prod(shape))) == (8, 2, 16)
    except (ImportError, AttributeError, TypeError, IndexError):
        return False


def matrix(dtype: DTypeLike) -> Any:
    """The type of a 64 x 64 matrix in registers, as the tensor cores leave it."""
    gpu = mosaic_gpu()
    return gpu.ShapeDtypeStruct((SIDE, SIDE), dtype, layout=gpu.Layout.WGMMA)


def run(results: str, code: str, kinds: str, operands: Sequence[Any], *, effects: bool = True) -> list[Any]:
    """What PTX makes of operands.

    Args:
      results: a letter for each, which the code has as $0, $1, ...: 'f', a float32 number, or 'r', 32 bits.
      code: PTX.
      kinds: a letter for each operand, which follow in the code's numbers: 'f', 'r', or 'l', 64 bits.
      operands: of MLIR.
      effects: whether it touches memory, or has other results than these.
    """
    mlir = _mlir()
    types = {"f": mlir.ir.F32Type.get(), "r": mlir.ir.IntegerType.get_signless(32)}
    parts = [types[kind] for kind in results]
    if len(parts) == 1:
        kind = parts[0]
    else:
        kind = mlir.ir.Type.parse(f"!llvm.struct<({', '.join(map(str, parts))})>" if parts else "!llvm.void")
    constraints = ",".join([*(f"=&{letter}" for letter in results), *kinds])
    result = mlir.llvm.inline_asm(kind, operands, code, constraints, has_side_effects=effects, asm_dialect=0)
    if len(parts) < 2:
        return [result] if parts else []
    return [mlir.llvm.extractvalue(part, result, [i]) for i, part in enumerate(parts)]


def pairs(values: Any) -> list[Any]:
    """A matrix' registers: of each block of eight columns, this thread's two numbers of one row, then of another."""
    return list(values.registers.reshape(-1))


def halves(pair: Any) -> list[Any]:
    """Both numbers."""
    vector = _mlir().vector
    return [vector.extract(pair, dynamic_position=[], static_position=[i]) for i in range(2)]


def bits(pair: Any) -> Any:
    """Two bfloat16 numbers as 32 bits."""
    mlir = _mlir()
    return mlir.llvm.bitcast(mlir.ir.IntegerType.get_signless(32), pair)


def from_bits(registers: Sequence[Any]) -> Any:
    """A matrix of bfloat16 numbers, two of which are 32 bits."""
    mlir = _mlir()
    kind = mlir.ir.VectorType.get((2,), mlir.ir.BF16Type.get())
    return _fragments([mlir.llvm.bitcast(kind, register) for register in registers])


def from_floats(numbers: Sequence[Any]) -> Any:
    """A matrix of float32 numbers, in the order of `pairs`."""
    mlir = _mlir()
    kind = mlir.ir.VectorType.get((2,), mlir.ir.F32Type.get())
    starts = range(0, len(numbers), 2)
    return _fragments([mlir.vector.from_elements(kind, list(numbers[start : start + 2])) for start in starts])


def _fragments(registers: Sequence[Any]) -> Any:
    from jax.experimental.mosaic.gpu import fragmented_array

    layout = fragmented_array.WGMMA_LAYOUT
    array = np.empty(len(registers), object)
    array[:] = registers
    array = array.reshape(layout.registers_shape((SIDE, SIDE)))
    return fragmented_array.FragmentedArray(_registers=array, _layout=layout, _is_signed=None)


def strides(ref: Any) -> list[int]:
    """Of an array, in elements."""
    return _mlir().ir.MemRefType(ref.type).get_strides_and_offset()[0]


def pointer(ref: Any) -> Any:
    """Of an array in the GPU's memory, in 64 bits."""
    return _pointer(ref, 64)


def address(ref: Any) -> Any:
    """Of an array in shared memory, in 32 bits."""
    return _pointer(ref, 32)


def _pointer(ref: Any, size: int) -> Any:
    from jax.experimental.mosaic.gpu import utils

    mlir = _mlir()
    return mlir.llvm.ptrtoint(mlir.ir.IntegerType.get_signless(size), utils.memref_ptr(ref))


class _Mlir(NamedTuple):
    ir: Any
    llvm: Any
    vector: Any


def _mlir() -> _Mlir:
    from jax._src.lib import mlir
    from jax._src.lib.mlir.dialects import llvm, vector

    private: Any = mlir
    return _Mlir(private.ir, llvm, vector)
