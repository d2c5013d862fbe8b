"""The state of a run, and its update."""

import math
from collections.abc import Callable
from typing import Any, no_type_check

import flax.struct
import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Int, PyTree

from real3d_jax.runtime.sharding import state_shardings


@no_type_check  # JAX rebuilds it around placeholders
@flax.struct.dataclass
class TrainState:
    """Everything that a step changes. Random numbers come from (seed, step), so no key is kept.

    Attributes:
      step: steps taken, skipped updates included. Data and curriculum follow it.
      params: of the model, float32.
      opt_state: optax's; its own count is of applied updates.
      ema: averaged parameters, or None.
      skipped: updates skipped so far, for NaN, Inf or the gradient's norm.
      skipped_in_a_row: the latest of them, since the last applied update.
    """

    step: Int[Array, ""]
    params: PyTree
    opt_state: PyTree
    ema: PyTree | None
    skipped: Int[Array, ""]
    skipped_in_a_row: Int[Array, ""]


def new_state(params: PyTree, optimizer: optax.GradientTransformation, *, keep_ema: bool) -> TrainState:
    """The state before the first step."""
    zero = jnp.zeros((), jnp.int32)
    return TrainState(
        step=zero,
        params=params,
        opt_state=optimizer.init(params),
        # A copy: the state is donated, and one buffer cannot be donated twice.
        ema=jax.tree.map(jnp.copy, params) if keep_ema else None,
        skipped=jnp.copy(zero),
        skipped_in_a_row=jnp.copy(zero),
    )


def create(
    make_params: Callable[..., PyTree],
    *arguments: Any,
    optimizer: optax.GradientTransformation,
    keep_ema: bool,
    mesh: Mesh,
) -> TrainState:
    """The state before the first step, each array made where it will live.

    Args:
      make_params: pure function that gives the parameters; it is traced.
      *arguments: its arguments, arrays.
      optimizer: whose state goes with them.
      keep_ema: whether averaged parameters are kept.
      mesh: the device mesh; `runtime.sharding.state_shardings` says what lies where.
    """

    @jax.jit  # so that it is traced once for its shapes and its program
    def make(*arguments):
        return new_state(make_params(*arguments), optimizer, keep_ema=keep_ema)

    shardings = state_shardings(jax.eval_shape(make, *arguments), mesh)
    return jax.jit(make, out_shardings=shardings)(*arguments)


def apply_gradients(
    state: TrainState,
    grads: PyTree,
    loss: Float[Array, ""],
    optimizer: optax.GradientTransformation,
    ema_decay: float,
    *,
    norm_limit: float = math.inf,
) -> TrainState:
    """One update, or none where the loss or the gradient's norm is NaN or Inf, or that norm is above `norm_limit`.

    A skipped update leaves parameters, optimiser state and average as they are and is counted; the step moves on, so
    that the next batch is another one.
    """
    norm = optax.global_norm(grads)
    good = jnp.isfinite(loss) & jnp.isfinite(norm) & (norm <= norm_limit)
    updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    ema = state.ema
    if ema is not None:
        ema = optax.incremental_update(params, ema, step_size=1.0 - ema_decay)
    return TrainState(
        step=state.step + 1,
        params=_choose(good, params, state.params),
        opt_state=_choose(good, opt_state, state.opt_state),
        ema=_choose(good, ema, state.ema),
        skipped=state.skipped + ~good,
        skipped_in_a_row=jnp.where(good, 0, state.skipped_in_a_row + 1),
    )


def _choose(condition: Bool[Array, ""], new: PyTree, old: PyTree) -> PyTree:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)
