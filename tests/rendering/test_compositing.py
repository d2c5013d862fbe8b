"""Compositing: the properties of volume rendering."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from real3d_jax.rendering.compositing import (
    composite,
    compositing_weights,
    sums_before_by_addition,
    sums_before_by_product,
)

STEP = 1 / 8
DENSITIES = st.lists(st.floats(0, 1e6, allow_subnormal=False), min_size=8, max_size=8)


@settings(max_examples=50, deadline=None)
@given(DENSITIES)
def test_weights_are_the_textbook_product(density):
    density = np.array(density)
    alpha = 1 - np.exp(-density * STEP)
    transmittance = np.concatenate([[1.0], np.cumprod(1 - alpha)[:-1]])
    weights = np.asarray(compositing_weights(jnp.asarray(density, jnp.float32), STEP))
    np.testing.assert_allclose(weights, alpha * transmittance, atol=2e-6)
    assert weights.min() >= 0
    assert weights.sum() <= 1 + 1e-6


def test_thin_samples_keep_their_weight():
    density = jnp.full(8, 1e-6 / STEP)
    np.testing.assert_allclose(compositing_weights(density, STEP), 1e-6, rtol=1e-4)


def test_dense_sample_does_not_swallow_what_lies_before_it():
    weights = compositing_weights(jnp.array([0.5, 1e9, 1.0]) / STEP, STEP)
    np.testing.assert_allclose(weights, [1 - np.exp(-0.5), np.exp(-0.5), 0.0], rtol=1e-6)


def test_empty_ray_is_the_background():
    rgb, opacity = composite(jnp.zeros((2, 8)), jnp.ones((2, 8, 3)) * 0.3, step=STEP, background=0.7)
    np.testing.assert_array_equal(opacity, 0.0)
    np.testing.assert_allclose(rgb, 0.7)


def test_one_dense_sample_gives_its_colour_and_hides_what_lies_behind():
    density = jnp.zeros((1, 8)).at[0, 3].set(1e6).at[0, 5].set(1e6)
    rgb = jnp.zeros((1, 8, 3)).at[0, 3].set(jnp.array([0.2, 0.5, 0.9])).at[0, 5].set(1.0)
    colour, opacity = composite(density, rgb, step=STEP, background=1.0)
    np.testing.assert_allclose(colour[0], [0.2, 0.5, 0.9], atol=1e-6)
    np.testing.assert_allclose(opacity, 1.0, atol=1e-6)


def test_half_transparent_sample_mixes_with_the_background():
    density = jnp.zeros((1, 8)).at[0, 2].set(np.log(2) / STEP)
    colour, opacity = composite(density, jnp.full((1, 8, 3), 0.2), step=STEP, background=1.0)
    np.testing.assert_allclose(opacity, 0.5, atol=1e-6)
    np.testing.assert_allclose(colour, 0.6, atol=1e-6)


def test_gradient_of_a_sample_is_its_colour_against_the_background():
    """colour = background + alpha (rgb - background), so d colour / d density = step (1 - alpha) (rgb - background)."""

    def colour(density):
        return composite(density[None], jnp.full((1, 3), 0.2), step=STEP, background=0.9)[0][0]

    np.testing.assert_allclose(jax.grad(colour)(jnp.log(2.0) / STEP), STEP * 0.5 * (0.2 - 0.9), rtol=1e-5)


@pytest.mark.parametrize("density", [0.0, 1e-30, 1.0, 1e10, 1e30])
def test_values_and_gradients_stay_finite(density):
    def loss(density, rgb):
        colour, opacity = composite(density, rgb, step=1 / 128, background=1.0)
        return jnp.sum(colour) + jnp.sum(opacity)

    arguments = jnp.full((3, 128), density), jnp.full((3, 128, 3), 0.4)
    value, gradients = jax.value_and_grad(loss, argnums=(0, 1))(*arguments)
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in gradients)


def test_sums_by_a_product_are_those_by_addition_and_so_are_their_gradients():
    """TPUs have the product; densities from 0 to 1e30 must stay finite in it, too."""
    values = jnp.asarray(np.geomspace(1e-6, 1e30, 24, dtype=np.float32).reshape(2, 12)[:, ::-1])
    values = values.at[:, 3].set(0.0)
    both = [by(values) for by in (sums_before_by_product, sums_before_by_addition)]
    np.testing.assert_allclose(*both, rtol=1e-6)
    assert (both[0][:, 0] == 0).all()
    weights = jnp.arange(24.0).reshape(2, 12)
    gradients = [
        jax.grad(lambda x, by=by: jnp.sum(by(x) * weights))(values)
        for by in (sums_before_by_product, sums_before_by_addition)
    ]
    np.testing.assert_allclose(*gradients, rtol=1e-6)
    assert gradients[0][0, 0] == sum(range(1, 12))
