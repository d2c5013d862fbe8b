"""The order of rays and samples."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from real3d_jax.config import files as config_files
from real3d_jax.models.lrm import make_decoder
from real3d_jax.rendering import TriplaneField, field
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


@pytest.mark.parametrize("implementation", ["xla", "pallas"])
def test_the_fused_query_alone_gets_samples_in_its_order(monkeypatch, implementation):
    """The compilers of TPUs and the like need not take the order apart where it brings nothing."""
    config = config_files.load("configs/real3d.py:embedded")
    decoder = make_decoder(config.model)
    planes = jax.ShapeDtypeStruct((1, 3, 8, 8, config.model.plane_channels), jnp.float32)
    params = jax.eval_shape(lambda: decoder.init(jax.random.key(0), jnp.zeros((1, 3 * config.model.plane_channels))))
    seen = []

    def query(_, points, config):
        seen.append(points)
        return points[..., 0], 2 * points

    monkeypatch.setattr(field, "query_field", query)
    points = jax.random.normal(jax.random.key(0), (1, 32, 8, 3))
    render = dataclasses.replace(config.render, implementation=implementation)
    density, rgb = field.query_samples(TriplaneField(planes, params["params"], decoder), points, render)
    np.testing.assert_array_equal(density, points[..., 0])
    np.testing.assert_array_equal(rgb, 2 * points)
    plain, ordered = points.reshape(1, -1, 3), near_together(points)
    np.testing.assert_array_equal(seen[0], ordered if implementation == "pallas" else plain)
    assert (np.asarray(plain) != ordered).any()
