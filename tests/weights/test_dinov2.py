"""DINOv2 alone, in transformers' own files: tokens as transformers computes them, every key used once, and refusals."""

import dataclasses
import functools

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
