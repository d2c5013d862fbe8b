"""The tables and the engine: every tensor goes once to its place and comes back bit for bit; damage is named."""

import json
import pathlib

import jax
import numpy as np
import pytest
from foreign_checkpoints import alex_shapes, clip_shapes, tensors_of, tsr_shapes, vgg_shapes, vit_shapes

from real3d_jax.errors import UserError
from real3d_jax.models.lrm import LRM, init_params
from real3d_jax.models.presets import PRESETS
from real3d_jax.weights import alex, clip, inception, tsr, vgg, vit
from real3d_jax.weights.mapping import export_tensors, flatten, import_tensors

_FORMATS = {
    "tsr": (tsr.TABLE, tsr_shapes()),
    "vit": (vit.TABLE, vit_shapes()),
    "clip": (clip.TABLE, clip_shapes()),
    "vgg": (vgg.TABLE, vgg_shapes()),
    "alex": (alex.TABLE, alex_shapes()),
    "inception": (
        inception.TABLE,
        {rule.source: tuple(map(int, rule.shape.split())) for rule in inception.TABLE.rules},
    ),
}


@pytest.mark.parametrize("name", _FORMATS)
def test_round_trip_is_bit_exact(name):
    table, shapes = _FORMATS[name]
    tensors = tensors_of(shapes)
    imported = import_tensors(table, tensors, where="the file")
    back = export_tensors(table, imported.params, imported.unused, where="the tree")
    dropped = ("text_", "logit_scale", "classifier")
    assert set(back) == {name for name in tensors if not name.startswith(dropped)}
    for key, tensor in back.items():
        np.testing.assert_array_equal(tensor, tensors[key], err_msg=key)
        assert tensor.dtype == np.float32


@pytest.mark.parametrize("name", _FORMATS)
def test_every_number_is_used_once(name):
    """The sum of all numbers survives, so nothing is left out or taken twice."""
    table, shapes = _FORMATS[name]
    tensors = tensors_of(shapes)
    imported = import_tensors(table, tensors, where="the file")
    ours = np.sort(np.concatenate([x.ravel() for x in jax.tree.leaves((imported.params, imported.unused))]))
    kept = [x.ravel() for key, x in tensors.items() if not key.startswith(("text_", "logit_scale", "classifier"))]
    np.testing.assert_array_equal(ours, np.sort(np.concatenate(kept)))


def test_layouts_of_single_tensors():
    tensors = tensors_of(tsr_shapes())
    params = flatten(import_tensors(tsr.TABLE, tensors, where="the file").params)
    np.testing.assert_array_equal(
        params["backbone/layers/cross_attention/key/kernel"][1],
        tensors["backbone.transformer_blocks.1.attn2.to_k.weight"].T,
    )
    patch = tensors["image_tokenizer.model.embeddings.patch_embeddings.projection.weight"]
    assert params["image_tokenizer/patch_embedding/kernel"][1, 2, 0, 5] == patch[5, 0, 1, 2]
    upsample = tensors["post_processor.upsample.weight"]
    assert params["upsampler/kernel"][3, 1, 0, 4] == upsample[3, 4, 1, 0]
    planes = tensors["tokenizer.embeddings"]
    assert params["triplane_tokens/embeddings"][2, 1, 3, 6] == planes[2, 6, 1, 3]
    np.testing.assert_array_equal(params["decoder/layer_3/kernel"], tensors["decoder.layers.6.weight"].T)


def test_published_names_and_shapes_at_full_size():
    """The full-size model exports exactly the published tensors. It takes no memory, as the zeros are views."""
    listed = json.loads((pathlib.Path(__file__).parent / "data" / "tsr_state_dict_shapes.json").read_text())
    published = {name: tuple(shape) for name, shape in listed.items()}
    tree = jax.eval_shape(lambda: init_params(LRM(PRESETS["base"]), jax.random.key(0)))
    zeros = jax.tree.map(lambda leaf: np.broadcast_to(np.float32(0), leaf.shape), tree)
    exported = export_tensors(tsr.TABLE, zeros, {}, where="the model")
    assert len(published) == 549
    assert {name: tensor.shape for name, tensor in exported.items()} == published


