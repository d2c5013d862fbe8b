"""AdamW as published: weight decay by name, gradient clipping, linear warm-up and cosine decay (Appendix A)."""

import math
from typing import Any

import jax
import optax

from real3d_jax.config.training import OptimizerConfig
from real3d_jax.errors import UserError


def learning_rate_schedule(config: OptimizerConfig, steps: int) -> optax.Schedule:
    """Linear from 0 to the peak in `warmup_steps`, then a cosine to the end value at `steps`, where it stays.

    The count is of applied updates, so the very first one has the learning rate 0 if there is a warm-up.

    Raises:
      UserError: the warm-up does not end before the run.
    """
    if config.warmup_steps >= steps:
        raise UserError(
            f"config.optimizer.warmup_steps ({config.warmup_steps}) must be smaller than config.schedule.steps "
            f"({steps})."
        )
    return optax.warmup_cosine_decay_schedule(
        init_value=0.0 if config.warmup_steps else config.learning_rate,
        peak_value=config.learning_rate,
        warmup_steps=config.warmup_steps,
        decay_steps=steps,
        end_value=config.end_learning_rate,
    )


def decay_mask(params: Any) -> Any:
    """A tree like `params`, True where weight decay applies: everywhere but in biases and norms.

    By name, not by rank: the blocks' parameters are stacked over layers, so their biases have two dimensions. Position,
    class and triplane tables decay, as they do in the released code.
    """
    return jax.tree_util.tree_map_with_path(lambda path, _: _decays([key.key for key in path]), params)


def _decays(names: list[str]) -> bool:
    return names[-1] != "bias" and not any("norm" in name for name in names)


def norm_limit(config: OptimizerConfig) -> float:
    """The gradient's norm above which an update is skipped: `skip_norm` times `clip_norm`, or none (inf) for 0."""
    return config.skip_norm * config.clip_norm or math.inf


def make_optimizer(config: OptimizerConfig, steps: int) -> optax.GradientTransformation:
    """Clipping of the global gradient norm, then AdamW with decoupled weight decay (PyTorch's formula).

    Args:
      config: rates and decays.
      steps: length of the run, where the learning rate reaches its end value.

    Raises:
      UserError: `skip_norm` is negative, or as `learning_rate_schedule`.
    """
    if config.skip_norm < 0:
        raise UserError(
            f"config.optimizer.skip_norm is {config.skip_norm:g}: give how many times clip_norm a gradient may have, "
            "or 0 to skip none."
        )
    return optax.chain(
        optax.clip_by_global_norm(config.clip_norm),
        optax.adamw(
            learning_rate_schedule(config, steps),
            b1=config.b1,
            b2=config.b2,
            eps=config.eps,
            weight_decay=config.weight_decay,
            mask=decay_mask,
        ),
    )
