"""Inside a Hopper kernel: texels of triplanes around points, in the registers of a warp.

The counterpart of `plane_windows` for the warpgroups of Mosaic GPU: windows of 4 x 4 texels are multiplied with the
points' bilinear weights by `mma.sync`, whose operands each warp makes for itself: the weights in the registers where
the product wants them, the texels loaded as 16 bytes a lane. Which texel is which of the product's rows is free, so the
lanes take neighbouring ones; which channel is which column is not, so planes lie in `channel_order`.
"""

import itertools
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from real3d_jax.kernels import inline_ptx, warpgroups
from real3d_jax.kernels.inline_ptx import SIDE, mosaic_gpu
from real3d_jax.kernels.plane_windows import PLANES, WINDOW, tent

_BLOCKS = SIDE // 8  # of eight columns, as `mma.sync` takes them
_BYTES = 2 * SIDE  # of a texel


def channel_order(channels: Float[Array, "*rows 64"]) -> Float[Array, "*rows 64"]:
    """Texels as the kernels want them: a lane's eight numbers, one of each block of columns, side by side."""
    blocks = channels.reshape(*channels.shape[:-1], _BLOCKS, 8)
    return jnp.swapaxes(blocks, -1, -2).reshape(channels.shape)


def interpolated(at: Any, planes: Any, row: Any, side: int, interpret: bool) -> Float[Array, "64 64"]:
    """A row of numbers plus the sum over planes of the bilinear interpolation at 64 points.

    Args:
      at: the points' coordinates in texels, (3, 64) float32 in the GPU's memory.
      planes: of their field, (3 * side * side, 64) bfloat16 in the GPU's memory, in `channel_order`.
      row: 64 float32 numbers in shared memory.
      side: texels per side of a plane.
      interpret: computes in plain JAX.
    """
    if interpret:
        return warpgroups.equal_rows(row, interpret) + _plainly_interpolated(at[...], planes[...], side)
    gpu = mosaic_gpu()

    def compute(_, at, planes, row):
        code = interpolation(side, 4 * inline_ptx.strides(at)[0])
        operands = [inline_ptx.pointer(at), inline_ptx.pointer(planes), inline_ptx.address(row)]
        return inline_ptx.from_floats(inline_ptx.run("f" * 4 * _BLOCKS, code, "llr", operands))

    kinds = (gpu.RefType(), gpu.RefType(), gpu.RefType())
    result = inline_ptx.matrix(jnp.float32)
    return gpu.inline_mgpu(arg_types=kinds, return_type=result)(compute)(at, planes, row)


def _plainly_interpolated(at: Array, planes: Array, side: int) -> Array:
    planes = channel_order(planes).astype(jnp.float32).reshape(3, side, side, -1)  # the order is its own inverse
    weights = [tent(places, jnp.arange(side)) for places in at]
    total = jnp.zeros((at.shape[1], planes.shape[-1]), jnp.float32)
    for plane, (across, down) in enumerate(PLANES):
        total += jnp.einsum("ny,nx,yxc->nc", weights[down], weights[across], planes[plane])
    return total


def interpolation(side: int, stride: int) -> str:
    """PTX: $0 ... $31 are the sums, $32 the coordinates, `stride` bytes apart, $33 the planes, $34 the row.

    Lane 4 g + q of a warp has points g and g + 8 of its sixteen, a and b. In a window at (x, y) its texels are those at
    x + 2 (q mod 2) + {0, 1} across, and at y + q / 2 + {0, 2} down; of each it loads the eight channels from 8 g on.
    """
    lines = [_DECLARATIONS, _LANE, *_start(), *_ends(side, stride)]
    for plane, (across, down) in enumerate(PLANES):
        left, right, top, bottom = f"low{across}", f"high{across}", f"low{down}", f"high{down}"
        lines += [f"mov.b32 y, {top};", f"ROWS{plane}:", f"mov.b32 x, {left};", f"COLUMNS{plane}:"]
        lines += _places(right, bottom) + _texels(plane, side) + _weights(across, down) + _products()
        lines += [f"add.s32 x, x, {WINDOW};", f"setp.le.s32 more, x, {right};", f"@more bra.uni COLUMNS{plane};"]
        lines += [f"add.s32 y, y, {WINDOW};", f"setp.le.s32 more, y, {bottom};", f"@more bra.uni ROWS{plane};"]
    return "{\n" + "\n".join(lines) + "\n}"


_DECLARATIONS = """.reg .pred more, out;
.reg .b64 coordinates, base, at;
.reg .b32 t, u, thread, g, q, warp, across, down, low0, low1, low2, high0, high1, high2, x, y, x0, x1, y0, y1;
.reg .b32 v000, v001, v002, v003, v010, v011, v012, v013, v100, v101, v102, v103, v110, v111, v112, v113;
.reg .b32 w0, w1, w2, w3, low, high;
.reg .f32 a0, a1, a2, b0, b1, b2, at_x0, at_x1, at_y0, at_y1, m, n;
.reg .f32 tent_x0a, tent_x0b, tent_x1a, tent_x1b, tent_y0a, tent_y0b, tent_y1a, tent_y1b;"""
_LANE = """mov.u32 thread, %tid.x;
bfe.u32 g, thread, 2, 3;
and.b32 q, thread, 3;
bfe.u32 warp, thread, 5, 2;
and.b32 across, q, 1;
shl.b32 across, across, 1;
shr.u32 down, q, 1;
mad.lo.u32 t, warp, 16, g;
mul.wide.u32 coordinates, t, 4;
add.u64 coordinates, coordinates, $32;
mul.wide.u32 base, g, 16;
add.u64 base, base, $33;"""


