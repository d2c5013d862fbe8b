"""The order of rays and samples in which the fused query wants them: what lies close together, one after another."""

import math

import jax.numpy as jnp
from jaxtyping import Array, Float

from real3d_jax.kernels.fused_field import TILE_RAYS, TILE_SAMPLES


def to_tiles(image: Float[Array, "B V h w 3"]) -> Float[Array, "B V rows columns side side 3"]:
    """Pixels in squares, where these fill the image, so that consecutive rays are neighbours in both directions."""
    batch, views, height, width, channels = image.shape
    side = 1 if height % TILE_RAYS or width % TILE_RAYS else TILE_RAYS
    image = image.reshape(batch, views, height // side, side, width // side, side, channels)
    return jnp.swapaxes(image, 3, 4)


def from_tiles(tiles: Float[Array, "B V rows columns side side C"]) -> Float[Array, "B V h w C"]:
    """The inverse of `to_tiles`."""
    batch, views, rows, columns, side, _, channels = tiles.shape
    return jnp.swapaxes(tiles, 3, 4).reshape(batch, views, rows * side, columns * side, channels)


def near_together(points: Float[Array, "B R S 3"]) -> Float[Array, "B blocks 3"]:
    """Samples in the order in which the fused query wants them: a few neighbouring samples of a few rays at a time."""
    batch, rays, samples, _ = points.shape
    group, run = _block(rays, samples)
    blocks = points.reshape(batch, rays // group, group, samples // run, run, 3)
    return jnp.swapaxes(blocks, 2, 3).reshape(batch, rays * samples, 3)


def along_rays(values: Float[Array, "B N C"], rays: int, samples: int) -> Float[Array, "B rays samples C"]:
    """The inverse of `near_together`."""
    batch, _, channels = values.shape
    group, run = _block(rays, samples)
    blocks = values.reshape(batch, rays // group, samples // run, group, run, channels)
    return jnp.swapaxes(blocks, 2, 3).reshape(batch, rays, samples, channels)


def _block(rays: int, samples: int) -> tuple[int, int]:
    return math.gcd(rays, TILE_RAYS**2), math.gcd(samples, TILE_SAMPLES)
