"""Properties of LPIPS; its values are checked in tests/parity."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from real3d_jax.perceptual.lpips import lpips, published_heads, unit_length

_lpips = jax.jit(lpips)
_gradient = jax.jit(jax.grad(lambda a, params, b: lpips(params, a, b).sum()))


@pytest.fixture(scope="module")
def images():
    return jnp.asarray(np.random.default_rng(0).random((3, 16, 16, 3), dtype=np.float32))


def test_is_zero_for_equal_images_and_symmetric(lpips_params, images):
    np.testing.assert_allclose(_lpips(lpips_params, images, images), jnp.zeros(3), atol=1e-12)
    forth, back = (_lpips(lpips_params, a, b) for a, b in ((images, images[::-1]), (images[::-1], images)))
    np.testing.assert_allclose(forth, back, rtol=1e-5)
    assert float(forth[0]) > 1e-4


def test_pairs_do_not_mix(lpips_params, images):
    together = _lpips(lpips_params, images, images[::-1])
    repeated = _lpips(lpips_params, images[jnp.zeros(3, int)], images[jnp.full(3, 2)])
    np.testing.assert_allclose(jnp.full(3, together[0]), repeated, rtol=1e-5)


def test_silent_features_give_no_gradient(lpips_params, images):
    """Biases far below zero switch every activation off."""
    vgg = jax.tree.map(lambda x: x - 1e3 * (x.ndim == 1), lpips_params["vgg"])
    gradient = _gradient(images, {"vgg": vgg, "heads": lpips_params["heads"]}, images[::-1])
    np.testing.assert_array_equal(gradient, jnp.zeros_like(images))


def test_unit_length_has_a_finite_gradient_at_zero():
    features = jnp.asarray([[[[0.0, 0.0], [3.0, 4.0]]]])
    np.testing.assert_allclose(unit_length(features)[0, 0], [[0, 0], [0.6, 0.8]], rtol=1e-6)
    gradient = jax.grad(lambda x: (unit_length(x) * jnp.asarray([1.0, 0.0])).sum())(features)
    np.testing.assert_allclose(gradient[0, 0, 1], [0.128, -0.096], rtol=1e-5)
    assert bool(jnp.isfinite(gradient).all())


def test_gradient_is_finite_for_equal_images(lpips_params, images):
    assert bool(jnp.isfinite(_gradient(images, lpips_params, images)).all())


def test_heads_weigh_without_cancelling():
    heads = published_heads()
    assert [head.shape for head in heads] == [(64,), (128,), (256,), (512,), (512,)]
    assert all(bool((head >= 0).all()) for head in heads)
