"""One training step as a pure function: no I/O, no device placement, no hidden randomness."""

import functools

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key

from real3d_jax.batches import SingleViewBatch, TrainBatch
from real3d_jax.config.training import Config
from real3d_jax.losses.novel_poses import NovelPoses, sample_novel_poses
from real3d_jax.models.lrm import LRM
from real3d_jax.perceptual.frozen import FrozenNetworks
from real3d_jax.training.objective import batch_loss
from real3d_jax.training.optimizer import norm_limit
from real3d_jax.training.state import TrainState, apply_gradients


def train_step(
    state: TrainState,
    batch: TrainBatch,
    frozen: FrozenNetworks,
    key: Key[Array, ""],
    *,
    model: LRM,
    config: Config,
    optimizer: optax.GradientTransformation,
    micro_batches: int,
) -> tuple[TrainState, dict[str, Float[Array, ""]]]:
    """Gradients of L = L_RECON + L_SELF on one batch, and the update.

    Args:
      state: parameters, optimiser state, counters.
      batch: the whole optimiser step's examples.
      frozen: CLIP and LPIPS.
      key: the run's key; the step's own key is derived from it and `state.step`, so that a resumed run repeats an
        unbroken one.
      model: the module that `state.params` belong to.
      config: the run's configuration.
      optimizer: what turns gradients into updates.
      micro_batches: parts that the batch is computed in, one after another; their gradients are averaged.

    Returns:
      The next state; and 'loss', each term before weighting, 'gradient_norm', and the counts of skipped updates.
    """
    poses = None
    if batch.real is not None:
        poses = draw_poses(key, state.step, batch.real, config=config)
    loss_fn = functools.partial(batch_loss, frozen=frozen, model=model, config=config)
    gradient_fn = jax.value_and_grad(loss_fn, has_aux=True)

    def accumulate(total, part):
        (loss, metrics), gradients = gradient_fn(state.params, *part)
        return jax.tree.map(jnp.add, total, gradients), {"loss": loss, **metrics}

    parts = jax.tree.map(functools.partial(_split_rows, parts=micro_batches), (batch, poses))
    total, metrics = jax.lax.scan(accumulate, jax.tree.map(jnp.zeros_like, state.params), parts)
    gradients = jax.tree.map(lambda x: x / micro_batches, total)
    metrics = jax.tree.map(jnp.mean, metrics)

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


def draw_poses(key: Key[Array, ""], step: Array, batch: SingleViewBatch, *, config: Config) -> NovelPoses:
    """The novel poses of a step's photographs; `key` is the run's."""
    return sample_novel_poses(
        jax.random.fold_in(key, step),
        step,
        jnp.linalg.norm(batch.cameras.c2w[..., :3, 3], axis=-1),
        curriculum=config.curriculum,
        semantic=config.losses.semantic,
    )


def _split_rows(x: Array, *, parts: int) -> Array:
    """(B, ...) to (parts, B / parts, ...): part j takes rows j, j + parts, ...

    Strided, so that rows spread over devices stay where they are.
    """
    return jnp.moveaxis(x.reshape(x.shape[0] // parts, parts, *x.shape[1:]), 1, 0)
