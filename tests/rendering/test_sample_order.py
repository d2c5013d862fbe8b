"""The order of rays and samples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from real3d_jax.rendering.sample_order import along_rays, from_tiles, near_together, to_tiles


@pytest.mark.parametrize(("side", "tile"), [(8, 4), (6, 1)])
def test_tiles_hold_squares_and_come_back(side, tile):
    image = jax.random.normal(jax.random.key(0), (2, 3, side, side, 3))
    tiles = to_tiles(image)
    assert tiles.shape == (2, 3, side // tile, side // tile, tile, tile, 3)
    np.testing.assert_array_equal(tiles[1, 2, 1, 0], image[1, 2, tile : 2 * tile, :tile])
    np.testing.assert_array_equal(from_tiles(tiles), image)


@pytest.mark.parametrize(("rays", "samples"), [(32, 8), (5, 6), (16, 3)])
def test_samples_come_back_along_their_rays(rays, samples):
    points = jax.random.normal(jax.random.key(0), (2, rays, samples, 3))
    np.testing.assert_array_equal(along_rays(near_together(points), rays, samples), points)


def test_a_block_is_a_few_samples_of_a_few_rays():
    ray, sample = jnp.meshgrid(jnp.arange(32.0), jnp.arange(8.0), indexing="ij")
    block = np.asarray(near_together(jnp.stack([ray, sample, sample], axis=-1)[None])[0, 64:128])
    assert set(block[:, 0]) == set(range(16)) and set(block[:, 1]) == set(range(4, 8))
