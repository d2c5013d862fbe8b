"""OpenLRM's names: every tensor of the published sizes there and back, and damaged files refused."""

import dataclasses
import functools
import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from real3d_jax.cameras import Cameras, canonical_c2w
from real3d_jax.errors import UserError
from real3d_jax.models.conditioned import ConditionedLRM
from real3d_jax.models.presets import CONDITIONED_PRESETS
from real3d_jax.weights import openlrm
from real3d_jax.weights.convert import weights_from_params
from real3d_jax.weights.mapping import export_tensors, import_tensors

SHAPES = json.loads((Path(__file__).parent / "data/openlrm_state_dict_shapes.json").read_text())
PARAMETERS = {"openlrm_small": 111_390_948, "openlrm_base": 260_201_972, "openlrm_large": 452_138_004}


def _abstract(config):
    """Shapes of a model's parameters."""
    model = ConditionedLRM(config)
    image = jnp.zeros((1, config.image_size, config.image_size, 3))
    camera = Cameras(canonical_c2w(2.0)[None], jnp.full((1, 4), 0.5))
    init = functools.partial(model.init, images=image, cameras=camera)
    return jax.eval_shape(lambda key: init(key)["params"], jax.random.key(0))


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_presets_are_the_published_models(name):
    shapes = _abstract(CONDITIONED_PRESETS[name])
    assert sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes)) == PARAMETERS[name]
    params = jax.tree.map(lambda leaf: np.zeros(leaf.shape, bool), shapes)
    tensors = openlrm.as_published(export_tensors(openlrm.TABLE, params, {}, where="the model"))
    assert {key: list(tensor.shape) for key, tensor in tensors.items()} == SHAPES[name]


@functools.cache
def _published(encoder_width):
    """A small file; cross-attention is in one matrix where the encoder is as wide as the transformer, 24."""
    base = CONDITIONED_PRESETS["openlrm_base"]
    encoder = dataclasses.replace(
        base.encoder, width=encoder_width, layers=2, heads=2, mlp_width=2 * encoder_width, position_grid=4
    )
    config = dataclasses.replace(
        base,
        encoder=encoder,
        image_size=56,
        camera_width=20,
        plane_tokens=4,
        token_width=24,
        layers=2,
        plane_channels=8,
    )
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda leaf: rng.standard_normal(leaf.shape, np.float32), _abstract(config))
    return params, openlrm.as_published(export_tensors(openlrm.TABLE, params, {}, where="the model"))


def _import(tensors):
    return import_tensors(openlrm.TABLE, openlrm.as_table(tensors, where="'a.safetensors'"), where="'a.safetensors'")


@pytest.mark.parametrize(("encoder_width", "fused"), [(24, True), (16, False)])
def test_there_and_back_to_the_bit(encoder_width, fused):
    params, tensors = _published(encoder_width)
    assert ("transformer.layers.1.cross_attn.in_proj_weight" in tensors) == fused
    jax.tree.map(np.testing.assert_array_equal, _import(tensors).params, dict(params))


def test_parameters_of_a_run_become_converted_weights_of_their_kind():
    params, _ = _published(16)
    weights = weights_from_params(params, {}, where="a run")
    assert weights.kind == "conditioned"
    assert (weights.architecture["camera_width"], weights.architecture["plane_channels"]) == (20, 8)
    assert "heads" not in {**weights.architecture, **weights.architecture["encoder"]}, "no shape tells them"
    jax.tree.map(np.testing.assert_array_equal, weights.params, dict(params))


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("transformer.layers.1.self_attn.in_proj_weight", None, "3 missing .*layers.1.self_attn.q_proj_weight"),
        ("encoder.model.blocks.0.attn.qkv.bias", lambda x: x[:-1], "3 missing .* 1 surplus .*attn.qkv.bias"),
        ("pos_embed", lambda x: x[:, 1:], "1 mis-shaped .*pos_embed"),
        ("encoder.model.mask_token", lambda _: np.zeros((1, 16), np.float32), "1 surplus .*mask_token"),
        ("transformer.layers.0.self_attn.k_proj_weight", lambda _: np.zeros((24, 24)), "holds .*k_proj_weight twice"),
    ],
)
def test_damaged_files_are_refused(name, change, sentence):
    tensors = dict(_published(16)[1])
    if change is None:
        del tensors[name]
    else:
        tensors[name] = change(tensors.get(name))
    with pytest.raises(UserError, match=f"'a.safetensors'.*{sentence}"):
        _import(tensors)
