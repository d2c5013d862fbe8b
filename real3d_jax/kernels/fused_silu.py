"""SiLU and its slope inside a kernel, by the GPU's own tanh: SiLU(z) = z sigmoid(z) = h + h tanh(h) with h = z / 2.

The forward pass computes in float32 and rounds once, which halves its error. The backward pass starts from bfloat16
pre-activations and has no registers to spare: it computes two bfloat16 numbers at a time. Float32 kernels, and
interpreted ones, take the plain formula.
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
    """z sigmoid(z) of float32 numbers, rounded to `dtype`; of bfloat16 numbers, two at a time."""
    if interpret or dtype != jnp.bfloat16:
        return (z * jax.nn.sigmoid(z)).astype(dtype)
    if z.dtype == jnp.bfloat16:
        return _packed(_SILU, z, _packed(_TANH_OF_HALF, z))
    from jax.experimental.pallas import triton

    h = 0.5 * z
    return (h + h * triton.approx_tanh(h)).astype(dtype)


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
