"""SiLU and its slope inside a kernel: two bfloat16 numbers at a time, in the GPU's own instructions.

SiLU(z) = z sigmoid(z) = h + h tanh(h) with h = z / 2. The hardware's tanh of a bfloat16 is as exact as one; XLA's
bfloat16 sigmoid rounds more often. Float32 numbers, and interpreted kernels, take the plain formula.
"""

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

_TANH_OF_HALF = """{
.reg .b32 half, h;
mov.b32 half, 0x3F003F00;
mul.rn.bf16x2 h, $1, half;
tanh.approx.bf16x2 $0, h;
}"""
_SILU = """{
.reg .b32 half, h;
mov.b32 half, 0x3F003F00;
mul.rn.bf16x2 h, $1, half;
fma.rn.bf16x2 $0, h, $2, h;
}"""
# 1/2 + t/2 + z/4 (1 - t^2), of z and t = tanh(z / 2).
_SLOPE = """{
.reg .b32 half, quarter, one, u, v;
mov.b32 half, 0x3F003F00;
mov.b32 quarter, 0x3E803E80;
mov.b32 one, 0x3F803F80;
neg.bf16x2 u, $2;
fma.rn.bf16x2 u, u, $2, one;
mul.rn.bf16x2 u, u, quarter;
fma.rn.bf16x2 v, $2, half, half;
fma.rn.bf16x2 $0, $1, u, v;
}"""


def silu(z: Float[Array, "..."], dtype: DTypeLike, interpret: bool) -> Float[Array, "..."]:
    """z sigmoid(z), of z in `dtype`."""
    z = z.astype(dtype)
    if interpret or z.dtype != jnp.bfloat16:
        return z * jax.nn.sigmoid(z)
    return _packed(_SILU, z, _packed(_TANH_OF_HALF, z))


def silu_and_slope(z: Float[Array, "..."], interpret: bool) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """SiLU and its derivative."""
    if interpret or z.dtype != jnp.bfloat16:
        s = jax.nn.sigmoid(z)
        return z * s, s + z * s * (1 - s)
    t = _packed(_TANH_OF_HALF, z)
    return _packed(_SILU, z, t), _packed(_SLOPE, z, t)


def _packed(code: str, *operands: Float[Array, "..."]) -> Float[Array, "..."]:
    from jax.experimental.pallas import triton

    (result,) = triton.elementwise_inline_asm(
        code,
        args=operands,
        constraints="=r" + ",r" * len(operands),
        pack=2,
        result_shape_dtypes=[jax.ShapeDtypeStruct(operands[0].shape, operands[0].dtype)],
    )
    return result
