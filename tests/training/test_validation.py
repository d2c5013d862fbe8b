"""Scores of held-out views."""

import jax.numpy as jnp
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from real3d_jax.batches import MultiviewBatch
from real3d_jax.cameras import Cameras
from real3d_jax.config.training import MeshConfig
from real3d_jax.metrics.images import psnr
from real3d_jax.runtime.sharding import make_mesh
from real3d_jax.training.validation import Validator, constant_colour_psnr, describe_scores

RNG = np.random.default_rng(0)


def random_objects(count, views=3, size=4):
    return MultiviewBatch(
        image=RNG.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8),
        rgb=RNG.integers(0, 256, (count, views, size, size, 3), dtype=np.uint8),
        mask=RNG.integers(0, 256, (count, views, size, size, 1), dtype=np.uint8),
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


def test_input_and_novel_views_are_scored_apart_and_sets_pooled_by_view():
    sets = {"a": random_objects(3), "b": random_objects(1, views=2)}
    opacity = RNG.random((4, 4, 1), dtype=np.float32)

    def render(params, objects):
        assert objects.cameras.c2w.shape[1] == objects.rgb.shape[1]  # one render a target
        return jnp.full(objects.rgb.shape, params), jnp.broadcast_to(opacity, objects.mask.shape)

    validator = Validator(sets, render, make_mesh(MeshConfig(1), 1))
    scores = validator(jnp.array(0.5))
    grey, solid = np.full((4, 4, 3), 0.5), opacity > 0.5

    def expected(objects):
        psnrs = np.array([[peak_signal_noise_ratio(v / 255.0, grey, data_range=1) for v in o] for o in objects.rgb])
        ious = np.array([[np.sum((v > 127) & solid) / np.sum((v > 127) | solid) for v in o] for o in objects.mask])
        return {"psnr": psnrs[:, 1:].ravel(), "input_psnr": psnrs[:, 0], "iou": ious[:, 1:].ravel()}

    each = {name: expected(objects) for name, objects in sets.items()}
    assert (validator.objects, validator.views) == (4, 7)
    assert len(scores) == 9
    for score in ("psnr", "input_psnr", "iou"):
        a, b = (each[name][score] for name in "ab")
        assert scores[f"{score}/a"] == pytest.approx(a.mean(), rel=1e-5)
        assert scores[f"{score}/b"] == pytest.approx(b.mean(), rel=1e-5)
        assert scores[score] == pytest.approx(np.concatenate([a, b]).mean(), rel=1e-5)
    novel = [objects.rgb[:, 1:] for objects in sets.values()]
    assert validator.constant_psnr() == pytest.approx(constant_colour_psnr(novel))


def test_objects_scored_several_at_a_time_have_the_same_scores():
    sets = {"a": random_objects(5), "b": random_objects(2)}
    at_a_time = []

    def render(params, objects):
        at_a_time.append(objects.image.shape[0])
        mean = objects.image.mean((1, 2))[:, None, None, None]  # each object has its own
        return jnp.broadcast_to(params * mean, objects.rgb.shape), jnp.broadcast_to(mean[..., :1], objects.mask.shape)

    def scores(**options):
        return Validator(sets, render, make_mesh(MeshConfig(1), 1), **options)(jnp.array(0.9))

    alone = scores(objects_a_device=1)
    assert alone == pytest.approx(scores(objects_a_device=3), rel=1e-6)
    assert alone == pytest.approx(scores(objects_a_device=99), rel=1e-6)
    assert set(at_a_time) == {1, 3, 5}, "no more than there are"
    assert len(at_a_time) == 3, "one program for both sets"


def test_a_line_of_scores_names_sets_only_where_there_are_several():
    scores = {"psnr": 14.126, "input_psnr": 15.0, "iou": 0.7801}
    averaged = {f"{name}_ema": value + 0.1 for name, value in scores.items()}
    sets = [{f"{name}/{letter}": value for name, value in scores.items()} for letter in "ab"]
    line = "psnr 14.13 dB, input_psnr 15.00 dB, iou 0.780"
    ema = "ema psnr 14.23 dB, input_psnr 15.10 dB, iou 0.880"
    assert describe_scores(scores | sets[0] | averaged) == f"{line}; {ema}"
    assert describe_scores(scores | sets[0] | sets[1]) == f"{line}; a {line}; b {line}"


def test_pictures_show_all_views_of_the_first_objects():
    objects = random_objects(5)
    validator = Validator({"a": objects}, lambda *_: None, make_mesh(MeshConfig(1), 1))
    np.testing.assert_array_equal(validator.some_objects(2).rgb, objects.rgb[:2])
