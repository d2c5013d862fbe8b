"""The transformers' elementwise work in one pass over memory: the fast path of norms and GEGLU on NVIDIA GPUs.

Between two matrix products a block adds to its residual stream and normalises it, or multiplies values with gates. XLA
reads the activations several times for it, most of all for gradients: once for sums over rows and once more for sums
over columns. A program of a kernel here goes through some rows once, and keeps the column sums (the gradients of scales
and biases) on the chip until its end.

Numbers are float32 inside. `interpret` runs the kernels as plain JAX on any device, for tests.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from real3d_jax.kernels import pallas

_NORM_ROWS = 2  # a tile: so many rows of all channels
_ACTIVATION_TILE = (8, 256)
_NORM_PROGRAMS, _ACTIVATION_PROGRAMS = 1024, 256  # at most so many walk through the rows, each with sums of its own

# erf by formula 7.1.26 of Abramowitz and Stegun; its error is below 1.5e-7.
_ERF_SCALE = 0.3275911
_ERF = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)


def add_and_norm_fused(
    x: Float[Array, "B N C"],
    added: Float[Array, "B N C"] | None,
    scale: Float[Array | np.ndarray, "C"],
    bias: Float[Array | np.ndarray, "C"],
    *,
    epsilon: float,
    dtype: DTypeLike,
    interpret: bool = False,
) -> tuple[Float[Array, "B N C"], Float[Array, "B N C"]]:
    """`x + added` (or `x`), float32, and its LayerNorm, of type `dtype`."""
    function = functools.partial(_add_and_norm, epsilon, jnp.dtype(dtype), interpret)
    batched = (True, True, False, False)
    if added is None:
        function, batched = functools.partial(_norm, epsilon, jnp.dtype(dtype), interpret), (True, False, False)
    operands = (x, scale, bias) if added is None else (x, added, scale, bias)
    return pallas.over_devices(function, batch=x.shape[0], batched=batched)(*operands)


def value_times_gelu_fused(
    product: Float[Array, "B N C"], bias: Float[Array | np.ndarray, "C"], *, interpret: bool = False
) -> Float[Array, "B N C//2"]:
    """value * gelu(gate) of `product + bias`, the first half of which is the value and the second the gate."""
    function = functools.partial(_activated, True, interpret)
    return pallas.over_devices(function, batch=product.shape[0], batched=(True, False))(product, bias)


def gelu_fused(
    product: Float[Array, "B N C"], bias: Float[Array | np.ndarray, "C"], *, interpret: bool = False
) -> Float[Array, "B N C"]:
    """gelu(product + bias)."""
    function = functools.partial(_activated, False, interpret)
    return pallas.over_devices(function, batch=product.shape[0], batched=(True, False))(product, bias)


def fits(channels: int) -> bool:
    """Whether GELU of so many channels, or GEGLU that makes so many, divides into tiles."""
    return channels % _ACTIVATION_TILE[1] == 0


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _norm(epsilon, dtype, interpret, x, scale, bias):
    return x, _norm_forward(epsilon, dtype, interpret, x, None, scale, bias)[1]


def _norm_fwd(epsilon, dtype, interpret, x, scale, bias):
    outputs = _norm(epsilon, dtype, interpret, x, scale, bias)
    return outputs, (x, scale, bias)


def _norm_bwd(epsilon, dtype, interpret, saved, gradients):
    d_x, _, d_scale, d_bias = _norm_backward(epsilon, interpret, None, *saved, *gradients)
    return d_x, d_scale, d_bias


_norm.defvjp(_norm_fwd, _norm_bwd)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _add_and_norm(epsilon, dtype, interpret, x, added, scale, bias):
    return _norm_forward(epsilon, dtype, interpret, x, added, scale, bias)


def _add_and_norm_fwd(epsilon, dtype, interpret, x, added, scale, bias):
    total, normed = _norm_forward(epsilon, dtype, interpret, x, added, scale, bias)
    return (total, normed), (jnp.zeros((0,), added.dtype), total, scale, bias)


def _add_and_norm_bwd(epsilon, dtype, interpret, saved, gradients):
    like_added, *saved = saved
    return _norm_backward(epsilon, interpret, like_added.dtype, *saved, *gradients)


_add_and_norm.defvjp(_add_and_norm_fwd, _add_and_norm_bwd)


def _norm_forward(epsilon, dtype, interpret, x, added, scale, bias):
    """The sum (None if nothing is added) and its norm."""
    batch, tokens, channels = x.shape
    rows = _flat(x)
    tile = math.gcd(rows.shape[0], _NORM_ROWS)
    shapes = [jax.ShapeDtypeStruct(rows.shape, dtype)]
    operands = [rows]
    if added is not None:
        shapes.append(jax.ShapeDtypeStruct(rows.shape, jnp.float32))
        operands.append(_flat(added))
    kernel = functools.partial(_norm_forward_kernel, tile=tile, epsilon=epsilon, adds=added is not None)
    normed, *total = pallas.launch(
        kernel, shapes, *operands, scale, bias, grid=(rows.shape[0] // tile,), interpret=interpret
    )
    shape = (batch, tokens, channels)
    return (total[0].reshape(shape) if total else None), normed.reshape(shape)


def _norm_backward(epsilon, interpret, added_dtype, total, scale, bias, d_total, d_normed):
    """Gradients of the residual stream, of what was added to it (None if nothing), of scale and bias."""
    rows = _flat(total)
    count, channels = rows.shape
    tile = math.gcd(count, _NORM_ROWS)
    programs = _programs(count // tile, _NORM_PROGRAMS)
    shapes = [
        jax.ShapeDtypeStruct(rows.shape, jnp.float32),
        jax.ShapeDtypeStruct((programs, channels), jnp.float32),
        jax.ShapeDtypeStruct((programs, channels), jnp.float32),
    ]
    if added_dtype is not None:
        shapes.append(jax.ShapeDtypeStruct(rows.shape, added_dtype))
    kernel = functools.partial(_norm_backward_kernel, tile=tile, epsilon=epsilon)
    d_x, d_scale, d_bias, *d_added = pallas.launch(
        kernel, shapes, rows, _flat(d_total), _flat(d_normed), scale, grid=(programs,), interpret=interpret
    )
    d_added = d_added[0].reshape(total.shape) if d_added else None
    return d_x.reshape(total.shape), d_added, d_scale.sum(axis=0), d_bias.sum(axis=0)


def _norm_forward_kernel(x, *refs, tile, epsilon, adds):
    added, (scale, bias, normed, *total) = (refs[0], refs[1:]) if adds else (None, refs)
    channels = x.shape[1]
    at, inside = _rows(pl.program_id(0), tile, channels)
    values = pallas.load(x.at[at], inside)
    if added is not None:
        values += pallas.load(added.at[at], inside).astype(jnp.float32)
        pallas.store(total[0].at[at], values, inside)
    centred, inverse = _centred(values, inside, channels, epsilon)
    result = centred * inverse * _row(scale) + _row(bias)
    pallas.store(normed.at[at], result.astype(normed.dtype), inside)


def _norm_backward_kernel(total, d_total, d_normed, scale, d_x, d_scale, d_bias, *d_added, tile, epsilon):
    channels = total.shape[1]
    program, programs = pl.program_id(0), d_scale.shape[0]
    steps = total.shape[0] // tile // programs
    weight = _row(scale)

    def one_tile(step, sums):
        at, inside = _rows(program * steps + step, tile, channels)
        # All is asked for before anything is waited for.
        values, onward, incoming = (pallas.load(ref.at[at], inside) for ref in (total, d_total, d_normed))
        incoming = incoming.astype(jnp.float32)
        centred, inverse = _centred(values, inside, channels, epsilon)
        x = centred * inverse
        weighted = incoming * weight
        mean = jnp.sum(weighted, axis=1, keepdims=True) / channels
        along = jnp.sum(weighted * x, axis=1, keepdims=True) / channels
        gradient = onward + inverse * (weighted - mean - x * along)
        pallas.store(d_x.at[at], gradient, inside)
        if d_added:
            pallas.store(d_added[0].at[at], gradient.astype(d_added[0].dtype), inside)
        return sums[0] + incoming * x, sums[1] + incoming

    zeros = jnp.zeros((tile, _padded(channels)), jnp.float32)
    sums = jax.lax.fori_loop(0, steps, one_tile, (zeros, zeros))
    column = jnp.arange(_padded(channels))
    for ref, values in zip((d_scale, d_bias), sums, strict=True):
        pallas.store(ref.at[program, column], jnp.sum(values, axis=0), column < channels)


def _rows(number, rows: int, channels: int):
    """Index of a tile of whole rows, and where it lies in the array: Triton wants a power of two of columns."""
    row = number * rows + jnp.arange(rows)[:, None]
    column = jnp.arange(_padded(channels))[None, :]
    return (row, column), (column < channels) & (row >= 0)


def _row(ref):
    """A vector, as one row."""
    column = jnp.arange(_padded(ref.shape[0]))
    return pallas.load(ref.at[column], column < ref.shape[0]).astype(jnp.float32)[None, :]


def _centred(values, inside, channels: int, epsilon: float):
    """Rows less their means, and one over their deviations; two passes, as `models.layers.layer_norm`."""
    mean = jnp.sum(values, axis=1, keepdims=True) / channels
    centred = jnp.where(inside, values - mean, 0.0)
    variance = jnp.sum(centred * centred, axis=1, keepdims=True) / channels
    return centred, jax.lax.rsqrt(variance + epsilon)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _activated(gated, interpret, product, bias):
    """GEGLU if `gated`, otherwise GELU."""
    rows = _flat(product)
    count, channels = rows.shape
    width = channels // 2 if gated else channels
    tile = (math.gcd(count, _ACTIVATION_TILE[0]), _ACTIVATION_TILE[1])
    result = pallas.launch(
        functools.partial(_geglu_forward_kernel if gated else _gelu_forward_kernel, tile=tile),
        jax.ShapeDtypeStruct((count, width), product.dtype),
        rows,
        bias,
        grid=(width // tile[1], count // tile[0]),
        interpret=interpret,
    )
    return result.reshape(*product.shape[:-1], width)


def _activated_fwd(gated, interpret, product, bias):
    return _activated(gated, interpret, product, bias), (product, bias)


def _activated_bwd(gated, interpret, saved, gradient):
    product, bias = saved
    rows, gradient = _flat(product), _flat(gradient)
    count, channels = rows.shape
    tile = (math.gcd(count, _ACTIVATION_TILE[0]), _ACTIVATION_TILE[1])
    programs = _programs(count // tile[0], _ACTIVATION_PROGRAMS)
    d_product, d_bias = pallas.launch(
        functools.partial(_geglu_backward_kernel if gated else _gelu_backward_kernel, tile=tile),
        [
            jax.ShapeDtypeStruct(rows.shape, product.dtype),
            jax.ShapeDtypeStruct((programs, channels), jnp.float32),
        ],
        rows,
        bias,
        gradient,
        grid=(gradient.shape[1] // tile[1], programs),
        interpret=interpret,
    )
    return d_product.reshape(product.shape), d_bias.sum(axis=0)


_activated.defvjp(_activated_fwd, _activated_bwd)


def _geglu_forward_kernel(product, bias, out, *, tile):
    values, gates = _columns(out.shape[1], tile)
    rows = pl.ds(pl.program_id(1) * tile[0], tile[0])
    value, gate = _value_and_gate(product, bias, rows, values, gates)
    out[rows, values] = (value * gate * _normal_distribution(gate)[0]).astype(out.dtype)


def _geglu_backward_kernel(product, bias, gradient, d_product, d_bias, *, tile):
    values, gates = _columns(gradient.shape[1], tile)
    program, programs = pl.program_id(1), d_bias.shape[0]
    steps = product.shape[0] // tile[0] // programs

    def one_tile(step, sums):
        rows = pl.ds((program * steps + step) * tile[0], tile[0])
        value, gate = _value_and_gate(product, bias, rows, values, gates)
        below, density = _normal_distribution(gate)
        incoming = gradient[rows, values].astype(jnp.float32)
        d_value, d_gate = incoming * gate * below, incoming * value * (below + gate * density)
        d_product[rows, values] = d_value.astype(d_product.dtype)
        d_product[rows, gates] = d_gate.astype(d_product.dtype)
        return sums[0] + d_value, sums[1] + d_gate

    zeros = jnp.zeros(tile, jnp.float32)
    of_value, of_gate = jax.lax.fori_loop(0, steps, one_tile, (zeros, zeros))
    d_bias[program, values] = jnp.sum(of_value, axis=0)
    d_bias[program, gates] = jnp.sum(of_gate, axis=0)


def _gelu_forward_kernel(product, bias, out, *, tile):
    columns = pl.ds(pl.program_id(0) * tile[1], tile[1])
    rows = pl.ds(pl.program_id(1) * tile[0], tile[0])
    x = _with_bias(product, bias, rows, columns)
    out[rows, columns] = (x * _normal_distribution(x)[0]).astype(out.dtype)


def _gelu_backward_kernel(product, bias, gradient, d_product, d_bias, *, tile):
    columns = pl.ds(pl.program_id(0) * tile[1], tile[1])
    program, programs = pl.program_id(1), d_bias.shape[0]
    steps = product.shape[0] // tile[0] // programs

    def one_tile(step, total):
        rows = pl.ds((program * steps + step) * tile[0], tile[0])
        x = _with_bias(product, bias, rows, columns)
        below, density = _normal_distribution(x)
        d_x = gradient[rows, columns].astype(jnp.float32) * (below + x * density)
        d_product[rows, columns] = d_x.astype(d_product.dtype)
        return total + d_x

    total = jax.lax.fori_loop(0, steps, one_tile, jnp.zeros(tile, jnp.float32))
    d_bias[program, columns] = jnp.sum(total, axis=0)


def _columns(half: int, tile):
    """This program's columns of values and of gates."""
    column = pl.program_id(0) * tile[1]
    return pl.ds(column, tile[1]), pl.ds(half + column, tile[1])


def _value_and_gate(product, bias, rows, values, gates):
    return (_with_bias(product, bias, rows, columns) for columns in (values, gates))


def _with_bias(product, bias, rows, columns):
    return product[rows, columns].astype(jnp.float32) + bias[columns].astype(jnp.float32)[None, :]


def _normal_distribution(x):
    """The standard normal distribution up to x, and its density."""
    exponential = jnp.exp(-0.5 * x * x)
    t = 1.0 / (1.0 + (_ERF_SCALE * math.sqrt(0.5)) * jnp.abs(x))
    tail = 0.0
    for coefficient in reversed(_ERF):
        tail = (tail + coefficient) * t
    tail *= 0.5 * exponential
    return jnp.where(x < 0, tail, 1.0 - tail), exponential * (1 / math.sqrt(2 * math.pi))


def _padded(channels: int) -> int:
    return 1 << (channels - 1).bit_length()


def _programs(steps: int, most: int) -> int:
    """The most programs, up to a limit, that share the steps evenly."""
    return max(count for count in range(1, min(most, steps) + 1) if steps % count == 0)


def _flat(x):
    return x.reshape(-1, x.shape[-1])
