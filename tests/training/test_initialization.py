"""First parameters: where positions are aligned, and where they are left alone."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest
from small_model import initialized
from tiny_run import make_tiny_config

from real3d_jax.config.training import MeshConfig
from real3d_jax.errors import UserError
from real3d_jax.models.aligned_positions import align_positions
from real3d_jax.models.lrm import make_model
from real3d_jax.runtime.sharding import make_mesh
from real3d_jax.training.initialization import find_start, initial_state
from real3d_jax.training.optimizer import make_optimizer
from real3d_jax.weights.converted import Weights, save_weights


@pytest.fixture(scope="module")
def config():
    return make_tiny_config(Path("nowhere"), init_from="")


@pytest.fixture(scope="module")
def random(config):
    """What `init_params` gives for the run's seed."""
    return initialized(config.model, config.compute, config.seed)


def start(config, workdir, **changes):
    config = dataclasses.replace(config, **changes)
    model, optimizer = make_model(config.model, config.compute), make_optimizer(config.optimizer, 10)
    mesh = make_mesh(MeshConfig(1), 1)
    return initial_state(config, model, optimizer, mesh, workdir, start=find_start(config)).params


def assert_near(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-6), a, b)


def test_a_model_that_starts_from_nothing_is_aligned_as_the_config_says(config, random, tmp_path):
    assert config.position_start == "aligned"
    assert_near(start(config, tmp_path), align_positions(random, config.model))
    assert_near(start(config, tmp_path, position_start="random"), random)


def test_an_image_tokenizer_alone_keeps_its_table_and_the_tokens_are_random(config, random, tmp_path):
    given = jax.tree.map(lambda x: np.full(x.shape, 0.25, np.float32), random["image_tokenizer"])
    save_weights(tmp_path / "vit", Weights("vit", dataclasses.asdict(config.model.vit), given, {}))
    assert_near(start(config, tmp_path, init_from=str(tmp_path / "vit")), random | {"image_tokenizer": given})


def test_an_image_tokenizer_of_other_heads_is_refused(config, random, tmp_path):
    """No shape tells them, so that it would fit and mean nothing."""
    told = {**dataclasses.asdict(config.model.vit), "heads": config.model.vit.heads + 1}
    save_weights(tmp_path / "vit", Weights("vit", told, jax.tree.map(np.asarray, random["image_tokenizer"]), {}))
    with pytest.raises(UserError, match=r"cannot be begun with.*attention heads, and config\.model\.vit\.heads is"):
        start(config, tmp_path, init_from=str(tmp_path / "vit"))


def test_the_file_of_another_program_is_to_be_converted_first(config, tmp_path):
    (tmp_path / "model.ckpt").write_bytes(b"of another program")
    for place in (tmp_path, tmp_path / "model.ckpt"):
        with pytest.raises(UserError, match=r"config\.init_from = '.*' is another program's file: convert it"):
            find_start(dataclasses.replace(config, init_from=str(place)))
