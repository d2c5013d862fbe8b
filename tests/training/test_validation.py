"""Scores of held-out views."""

import jax.numpy as jnp
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from real3d_jax.batches import MultiviewBatch
from real3d_jax.cameras import Cameras
from real3d_jax.config.training import MeshConfig
from real3d_jax.evaluation.image_metrics import psnr
from real3d_jax.training.sharding import make_mesh
from real3d_jax.training.validation import Validator, constant_colour_psnr, novel_views

RNG = np.random.default_rng(0)


def random_objects(count, views=3, size=4):
    return MultiviewBatch(
        image=np.zeros((count, 8, 8, 3), np.uint8),
        rgb=RNG.integers(0, 256, (count, views, size, size, 3), dtype=np.uint8),
        mask=np.zeros((count, views, size, size, 1), np.uint8),
        cameras=Cameras(np.zeros((count, views, 4, 4), np.float32), np.ones((count, views, 4), np.float32)),
    )


def test_psnr_equals_scikit_images():
    a, b = RNG.random((2, 5, 6, 6, 3), dtype=np.float32)
    expected = [peak_signal_noise_ratio(x, y, data_range=1) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(psnr(jnp.asarray(a), jnp.asarray(b)), expected, rtol=1e-5)
    np.testing.assert_allclose(psnr(jnp.asarray(a), jnp.asarray(a)), 100.0, rtol=1e-6)


def test_the_constant_is_the_mean_colour_and_its_score_a_mean_over_views():
    sets = [random_objects(2).rgb, random_objects(3, views=2).rgb]
    pixels = np.concatenate([x.reshape(-1, 3) for x in sets]) / 255.0
    views = [image / 255.0 for x in sets for image in x.reshape(-1, 4, 4, 3)]
    constant = np.broadcast_to(pixels.mean(0), (4, 4, 3))
    expected = np.mean([peak_signal_noise_ratio(v, constant, data_range=1) for v in views])
    assert constant_colour_psnr(sets) == pytest.approx(expected, rel=1e-5)


def test_the_input_view_is_not_scored_and_sets_are_pooled_by_view():
    sets = {"a": random_objects(3), "b": random_objects(1, views=2)}

    def render(params, objects):
        assert objects.cameras.c2w.shape[1] == objects.rgb.shape[1]  # one render a target
        return jnp.full(objects.rgb.shape, params), None

    validator = Validator(sets, render, make_mesh(MeshConfig(1), 1))
    scores = validator(jnp.array(0.5))
    grey = np.full((4, 4, 3), 0.5)
    each = {
        name: [peak_signal_noise_ratio(v / 255.0, grey, data_range=1) for v in objects.rgb[:, 1:].reshape(-1, 4, 4, 3)]
        for name, objects in sets.items()
    }
    assert validator.views == 7
    assert scores["psnr/a"] == pytest.approx(np.mean(each["a"]), rel=1e-5)
    assert scores["psnr/b"] == pytest.approx(np.mean(each["b"]), rel=1e-5)
    assert scores["psnr"] == pytest.approx(np.mean(each["a"] + each["b"]), rel=1e-5)
    assert validator.constant_psnr() == pytest.approx(constant_colour_psnr([novel_views(o).rgb for o in sets.values()]))


def test_pictures_show_all_views_of_the_first_objects():
    objects = random_objects(5)
    validator = Validator({"a": objects}, lambda *_: None, make_mesh(MeshConfig(1), 1))
    np.testing.assert_array_equal(validator.some_objects(2).rgb, objects.rgb[:2])
