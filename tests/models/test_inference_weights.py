"""Parameters that are prepared for programs without gradients: each block's own, and the same results."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_model import FLOAT32, SMALL, initialized

from real3d_jax.models.choice import init_any_params, make_any_model
from real3d_jax.models.conditioned import input_cameras
from real3d_jax.models.lrm import make_model
from real3d_jax.models.presets import CONDITIONED_PRESETS

IMAGES = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)


def _random(params):
    """No bias is zero, and no scale one."""
    leaves, tree = jax.tree.flatten(params)
    random = np.random.default_rng(1)
    return jax.tree.unflatten(tree, [x + 0.1 * random.standard_normal(x.shape, np.float32) for x in leaves])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_planes_are_those_of_stacked_parameters(dtype):
    model = make_model(SMALL, dataclasses.replace(FLOAT32, unroll=0, dtype=dtype))
    params = _random(initialized(SMALL))
    apart = jax.jit(model.inference_weights)(params)
    for name, block in (("image_tokenizer", "attention"), ("backbone", "cross_attention")):
        blocks = apart[name]["layers"]
        assert list(blocks) == ["0", "1"]
        assert blocks["1"][block]["out"]["bias"].dtype == dtype
        assert blocks["1"]["norm1"]["bias"].dtype == jnp.float32
        np.testing.assert_array_equal(blocks["1"]["norm2"]["scale"], params[name]["layers"]["norm2"]["scale"][1])
    run = jax.jit(lambda params, images: model.apply({"params": params}, images))
    stacked, expected = model.cast_weights(params), run(params, IMAGES)
    np.testing.assert_allclose(run(apart, IMAGES), run(stacked, IMAGES), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(run(apart, IMAGES), expected, rtol=1e-5, atol=1e-5)


def test_a_loop_over_layers_keeps_its_stack():
    model = make_model(SMALL, FLOAT32)
    params = initialized(SMALL)
    assert jax.tree.structure(model.inference_weights(params)) == jax.tree.structure(params)


def test_the_program_takes_nothing_out_of_a_stack():
    """Else each run would copy all weights."""
    model = make_model(SMALL, dataclasses.replace(FLOAT32, unroll=0))
    run = jax.jit(lambda params, images: model.apply({"params": params}, images))

    def slices(params):
        text = run.lower(params, IMAGES).as_text()
        return text.count("stablehlo.slice") + text.count("stablehlo.dynamic_slice")

    params = initialized(SMALL)
    layers = SMALL.layers * len(jax.tree.leaves(params["backbone"]["layers"]))
    assert slices(params) - slices(model.inference_weights(params)) >= layers


def test_the_conditioned_model_too():
    config = CONDITIONED_PRESETS["lrm_tiny"]
    model = make_any_model(config, dataclasses.replace(FLOAT32, unroll=0))
    params = _random(init_any_params(model, jax.random.key(0)))
    images = jax.random.uniform(jax.random.key(1), (1, config.image_size, config.image_size, 3))
    cameras = input_cameras(1, distance=2.0, fov_y=0.7)
    run = jax.jit(lambda params: model.apply({"params": params}, images, cameras))
    apart = model.inference_weights(params)
    assert list(apart["backbone"]["layers"]) == ["0", "1"]
    np.testing.assert_allclose(run(apart), run(params), rtol=1e-5, atol=1e-5)
