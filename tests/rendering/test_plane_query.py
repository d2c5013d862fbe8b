"""The triplane query against a slow, plain one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from real3d_jax.rendering import plane_query
from real3d_jax.rendering.plane_query import query_by_gathers, query_by_products, query_planes

HEIGHT, WIDTH, CHANNELS = 5, 6, 2
FORMS = [query_by_gathers, query_by_products]
PLANES = np.random.default_rng(0).normal(size=(2, 3, HEIGHT, WIDTH, CHANNELS)).astype(np.float32)


def _bilinear(plane, column, row):
    """Zero-padded bilinear value of one plane at one place in [-1, 1]^2, by the definition, in float64."""
    x, y = (column + 1) / 2 * WIDTH - 0.5, (row + 1) / 2 * HEIGHT - 0.5
    value = np.zeros(CHANNELS)
    for j in range(HEIGHT):
        for i in range(WIDTH):
            value += max(0, 1 - abs(x - i)) * max(0, 1 - abs(y - j)) * plane[j, i]
    return value


def _expected(planes, points):
    return np.array(
        [
            [np.concatenate([_bilinear(p[0], x, y), _bilinear(p[1], x, z), _bilinear(p[2], y, z)]) for x, y, z in rows]
            for p, rows in zip(planes, points, strict=True)
        ]
    )


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """The matrix form in several blocks, the last of which is not full."""
    monkeypatch.setattr(plane_query, "_POINTS_AT_ONCE", 16)


@pytest.mark.parametrize("query", FORMS)
def test_inside_at_the_rim_and_outside(query):
    points = np.random.default_rng(1).uniform(-1.4, 1.4, (2, 40, 3)).astype(np.float32)
    points[0, :4] = [[0, 0, 0], [1, 1, 1], [-1, 1, -1], [50, -50, 1e6]]
    features = query(jnp.asarray(PLANES), jnp.asarray(points))
    np.testing.assert_allclose(features, _expected(PLANES, points), atol=1e-5)
    assert not np.asarray(features[0, 3]).any(), "far outside is zero"


@pytest.mark.parametrize("query", FORMS)
def test_gradient_of_the_planes_is_the_transpose(query):
    """<query(planes), g> is linear in the planes, so its gradient follows from unit planes."""
    points = jnp.asarray(np.random.default_rng(2).uniform(-1.1, 1.1, (1, 37, 3)), jnp.float32)
    weights = jnp.asarray(np.random.default_rng(3).normal(size=(1, 37, 3 * CHANNELS)), jnp.float32)

    def product(planes):
        return jnp.sum(query(planes, points) * weights)

    gradient = jax.grad(product)(jnp.asarray(PLANES[:1]))
    direction = np.random.default_rng(4).normal(size=gradient.shape).astype(np.float32)
    expected = np.sum(_expected(direction, np.asarray(points)) * weights)
    np.testing.assert_allclose(np.sum(np.asarray(gradient, np.float64) * direction), expected, rtol=1e-4)


@pytest.mark.parametrize("query", FORMS)
def test_gradient_of_bfloat16_planes_is_summed_in_float32(query):
    """Ten thousand small addends to one texel: a bfloat16 sum would stop at 256."""
    planes = jnp.zeros((1, 3, 4, 4, 1), jnp.bfloat16)
    points = jnp.full((1, 10_000, 3), 0.25)
    gradient = jax.grad(lambda p: query(p, points).sum())(planes)
    np.testing.assert_allclose(float(gradient.astype(jnp.float32).max()), 10_000, rtol=0.01)


def test_on_a_cpu_it_gathers():
    program = jax.jit(query_planes).lower(jnp.asarray(PLANES), jnp.zeros((2, 4, 3))).as_text()
    assert "gather" in program
    assert "dot_general" not in program
