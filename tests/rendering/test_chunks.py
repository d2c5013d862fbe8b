"""Rays in chunks: how large they are, and that nothing is lost."""

import jax.numpy as jnp
import pytest

from real3d_jax.rendering.chunks import map_rays


@pytest.mark.parametrize(
    ("count", "most", "size"),
    [
        pytest.param(200, 96, 80, id="three equal ones of whole groups, no nearly empty one"),
        pytest.param(50_176, 16_384, 12_544, id="a view of 224 x 224 pixels: four, without padding"),
        pytest.param(65_536, 16_384, 16_384, id="four views of 128 x 128 pixels"),
        pytest.param(40, 64, 48, id="one"),
        pytest.param(40, 25, 25, id="no larger than asked for"),
    ],
)  # fmt: skip
def test_equal_chunks(count, most, size):
    sizes = []

    def render_chunk(rays):
        sizes.append(rays.shape[1])
        return (2 * rays,)

    rays = jnp.arange(2.0 * count).reshape(2, count, 1)
    (found,) = map_rays(render_chunk, (rays,), chunk=most, policy=None)
    assert set(sizes) == {size}
    assert (found == 2 * rays).all()
