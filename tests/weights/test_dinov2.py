"""DINOv2 alone, in transformers' own files: tokens as transformers computes them, every key used once, and refusals."""

import dataclasses
import functools
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from real3d_jax.config.conditioned import DinoV2Config
from real3d_jax.errors import UserError
from real3d_jax.models.choice import abstract_any_params, make_any_model
from real3d_jax.models.dinov2 import DinoV2
from real3d_jax.models.presets import CONDITIONED_PRESETS
from real3d_jax.weights import dinov2
from real3d_jax.weights.convert import convert_checkpoint
from real3d_jax.weights.converted import load_weights, save_weights
from real3d_jax.weights.loading import params_for
from real3d_jax.weights.mapping import export_tensors
from tests.commands import run_here
from tests.small_model import FLOAT32

WIDTH, LAYERS, HEADS, GRID = 32, 2, 2, 3


def encoder(registers):
    return DinoV2Config(
        width=WIDTH,
        layers=LAYERS,
        heads=HEADS,
        mlp_width=4 * WIDTH,
        patch_size=14,
        position_grid=GRID,
        registers=registers,
    )


def model(registers):
    """A small camera-conditioned model with this encoder."""
    config = dataclasses.replace(
        CONDITIONED_PRESETS["lrm_tiny"], encoder=encoder(registers), image_size=14 * GRID, layers=1
    )
    return make_any_model(config, FLOAT32)


@functools.cache
def seeded(registers):
    """An encoder's parameters, and its tensors by transformers' names."""
    module = DinoV2(encoder(registers))
    shapes = jax.eval_shape(
        lambda key: module.init(key, jnp.zeros((1, 14 * GRID, 14 * GRID, 3)))["params"], jax.random.key(0)
    )
    rng = np.random.default_rng(registers)
    params = jax.tree.map(lambda leaf: rng.standard_normal(leaf.shape, np.float32), shapes)
    tensors = export_tensors(dinov2.TABLE, params, {}, where="the encoder")
    return params, {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items() if tensor.size}


def converted(tmp_path, tensors):
    safetensors.numpy.save_file(tensors, tmp_path / "model.safetensors")
    return convert_checkpoint(tmp_path)


@pytest.mark.torch
@pytest.mark.parametrize("registers", [4, 0])
def test_tokens_are_those_of_transformers(tmp_path, registers):
    torch = pytest.importorskip("torch")
    import transformers

    sizes = {"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "patch_size": 14}
    sizes |= {"image_size": 14 * GRID, "attn_implementation": "eager"}
    torch.manual_seed(registers)
    if registers:
        config = transformers.Dinov2WithRegistersConfig(**sizes, num_register_tokens=registers)
        theirs = transformers.Dinov2WithRegistersModel(config)
    else:
        theirs = transformers.Dinov2Model(transformers.Dinov2Config(**sizes))
    with torch.no_grad():  # its own values leave registers and scales at rest
        for tensor in theirs.parameters():
            tensor.add_(0.1 * torch.randn_like(tensor))
    theirs.eval().save_pretrained(tmp_path)

    found = convert_checkpoint(tmp_path)
    assert found.weights.kind == "dinov2"
    assert set(found.weights.unused) == {"embeddings.mask_token"}
    told = {"width": WIDTH, "layers": LAYERS, "mlp_width": 4 * WIDTH, "position_grid": GRID, "registers": registers}
    assert told.items() <= found.weights.architecture.items()
    assert found.weights.architecture == dataclasses.asdict(encoder(registers))
    image = np.random.default_rng(0).random((2, 14 * GRID, 14 * GRID, 3), np.float32)
    with torch.no_grad():
        hidden = theirs(torch.from_numpy(image.transpose(0, 3, 1, 2))).last_hidden_state.numpy()
    expected = np.concatenate([hidden[:, :1], hidden[:, 1 + registers :]], axis=1)
    ours = jax.jit(DinoV2(encoder(registers)).apply)({"params": found.weights.params}, image)
    np.testing.assert_allclose(ours, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("registers", [4, 0])
def test_a_model_begins_with_it_and_keeps_the_rest_of_its_own(tmp_path, registers):
    params, tensors = seeded(registers)
    save_weights(tmp_path / "ours", converted(tmp_path, tensors).weights)
    found = params_for(load_weights(tmp_path / "ours"), abstract_any_params(model(registers)), where="it")
    assert set(found) == {"image_tokenizer"}
    jax.tree.map(np.testing.assert_array_equal, found["image_tokenizer"], dict(params))


def describe(folder, registers, **changes):
    """The `config.json` that transformers writes beside the file: four heads, which no rule gives from the width."""
    sizes = {"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 4, "patch_size": 14}
    kind = {"model_type": "dinov2_with_registers" if registers else "dinov2"}
    told = {**kind, **sizes, "image_size": 14 * GRID, **({"num_register_tokens": registers} if registers else {})}
    (folder / "config.json").write_text(json.dumps({**told, **changes}))


@pytest.mark.parametrize("registers", [4, 0])
def test_heads_are_those_of_the_config_beside_the_file(tmp_path, registers):
    describe(tmp_path, registers)
    found = converted(tmp_path, seeded(registers)[1]).weights.architecture
    assert found == dataclasses.asdict(dataclasses.replace(encoder(registers), heads=4))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"mlp_ratio": 2}, "has mlp_width 128, but its config.json says 64: they do not belong together"),
        ({"num_hidden_layers": 3}, "18 missing .*layer.2"),
        ({"model_type": "vit"}, "of type 'vit' instead of 'dinov2'"),
        ({"layer_norm_eps": 1e-5}, "has layer_norm_eps 1e-05, and 1e-06 alone is supported"),
        ({"use_swiglu_ffn": True}, "has use_swiglu_ffn True, and False alone is supported"),
    ],
)
def test_a_config_of_another_model_is_refused(tmp_path, changes, sentence):
    describe(tmp_path, 4, **changes)
    with pytest.raises(UserError, match=sentence):
        converted(tmp_path, seeded(4)[1])


