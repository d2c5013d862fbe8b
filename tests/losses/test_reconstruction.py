"""Eq. 1."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from real3d_jax.config.losses import OverlapViewLossConfig, ViewLossConfig
from real3d_jax.losses.reconstruction import View, overlap_loss, reconstruction_loss
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


def _squares(*spans):
    """Masks of 8 x 8 pixels, one view each: ones from the first to the second of each span, in both directions."""
    masks = np.zeros((1, len(spans), 8, 8, 1), np.float32)
    for view, (first, last) in enumerate(spans):
        masks[0, view, first:last, first:last] = 1
    return jnp.asarray(masks)


def test_overlap_is_one_minus_intersection_over_union_of_each_view():
    masks, opacity = _squares((0, 4), (2, 6)), _squares((2, 6), (2, 6))
    # 4 pixels of 28 in the first view, all in the second; a pixel is added to both.
    np.testing.assert_allclose(overlap_loss(opacity, masks), ((1 - 5 / 29) + 0) / 2, rtol=1e-6)
    np.testing.assert_allclose(overlap_loss(opacity, masks, jnp.array([2.0])), (1 - 5 / 29), rtol=1e-6)
    half = 0.5 * opacity[:, 1:]
    np.testing.assert_allclose(overlap_loss(half, masks[:, 1:]), 1 - 9 / 17, rtol=1e-6)


def test_an_empty_view_asks_for_emptiness():
    nothing, something = jnp.zeros((1, 1, 8, 8, 1)), jnp.full((1, 1, 8, 8, 1), 0.1)
    assert overlap_loss(nothing, nothing) == 0
    assert (jax.grad(overlap_loss)(something, nothing) > 0).all()


def test_overlap_is_one_of_the_terms():
    weights = OverlapViewLossConfig(mse=1.0, lpips=0.0, mask=0.0, overlap=0.25)
    rendered, target = _view(0), _view(1)
    total, terms = reconstruction_loss(rendered, target, weights=weights, lpips_params=None)
    assert terms.keys() == {"mse", "overlap"}
    np.testing.assert_allclose(terms["overlap"], overlap_loss(rendered.opacity, target.opacity), rtol=1e-6)
    np.testing.assert_allclose(total, terms["mse"] + 0.25 * terms["overlap"], rtol=1e-6)
