"""Our own format, and what a model starts from."""

import jax
import numpy as np
import pytest
from foreign_checkpoints import tensors_of, tsr_shapes, vit_shapes

from real3d_jax.errors import UserError
from real3d_jax.weights import tsr, vit
from real3d_jax.weights.converted import Weights, load_weights, save_weights
from real3d_jax.weights.loading import load_params_for
from real3d_jax.weights.mapping import import_tensors


@pytest.fixture
def weights():
    imported = import_tensors(tsr.TABLE, tensors_of(tsr_shapes()), where="the file")
    return Weights("lrm", {"layers": 2}, imported.params, imported.unused)


def _assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_round_trip(tmp_path, weights):
    save_weights(tmp_path / "a" / "b", weights)
    read = load_weights(tmp_path / "a" / "b")
    assert (read.kind, read.architecture) == ("lrm", {"layers": 2})
    _assert_same(read.params, weights.params)
    _assert_same(read.unused, weights.unused)
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["b"]  # nothing temporary is left


def test_replaces_converted_weights_and_nothing_else(tmp_path, weights):
    save_weights(tmp_path / "w", weights)
    fewer = Weights("lrm", {}, {"upsampler": weights.params["upsampler"]}, {})
    save_weights(tmp_path / "w", fewer)
    _assert_same(load_weights(tmp_path / "w").params, fewer.params)
    assert load_weights(tmp_path / "w").unused == {}
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").touch()
    with pytest.raises(UserError, match="holds no converted weights"):
        save_weights(tmp_path / "photos", weights)
    assert (tmp_path / "photos" / "cat.png").exists()


def test_unwritable_output(tmp_path, weights):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        save_weights(tmp_path / "file" / "weights", weights)


def test_damaged_folders(tmp_path, weights):
    with pytest.raises(UserError, match="convert_weights"):
        load_weights(tmp_path)
    save_weights(tmp_path / "w", weights)
    params = tmp_path / "w" / "params.safetensors"
    whole = params.read_bytes()
    params.write_bytes(whole[:-1])
    with pytest.raises(UserError, match="cut short"):
        load_weights(tmp_path / "w")
    params.write_bytes(whole)
    (tmp_path / "w" / "config.json").write_text('{"format": 1')
    with pytest.raises(UserError, match=r"config.json' is damaged"):
        load_weights(tmp_path / "w")
    (tmp_path / "w" / "config.json").write_text('{"format": 2, "kind": "lrm", "architecture": {}}')
    with pytest.raises(UserError, match="another format"):
        load_weights(tmp_path / "w")


def test_start_of_a_model(tmp_path, weights):
    save_weights(tmp_path / "w", weights)
    shapes = jax.eval_shape(lambda: weights.params)
    params, unused = load_params_for(tmp_path / "w", shapes)
    _assert_same(params, weights.params)
    assert set(unused) == {f"image_tokenizer.model.pooler.dense.{kind}" for kind in ("weight", "bias")}


def test_a_model_of_another_size_is_named(tmp_path, weights):
    save_weights(tmp_path / "w", weights)
    expected = import_tensors(tsr.TABLE, tensors_of(tsr_shapes(layers=3)), where="the file").params
    expected["new"] = expected.pop("upsampler")
    with pytest.raises(UserError, match=r"another size, with parameters 2 missing .*; 2 surplus .*; \d+ mis-shaped"):
        load_params_for(tmp_path / "w", expected)


def test_start_of_the_image_tokenizer_alone(tmp_path):
    imported = import_tensors(vit.TABLE, tensors_of(vit_shapes()), where="the file")
    save_weights(tmp_path / "w", Weights("vit", {}, imported.params, {}))
    whole = import_tensors(tsr.TABLE, tensors_of(tsr_shapes(), seed=1), where="the file").params
    params, _ = load_params_for(tmp_path / "w", whole)
    _assert_same(params, {"image_tokenizer": imported.params})


def test_other_networks_start_no_model(tmp_path):
    save_weights(tmp_path / "w", Weights("vgg", {}, {"conv1_1": {"bias": np.zeros(3, np.float32)}}, {}))
    with pytest.raises(UserError, match="of kind 'vgg'"):
        load_params_for(tmp_path / "w", {})
