"""The density grid of a field, a slab of layers at a time: all of it, or what lies near a surface."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import scipy.ndimage
from jaxtyping import Float

from real3d_jax.config.conditioned import AnyRenderConfig
from real3d_jax.rendering.field import TriplaneField
from real3d_jax.rendering.grid import BLOCK, blocks_per_chunk, density_blocks, density_slab

_POINTS_PER_SLAB = 2**24  # 64 MiB of densities

_density_slab = jax.jit(density_slab, static_argnums=(2, 3, 4))
_density_blocks = jax.jit(density_blocks, static_argnums=3)


def all_slabs(field: TriplaneField, config: AnyRenderConfig, resolution: int) -> Iterator[Float[np.ndarray, "_ _ _"]]:
    """The densities of a grid in slabs; each is computed while the one before it is looked at.

    Host and device hold two slabs of 2^24 points at a time, or of four layers where these are more.

    Args:
      field: a batch of one.
      config: box, bias and implementation.
      resolution: points per side, a multiple of 4.
    """
    layers = _layers(resolution)
    starts = [min(start, resolution - layers) for start in range(0, resolution, layers)]
    done, coming = 0, _density_slab(field, starts[0], layers, resolution, config)
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        slab = np.asarray(coming[0])
        if following is not None:
            coming = _density_slab(field, following, layers, resolution, config)
        yield slab[done - start :]
        done = start + layers


def slabs_near_surface(
    field: TriplaneField, config: AnyRenderConfig, resolution: int, threshold: float
) -> Iterator[Float[np.ndarray, "_ _ _"]]:
    """`all_slabs` where blocks of 4^3 points have the density of their first point, unless a surface may be near.

    It is near in blocks between whose first points and those of the next ones the density crosses the threshold, and in
    their neighbours. What no first point shows is missed: parts that are thinner than four steps and stand alone.
    """
    coordinates = jnp.linspace(-config.radius, config.radius, resolution)
    blocks, layers = resolution // BLOCK, _layers(resolution)
    first = _first_points(field, config, coordinates)
    near = _near_surface(first > threshold)
    for start in range(0, resolution, layers):
        part = slice(start // BLOCK, min(start + layers, resolution) // BLOCK)
        slab = np.broadcast_to(first[part, :, :, None], (*first[part].shape, BLOCK**3)).copy()
        wanted = np.flatnonzero(near[part])
        slab.reshape(-1, BLOCK**3)[wanted] = _queried(field, config, coordinates, wanted + part.start * blocks**2)
        slab = slab.reshape(*first[part].shape, BLOCK, BLOCK, BLOCK).transpose(0, 3, 1, 4, 2, 5)
        yield slab.reshape(-1, resolution, resolution)


def _layers(resolution: int) -> int:
    return min(resolution, max(_POINTS_PER_SLAB // resolution**2 // BLOCK, 1) * BLOCK)


def _first_points(
    field: TriplaneField, config: AnyRenderConfig, coordinates: Float[jax.Array, "n"]
) -> Float[np.ndarray, "b b b"]:
    """The density at the first point of each block."""
    first = coordinates[::BLOCK]
    count = len(first)
    side = -(-count // BLOCK)
    padded = jnp.pad(first, (0, side * BLOCK - count), mode="edge")
    density = _queried(field, config, padded, np.arange(side**3)).reshape(side, side, side, BLOCK, BLOCK, BLOCK)
    return density.transpose(0, 3, 1, 4, 2, 5).reshape((side * BLOCK,) * 3)[:count, :count, :count]


def _near_surface(inside: np.ndarray) -> np.ndarray:
    """Blocks whose first point and the next ones' lie on both sides of a surface, and their neighbours."""
    ahead = np.pad(inside, ((0, 1),) * 3, mode="edge")
    corners = [ahead[x : x + len(inside), y : y + len(inside), z : z + len(inside)] for x, y, z in np.ndindex(2, 2, 2)]
    crossed = np.any(corners, axis=0) & ~np.all(corners, axis=0)
    return scipy.ndimage.binary_dilation(crossed, np.ones((3, 3, 3), bool))


def _queried(
    field: TriplaneField, config: AnyRenderConfig, coordinates: Float[jax.Array, "n"], block: np.ndarray
) -> Float[np.ndarray, "M 64"]:
    """The densities of blocks, always as many at once, so that it is compiled once."""
    chunk = blocks_per_chunk()
    found = [
        np.asarray(_density_blocks(field, coordinates, jnp.asarray(np.resize(part, chunk)), config)[0])[: len(part)]
        for part in (block[i : i + chunk] for i in range(0, len(block), chunk))
    ]
    return np.concatenate(found) if found else np.zeros((0, BLOCK**3), np.float32)
