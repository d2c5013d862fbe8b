"""The training step as the program that devices run."""

import functools
from typing import Any

import jax
import optax
from jax.sharding import Mesh
from jaxtyping import PyTree

from real3d_jax.config.training import Config
from real3d_jax.models.choice import AnyModel
from real3d_jax.runtime import compiler_options
from real3d_jax.runtime.sharding import replicated, state_shardings
from real3d_jax.training.optimizer import learning_rate_schedule
from real3d_jax.training.step import train_step


def jit_step(
    config: Config,
    state: PyTree,
    *,
    model: AnyModel,
    optimizer: optax.GradientTransformation,
    micro_batches: int,
    mesh: Mesh,
) -> Any:
    """`(state, batch, frozen, key) -> (state, metrics)`, still to be compiled; it takes the state's memory over.

    Args:
      config: the run's configuration.
      state: a `TrainState`, or the shapes of one.
      model: the module that its parameters belong to.
      optimizer: what turns gradients into updates.
      micro_batches: parts that a device's rows are computed in.
      mesh: the devices.
    """
    step = functools.partial(
        _step_with_rate,
        schedule=learning_rate_schedule(config.optimizer, config.schedule.steps),
        model=model,
        config=config,
        optimizer=optimizer,
        micro_batches=micro_batches,
    )
    return jax.jit(
        step,
        donate_argnums=0,
        out_shardings=(state_shardings(state, mesh), replicated(mesh)),
        compiler_options=compiler_options.for_gradients(config.model.token_width),
    )


def _step_with_rate(state, batch, frozen, key, *, schedule, **settings):
    """The training step, with the learning rate it used among its metrics."""
    rate = schedule(state.step - state.skipped)
    state, metrics = train_step(state, batch, frozen, key, **settings)
    return state, metrics | {"learning_rate": rate}
