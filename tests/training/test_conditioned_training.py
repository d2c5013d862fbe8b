"""Runs of the camera-conditioned model: stopped and resumed, split over parts and devices, scored, reloaded."""

import dataclasses
import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from real3d_jax.batches import as_float
from real3d_jax.checkpoints.run_folder import load_params
from real3d_jax.checkpoints.trained_model import as_trained, find_model
from real3d_jax.config import files as config_files
from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.config.reconstruction import ReconstructionConfig
from real3d_jax.data import pipeline
from real3d_jax.errors import UserError
from real3d_jax.evaluation.evaluate import evaluate
from real3d_jax.losses.planes import total_variation
from real3d_jax.models.choice import init_any_params, make_any_model
from real3d_jax.perceptual.frozen import FrozenNetworks
from real3d_jax.rendering.field import TriplaneField, make_conditioned_decoder
from real3d_jax.runtime.sharding import make_mesh, put_batch, put_same, replicated, state_shardings
from real3d_jax.training import objective
from real3d_jax.training.gradients import mean_gradients
from real3d_jax.training.loop import train
from tests.commands import assert_passes_with_devices, stop_at
from tests.shared_programs import shared_programs
from tests.small_conditioned import make_config, shrink_conditioned

STEPS = 24
KEY = jax.random.key(3)


@pytest.fixture(scope="module", autouse=True)
def _programs_of_runs():
    with shared_programs():
        yield


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def unbroken(root, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("unbroken")
    assert train(make_config(root, schedule__steps=STEPS), workdir) == 0
    return workdir


def _losses(workdir):
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return {line["step"]: line["loss"] for line in lines if "loss" in line}


def test_the_loss_falls_and_held_out_views_get_better(unbroken):
    losses = list(_losses(unbroken).values())
    assert np.mean(losses[-6:]) < 0.8 * np.mean(losses[:6])
    summary = json.loads((unbroken / "summary.json").read_text())
    assert summary["psnr_after"] > summary["psnr_before"] + 1


def test_a_stopped_run_goes_on_as_if_it_had_not(unbroken, root, tmp_path):
    config = make_config(root, schedule__steps=STEPS)
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 3)
        assert train(config, tmp_path) == 143
    assert train(config, tmp_path) == 0
    assert max(_losses(tmp_path)) == STEPS
    jax.tree.map(np.testing.assert_array_equal, load_params(tmp_path), load_params(unbroken))


@pytest.fixture(scope="module")
def step(root):
    """Configuration, model, parameters and a batch of four."""
    config = make_config(root, batch__synthetic=4)
    model = make_any_model(config.model, config.compute)
    params = jax.jit(functools.partial(init_any_params, model))(jax.random.key(0))
    batches = pipeline.train_batches(config)
    batch = next(batches)
    batches.close()
    return config, model, params, batch


def _gradients(step, **settings):
    config, model, params, batch = step
    return jax.jit(functools.partial(mean_gradients, model=model, config=config, **settings))(
        params, batch, FrozenNetworks(None, None), KEY, jnp.asarray(5)
    )


@pytest.fixture(scope="module")
def plain(step):
    return jax.device_get(_gradients(step, micro_batches=1))


def _near(found, expected):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-6), found, expected)


def test_parts_of_a_step_draw_the_same_samples(step, plain):
    _near(jax.device_get(_gradients(step, micro_batches=2)), plain)


@pytest.mark.slow
def test_parameters_are_split_over_four_devices():
    """The test below, in a process that has them."""
    assert_passes_with_devices(4, __file__, "same_gradients_on_devices")


