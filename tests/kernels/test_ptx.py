"""The PTX of the kernels for Hopper GPUs, which no machine that runs these tests has: run on the CPU (`ptx`)."""

import jax.numpy as jnp
import numpy as np
import pytest

from real3d_jax.kernels import plane_fragments, query_hopper, warpgroups
from tests.kernels import ptx

THREAD = np.arange(ptx.THREADS)
WARP, G, Q = THREAD // 32, THREAD % 32 // 4, THREAD % 4
# Addresses. Those of the GPU's memory need more than 32 bits; a swizzled matrix begins at a multiple of 1024.
COORDINATES, PLANES, OUTPUTS, ROW, MATRIX = 0x7F12_FFFF_F000, 0x7F34_FFFF_F000, 0x7F56_FFFF_F000, 0x3_0110, 0x1_0C00


def _numbers(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _places(columns):
    """Rows and columns of a thread's numbers of a matrix, in the order of `inline_ptx.pairs`."""
    for block in range(columns // 8):
        for i in range(4):
            yield 16 * WARP + G + 8 * (i // 2), 8 * block + 2 * Q + i % 2


def _fragments(matrix):
    """The threads' numbers of a matrix."""
    return [matrix[place] for place in _places(matrix.shape[1])]


def _assembled(fragments):
    matrix = np.full((64, 2 * len(fragments)), np.nan, fragments[0].dtype)
    for place, numbers in zip(_places(matrix.shape[1]), fragments, strict=True):
        matrix[place] = numbers
    return matrix


def _halves(registers):
    """Both bfloat16 numbers of registers, the lower half first."""
    return list(np.ascontiguousarray(registers)[:, None].view(jnp.bfloat16).T)


def _interpolated(at, planes, row, side, stride, first, group):
    """By the PTX, of points whose coordinates begin at `first` in an array whose rows are `stride` bytes apart."""
    coordinates = np.full((3, stride // 4), np.nan, np.float32)
    coordinates[:, first : first + 64] = at
    ordered = np.array(plane_fragments.channel_order(jnp.asarray(planes.reshape(-1, 64))))
    memory = ptx.Memory({COORDINATES: coordinates, PLANES: ordered}, {ROW: row})
    code = plane_fragments.interpolation(side, stride)
    return _assembled(ptx.run("f" * 32, code, "llr", [COORDINATES + 4 * first, PLANES, ROW], memory, group))


def _plainly_interpolated(at, planes, row, side):
    weights = np.maximum(1 - np.abs(at[:, :, None] - np.arange(side, dtype=np.float32)), 0)
    total = np.tile(row.astype(np.float64), (64, 1))
    for plane, (across, down) in enumerate([(0, 1), (0, 2), (1, 2)]):
        both = weights[down][:, :, None] * weights[across][:, None]
        taken = both.astype(jnp.bfloat16).astype(np.float64)  # as the tensor cores take them
        total += np.einsum("nyx,yxc->nc", taken, np.nan_to_num(planes[plane].astype(np.float64)))
    return total


def _clusters(starts, size):
    """A warp's points are all within `size` texels of its own start along each axis; the box is filled to its ends."""
    at = np.random.default_rng(0).uniform(0, size, (3, 4, 16))
    at[:, :, 3], at[:, :, 12] = 0, size
    return (at + np.reshape(starts, (-1, 4, 1))).reshape(3, 64).astype(np.float32)


def _check_interpolation(at, side, stride=256, first=0, group=0):
    """Planes are NaN where no texel is near a warp's points: those are not to be loaded, whatever they weigh."""
    planes = np.full((3, side, side, 64), np.nan, jnp.bfloat16)
    for warp in np.split(at, 4, axis=1):
        low, high = np.floor(warp.min(axis=1)), np.floor(warp.max(axis=1)) + 1
        low, high = (np.clip(end, 0, side - 1).astype(int) for end in (low, high))
        for plane, (across, down) in enumerate([(0, 1), (0, 2), (1, 2)]):
            box = (plane, slice(low[down], high[down] + 1), slice(low[across], high[across] + 1))
            planes[box] = _numbers(plane, side, side, 64)[box[1:]]
    row = _numbers(3, 64)
    found = _interpolated(at, planes, row, side, stride, first, group)
    wanted = _plainly_interpolated(at, planes, row, side)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6 * np.abs(wanted).max())


# Boxes of 3, 4, 5 and more texels, of which 4 are a window. They begin at different places along the axes.
@pytest.mark.parametrize("size", [1.5, 2.75, 3.5, 4.5, 7.75, 11.5])
def test_interpolation_of_clusters(size):
    """Points that need one window of each plane or several."""
    _check_interpolation(_clusters(np.array([[0, 1, 2, 3], [2, 3, 0, 1], [1, 2, 3, 0]]) + 0.25, size), 17)


def test_interpolation_of_scattered_points():
    """Over planes and beyond, of which all windows are taken."""
    _check_interpolation(np.random.default_rng(0).uniform(-3, 23, (3, 64)).astype(np.float32), 20)


@pytest.mark.parametrize("axes", [[1, 1, 1], [0, 1, 1], [1, 0, 1], [1, 1, 0]])
def test_interpolation_at_the_last_texels(axes):
    """Windows that begin less than four texels before the end: beyond it texels count nothing, near as they are."""
    starts = np.outer(axes, [4, 3, 2, 1])
    _check_interpolation(_clusters(np.where(starts, 16 - starts, 5), 0.75), 16)
    _check_interpolation(_clusters(np.where(starts, 16 - starts, 5) + 0.25, starts.max() - 0.25), 16)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("far", [-np.inf, -1e9, -40.5, -1.5, -0.5, 11.5, 12.5, 40.5, 1e9, 3e9, np.inf])
def test_interpolation_outside_planes(axis, far):
    """Of a warp's points one or two, and all of them, which need a plane's first texels or its last ones."""
    at = _clusters(np.full((3, 4), 4.25), 2.5)
    at[axis, [5, 16, 31, 37, 44]] = far
    _check_interpolation(at, 12)
    at[axis] = far
    _check_interpolation(at, 12)


def test_interpolation_too_far_for_integers():
    """Points none of whose coordinates is a number of 32 bits."""
    at, planes, row = np.full((3, 64), 3e9, np.float32), _numbers(0, 3, 8, 8, 64).astype(jnp.bfloat16), _numbers(1, 64)
    for sign in (-1, 1):
        found = _interpolated(sign * at, planes, row, 8, 256, 0, 0)
        np.testing.assert_array_equal(found, np.tile(row, (64, 1)))


@pytest.mark.parametrize(("points", "first", "group"), [(64, 0, 0), (192, 64, 3), (320, 256, 4)])
def test_interpolation_of_some_points_of_many(points, first, group):
    _check_interpolation(_clusters([[0, 1, 2, 3]] * 3, 2.5), 8, 4 * points, first, group)


@pytest.mark.parametrize(("points", "first", "group"), [(64, 0, 0), (320, 128, 3)])
def test_writing(points, first, group):
    """Of the output layer's products with both parts of the weights the sum, plus a row; nothing else is touched."""
    both, row = _numbers(0, 64, 16), _numbers(1, 4)
    raw = _numbers(2, 4, points)
    wanted = raw.copy()
    wanted[:, first : first + 64] = (both[:, :4] + both[:, 8:12] + row).T
    memory = ptx.Memory({OUTPUTS: raw}, {ROW: row})
    code = query_hopper.writing(4 * points)
    ptx.run("", code, "f" * 8 + "lr", [*_fragments(both), OUTPUTS + 4 * first, ROW], memory, group)
    np.testing.assert_array_equal(raw, wanted)


def _activations():
    """Pairs of halves of pre-activations, with SiLU and twice its slope, in float64."""
    h = np.stack([_numbers(0, 128), 8 * _numbers(1, 128)])
    h[:, :4] = [[0, -0.0, 30, -30], [1e-20, -100, 100, 0.5]]
    z = 2 * h.astype(np.float64)
    sigmoid = 1 / (1 + np.exp(-z))
    return h, z * sigmoid, 2 * (sigmoid + z * sigmoid * (1 - sigmoid))


def _check_halves(register, wanted):
    """Within half a step of bfloat16, and what is left of 1 - 1 in float32."""
    for found, numbers in zip(_halves(register), wanted, strict=True):
        np.testing.assert_allclose(found.astype(np.float64), numbers, rtol=2**-8, atol=1e-5)


def test_silu():
    h, silu, _ = _activations()
    _check_halves(*ptx.run("r", warpgroups._SILU, "ff", h), silu)


def test_silu_and_slope():
    h, silu, slope = _activations()
    first, second = ptx.run("rr", warpgroups._SILU_AND_SLOPE, "ff", h)
    _check_halves(first, silu)
    _check_halves(second, slope)
    np.testing.assert_array_equal(first, *ptx.run("r", warpgroups._SILU, "ff", h))


def test_equal_rows():
    """As `warpgroups.equal_rows` puts them together."""
    row, numbers = _numbers(0, 64), []
    (column,) = ptx.run("r", warpgroups._COLUMN, "")
    for block in range(8):
        code = warpgroups._LOAD_COLUMNS.format(offset=32 * block)
        numbers += 2 * ptx.run("ff", code, "rr", [ROW, column], ptx.Memory(shared={ROW: row}))
    np.testing.assert_array_equal(_assembled(numbers), np.tile(row, (64, 1)))


def _place(group):
    return [MATRIX, *ptx.run("r", warpgroups._ROW, "", group=group)]


def _store(matrix, memory, group=0):
    """As `warpgroups.store` does."""
    lower, upper = (_fragments(matrix.view(np.uint16).astype(np.uint32))[i::2] for i in range(2))
    registers = [high << 16 | low for low, high in zip(lower, upper, strict=True)]
    for j in range(4):
        code = warpgroups._STORE.format(offset=32 * j)
        ptx.run("", code, "r" * 6, [*_place(group), *registers[4 * j : 4 * j + 4]], memory)


def _load(memory, group=0):
    """As `warpgroups.load` does."""
    registers = []
    for j in range(4):
        registers += ptx.run("rrrr", warpgroups._LOAD.format(offset=32 * j), "rr", _place(group), memory)
    return _assembled([half for register in registers for half in _halves(register)])


def _swizzled(matrix):
    """In rows of 128 bytes, whose chunks of 16 are permuted."""
    row, chunk = np.arange(64)[:, None], np.arange(8)
    return matrix.reshape(64, 8, 8)[row, chunk ^ row % 8].reshape(64, 64)


def _some_matrix(seed=0):
    """Of 64 * 64 different numbers."""
    order = np.random.default_rng(seed).permutation(64 * 64)
    return (0x3000 + order.astype(np.uint16)).view(jnp.bfloat16).reshape(64, 64)


@pytest.mark.parametrize("group", [0, 3])
def test_store(group):
    """The matrix before and the one behind stay as they are."""
    matrix, other = _some_matrix(), _some_matrix(1)
    three = np.stack([other, other, other])
    _store(matrix, ptx.Memory(shared={MATRIX - 8192: three}), group)
    wanted = np.stack([other, _swizzled(matrix), other])
    np.testing.assert_array_equal(three.view(np.uint16), wanted.view(np.uint16))


@pytest.mark.parametrize("group", [0, 3])
def test_load(group):
    matrix = _some_matrix()
    found = _load(ptx.Memory(shared={MATRIX: _swizzled(matrix)}), group)
    np.testing.assert_array_equal(found.view(np.uint16), matrix.view(np.uint16))


def test_store_and_load():
    matrix, memory = _some_matrix(), ptx.Memory(shared={MATRIX: np.zeros((64, 64), jnp.bfloat16)})
    _store(matrix, memory)
    np.testing.assert_array_equal(_load(memory).view(np.uint16), matrix.view(np.uint16))


REFUSED = {
    "unknown instruction popc.b32": "popc.b32 t, $2;",
    "unknown instruction add.s16": "add.s16 t, $2, 1;",
    "undeclared register v": "mov.b32 t, v;",
    "undeclared register w": "mov.b32 w, $2;",
    r"undeclared register \$5": "mov.b32 t, $5;",
    "t is .b32, not .u64": "add.u64 a, t, $3;",
    "a is .b64, not .b32": "mov.b32 a, $2;",
    "x is .f32, not .s32": "add.s32 x, $2, 1;",
    "x is .f32, not .packed": "cvt.rn.bf16x2.f32 x, y, y;",
    "t is .b32, not .pred": "@t mov.b32 u, $2;",
    "p is .pred, not .b32": "mov.b32 t, p;",
    r"\$2 is .b32, not .b64": "ld.global.nc.f32 x, [$2];",
    "t is declared already": ".reg .f32 t;",
    "unknown type": ".reg .s8 i;",
    r"\$2 is an operand": "mov.b32 $2, 1;",
    "t has not been written": "add.s32 u, t, 1;",
    r"\$1 has not been written": "mov.b32 t, 1;",
    "2 operands wanted": "mov.b32 t, 1, 2;",
    "3 operands wanted": "add.s32 t, $2;",
    "undeclared register 1.5": "mov.f32 x, 1.5;",
    "undeclared register 1": "mov.f32 x, 1;",
    "undeclared register 017": "mov.b32 t, 017;",
    "more than 32 bits": "mov.b32 t, 0x100000000;",
    "malformed address": "ld.shared.v2.f32 {x, y}, $2;",
    "malformed operand x": "ld.shared.v2.f32 x, [$2];",
    "malformed operand {x}": "ld.shared.v2.f32 {x}, [$2];",
    "two results in one register": "ld.shared.v2.f32 {x, x}, [$2];",
    "malformed: mov.b32 t, 1": "mov.b32 t, 1",
    "no such label": "bra.uni NOWHERE;",
    "label is there already": "HERE:\nHERE:",
    "it does not end": "HERE:\nbra.uni HERE;",
    "lanes differ": "HERE:\nmov.u32 t, %tid.x;\nsetp.lt.u32 p, t, 7;\n@p bra.uni HERE;",
    "not every lane may take part": "mov.u32 t, %tid.x;\nsetp.lt.u32 p, t, 7;\n@p redux.sync.min.s32 t, t, -1;",
    "not all lanes are members": "redux.sync.max.s32 t, $2, 1;",
    "selector": "prmt.b32 t, $2, $2, 0x54108;",
    "bits beyond": "bfe.u32 t, $2, 30, 3;",
    "out of bounds of each array in global": "ld.global.nc.f32 x, [$3 + 64];",
    "out of bounds of each array in shared": "add.u32 t, $2, -8;\nld.shared.v2.f32 {x, y}, [t];",
    "misaligned: not a multiple of 8": "ld.shared.v2.f32 {x, y}, [$2 + 4];",
    "misaligned: not a multiple of 4": "ld.global.nc.f32 x, [$3 + 2];",
    "several lanes": "mov.f32 x, 0f00000000;\nst.global.f32 [$3], x;",
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused(message):
    """By the interpreter, as it would be by ptxas or be without meaning."""
    memory = ptx.Memory({OUTPUTS: np.zeros(16, np.float32)}, {ROW: np.zeros(16, np.float32)})
    declared = ".reg .b32 t, u;\n.reg .b64 a;\n.reg .f32 x, y;\n.reg .pred p;\nmov.b32 $0, $2;"
    with pytest.raises(ptx.PtxError, match=message):
        ptx.run("rr", f"{{\n{declared}\n{REFUSED[message]}\n}}", "rl", [ROW, OUTPUTS], memory)


def test_refused_without_braces():
    with pytest.raises(ptx.PtxError, match="not in braces"):
        ptx.run("r", "mov.u32 $0, %tid.x;", "")
