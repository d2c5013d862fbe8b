"""The plane query: features of points, read from a triplane."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def query_planes(planes: Float[Array, "B 3 h w K"], points: Float[Array, "B N 3"]) -> Float[Array, "B N 3*K"]:
    """Features of points in [-1, 1]^3: bilinear in each plane, zero outside, the planes' channels side by side.

    Texel centres lie at (i + 0.5) / size along a plane's side (PyTorch's `align_corners=False`). Four gathers a plane;
    their gradient is a scatter, in float32 here: bfloat16 would lose small addends.

    Args:
      planes: ordered (x, y), (x, z), (y, z); the first coordinate runs along the width, the second along the height.
      points: float32 coordinates.
    """
    planes = planes.astype(jnp.float32)
    height, width = planes.shape[2:4]
    columns = jnp.stack([points[..., 0], points[..., 0], points[..., 1]], axis=1)
    rows = jnp.stack([points[..., 1], points[..., 2], points[..., 2]], axis=1)
    x = (columns + 1) * (0.5 * width) - 0.5
    y = (rows + 1) * (0.5 * height) - 0.5
    left, top = jnp.floor(x), jnp.floor(y)
    texels = planes.reshape(*planes.shape[:2], height * width, planes.shape[-1])

    def corner(column, row):
        weight = (1 - jnp.abs(x - column)) * (1 - jnp.abs(y - row))
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        index = jnp.clip(row, 0, height - 1) * width + jnp.clip(column, 0, width - 1)
        values = jax.vmap(jax.vmap(lambda plane, i: plane[i]))(texels, index.astype(jnp.int32))
        return jnp.where(inside, weight, 0.0)[..., None] * values

    features = corner(left, top) + corner(left + 1, top) + corner(left, top + 1) + corner(left + 1, top + 1)
    batch, _, count, channels = features.shape
    return jnp.moveaxis(features, 1, 2).reshape(batch, count, 3 * channels)
