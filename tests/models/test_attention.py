"""Attention: what cuDNN's is given on several devices."""

import jax
import jax.numpy as jnp
import pytest

from real3d_jax.models.layers import Attention, pad_tokens


@pytest.mark.parametrize(("batch", "here"), [(4, 2), (3, 3)])
def test_cudnn_gets_the_same_rows_of_queries_and_keys(monkeypatch, batch, here):
    """However they lie: it refuses queries that are split over devices where keys are not, as of one repeated batch."""
    seen = []

    def attention(q, k, v, *, key_value_seq_lengths, implementation):
        seen.append((q.shape[0], k.shape[0], v.shape[0], key_value_seq_lengths.shape[0], implementation))
        return q

    monkeypatch.setattr(jax.nn, "dot_product_attention", attention)
    module = Attention(2, qkv_bias=False, dtype=jnp.float32, implementation="cudnn", keys=5)
    mesh = jax.sharding.AbstractMesh((2,), ("x",), axis_types=(jax.sharding.AxisType.Auto,))
    queries, context = jnp.zeros((batch, 6, 8)), jnp.zeros((batch, 7, 4))
    with jax.sharding.use_abstract_mesh(mesh):
        made = jax.eval_shape(lambda: module.init_with_output(jax.random.key(0), queries, context)[0])
    assert made.shape == queries.shape
    assert seen == [(here, here, here, here, "cudnn")]


@pytest.mark.parametrize(("tokens", "channels", "padded"), [(257, 384, 264), (1025, 768, 1152), (256, 384, 256)])
def test_few_keys_are_added_to_narrow_tokens(tokens, channels, padded):
    shape = jax.ShapeDtypeStruct((1, tokens, channels), jnp.bfloat16)
    assert jax.eval_shape(lambda x: pad_tokens(x, "cudnn"), shape).shape == (1, padded, channels)
    assert jax.eval_shape(lambda x: pad_tokens(x, "xla"), shape).shape == shape.shape
