"""One function finds a model, wherever it is; what it gives says how to read the parameters."""

import dataclasses
import json

import jax
import numpy as np
import pytest
import safetensors.numpy
from small_model import FLOAT32, SMALL, initialized

from configs.reconstruct import get_config
from real3d_jax.checkpoints import trained_model
from real3d_jax.checkpoints.trained_model import as_trained, find_model, load_checkpoint
from real3d_jax.config.files import build
from real3d_jax.config.reconstruction import ReconstructionConfig
from real3d_jax.errors import UserError
from real3d_jax.weights import tsr
from real3d_jax.weights.convert import weights_from_params
from real3d_jax.weights.converted import save_weights
from real3d_jax.weights.hub import HubError
from real3d_jax.weights.mapping import export_tensors


@pytest.fixture(scope="module")
def config():
    """Of a small model."""
    config = build(ReconstructionConfig, get_config("smoke").to_dict(), "config")
    return dataclasses.replace(config, model=SMALL, compute=FLOAT32)


@pytest.fixture(scope="module")
def params(config):
    return jax.tree.map(np.asarray, initialized(config.model, config.compute))


def test_a_foreign_file_and_converted_weights_are_the_same_model(config, params, tmp_path):
    save_weights(tmp_path / "converted", weights_from_params(params, {}, where="a test"))
    (tmp_path / "foreign").mkdir()
    tensors = {name: np.ascontiguousarray(x) for name, x in export_tensors(tsr.TABLE, params, {}, where="").items()}
    safetensors.numpy.save_file(tensors, tmp_path / "foreign" / "model.safetensors")
    found = [find_model(tmp_path / name) for name in ("converted", "foreign", "foreign/model.safetensors")]
    assert all(model.step is None and as_trained(model, config) == config for model in found)
    converted, *foreign = (load_checkpoint(model, config) for model in found)
    for checkpoint in foreign:
        jax.tree.map(np.testing.assert_array_equal, checkpoint.params, converted.params)
        assert checkpoint.crc32 == converted.crc32
    with pytest.raises(UserError, match="foreign weights, which have no averaged ones: leave out --ema"):
        find_model(tmp_path / "foreign", ema=True)


def test_a_name_whose_owner_is_no_folder_is_asked_of_the_hub(params, tmp_path, monkeypatch):
    save_weights(tmp_path / "cache", weights_from_params(params, {}, where="a test"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trained_model.hub, "fetch", lambda name, files: tmp_path / "cache")
    model = find_model("owner/model")
    assert (str(model.source), model.folder) == ("owner/model", tmp_path / "cache")
    (tmp_path / "owner").mkdir()
    with pytest.raises(UserError, match=r"^There is no checkpoint 'owner/model': give a training workdir"):
        find_model("owner/model")


def test_a_hub_out_of_reach_is_told_with_the_checkpoint_that_is_missing(tmp_path, monkeypatch):
    def fetch(name, files):
        raise HubError("no connection")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trained_model.hub, "fetch", fetch)
    with pytest.raises(UserError, match=r"^There is no checkpoint 'a/b', nor does the hub .*\(no connection\): give a"):
        find_model("a/b")


def spoiled(params, value):
    """With one number of the first matrix that is another one."""
    leaves, tree = jax.tree.flatten(jax.tree.map(np.array, params))
    next(leaf for leaf in leaves if leaf.ndim > 1).flat[3] = value
    return jax.tree.unflatten(tree, leaves)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused_whatever_holds_them(config, params, tmp_path, value):
    finite = weights_from_params(params, {}, where="a test")
    save_weights(tmp_path / "converted", dataclasses.replace(finite, params=spoiled(params, value)))
    tensors = export_tensors(tsr.TABLE, spoiled(params, value), {}, where="a test")
    (tmp_path / "foreign").mkdir()
    contiguous = {f"_orig_mod.{name}": np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    safetensors.numpy.save_file(contiguous, tmp_path / "foreign" / "model.safetensors")
    for name, said in (("converted", r"1 arrays \(\w+"), ("foreign", r"1 tensors \(\w+")):
        with pytest.raises(UserError, match=f"not finite.*{said}"):
            load_checkpoint(find_model(tmp_path / name), config)


def test_a_compiled_model_in_parts_is_the_same_model(config, params, tmp_path):
    tensors = export_tensors(tsr.TABLE, params, {}, where="a test")
    parts = {f"model-0000{number}-of-00002.safetensors": {} for number in (1, 2)}
    for number, (name, tensor) in enumerate(tensors.items()):
        parts[list(parts)[number % 2]][f"_orig_mod.{name}"] = np.ascontiguousarray(tensor)
    for name, part in parts.items():
        safetensors.numpy.save_file(part, tmp_path / name)
    index = {"weight_map": {tensor: name for name, part in parts.items() for tensor in part}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    read = load_checkpoint(find_model(tmp_path), config).params
    jax.tree.map(np.testing.assert_array_equal, read, params)