def test_pooler_is_zero_only_where_there_never_was_one():
    tensors = tensors_of(tsr_shapes())
    weight = "image_tokenizer.model.pooler.dense.weight"
    imported = import_tensors(tsr.TABLE, tensors, where="the file")
    kept = export_tensors(tsr.TABLE, imported.params, imported.unused, where="the tree")
    made = export_tensors(tsr.TABLE, imported.params, {}, where="the tree")
    np.testing.assert_array_equal(kept[weight], tensors[weight])
    np.testing.assert_array_equal(made[weight], np.zeros((12, 12)))


def test_sizes_and_depths_are_read_off_the_shapes():
    imported = import_tensors(tsr.TABLE, tensors_of(tsr_shapes()), where="the file")
    assert tsr.architecture(imported.sizes, imported.depths) == {
        "vit": {"width": 12, "layers": 3, "mlp_width": 20, "patch_size": 4, "position_grid": 3},
        "plane_tokens": 5,
        "token_width": 8,
        "layers": 2,
        "plane_channels": 6,
        "decoder_width": 7,
        "decoder_layers": 3,
    }


def test_damage_is_named_by_key_all_at_once():
    tensors = tensors_of(tsr_shapes())
    del tensors["backbone.proj_in.bias"], tensors["decoder.layers.2.weight"]
    tensors["backbone.extra"] = np.zeros(3, np.float32)
    tensors["decoder.layers.9.weight"] = np.zeros((7, 7), np.float32)  # linear layers have even numbers
    tensors["backbone.norm.weight"] = np.zeros(9, np.float32)
    tensors["tokenizer.embeddings"] = np.zeros((8, 5, 5), np.float32)
    with pytest.raises(UserError) as error:
        import_tensors(tsr.TABLE, tensors, where="'x.ckpt'")
    message = str(error.value)
    for part in (
        "'x.ckpt'",
        "2 missing (backbone.proj_in.bias, decoder.layers.2.weight)",
        "2 surplus (backbone.extra, decoder.layers.9.weight)",
        "2 mis-shaped (",
        "backbone.norm.weight is (9,) instead of (8)",
        "tokenizer.embeddings is (8, 5, 5) instead of (3, 8, T, T)",
    ):
        assert part in message
    assert "\n" not in message


def test_a_missing_layer_between_others_is_missing_tensors():
    tensors = {name: x for name, x in tensors_of(tsr_shapes()).items() if ".encoder.layer.1." not in name}
    with pytest.raises(UserError, match=r"16 missing \(image_tokenizer.model.encoder.layer.1"):
        import_tensors(tsr.TABLE, tensors, where="'x'")


def test_missing_last_layers_are_seen_where_the_depth_is_known():
    tensors = {name: x for name, x in tensors_of(vit_shapes(layers=3)).items() if ".layer.2." not in name}
    assert import_tensors(vit.TABLE, tensors, where="'x'").depths == {"encoder.layer.": 2}
    with pytest.raises(UserError, match="16 missing"):
        import_tensors(vit.TABLE, tensors, where="'x'", depths={"encoder.layer.": 3})


def test_export_refuses_another_tree():
    imported = import_tensors(tsr.TABLE, tensors_of(tsr_shapes()), where="the file")
    params = imported.params
    params["surplus"] = {"kernel": np.zeros((2, 2), np.float32)}
    params["backbone"]["norm"]["scale"] = np.zeros(3, np.float32)
    del params["upsampler"]["bias"]
    with pytest.raises(UserError, match=r"1 missing \(post_processor.upsample.bias\); 1 surplus \(surplus/kernel\)"):
        export_tensors(tsr.TABLE, params, {}, where="the tree")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_widened_exactly_and_counted(dtype):
    tensors = tensors_of(vit_shapes())
    halved = jax.numpy.asarray(tensors["layernorm.bias"]).astype(dtype)
    tensors["layernorm.bias"] = np.asarray(halved)
    imported = import_tensors(vit.TABLE, tensors, where="'x'")
    assert imported.upcast == 1
    assert imported.params["norm"]["bias"].dtype == np.float32
    np.testing.assert_array_equal(imported.params["norm"]["bias"], np.asarray(halved, np.float32))


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_types_that_float32_cannot_hold_are_refused(dtype):
    tensors = tensors_of(vit_shapes())
    tensors["layernorm.bias"] = tensors["layernorm.bias"].astype(dtype)
    with pytest.raises(UserError, match=r"layernorm.bias as (float64|int64)"):
        import_tensors(vit.TABLE, tensors, where="'x'")
