"""Refinement at test time: the field comes nearer to the pictures that are given, and nothing else moves."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from real3d_jax import cameras
from real3d_jax.batches import as_float
from real3d_jax.checkpoints.trained_model import Checkpoint, find_model
from real3d_jax.errors import UserError
from real3d_jax.inference import refinement
from real3d_jax.inference.model import Model
from real3d_jax.inference.reconstruction import Reconstruction
from real3d_jax.inference.reconstructor import Reconstructor
from real3d_jax.inference.run import reconstruct_all
from real3d_jax.rendering import render_views
from tests.inference.conftest import photograph

STEPS = 6


@pytest.fixture(scope="module")
def result(refining_model):
    return refining_model(photograph())


@pytest.fixture(scope="module")
def refined(result):
    return result.refine(STEPS)


def error(result, config, image=None, c2w=None):
    """The mean squared error of a view over grey, by the plain renderer."""
    views = refinement.input_view(result.image if image is None else image, config.refine, background=0.5)
    shown = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], views.cameras)
    shown = shown if c2w is None else shown.replace(c2w=c2w[None, None])
    grey = dataclasses.replace(config.render, background=0.5)
    rgb, _ = render_views(result.field, shown, grey, resolution=8)
    return float(jnp.mean(jnp.square(rgb[0] - as_float(jnp.asarray(views.rgb)))))


def test_steps_bring_the_field_nearer_to_its_photograph(refining, result, refined):
    assert error(refined, refining) < 0.7 * error(result, refining)
    np.testing.assert_array_equal(refined.image, result.image)


@pytest.mark.parametrize("background", [0.5, 1.0])
def test_the_background_is_that_of_the_input(refining, params, monkeypatch, background):
    config = dataclasses.replace(refining, input=dataclasses.replace(refining.input, background=background))
    result = Model(config, Checkpoint(params, Path("a test"), None, "0"))(photograph())
    asked = []
    monkeypatch.setattr(
        refinement, "_descend", lambda field, given, *_, **how: asked.append((given, how)) or field.planes
    )
    result.refine(STEPS)
    ((_, _, colours), how) = asked[0]
    assert how["render"].background == background
    np.testing.assert_allclose(colours[0], background, atol=0.003)  # a corner, where no object is


def test_no_step_changes_nothing(result):
    np.testing.assert_array_equal(result.refine(0).field.planes, result.field.planes)


def test_it_is_the_same_each_time_and_leaves_the_rest_alone(refining_model, result, refined):
    before = np.array(result.field.planes)
    other = refining_model(photograph((20, 90, 220)))
    untouched = np.array(other.field.planes)
    np.testing.assert_array_equal(result.refine(STEPS).field.planes, refined.field.planes)
    np.testing.assert_array_equal(result.field.planes, before)
    np.testing.assert_array_equal(other.field.planes, untouched)
    jax.tree.map(np.testing.assert_array_equal, refined.field.decoder_params, result.field.decoder_params)
    assert np.abs(refined.field.planes - before).max() > 0


def test_a_step_of_adam_moves_a_texel_by_the_learning_rate(refining, result):
    moved = np.abs(result.refine(1, learning_rate=0.01).field.planes - result.field.planes)
    scale = float(result.field.planes.std())
    assert moved.max() == pytest.approx(0.01 * scale, rel=1e-3)
    assert (moved == 0).any()  # beside the rays


def test_holding_keeps_the_planes_near(result, refined):
    def distance(other):
        return float(jnp.square(other.field.planes - result.field.planes).mean())

    held = distance(result.refine(STEPS, hold=10.0))
    assert 0 < held < 0.75 * distance(refined)


def test_rays_follow_from_the_seed(refining, params, result, refined):
    other = dataclasses.replace(refining, refine=dataclasses.replace(refining.refine, seed=1))
    views = refinement.input_view(result.image, other.refine, background=0.5)
    field = Reconstructor(other, params).refined(result.field, views, STEPS, other.refine)
    assert np.abs(field.planes - refined.field.planes).max() > 0


def test_the_photograph_is_the_canonical_cameras(refining, result):
    refine = dataclasses.replace(refining.refine, distance=2.2, fov_y=35.0, resolution=1000)
    views = refinement.input_view(result.image, refine, background=0.5)
    np.testing.assert_allclose(views.cameras.c2w, cameras.canonical_c2w(2.2)[None], atol=1e-6)
    np.testing.assert_allclose(views.cameras.intrinsics, [[1.5858, 1.5858, 0.5, 0.5]], atol=1e-4)
    np.testing.assert_array_equal(views.rgb, result.image[None])  # never enlarged


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ({"steps": -1}, "refine.steps is -1: set it to 0 or more"),
        ({"steps": 1.5}, "steps"),
        ({"steps": 2, "learning_rate": 0.0}, "learning_rate is 0: set it above 0"),
        ({"steps": 2, "learning_rate": float("nan")}, "learning_rate must be"),
        ({"steps": 2, "hold": -1.0}, "0 or more"),
        ({"steps": 2, "learning_rate": 1e38}, "lower its learning_rate"),
    ],
)
def test_wrong_numbers_are_refused(result, numbers, told):
    with pytest.raises(UserError, match=told):
        result.refine(**numbers)


def test_the_command_refines_as_it_is_configured(refining, checkpoint, tmp_path, monkeypatch):
    asked = []
    refine = Reconstruction.refine
    monkeypatch.setattr(Reconstruction, "refine", lambda self, steps: asked.append(steps) or refine(self, steps))
    Image.fromarray(photograph()).save(tmp_path / "box.png")
    config = dataclasses.replace(
        refining,
        refine=dataclasses.replace(refining.refine, steps=3),
        surface=dataclasses.replace(refining.surface, format=""),
    )
    assert reconstruct_all(config, find_model(checkpoint), str(tmp_path / "box.png"), tmp_path / "out") == 0
    assert asked == [3]
