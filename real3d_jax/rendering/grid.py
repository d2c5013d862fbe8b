"""The density of a field on a regular grid, for meshes."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from real3d_jax.config.conditioned import AnyRenderConfig
from real3d_jax.rendering.field import TriplaneField, query_field

_BLOCK = 4  # points per side of a block; blocks are queried whole, which the fused query wants
_BLOCKS_PER_CHUNK = {"cpu": 2**13}  # a gigabyte less than with more
_BLOCKS_PER_CHUNK_ON_ACCELERATORS = 2**15


def density_grid(field: TriplaneField, resolution: int, config: AnyRenderConfig) -> Float[Array, "B x y z"]:
    """Activated density at the points of a grid that spans the box, its outermost points on the faces.

    Args:
      field: B fields.
      resolution: points per side, a multiple of 4.
      config: box, bias and implementation.
    """
    blocks = resolution // _BLOCK
    if blocks * _BLOCK != resolution:
        raise ValueError(f"resolution must be a multiple of {_BLOCK}, but is {resolution}")
    coordinates = jnp.linspace(-config.radius, config.radius, resolution).reshape(blocks, _BLOCK)
    count = blocks**3
    chunk = min(_BLOCKS_PER_CHUNK.get(jax.default_backend(), _BLOCKS_PER_CHUNK_ON_ACCELERATORS), count)
    chunks = -(-count // chunk)
    batch = field.planes.shape[0]

    def query_chunk(first):
        block = jnp.minimum(first + jnp.arange(chunk), count - 1)
        x, y, z = coordinates[block // blocks**2], coordinates[block // blocks % blocks], coordinates[block % blocks]
        points = jnp.broadcast_arrays(x[:, :, None, None], y[:, None, :, None], z[:, None, None, :])
        points = jnp.stack(points, axis=-1).reshape(1, -1, 3)
        density, _ = query_field(field, jnp.broadcast_to(points, (batch, *points.shape[1:])), config)
        return density

    density = jax.lax.map(query_chunk, jnp.arange(chunks) * chunk)
    density = jnp.moveaxis(density, 0, 1).reshape(batch, chunks * chunk, -1)[:, :count]
    density = density.reshape(batch, blocks, blocks, blocks, _BLOCK, _BLOCK, _BLOCK)
    return density.transpose(0, 1, 4, 2, 5, 3, 6).reshape(batch, resolution, resolution, resolution)
