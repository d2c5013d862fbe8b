"""The density grid, against single points."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import RENDER

from real3d_jax.models.decoder import Decoder
from real3d_jax.rendering import TriplaneField, query_field
from real3d_jax.rendering import grid as grid_module
from real3d_jax.rendering.grid import density_grid


@pytest.mark.parametrize("implementation", ["xla", "pallas"])
@pytest.mark.parametrize("blocks_per_chunk", [2**15, 5])
def test_grid_holds_the_density_of_its_points(monkeypatch, implementation, blocks_per_chunk):
    monkeypatch.setitem(grid_module._BLOCKS_PER_CHUNK, "cpu", blocks_per_chunk)
    decoder = Decoder(16, 2)
    planes = jax.random.normal(jax.random.key(0), (2, 3, 6, 6, 4))
    field = TriplaneField(planes, decoder.init(jax.random.key(1), jnp.zeros((1, 12)))["params"], decoder)
    config = dataclasses.replace(RENDER, implementation=implementation)
    with jax.default_matmul_precision("highest"):
        density = density_grid(field, 8, config)
        assert density.shape == (2, 8, 8, 8)
        for index in [(0, 0, 0), (7, 7, 7), (1, 2, 6), (5, 0, 3)]:
            point = np.array([-0.87 + 2 * 0.87 * i / 7 for i in index], np.float32)
            expected, _ = query_field(field, jnp.broadcast_to(point, (2, 1, 3)), RENDER)
            np.testing.assert_allclose(density[(slice(None), *index)], expected[:, 0], rtol=2e-5)


def test_resolution_must_hold_whole_blocks():
    with pytest.raises(ValueError, match="multiple of 4"):
        density_grid(TriplaneField(jnp.zeros((1, 3, 4, 4, 4)), {}, Decoder(16, 2)), 10, RENDER)
