"""The whole model: sizes, compute policies, and the scan over its blocks."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_model import FLOAT32, SMALL, initialized

from real3d_jax.errors import UserError
from real3d_jax.models.layers import Attention, choose_attention, pad_tokens
from real3d_jax.models.lrm import init_params, make_model
from real3d_jax.models.presets import PRESETS, preset
from real3d_jax.models.transformer import TriplaneTransformer, _Block


@pytest.fixture(scope="module")
def params():
    return initialized(SMALL)


@pytest.fixture(scope="module")
def images():
    return jax.random.uniform(jax.random.key(1), (2, 32, 32, 3))


def test_base_has_triposrs_parameters_but_the_poolers():
    model = make_model(PRESETS["base"], FLOAT32)
    shapes = jax.eval_shape(lambda: init_params(model, jax.random.key(0)))
    assert sum(x.size for x in jax.tree.leaves(shapes)) == 419_275_628 - 590_592


@pytest.mark.parametrize("name", PRESETS)
def test_presets_have_the_shapes_they_promise(name):
    config = PRESETS[name]
    model = make_model(config, FLOAT32)
    image = jax.ShapeDtypeStruct((1, config.image_size, config.image_size, 3), jnp.float32)
    planes, _ = jax.eval_shape(lambda x: model.init_with_output(jax.random.key(0), x), image)
    side = 2 * config.plane_tokens
    assert planes.shape == (1, 3, side, side, config.plane_channels)


def _value_and_gradient(params, images, **compute):
    model = make_model(SMALL, dataclasses.replace(FLOAT32, **compute))
    loss = jax.value_and_grad(lambda p, images: jnp.mean(jnp.square(model.apply({"params": p}, images))))
    return jax.jit(loss)(params, images)


@pytest.fixture(scope="module")
def remembering_all(params, images):
    return _value_and_gradient(params, images)


@pytest.mark.parametrize("remat", ["dots", "full"])
def test_remat_changes_nothing(params, images, remembering_all, remat):
    value, gradient = remembering_all
    again, gradient_again = _value_and_gradient(params, images, remat=remat)
    np.testing.assert_allclose(value, again, rtol=1e-6)
    for a, b in zip(jax.tree.leaves(gradient), jax.tree.leaves(gradient_again), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5 * (float(np.abs(a).max()) + 1e-3))


def test_bfloat16_is_near_float32_with_float32_parameters_and_planes(params, images):
    exact = jax.jit(make_model(SMALL, FLOAT32).apply)({"params": params}, images)
    model = make_model(SMALL, dataclasses.replace(FLOAT32, dtype="bfloat16"))
    planes = jax.jit(model.apply)({"params": params}, images)
    assert planes.dtype == jnp.float32
    error = jnp.linalg.norm(planes - exact) / jnp.linalg.norm(exact)
    assert 1e-5 < error < 2e-2
    own = jax.eval_shape(lambda: init_params(model, jax.random.key(0)))
    assert {x.dtype for x in jax.tree.leaves(own)} == {jnp.dtype("float32")}


def test_scanned_blocks_equal_blocks_one_after_another(params, images):
    tokens = jax.random.normal(jax.random.key(2), (2, 48, 32))
    image_tokens = jax.random.normal(jax.random.key(3), (2, 17, 32))
    backbone = TriplaneTransformer(layers=2, heads=2, dtype=jnp.float32, remat="none", attention="xla", unroll=1)
    scanned = jax.jit(backbone.apply)({"params": params["backbone"]}, tokens, image_tokens)

    def linear(part, x):
        return x @ part["kernel"] + part["bias"]

    groups = tokens.reshape(2, 48, 32, 1)  # 32 groups of one channel
    mean, variance = groups.mean((1, 3), keepdims=True), groups.var((1, 3), keepdims=True)
    x = ((groups - mean) / jnp.sqrt(variance + 1e-6)).reshape(2, 48, 32)
    x = x * params["backbone"]["norm"]["scale"] + params["backbone"]["norm"]["bias"]
    x = linear(params["backbone"]["proj_in"], x)
    block = _Block(heads=2, dtype=jnp.float32, attention="xla", image_tokens=image_tokens.shape[1])
    for i in range(2):
        layer = jax.tree.map(lambda p, i=i: p[i], params["backbone"]["layers"])
        x, _ = jax.jit(block.apply)({"params": layer}, x, image_tokens)
    unrolled = tokens + linear(params["backbone"]["proj_out"], x)
    np.testing.assert_allclose(scanned, unrolled, atol=2e-5)


def test_padded_tokens_change_nothing():
    """The fused attention needs more tokens than there are: the ones behind the last are never looked at."""
    context = jax.random.normal(jax.random.key(2), (2, 7, 400))
    queries = jax.random.normal(jax.random.key(3), (2, 5, 16))
    settings = {"heads": 2, "qkv_bias": True, "dtype": jnp.float32, "implementation": "xla", "keys": 7}
    padded = pad_tokens(context, "cudnn")
    assert padded.shape == (2, 128, 400)
    assert pad_tokens(context, "xla") is context
    params = Attention(**settings).init(jax.random.key(4), queries, context)
    expected = Attention(**settings).apply(params, queries, context)
    np.testing.assert_allclose(Attention(**settings).apply(params, queries, padded), expected, atol=1e-6)
    everything = Attention(**settings | {"keys": 128}).apply(params, queries, padded)
    assert np.abs(everything - expected).max() > 1e-3, "the number of keys counts"


def test_cudnn_attention_is_refused_where_it_cannot_run():
    with pytest.raises(UserError, match="needs an NVIDIA GPU"):
        choose_attention("cudnn", jnp.float32)
    assert choose_attention("auto", jnp.bfloat16) == "xla"


@pytest.mark.parametrize(("field", "value"), [("dtype", "float16"), ("remat", "some"), ("attention", "cudn")])
def test_unknown_compute_options_are_refused(params, images, field, value):
    with pytest.raises(UserError, match=value):
        make_model(SMALL, dataclasses.replace(FLOAT32, **{field: value})).apply({"params": params}, images)


def test_unknown_preset_and_odd_image_size_are_refused():
    with pytest.raises(UserError, match="did you mean 'tiny'"):
        preset("tinny")
    with pytest.raises(UserError, match="multiple of the patch size"):
        make_model(dataclasses.replace(SMALL, image_size=33), FLOAT32)
