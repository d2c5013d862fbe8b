"""The update and its guard against NaN and Inf."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from real3d_jax.training.state import apply_gradients, new_state

OPTIMIZER = optax.adam(0.1)
PARAMS = {"a": jnp.array([1.0, 2.0]), "b": {"c": jnp.array(3.0)}}
GRADIENTS = jax.tree.map(jnp.ones_like, PARAMS)


def equal(a, b):
    return jax.tree.all(jax.tree.map(lambda x, y: bool(jnp.all(x == y)), a, b))


def test_a_finite_update_is_applied():
    state = new_state(PARAMS, OPTIMIZER, keep_ema=True)
    after = jax.jit(lambda s: apply_gradients(s, GRADIENTS, jnp.array(1.0), OPTIMIZER, 0.75))(state)
    np.testing.assert_allclose(after.params["a"], [0.9, 1.9], rtol=1e-5)
    np.testing.assert_allclose(after.ema["a"], [0.975, 1.975], rtol=1e-5)
    assert (int(after.step), int(after.skipped), int(after.skipped_in_a_row)) == (1, 0, 0)


@pytest.mark.parametrize("bad", ["loss is nan", "loss is inf", "gradient is nan", "gradient is inf"])
def test_a_bad_update_changes_nothing_but_the_counts(bad):
    value = jnp.nan if "nan" in bad else jnp.inf
    loss = jnp.array(value if "loss" in bad else 1.0)
    gradients = {**GRADIENTS, "a": jnp.array([0.0, value])} if "gradient" in bad else GRADIENTS
    state = new_state(PARAMS, OPTIMIZER, keep_ema=True)
    after = apply_gradients(state, gradients, loss, OPTIMIZER, 0.75)
    assert equal(after.params, state.params)
    assert equal(after.opt_state, state.opt_state)
    assert equal(after.ema, state.ema)
    assert (int(after.step), int(after.skipped), int(after.skipped_in_a_row)) == (1, 1, 1)


@pytest.mark.parametrize(("share", "skipped"), [(0.99, 1), (1.0, 0), (1.01, 0)])
def test_an_update_is_skipped_where_its_norm_is_above_the_limit(share, skipped):
    """The norm of three ones, before whatever the optimiser clips."""
    optimizer = optax.chain(optax.clip_by_global_norm(1e-3), OPTIMIZER)
    state = new_state(PARAMS, optimizer, keep_ema=True)
    limit = share * float(optax.global_norm(GRADIENTS))
    after = apply_gradients(state, GRADIENTS, jnp.array(1.0), optimizer, 0.75, norm_limit=limit)
    assert (int(after.step), int(after.skipped), int(after.skipped_in_a_row)) == (1, skipped, skipped)
    for new, old in ((after.params, state.params), (after.opt_state, state.opt_state), (after.ema, state.ema)):
        assert equal(new, old) == bool(skipped)


def test_a_good_update_ends_the_row_but_not_the_count():
    state = new_state(PARAMS, OPTIMIZER, keep_ema=False)
    for loss in (jnp.nan, jnp.nan, 1.0):
        state = apply_gradients(state, GRADIENTS, jnp.array(loss), OPTIMIZER, 0.0)
    assert (int(state.step), int(state.skipped), int(state.skipped_in_a_row)) == (3, 2, 0)
    assert state.ema is None
    expected = apply_gradients(new_state(PARAMS, OPTIMIZER, keep_ema=False), GRADIENTS, jnp.array(1.0), OPTIMIZER, 0.0)
    assert equal(state.params, expected.params)
