"""The plane query: features of points, read from a triplane."""

import functools

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

_POINTS_AT_ONCE = 2**13  # of the matrix form, whose intermediate result is large


def query_planes(planes: Float[Array, "B 3 h w K"], points: Float[Array, "B N 3"]) -> Float[Array, "B N 3*K"]:
    """Features of points in [-1, 1]^3: bilinear in each plane, zero outside, the planes' channels side by side.

    Texel centres lie at (i + 0.5) / size along a plane's side (PyTorch's `align_corners=False`). By gathers, whose
    gradient is a scatter; on TPUs, which do both one row at a time, by matrix products.

    Args:
      planes: ordered (x, y), (x, z), (y, z); the first coordinate runs along the width, the second along the height.
      points: float32 coordinates.
    """
    return jax.lax.platform_dependent(planes, points, tpu=query_by_products, default=query_by_gathers)


def query_by_gathers(planes: Float[Array, "B 3 h w K"], points: Float[Array, "B N 3"]) -> Float[Array, "B N 3*K"]:
    """`query_planes` with four gathers a plane, in float32: a scatter in bfloat16 would lose small addends."""
    planes = planes.astype(jnp.float32)
    height, width = planes.shape[2:4]
    x, y = _texel_coordinates(points, height, width)
    left, top = jnp.floor(x), jnp.floor(y)
    texels = planes.reshape(*planes.shape[:2], height * width, planes.shape[-1])

    def corner(column, row):
        weight = (1 - jnp.abs(x - column)) * (1 - jnp.abs(y - row))
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        index = jnp.clip(row, 0, height - 1) * width + jnp.clip(column, 0, width - 1)
        values = jax.vmap(jax.vmap(lambda plane, i: plane[i]))(texels, index.astype(jnp.int32))
        return jnp.where(inside, weight, 0.0)[..., None] * values

    return _side_by_side(corner(left, top) + corner(left + 1, top) + corner(left, top + 1) + corner(left + 1, top + 1))


def query_by_products(planes: Float[Array, "B 3 h w K"], points: Float[Array, "B N 3"]) -> Float[Array, "B N 3*K"]:
    """`query_planes` as products with the weight of every column and row: no gather, and no scatter as its gradient.

    About w h / 4 times the arithmetic of the gathers, in the planes' dtype with float32 sums. A block of points is
    computed again in the backward pass.
    """
    dtype, planes = planes.dtype, planes.astype(jnp.float32)  # so that the gradients of blocks add up in float32
    batch, count, _ = points.shape
    block = min(_POINTS_AT_ONCE, count)
    blocks = -(-count // block)
    padded = jnp.pad(points, ((0, 0), (0, blocks * block - count), (0, 0)))
    padded = jnp.moveaxis(padded.reshape(batch, blocks, block, 3), 1, 0)
    features = jax.lax.map(jax.checkpoint(functools.partial(_products, planes, dtype)), padded)
    return jnp.moveaxis(features, 0, 1).reshape(batch, blocks * block, -1)[:, :count]


def _products(
    planes: Float[Array, "B 3 h w K"], dtype: DTypeLike, points: Float[Array, "B N 3"]
) -> Float[Array, "B N 3*K"]:
    height, width = planes.shape[2:4]
    x, y = _texel_coordinates(points, height, width)
    of_columns = _tent(x[..., None] - jnp.arange(width)).astype(dtype)
    of_rows = _tent(y[..., None] - jnp.arange(height))
    rows = jnp.einsum("bpnw,bphwk->bpnhk", of_columns, planes.astype(dtype), preferred_element_type=jnp.float32)
    return _side_by_side(jnp.sum(rows * of_rows[..., None], axis=-2))


def _texel_coordinates(points, height: int, width: int):
    """Column and row of each point in each plane, (B, 3, N), in texels: texel i's centre is at i."""
    columns = jnp.stack([points[..., 0], points[..., 0], points[..., 1]], axis=1)
    rows = jnp.stack([points[..., 1], points[..., 2], points[..., 2]], axis=1)
    return (columns + 1) * (0.5 * width) - 0.5, (rows + 1) * (0.5 * height) - 0.5


def _tent(distance):
    return jnp.maximum(1 - jnp.abs(distance), 0.0)


def _side_by_side(features: Float[Array, "B 3 N K"]) -> Float[Array, "B N 3*K"]:
    batch, _, count, channels = features.shape
    return jnp.moveaxis(features, 1, 2).reshape(batch, count, 3 * channels)