def _start() -> list[str]:
    """Both points' sums begin as the row."""
    lines = ["mad.lo.u32 t, q, 8, $34;"]
    for block in range(_BLOCKS):
        first, second, third, fourth = (f"${4 * block + i}" for i in range(4))
        lines.append(f"ld.shared.v2.f32 {{{first}, {second}}}, [t + {32 * block}];")
        lines += [f"mov.f32 {third}, {first};", f"mov.f32 {fourth}, {second};"]
    return lines


def _ends(side: int, stride: int) -> list[str]:
    """Loads the coordinates; the first and the last texel that the warp's points touch along each axis, cut off."""
    lines = []
    for axis in range(3):
        lines += [f"add.u64 coordinates, coordinates, {stride};"] if axis else []  # offsets have no more than 31 bits
        lines += [f"ld.global.nc.f32 a{axis}, [coordinates];", f"ld.global.nc.f32 b{axis}, [coordinates + 32];"]
    for axis in range(3):
        low, high = f"low{axis}", f"high{axis}"
        lines += [f"cvt.rmi.s32.f32 t, a{axis};", f"cvt.rmi.s32.f32 u, b{axis};"]
        lines += [f"min.s32 {low}, t, u;", f"redux.sync.min.s32 {low}, {low}, -1;"]
        lines += [f"max.s32 {low}, {low}, 0;", f"min.s32 {low}, {low}, {side - 1};"]
        # Cut off before the addition: a coordinate may be the largest integer, or have become it.
        lines += [f"max.s32 {high}, t, u;", f"redux.sync.max.s32 {high}, {high}, -1;"]
        lines += [f"min.s32 {high}, {high}, {side - 2};", f"add.s32 {high}, {high}, 1;", f"max.s32 {high}, {high}, 0;"]
    return lines


def _places(right: str, bottom: str) -> list[str]:
    """The texels of this lane. Those that do not count are so far away that they weigh nothing; the last are loaded."""
    lines = ["add.s32 x0, x, across;", "add.s32 x1, x0, 1;", "add.s32 y0, y, down;", "add.s32 y1, y0, 2;"]
    for texel, end in (("x0", right), ("x1", right), ("y0", bottom), ("y1", bottom)):
        lines += [f"cvt.rn.f32.s32 at_{texel}, {texel};", f"setp.gt.s32 out, {texel}, {end};"]
        lines += [f"selp.f32 at_{texel}, 0f7149F2CA, at_{texel}, out;", f"min.s32 {texel}, {texel}, {end};"]
    return lines


def _texels(plane: int, side: int) -> list[str]:
    """Loads v<y><x><pair of channels>."""
    lines = []
    for y, x in itertools.product(range(2), range(2)):
        lines += [f"mad.lo.u32 t, y{y}, {side}, x{x};", f"mul.wide.u32 at, t, {_BYTES};", "add.u64 at, at, base;"]
        into = ", ".join(f"v{y}{x}{pair}" for pair in range(4))
        lines.append(f"ld.global.nc.v4.b32 {{{into}}}, [at + {plane * side * side * _BYTES}];")
    return lines


def _weights(across: int, down: int) -> list[str]:
    """The bilinear weights w0 ... w3 of both points, as the product wants its first factor."""
    lines = []
    for letter, axis in (("x", across), ("y", down)):
        for texel, point in itertools.product(range(2), "ab"):
            tent = f"tent_{letter}{texel}{point}"
            lines += [f"sub.f32 {tent}, {point}{axis}, at_{letter}{texel};", f"abs.f32 {tent}, {tent};"]
            lines += [f"sub.f32 {tent}, 0f3F800000, {tent};", f"max.f32 {tent}, {tent}, 0f00000000;"]
    for number, (y, point) in enumerate(itertools.product(range(2), "ab")):
        lines += [f"mul.f32 {to}, tent_x{x}{point}, tent_y{y}{point};" for x, to in enumerate("mn")]
        lines.append(f"cvt.rn.bf16x2.f32 w{number}, n, m;")
    return lines


def _products() -> list[str]:
    """Adds the weighted texels to the sums, a block of columns at a time; of a row of texels, each two as a pair."""
    lines = []
    for block in range(_BLOCKS):
        half = "0x7632" if block % 2 else "0x5410"
        for row, into in enumerate(("low", "high")):
            lines.append(f"prmt.b32 {into}, v{row}0{block // 2}, v{row}1{block // 2}, {half};")
        sums = ", ".join(f"${4 * block + i}" for i in range(4))
        product = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"
        lines.append(f"{product} {{{sums}}}, {{w0, w1, w2, w3}}, {{low, high}}, {{{sums}}};")
    return lines
