"""Inside a kernel: triplane texels around a tile of points, as windows that are multiplied with bilinear weights.

A window is 4 x 4 texels of one plane. Interpolation is the product of the points' weights with its texels; the gradient
of the texels is the product's transpose, which sums points on the chip.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from real3d_jax.kernels import relaxed_atomics
from real3d_jax.kernels.pallas import load, store

WINDOW = 4  # texels per side
PLANES = ((0, 1), (0, 2), (1, 2))  # the coordinates along a plane's width and height


class Place(NamedTuple):
    """Where a tile's points lie.

    Attributes:
      field: number of the field.
      at: of each coordinate, in texels: (points,) float32.
      ends: first texels touched along x, y, z, then the last ones, cut off at the plane's sides: int32.
    """

    field: Any
    at: Sequence[Any]
    ends: Sequence[Any]


def texel_coordinates(points: Any, side: int) -> Any:
    """Position along a plane's side in texels, of points in [-1, 1]: texel i's centre is at i."""
    return (points + 1) * (0.5 * side) - 0.5


def interpolate(place: Place, planes: Any, side: int) -> Any:
    """The sum over planes of the bilinear interpolation at a tile's points, (points, C) float32.

    Args:
      place: of the points.
      planes: (fields * 3 * side * side, C).
      side: texels per side of a plane.
    """
    channels = jnp.arange(planes.shape[1])[None, :]

    def add(total, weights, texels, inside):
        values = load(planes.at[texels[:, None], channels], inside[:, None] & (channels >= 0))
        return total + dot(weights, values)

    start = jnp.zeros((place.at[0].shape[0], planes.shape[1]), jnp.float32)
    return for_each_window(add, start, place, side, planes.dtype)


def scatter(place: Place, gradient: Any, d_planes: Any, side: int, interpret: bool) -> None:
    """Adds the gradient of each point, (points, C), to the texels around it."""
    channels = jnp.arange(gradient.shape[1])[None, :]

    def add(carry, weights, texels, inside):
        mask = inside[:, None] & (channels >= 0)
        _add(d_planes, (texels[:, None], channels), dot(weights, gradient, transpose_a=True), mask, interpret)
        return carry

    for_each_window(add, 0, place, side, gradient.dtype)


def for_each_window(function: Callable, carry: Any, place: Place, side: int, dtype: DTypeLike) -> Any:
    """`carry = function(carry, weights, texels, inside)` for the windows that a tile's points touch.

    Args:
      function: gets `weights`, the bilinear weights (points, texels); `texels`, the rows of the window's texels among
        the texels of all fields and planes; `inside`, which of them count.
      carry: its start.
      place: of the points.
      side: texels per side of a plane.
      dtype: of the weights.
    """
    field, at, ends = place
    within = jnp.arange(WINDOW**2)
    for plane, (across, down) in enumerate(PLANES):
        left, top, right, bottom = ends[across], ends[down], ends[3 + across], ends[3 + down]
        columns, rows = (right - left) // WINDOW + 1, (bottom - top) // WINDOW + 1

        def one_window(i, carry, plane=plane, across=across, down=down, ends=(left, top, right, bottom, columns)):
            left, top, right, bottom, columns = ends
            x = left + (i % columns) * WINDOW + within % WINDOW
            y = top + (i // columns) * WINDOW + within // WINDOW
            inside = (x <= right) & (y <= bottom)
            weights = tent(at[across], x) * tent(at[down], y)
            texels = ((field * len(PLANES) + plane) * side + y) * side + x
            return function(carry, jnp.where(inside[None, :], weights, 0.0).astype(dtype), texels, inside)

        carry = jax.lax.fori_loop(0, columns * rows, one_window, carry)
    return carry


def dot(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    """A matrix product with float32 sums; of float32 operands, in full float32."""
    contracted = ((0 if transpose_a else 1,), (1 if transpose_b else 0,))
    precision = jax.lax.Precision.HIGHEST if a.dtype == jnp.float32 else None
    return jax.lax.dot_general(a, b, (contracted, ((), ())), precision=precision, preferred_element_type=jnp.float32)


def tent(at: Any, centres: Any) -> Any:
    """Linear weights of texels at `centres` for each place: (places, texels)."""
    return jnp.maximum(1.0 - jnp.abs(at[:, None] - centres[None, :].astype(jnp.float32)), 0.0)


def _add(ref, index, values, mask, interpret: bool):
    """Adds to global memory while other programs do, too (interpreted programs run one after another)."""
    if interpret:
        store(ref.at[index], load(ref.at[index], mask) + values, mask)
    else:
        relaxed_atomics.add(ref, index, values, mask)