def test_heads_that_nothing_tells_are_left_out_and_that_is_said(tmp_path):
    assert "heads" not in converted(tmp_path, seeded(0)[1]).weights.architecture
    launcher = pathlib.Path(__file__).parents[2] / "launch" / "convert_weights.py"
    said = run_here(launcher, "--input", tmp_path, "--output", tmp_path / "ours")
    assert said.returncode == 0
    assert "how many attention heads it has is not known" in said.stdout


@pytest.mark.parametrize(("width", "layers", "heads"), [(384, 12, 6), (768, 12, 12), (1024, 24, 16), (768, 10, None)])
def test_heads_of_published_sizes_need_no_config(width, layers, heads):
    assert dinov2.with_published_heads({"width": width, "layers": layers}).get("heads") == heads


def test_there_and_back_to_the_bit(tmp_path):
    _, tensors = seeded(4)
    weights = converted(tmp_path, tensors).weights
    back = export_tensors(dinov2.TABLE, weights.params, weights.unused, where="it")
    assert back.keys() == tensors.keys()
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(back[name], tensor)


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("encoder.layer.1.layer_scale1.lambda1", None, "1 missing .*layer.1.layer_scale1"),
        ("encoder.layer.0.mlp.weights_in.weight", lambda _: np.zeros((4, 4), np.float32), "1 surplus .*weights_in"),
        ("embeddings.register_tokens", lambda x: x[..., :5], "1 mis-shaped .*register_tokens is"),
    ],
)
def test_damaged_files_are_refused_by_name(tmp_path, name, change, sentence):
    tensors = dict(seeded(4)[1])
    old = tensors.pop(name, None)
    if change is not None:
        tensors[name] = np.ascontiguousarray(change(old))
    with pytest.raises(UserError, match=sentence):
        converted(tmp_path, tensors)


def test_registers_and_the_kind_of_model_must_fit(tmp_path):
    weights = converted(tmp_path, seeded(0)[1]).weights
    with pytest.raises(UserError, match=r"has no registers, and config\.model\.encoder\.registers is 4: set it to 0"):
        params_for(weights, abstract_any_params(model(4)), where="it")
    with pytest.raises(UserError, match="it holds weights of the camera-conditioned model"):
        params_for(weights, {"image_tokenizer": {}}, where="it")