@pytest.mark.skipif(jax.device_count() < 4, reason="needs four devices")
def test_split_parameters_have_the_same_gradients_on_devices(step, plain):
    config, model, params, batch = step
    mesh = make_mesh(dataclasses.replace(config.mesh, fsdp=2), devices=jax.devices()[:4])
    with jax.set_mesh(mesh):
        spread = put_same(params, state_shardings(params, mesh)), put_batch(batch, mesh)
        frozen, key = (put_same(x, replicated(mesh)) for x in (FrozenNetworks(None, None), jax.random.key_data(KEY)))
        found = jax.jit(functools.partial(mean_gradients, model=model, config=config, micro_batches=1))(
            *spread, frozen, jax.random.wrap_key_data(key), jnp.asarray(5)
        )
    _near(jax.device_get(found), plain)


def test_another_step_draws_other_samples(step, plain):
    config, model, params, batch = step
    loss = functools.partial(objective.batch_loss, frozen=FrozenNetworks(None, None), model=model, config=config)
    found = jax.jit(lambda batch, keys: loss(params, batch, None, keys=keys)[0])
    keys = [jax.random.split(jax.random.key(seed), 4) for seed in (1, 2)]
    assert found(batch, keys[0]) == found(batch, keys[0]) != found(batch, keys[1])


def test_an_empty_field_shows_each_targets_background(step):
    config, _, params, batch = step
    decoder = jax.tree.map(jnp.zeros_like, params["decoder"])
    empty = TriplaneField(jnp.zeros((4, 3, 4, 4, 4)), decoder, make_conditioned_decoder(config.model, jnp.float32))
    nothing = dataclasses.replace(config, render=dataclasses.replace(config.render, density_bias=-90.0))
    shown = jax.jit(lambda batch: objective._render_targets(empty, batch, None, nothing).rgb)(as_float(batch.synthetic))
    expected = np.broadcast_to(batch.synthetic.background[:, :, None, None, None], shown.shape)
    assert len(np.unique(batch.synthetic.background)) > 1
    np.testing.assert_allclose(shown, expected, atol=1e-6)


def test_total_variation_of_a_ramp():
    down, across = np.meshgrid(2.0 * np.arange(5), 3.0 * np.arange(5), indexing="ij")
    planes = jnp.asarray(np.broadcast_to((down + across)[None, None, :, :, None], (2, 3, 5, 5, 4)))
    assert total_variation(planes) == pytest.approx(4 + 9)
    assert total_variation(planes, jnp.array([2.0, 0.0])) == pytest.approx(4 + 9)


def test_a_run_is_scored_with_the_input_cameras_that_are_given(unbroken, root, tmp_path):
    tree = config_files.load_tree("eval/lrm:tiny")
    shrink_conditioned(tree)
    tree.data.update(root=str(root), path="filmed", limit=2)
    tree.data.embedded = {}
    tree.protocol.novel_views.update(views=2, resolution=8)
    tree.protocol.consistency.update(azimuths=(0.0, 30.0), elevations=(0.0, 0.0), resolution=8)
    tree.protocol.semantic.resolution = 8
    tree.scored.update(input_view=True, consistency=True)
    tree.batch_per_device, tree.bootstrap.resamples = 2, 50
    config = config_files.build(EvaluationConfig, tree.to_dict(), "config")
    assert evaluate(config, find_model(unbroken), tmp_path, method="lrm") == 0
    metrics = json.loads((tmp_path / "summary.json").read_text())
    assert 5 < metrics["psnr"]["mean"] < 60
    assert 5 < metrics["input_psnr"]["mean"] < 60
    assert np.isfinite(metrics["consistency_psnr"]["mean"])


def test_a_run_of_one_kind_is_no_model_of_the_other(unbroken):
    mini, small = (
        config_files.load_as(ReconstructionConfig, f"reconstruct:{name}") for name in ("mini", "openlrm_small")
    )
    with pytest.raises(UserError, match="is a camera-conditioned model, and the config is for a canonical one"):
        as_trained(find_model(unbroken), mini)
    assert as_trained(find_model(unbroken), small).model.image_size == 16
    with pytest.raises(UserError, match="is a canonical model, and the config is for a camera-conditioned one"):
        as_trained(find_model("mini"), small)
