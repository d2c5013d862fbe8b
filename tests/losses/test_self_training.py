"""Eq. 3, 9 and 10."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from real3d_jax.config.losses import ViewLossConfig
from real3d_jax.losses.cycle import intermediate_input
from real3d_jax.losses.reconstruction import View, mse
from real3d_jax.losses.self_training import self_training_loss, semantic_distance, semantic_loss

RNG = np.random.default_rng(0)
NOVEL = View(*(jnp.asarray(RNG.uniform(size=(2, 6, 6, c)), jnp.float32) for c in (3, 1)))


def _input(view, *, end_to_end, image_size=6):
    return intermediate_input(view, image_size=image_size, mask_threshold=0.5, end_to_end=end_to_end)


def test_colour_stays_where_the_field_is_opaque_and_grey_is_elsewhere():
    novel = NOVEL._replace(opacity=NOVEL.opacity.at[0, 0].set(0.5))  # the threshold itself is not above it
    image = np.asarray(_input(novel, end_to_end=False))
    opaque = np.asarray(novel.opacity[..., 0]) > 0.5
    np.testing.assert_allclose(image[opaque], np.asarray(NOVEL.rgb)[opaque], atol=1e-6)
    np.testing.assert_allclose(image[~opaque], 0.5, atol=1e-6)


def test_view_is_enlarged_to_the_models_input():
    flat = View(jnp.full((1, 4, 4, 3), 0.25), jnp.ones((1, 4, 4, 1)))
    np.testing.assert_allclose(_input(flat, end_to_end=False, image_size=10), np.full((1, 10, 10, 3), 0.25), rtol=1e-6)


def test_gradient_stops_at_the_intermediate_view_unless_end_to_end():
    def total(rgb, end_to_end):
        return _input(View(rgb, NOVEL.opacity), end_to_end=end_to_end).sum()

    np.testing.assert_array_equal(jax.grad(total)(NOVEL.rgb, False), 0.0)
    assert np.abs(jax.grad(total)(NOVEL.rgb, True)).max() > 0


def _embeddings():
    novel = RNG.normal(size=(2, 4, 8))
    reference = RNG.normal(size=(2, 8))
    return (jnp.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True), jnp.float32) for x in (novel, reference))


def test_hard_negative_mining_takes_the_least_similar_view_and_only_it_learns():
    novel, reference = _embeddings()
    distance = semantic_distance(novel, reference)
    np.testing.assert_allclose(distance, -np.sum(novel * reference[:, None], axis=-1), atol=1e-6)
    loss, gradient = jax.value_and_grad(lambda n: semantic_loss(n, reference, naive=False))(novel)
    np.testing.assert_allclose(loss, np.mean(np.max(distance, axis=1)), rtol=1e-6)
    touched = np.abs(gradient).sum(axis=-1) > 0
    np.testing.assert_array_equal(touched, np.arange(4) == np.argmax(distance, axis=1)[:, None])


def test_naive_loss_averages_over_all_views():
    novel, reference = _embeddings()
    loss = semantic_loss(novel, reference, naive=True)
    np.testing.assert_allclose(loss, np.mean(semantic_distance(novel, reference)), rtol=1e-6)


def test_self_training_loss_weighs_its_three_terms(smoke_config):
    config = dataclasses.replace(
        smoke_config.losses,
        input_view=ViewLossConfig(mse=0.3, lpips=0.0, mask=0.0),
        cycle=dataclasses.replace(smoke_config.losses.cycle, weights=ViewLossConfig(mse=5.0, lpips=0.0, mask=2.0)),
        semantic=dataclasses.replace(smoke_config.losses.semantic, weight=0.7),
    )
    target, returned = View(NOVEL.rgb[::-1], NOVEL.opacity[::-1]), View(NOVEL.rgb**2, NOVEL.opacity**2)
    total, terms = self_training_loss(
        target=target,
        input_view=NOVEL,
        returned=returned,
        semantic=jnp.asarray(-0.4),
        config=config,
        lpips_params=None,
    )
    expected = 0.3 * mse(NOVEL.rgb, target.rgb) - 0.7 * 0.4
    expected += 5 * mse(returned.rgb, target.rgb) + 2 * mse(returned.opacity, target.opacity)
    np.testing.assert_allclose(total, expected, rtol=1e-6)
    assert set(terms) == {"input_view/mse", "cycle/mse", "cycle/mask", "semantic"}


def test_absent_terms_are_left_out(smoke_config):
    total, terms = self_training_loss(
        target=NOVEL, input_view=NOVEL, returned=None, semantic=None, config=smoke_config.losses, lpips_params=None
    )
    assert set(terms) == {"input_view/mse"}
    np.testing.assert_array_equal(total, 0.0)
