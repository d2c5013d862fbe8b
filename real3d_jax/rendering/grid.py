"""The density of a field on a regular grid, for meshes."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from real3d_jax.config.conditioned import AnyRenderConfig
from real3d_jax.rendering.field import TriplaneField, query_field

BLOCK = 4  # points per side of a block; blocks are queried whole, which the fused query wants
_BLOCKS_PER_CHUNK = {"cpu": 2**13}  # a gigabyte less than with more
_BLOCKS_PER_CHUNK_ON_ACCELERATORS = 2**15


def density_grid(field: TriplaneField, resolution: int, config: AnyRenderConfig) -> Float[Array, "B x y z"]:
    """Activated density at the points of a grid that spans the box, its outermost points on the faces.

    Args:
      field: B fields.
      resolution: points per side, a multiple of 4.
      config: box, bias and implementation.
    """
    return density_slab(field, 0, resolution, resolution, config)


def density_slab(
    field: TriplaneField, first: int | Int[Array, ""], layers: int, resolution: int, config: AnyRenderConfig
) -> Float[Array, "B layers y z"]:
    """The layers `first`, `first` + 1, ... along x of `density_grid`, so that a grid need not be held whole.

    Args:
      field: B fields.
      first: multiple of 4.
      layers: how many, a multiple of 4.
      resolution: points per side of the whole grid, a multiple of 4.
      config: box, bias and implementation.
    """
    blocks, deep = resolution // BLOCK, layers // BLOCK
    if blocks * BLOCK != resolution or deep * BLOCK != layers:
        raise ValueError(f"resolution and layers must each be a multiple of {BLOCK}, but are {resolution} and {layers}")
    coordinates = jnp.linspace(-config.radius, config.radius, resolution)
    begin, count = jnp.asarray(first) // BLOCK * blocks**2, deep * blocks**2
    chunk = min(blocks_per_chunk(), count)
    chunks = -(-count // chunk)
    batch = field.planes.shape[0]

    def query_chunk(start):
        return density_blocks(field, coordinates, begin + jnp.minimum(start + jnp.arange(chunk), count - 1), config)

    density = jax.lax.map(query_chunk, jnp.arange(chunks) * chunk)
    density = jnp.moveaxis(density, 0, 1).reshape(batch, chunks * chunk, -1)[:, :count]
    density = density.reshape(batch, deep, blocks, blocks, BLOCK, BLOCK, BLOCK)
    return density.transpose(0, 1, 4, 2, 5, 3, 6).reshape(batch, layers, resolution, resolution)


def density_blocks(
    field: TriplaneField, coordinates: Float[Array, "n"], block: Int[Array, "M"], config: AnyRenderConfig
) -> Float[Array, "B M 64"]:
    """Activated density in blocks of 4 x 4 x 4 points of a grid.

    Args:
      field: B fields.
      coordinates: of the grid's points, along each axis alike; their number is a multiple of 4.
      block: which, counted along z first, then y, then x.
      config: box, bias and implementation.
    """
    coordinates = coordinates.reshape(-1, BLOCK)
    blocks = len(coordinates)
    x, y, z = coordinates[block // blocks**2], coordinates[block // blocks % blocks], coordinates[block % blocks]
    points = jnp.broadcast_arrays(x[:, :, None, None], y[:, None, :, None], z[:, None, None, :])
    points = jnp.stack(points, axis=-1).reshape(1, -1, 3)
    batch = field.planes.shape[0]
    density, _ = query_field(field, jnp.broadcast_to(points, (batch, *points.shape[1:])), config)
    return density.reshape(batch, len(block), BLOCK**3)


def blocks_per_chunk() -> int:
    """How many blocks to query together."""
    return _BLOCKS_PER_CHUNK.get(jax.default_backend(), _BLOCKS_PER_CHUNK_ON_ACCELERATORS)
