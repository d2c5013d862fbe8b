"""One training step as a pure function: no I/O, no device placement, no hidden randomness."""

import optax
from jaxtyping import Array, Float, Key

from real3d_jax.batches import TrainBatch
from real3d_jax.config.training import Config
from real3d_jax.models.choice import AnyModel
from real3d_jax.perceptual.frozen import FrozenNetworks
from real3d_jax.training.gradients import mean_gradients
from real3d_jax.training.optimizer import norm_limit
from real3d_jax.training.state import TrainState, apply_gradients


def train_step(
    state: TrainState,
    batch: TrainBatch,
    frozen: FrozenNetworks,
    key: Key[Array, ""],
    *,
    model: AnyModel,
    config: Config,
    optimizer: optax.GradientTransformation,
    micro_batches: int,
) -> tuple[TrainState, dict[str, Float[Array, ""]]]:
    """Gradients of L = L_RECON + L_SELF on one batch, and the update.

    Args:
      state: parameters, optimiser state, counters.
      batch: the whole optimiser step's examples, spread over the devices of the mesh that is set, if one is.
      frozen: CLIP and LPIPS.
      key: the run's key; the step's own key is derived from it and `state.step`, so that a resumed run repeats an
        unbroken one.
      model: the module that `state.params` belong to.
      config: the run's configuration.
      optimizer: what turns gradients into updates.
      micro_batches: parts that a device's rows are computed in, one after another; their gradients are averaged.

    Returns:
      The next state; and 'loss', each term before weighting, 'gradient_norm', and the counts of skipped updates.
    """
    gradients, metrics = mean_gradients(
        state.params, batch, frozen, key, state.step, model=model, config=config, micro_batches=micro_batches
    )
    metrics["gradient_norm"] = optax.global_norm(gradients)
    state = apply_gradients(
        state,
        gradients,
        metrics["loss"],
        optimizer,
        config.optimizer.ema_decay,
        norm_limit=norm_limit(config.optimizer),
    )
    return state, {**metrics, "skipped": state.skipped, "skipped_in_a_row": state.skipped_in_a_row}
