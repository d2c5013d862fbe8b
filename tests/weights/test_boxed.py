"""The word that names the weights of the package, and converted weights that bring their model along."""

import dataclasses
import functools
import json
from pathlib import Path

import jax
import numpy as np
import pytest

from real3d_jax.checkpoints.trained_model import as_trained, find_model, load_checkpoint
from real3d_jax.config import files as config_files
from real3d_jax.config.training import Config, MeshConfig
from real3d_jax.errors import UserError
from real3d_jax.evaluation.results import default_out
from real3d_jax.models.lrm import init_params, make_model
from real3d_jax.runtime.sharding import make_mesh
from real3d_jax.training.checkpoints import Checkpoints
from real3d_jax.training.initialization import find_start, initial_state
from real3d_jax.training.optimizer import make_optimizer
from real3d_jax.training.state import create
from real3d_jax.weights import boxed
from real3d_jax.weights.converted import load_weights
from tests.commands import call
from tests.tiny_run import make_tiny_config

convert = functools.partial(call, Path(__file__).parents[2] / "launch" / "convert_weights.py")


@pytest.fixture(scope="module")
def config():
    return make_tiny_config(Path("nowhere"), render__radius=0.5, render__density_bias=-2.0)


@pytest.fixture(scope="module")
def run(config, tmp_path_factory):
    """A run of three steps whose averaged parameters are all 2."""
    folder = tmp_path_factory.mktemp("run")
    model = make_model(config.model, config.compute)
    state = create(
        functools.partial(init_params, model),
        jax.random.key(0),
        optimizer=make_optimizer(config.optimizer, 10),
        keep_ema=True,
        mesh=make_mesh(MeshConfig(1), 1),
    )
    state = state.replace(step=state.step + 3, ema=jax.tree.map(lambda x: 0 * x + 2, state.params))
    checkpoints = Checkpoints(folder, keep=1)
    checkpoints.save(state, {"config": config_files.to_tree(config), "data": {}, "run": {}})
    checkpoints.close()
    return folder


@pytest.fixture(scope="module")
def weights(run, tmp_path_factory):
    """The averaged parameters, as the command line converts them."""
    folder = tmp_path_factory.mktemp("weights") / "ours"
    convert("--input", run, "--output", folder, "--ema", "--precision", "float16", "--crop_ratio", "1.3")
    return folder


@pytest.fixture
def box(weights, tmp_path, monkeypatch):
    """An installation in which these are the weights 'mini', and an empty folder to work in."""
    (tmp_path / "package" / "assets").mkdir(parents=True)
    (tmp_path / "package" / "assets" / "mini").symlink_to(weights)
    (tmp_path / "work").mkdir()
    monkeypatch.setattr(boxed.resources, "files", lambda package: tmp_path / "package")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "package" / "assets" / "mini"


def _other(config: Config) -> Config:
    """The same with another model and another meaning of its field."""
    return dataclasses.replace(
        config,
        model=dataclasses.replace(config.model, heads=1, plane_channels=8),
        render=dataclasses.replace(config.render, radius=0.7, samples=3),
    )


def test_weights_of_a_run_carry_what_shapes_do_not_tell(config, run, weights):
    read = load_weights(weights)
    assert read.architecture == config_files.to_tree(config.model)
    assert read.trained == {
        "step": 3,
        "render": {"radius": 0.5, "density_bias": -2.0, "background": 1.0},
        "input": {"distance": 3.0, "fov_y": 39.6, "crop_ratio": 1.3},
    }
    assert {float(x) for leaf in jax.tree.leaves(read.params) for x in np.unique(leaf)} == {2.0}
    assert json.loads((weights / "config.json").read_text())["precision"] == "float16"


def test_a_run_and_what_is_converted_from_it_have_one_input_camera(config, run, tmp_path):
    kinds = (config.data.synthetic, config.data.real)
    assert [{source.distance for source in sources.values()} for sources in kinds] == [{2.4}, {3.0}]  # a mixed run
    convert("--input", run, "--output", tmp_path / "w")
    assert find_model(tmp_path / "w").input_camera == find_model(run).input_camera
    assert find_model(run).input_camera["distance"] == 3.0


def test_they_bring_their_model_and_the_meaning_of_its_field(config, weights):
    found = as_trained(find_model(weights), _other(config))
    assert found.model == config.model
    assert found.render == dataclasses.replace(config.render, samples=3)
    assert load_checkpoint(find_model(weights), found).step is None
    for group in ("model", "render"):  # the number of heads, which no shape tells, and the box
        mixed = dataclasses.replace(config, **{group: getattr(_other(config), group)})
        with pytest.raises(UserError, match=rf"trained as another model than the config describes \(config\.{group}"):
            load_checkpoint(find_model(weights), mixed)


def test_the_word_is_taken_wherever_a_checkpoint_is(config, box, run, tmp_path):
    found = as_trained(find_model("mini"), _other(config))
    assert found.model == config.model
    checkpoint = load_checkpoint(find_model(Path("mini")), found)
    assert checkpoint.title == "mini"
    assert find_model("mini").input_camera == {"distance": 3.0, "fov_y": 39.6, "crop_ratio": 1.3}
    begun = dataclasses.replace(config, init_from="mini")
    mesh = make_mesh(MeshConfig(1), 1)
    model, optimizer = make_model(config.model, config.compute), make_optimizer(config.optimizer, 10)
    state = initial_state(begun, model, optimizer, mesh, tmp_path, start=find_start(begun))
    jax.tree.map(np.testing.assert_array_equal, jax.device_get(state.params), checkpoint.params)
    assert default_out(Path("mini"), "smoke") == Path("runs/mini/evaluation/smoke")  # not in the package


def test_a_folder_of_that_name_comes_first(box, tmp_path):
    assert boxed.find_checkpoint("mini") == box
    assert boxed.find_checkpoint("runs/mini") == Path("runs/mini")
    Path("mini").mkdir()
    assert boxed.find_checkpoint("mini") == Path("mini")
    assert default_out(Path("mini"), "smoke") == Path("mini/evaluation/smoke")


def test_an_installation_without_them_says_so(box):
    box.unlink()
    with pytest.raises(UserError, match=r"weights 'mini' are missing from '.*assets/mini': install the package again"):
        boxed.find_checkpoint("mini")


def test_options_of_runs_are_refused_for_other_weights(weights, run, tmp_path):
    for option in (["--ema"], ["--distance", "2"]):
        with pytest.raises(UserError, match=f"is no training workdir: leave out {option[0]}"):
            convert("--input", weights, "--output", tmp_path / "w", *option)
    with pytest.raises(UserError, match="TripoSR file has float32 numbers"):
        convert("--input", run, "--output", tmp_path / "w.safetensors", "--to", "tsr", "--precision", "int8")


def test_converted_again_they_keep_what_they_carry_and_their_card(weights, tmp_path, capsys):
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "README.md").write_text("about them")
    convert("--input", weights, "--output", tmp_path / "w", "--precision", "int8")
    assert load_weights(tmp_path / "w").trained == load_weights(weights).trained
    assert (tmp_path / "w" / "README.md").read_text() == "about them"
    told = capsys.readouterr().out
    assert "trained  3 steps; input camera: distance 3, fov_y 39.6, crop_ratio 1.3" in told
    assert f"params.safetensors has {(tmp_path / 'w' / 'params.safetensors').stat().st_size:,} bytes" in told
