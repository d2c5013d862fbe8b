"""The weights that come with the package: an object that they have never seen, from one view of it."""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trimesh

from real3d_jax.batches import as_float
from real3d_jax.config import files as config_files
from real3d_jax.config.reconstruction import ReconstructionConfig
from real3d_jax.data import pipeline
from real3d_jax.data.embedded.preparation import prepare_embedded
from real3d_jax.errors import UserError
from real3d_jax.export.mesh import save_mesh
from real3d_jax.inference.reconstructor import Reconstructor, load
from real3d_jax.metrics.images import psnr
from real3d_jax.rendering import render_views
from real3d_jax.training.validation import constant_colour_psnr
from real3d_jax.weights.boxed import boxed
from real3d_jax.weights.converted import PARAMS
from tests.inference.conftest import CONFIG
from tests.weights.test_precision import BOXED_BYTES

LEAST_PSNR = 18.0  # dB, of novel views; what is expected is in the weights' README.md
LEAST_GAIN = 6.0  # dB above one colour for all pixels
OBJECTS, VIEWS, SEED = 3, 5, 9  # configs/mini.py trains on another seed


def _folder() -> Path | None:
    try:
        return boxed("mini")
    except UserError:
        return None


pytestmark = [
    pytest.mark.optimized,
    pytest.mark.skipif(_folder() is None, reason="the trained weights are not in real3d_jax/assets/mini yet"),
]


@pytest.fixture(scope="module")
def reconstructor():
    config, checkpoint = load("mini", config_files.load_as(ReconstructionConfig, str(CONFIG)))
    return Reconstructor(config, checkpoint.params)


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    """Objects of the families that it was trained on, but none of those, with an input view and novel ones."""
    config = config_files.load(str(CONFIG.parent / "smoke.py"))
    made = {
        name: dataclasses.replace(
            config.data.embedded[name], family="named", seed=SEED, objects=0, held_out=OBJECTS, views=VIEWS
        )
        for name in config.data.validation
    }
    data = dataclasses.replace(config.data, root=str(tmp_path_factory.mktemp("data")), embedded=made)
    prepare_embedded(data, progress=False)
    schedule = dataclasses.replace(config.schedule, validation_objects=OBJECTS, validation_views=VIEWS - 1)
    (batch,) = pipeline.validation_sets(dataclasses.replace(config, data=data, schedule=schedule)).values()
    return batch


@pytest.fixture(scope="module")
def fields(reconstructor, objects):
    return [reconstructor.field(image) for image in objects.image]


def test_novel_views_of_unseen_objects(reconstructor, objects, fields):
    novel = jax.tree.map(lambda x: jnp.asarray(x[:, 1:]), objects.cameras)
    truth = objects.rgb[:, 1:]
    render = jax.jit(render_views, static_argnames=("config", "resolution"))
    scores = []
    for number, field in enumerate(fields):
        cameras = jax.tree.map(lambda x, number=number: x[number][None], novel)
        rgb, _ = render(field, cameras, reconstructor.config.render, resolution=truth.shape[2])
        scores.append(psnr(rgb[0], as_float(jnp.asarray(truth[number]))))
    mean = float(np.mean(scores))
    assert mean >= LEAST_PSNR
    assert mean >= constant_colour_psnr([truth]) + LEAST_GAIN


def test_a_mesh_without_holes(reconstructor, fields, tmp_path):
    for field in fields:
        save_mesh(tmp_path / "mesh.glb", reconstructor.surface(field))
        mesh = trimesh.load_mesh(tmp_path / "mesh.glb")
        assert mesh.is_watertight
        assert 0.2 < mesh.extents.max() < 2 * reconstructor.config.render.radius + 1e-3


def test_how_high_the_cameras_stood_is_found(reconstructor, objects, fields):
    # What is up in the input camera's frame is at right angles to the right of all cameras, which stand level.
    up = np.linalg.svd(np.asarray(objects.cameras.c2w)[..., :3, 0])[2][:, 2]
    true = np.degrees(np.arctan(up[:, 0] / up[:, 2]))
    assert np.ptp(true) > 10  # so that one angle for all would not do
    found = np.array([reconstructor.elevation(field).elevation for field in fields])
    assert np.abs(found - true).max() < 8


def test_the_config_has_the_camera_of_the_weights(reconstructor):
    trained = json.loads((_folder() / "config.json").read_text())["trained"]
    config = config_files.load_as(ReconstructionConfig, str(CONFIG))
    assert trained["input"] == {
        "distance": config.orbit.distance, "fov_y": config.orbit.fov_y, "crop_ratio": config.input.crop_ratio
    }  # fmt: skip
    assert reconstructor.config == config  # nor is the model, or the meaning of its field, another one


def test_the_box_is_small_and_its_card_is_filled_in():
    assert (_folder() / PARAMS).stat().st_size <= BOXED_BYTES
    assert "FILL-IN" not in (_folder() / "README.md").read_text()
