"""A camera-conditioned model, from a file with OpenLRM's names to views and a mesh."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from real3d_jax.checkpoints.trained_model import find_model, load_checkpoint
from real3d_jax.config import files as config_files
from real3d_jax.config.conditioned import ConditionedModelConfig, MetricRenderConfig
from real3d_jax.config.reconstruction import ReconstructionConfig
from real3d_jax.errors import UserError
from real3d_jax.inference import checks
from real3d_jax.inference.reconstructor import Reconstructor, orbit_cameras
from real3d_jax.models.choice import abstract_any_params, make_any_model
from real3d_jax.models.conditioned import input_cameras
from real3d_jax.rendering.field import reconstruct_conditioned
from real3d_jax.rendering.metric import render_views_metric
from real3d_jax.weights.convert import convert_checkpoint, write_openlrm
from real3d_jax.weights.converted import save_weights
from real3d_jax.weights.openlrm import LICENCE


def _config(variant="openlrm_small"):
    return config_files.load_as(ReconstructionConfig, f"reconstruct:{variant}")


@pytest.fixture(scope="module")
def config():
    """The published model's in small."""
    config = _config()
    assert isinstance(config.model, ConditionedModelConfig)
    encoder = dataclasses.replace(config.model.encoder, width=32, layers=1, heads=2, mlp_width=64, position_grid=4)
    model = dataclasses.replace(
        config.model,
        image_size=28,
        encoder=encoder,
        camera_width=8,
        plane_tokens=4,
        token_width=32,
        layers=1,
        heads=2,
        plane_channels=8,
        decoder_width=16,
    )
    return dataclasses.replace(
        config,
        model=model,
        compute=dataclasses.replace(
            config.compute, dtype="float32", matmul_precision="highest", remat="none", unroll=1
        ),
        render=dataclasses.replace(config.render, samples=8),
        orbit=dataclasses.replace(config.orbit, frames=2, resolution=8, frames_at_once=2),
        surface=dataclasses.replace(config.surface, resolution=8, threshold=0.1),
    )


@pytest.fixture(scope="module")
def file(config, tmp_path_factory):
    shapes = abstract_any_params(make_any_model(config.model, config.compute))
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda leaf: 0.3 * rng.standard_normal(leaf.shape, np.float32), shapes)
    params["decoder"]["layer_3"]["bias"] = np.array([3.0, 0, 0, 0], np.float32)
    return write_openlrm(tmp_path_factory.mktemp("openlrm") / "model.safetensors", params)


def test_a_config_says_by_its_keys_which_model_it_means():
    config = _config("openlrm_large")
    assert isinstance(config.model, ConditionedModelConfig)
    assert isinstance(config.render, MetricRenderConfig)
    assert (config.render.samples, config.model.image_size, config.surface.threshold) == (64, 448, 3.0)
    assert not isinstance(_config("triposr").model, ConditionedModelConfig)
    with pytest.raises(UserError, match=r"config.model has no key 'camera_wide': did you mean 'camera_width'\?"):
        tree = config_files.to_tree(config)
        tree["model"]["camera_wide"] = tree["model"].pop("camera_width")
        config_files.build(ReconstructionConfig, tree, "config")


def test_views_and_a_mesh_of_a_file(config, file, capsys):
    checkpoint = load_checkpoint(find_model(file), config)
    assert LICENCE in capsys.readouterr().out
    reconstructor = Reconstructor(config, checkpoint.params)
    image = np.random.default_rng(1).integers(0, 256, (28, 28, 3), np.uint8)
    field = reconstructor.field(image)

    model = make_any_model(config.model, config.compute)
    cameras = input_cameras(1, distance=2.0, fov_y=float(np.radians(67.38)))
    plain = reconstruct_conditioned(
        checkpoint.params, jnp.asarray(image[None] / 255, jnp.float32), cameras, model=model
    )
    np.testing.assert_allclose(field.planes, plain.planes, atol=1e-5)

    views = reconstructor.orbit(field)
    around = jax.tree.map(lambda x: x[None], orbit_cameras(config.orbit))
    expected = render_views_metric(plain, around, config.render, resolution=8).rgb[0]
    np.testing.assert_allclose(views / 255.0, np.clip(expected, 0, 1), atol=0.6 / 255)
    assert views.std() > 5

    mesh = reconstructor.surface(field)
    assert len(mesh.faces) > 12
    assert np.abs(mesh.vertices).max() <= 1.0


def test_weights_and_config_must_be_of_one_model(config, file, tmp_path):
    mini = _config("mini")
    with pytest.raises(UserError, match=r"camera-conditioned model \(OpenLRM's\), but config.model is the canonical"):
        load_checkpoint(find_model(file), mini)
    with pytest.raises(UserError, match=r"not known|trained as another model"):
        load_checkpoint(find_model("mini"), config)
    converted = tmp_path / "converted"
    save_weights(converted, convert_checkpoint(file).weights)
    again = load_checkpoint(find_model(converted), config)
    assert again.crc32 == load_checkpoint(find_model(file), config).crc32


def test_its_renderer_has_no_least_density(config):
    orbit = dataclasses.replace(config.orbit, least_density=0.1)
    with pytest.raises(UserError, match=r"least_density is 0\.1, which the .* model does not have: set it to 0\.0"):
        checks.check(dataclasses.replace(config, orbit=orbit))


@pytest.mark.parametrize("variant", ["openlrm_small", "triposr"])
def test_either_model_refuses_types_that_it_is_not_computed_in(variant):
    config = _config(variant)
    with pytest.raises(UserError, match=r"config.compute.dtype must be 'float32' or 'bfloat16', but is 'float16'"):
        make_any_model(config.model, dataclasses.replace(config.compute, dtype="float16"))
