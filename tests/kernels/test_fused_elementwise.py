"""Norms, GELU and GEGLU in one pass against the plain ones, in float32, the kernels interpreted."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_model import FLOAT32, SMALL, initialized

from real3d_jax.errors import UserError
from real3d_jax.kernels import fused_elementwise
from real3d_jax.models.layers import choose_elementwise
from real3d_jax.models.lrm import init_params, make_model
from real3d_jax.models.transformer import _value_times_gelu
from tests.kernels.agreement import worst

TOLERANCE = 1e-5


def _value_and_gradients(function, *arguments):
    """Results, and the gradients of a random combination of them."""

    @jax.jit
    def run(*arguments):
        results, pull_back = jax.vjp(function, *arguments)
        keys = iter(jax.random.split(jax.random.key(9), 9))
        return results, pull_back(jax.tree.map(lambda x: jax.random.normal(next(keys), x.shape), results))

    return run(*arguments)


def _layer_norm(x, scale, bias, epsilon):
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / jnp.sqrt(variance + epsilon) * scale + bias


def _norm_arguments(shape, offset=3.0):
    keys = jax.random.split(jax.random.key(0), 4)
    x, added, scale, bias = (
        jax.random.normal(key, size) for key, size in zip(keys, (shape, shape, shape[-1:], shape[-1:]), strict=True)
    )
    return x + offset, added, scale, bias


# Channels that are a power of two and not; rows that fill a tile and not; more tiles than programs.
@pytest.mark.parametrize("shape", [(2, 5, 32), (1, 3, 48), (3, 200, 8)])
def test_sum_and_norm(shape):
    arguments = _norm_arguments(shape)

    def fused(x, added, scale, bias):
        return fused_elementwise.add_and_norm_fused(
            x, added, scale, bias, epsilon=1e-3, dtype=jnp.float32, interpret=True
        )

    def plain(x, added, scale, bias):
        return x + added, _layer_norm(x + added, scale, bias, 1e-3)

    assert worst(_value_and_gradients(fused, *arguments), _value_and_gradients(plain, *arguments)) < TOLERANCE


def test_norm_of_a_stream_that_is_not_added_to():
    x, _, scale, bias = _norm_arguments((2, 6, 24))

    def fused(x, scale, bias):
        return fused_elementwise.add_and_norm_fused(
            x, None, scale, bias, epsilon=1e-3, dtype=jnp.float32, interpret=True
        )

    def plain(x, scale, bias):
        return x, _layer_norm(x, scale, bias, 1e-3)

    expected = _value_and_gradients(plain, x, scale, bias)
    assert worst(_value_and_gradients(fused, x, scale, bias), expected) < TOLERANCE


def test_bfloat16_addends_and_norms_have_bfloat16_gradients():
    x, added, scale, bias = _norm_arguments((1, 4, 16))

    def fused(x, added):
        return fused_elementwise.add_and_norm_fused(
            x, added, scale, bias, epsilon=1e-5, dtype=jnp.bfloat16, interpret=True
        )

    (total, normed), pull_back = jax.vjp(fused, x, added.astype(jnp.bfloat16))
    assert (total.dtype, normed.dtype) == (jnp.float32, jnp.bfloat16)
    np.testing.assert_allclose(total, x + added.astype(jnp.bfloat16).astype(jnp.float32), rtol=1e-6)
    d_x, d_added = pull_back((jnp.ones_like(total), jnp.ones_like(normed)))
    assert (d_x.dtype, d_added.dtype) == (jnp.float32, jnp.bfloat16)
    np.testing.assert_allclose(d_added.astype(jnp.float32), d_x, rtol=1e-2)


@pytest.mark.parametrize(
    ("fused", "plain", "shapes"),
    [
        (fused_elementwise.value_times_gelu_fused, _value_times_gelu, [(2, 12, 512), (1, 3, 1024)]),
        # Of the last shape, programs take several tiles.
        (
            fused_elementwise.gelu_fused,
            functools.partial(jax.nn.gelu, approximate=False),
            [(2, 12, 256), (1, 3, 512), (1, 2056, 256)],
        ),
    ],
    ids=["geglu", "gelu"],
)
def test_activations(fused, plain, shapes):
    for shape in shapes:
        product = 3 * jax.random.normal(jax.random.key(1), shape)
        bias = jax.random.normal(jax.random.key(2), shape[-1:])
        actual = _value_and_gradients(functools.partial(fused, interpret=True), product, bias)
        expected = _value_and_gradients(lambda product, bias: plain(product + bias), product, bias)
        assert worst(actual, expected) < TOLERANCE


def test_gelu_of_bfloat16_has_bfloat16_gradients():
    product, bias = jnp.ones((1, 8, 256), jnp.bfloat16), jnp.zeros(256)
    result, pull_back = jax.vjp(lambda *x: fused_elementwise.gelu_fused(*x, interpret=True), product, bias)
    d_product, d_bias = pull_back(result)
    assert (result.dtype, d_product.dtype, d_bias.dtype) == (jnp.bfloat16, jnp.bfloat16, jnp.float32)


def test_gelu_is_as_near_as_bfloat16_can_tell_also_below_zero():
    gate = jnp.linspace(-5.0, 8.0, 256)
    product = jnp.concatenate([jnp.ones(256), gate])[None, None]
    actual = fused_elementwise.value_times_gelu_fused(product, jnp.zeros(512), interpret=True)[0, 0]
    exact = np.array([0.5 * x * jax.scipy.special.erfc(-x / 2**0.5) for x in gate])
    np.testing.assert_allclose(actual, exact, rtol=2.0**-8)


def test_the_whole_model_and_its_gradients():
    vit = dataclasses.replace(SMALL.vit, mlp_width=256)
    sizes = dataclasses.replace(SMALL, vit=vit, token_width=64, heads=2)
    params = initialized(sizes)
    images = jax.random.uniform(jax.random.key(1), (2, 32, 32, 3))

    def run(elementwise):
        model = make_model(sizes, dataclasses.replace(FLOAT32, elementwise=elementwise, remat="dots"))
        own = jax.eval_shape(lambda: init_params(model, jax.random.key(0)))
        assert jax.tree.structure(own) == jax.tree.structure(params)
        loss = jax.value_and_grad(lambda p, images: jnp.mean(jnp.square(model.apply({"params": p}, images))))
        return jax.jit(loss)(params, images)

    (fused, d_fused), (plain, d_plain) = run("pallas"), run("xla")
    np.testing.assert_allclose(fused, plain, rtol=TOLERANCE)
    largest = max(float(np.abs(x).max()) for x in jax.tree.leaves(d_plain))
    for a, b in zip(jax.tree.leaves(d_fused), jax.tree.leaves(d_plain), strict=True):
        np.testing.assert_allclose(a, b, atol=TOLERANCE * largest)


@pytest.mark.parametrize(
    ("mlp_width", "token_width", "activation", "kernels"),
    [(256, 64, "gelu", 2 + 1 + 3 + 1), (256, 64, "quick_gelu", 2 + 3 + 1), (48, 32, "gelu", 2 + 3)],
)
def test_kernels_take_what_fits_their_tiles(mlp_width, token_width, activation, kernels):
    """Norms always; GELU and GEGLU of whole tiles. What a kernel cannot do is done plainly."""
    vit = dataclasses.replace(SMALL.vit, mlp_width=mlp_width, activation=activation)
    sizes = dataclasses.replace(SMALL, vit=vit, token_width=token_width, heads=2)
    params, images = initialized(sizes), jax.random.uniform(jax.random.key(1), (1, 32, 32, 3))

    def run(elementwise):
        model = make_model(sizes, dataclasses.replace(FLOAT32, elementwise=elementwise))
        return jax.jit(lambda params, images: model.apply({"params": params}, images))

    np.testing.assert_allclose(run("pallas")(params, images), run("xla")(params, images), rtol=1e-4, atol=TOLERANCE)
    assert str(jax.make_jaxpr(run("pallas"))(params, images)).count("pallas_call") == kernels
    assert "pallas_call" not in str(jax.make_jaxpr(run("xla"))(params, images))


def test_auto_is_plain_without_an_nvidia_gpu_and_typos_are_refused():
    assert choose_elementwise("auto", jnp.bfloat16) == "xla"
    with pytest.raises(UserError, match="did you mean 'pallas'"):
        choose_elementwise("palas", jnp.float32)
