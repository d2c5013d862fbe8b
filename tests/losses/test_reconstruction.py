"""Eq. 1."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from real3d_jax.config.losses import ViewLossConfig
from real3d_jax.losses.reconstruction import View, reconstruction_loss
from real3d_jax.perceptual.lpips import lpips


@functools.partial(jax.jit, static_argnames="weights")  # op by op VGG is a hundred programs to compile
def loss_of(rendered, target, weights, lpips_params):
    return reconstruction_loss(rendered, target, weights=weights, lpips_params=lpips_params)


def _view(seed, shape=(2, 3, 16, 16)):
    rng = np.random.default_rng(seed)
    return View(*(jnp.asarray(rng.uniform(size=(*shape, c)), jnp.float32) for c in (3, 1)))


def test_weighted_sum_of_the_means_over_views(lpips_params):
    rendered, target = _view(0), _view(1)
    weights = ViewLossConfig(mse=2.0, lpips=0.5, mask=3.0)
    total, terms = loss_of(rendered, target, weights, lpips_params)
    judge = jax.jit(lpips)
    per_view = [
        [judge(lpips_params, rendered.rgb[b, v][None], target.rgb[b, v][None])[0] for v in range(3)] for b in range(2)
    ]
    for name, a, b in (("mse", rendered.rgb, target.rgb), ("mask", rendered.opacity, target.opacity)):
        np.testing.assert_allclose(terms[name], np.mean((np.asarray(a) - np.asarray(b)) ** 2), rtol=1e-5)
    np.testing.assert_allclose(terms["lpips"], np.mean(per_view), rtol=1e-4)
    np.testing.assert_allclose(total, 2 * terms["mse"] + 0.5 * terms["lpips"] + 3 * terms["mask"], rtol=1e-6)


def test_terms_without_weight_are_left_out():
    weights = ViewLossConfig(mse=1.0, lpips=0.0, mask=0.0)
    total, terms = reconstruction_loss(_view(0), _view(1), weights=weights, lpips_params=None)
    assert set(terms) == {"mse"}
    np.testing.assert_array_equal(total, terms["mse"])


@pytest.mark.parametrize("seed", [0, 3])
def test_equal_views_have_no_loss(lpips_params, seed):
    weights = ViewLossConfig(mse=1.0, lpips=1.0, mask=1.0)
    total, _ = loss_of(_view(seed), _view(seed), weights, lpips_params)
    np.testing.assert_allclose(total, 0.0, atol=1e-7)
