"""The bound on the semantic loss's gradient."""

import jax
import jax.numpy as jnp
import numpy as np

from real3d_jax.losses.gradient_cap import cap_gradient, gradient_norms

RNG = np.random.default_rng(3)
VIEWS = jnp.asarray(RNG.uniform(size=(2, 3, 4, 4, 3)), jnp.float32)
PULL = jnp.asarray(RNG.normal(size=VIEWS.shape), jnp.float32)
NORMS = np.sqrt(np.sum(np.square(PULL), axis=(1, 2, 3, 4)))


def _capped_gradient(limit):
    return jax.grad(lambda views, limit: jnp.sum(PULL * cap_gradient(views, limit)), argnums=(0, 1))(VIEWS, limit)


def test_the_views_stay_as_they_are():
    np.testing.assert_array_equal(cap_gradient(VIEWS, jnp.zeros(2)), VIEWS)


def test_a_gradient_below_the_limit_passes():
    gradient, of_limit = _capped_gradient(jnp.asarray(NORMS * 1.01))
    np.testing.assert_array_equal(gradient, PULL)
    np.testing.assert_array_equal(of_limit, 0.0)


def test_a_gradient_above_the_limit_keeps_its_direction_and_gets_its_norm():
    """Each example by itself: the first is above its limit, the second is not."""
    gradient, _ = _capped_gradient(jnp.asarray([0.25 * NORMS[0], 2.0 * NORMS[1]]))
    np.testing.assert_allclose(gradient[0], 0.25 * PULL[0], rtol=1e-5)
    np.testing.assert_array_equal(gradient[1], PULL[1])


def test_no_gradient_stays_none_and_a_broken_one_is_seen():
    none = jax.grad(lambda views: jnp.sum(0.0 * cap_gradient(views, jnp.zeros(2))))(VIEWS)
    np.testing.assert_array_equal(none, 0.0)
    broken = jax.grad(lambda views: jnp.sum(jnp.nan * cap_gradient(views, jnp.ones(2))))(VIEWS)
    assert np.isnan(broken).all()  # the update is then skipped


def test_norms_are_over_all_views_of_an_example():
    other = jnp.asarray(RNG.uniform(size=(2, 5)), jnp.float32)

    def loss(views):
        first, second, absent = views
        assert absent is None
        return jnp.mean(jnp.square(first)) + 3.0 * jnp.sum(second)

    expected = np.sqrt(np.sum(np.square(2 * VIEWS / VIEWS.size), axis=(1, 2, 3, 4)) + 9.0 * 5)
    np.testing.assert_allclose(gradient_norms(loss, (VIEWS, other, None)), expected, rtol=1e-5)


def test_the_limit_is_no_way_for_gradients():
    def total(views):
        limit = gradient_norms(lambda seen: jnp.sum(seen**3), views)
        return jnp.sum(limit) + jnp.sum(PULL * cap_gradient(views, limit))

    gradient = jax.grad(total)(VIEWS)
    limit = np.sqrt(np.sum(np.square(3 * VIEWS**2), axis=(1, 2, 3, 4)))
    scale = np.minimum(1, limit / NORMS)[:, None, None, None, None]
    np.testing.assert_allclose(gradient, PULL * scale, rtol=1e-5)
