"""AdamW as published: weight decay by name, gradient clipping, linear warm-up and cosine decay (Appendix A).

Or Muon for the matrices of the transformers, which the small model in the box was trained with.
"""

import math
from typing import Any

import jax
import optax
import optax.contrib

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
    """Clipping of the global gradient norm, then AdamW or Muon, with decoupled weight decay (PyTorch's formula).

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
    rate = learning_rate_schedule(config, steps)
    update = optax.adamw(
        rate, b1=config.b1, b2=config.b2, eps=config.eps, weight_decay=config.weight_decay, mask=decay_mask
    )
    if config.method == "muon":
        muon = optax.contrib.muon(
            rate,
            beta=config.muon_momentum,
            eps=config.eps,
            weight_decay=config.weight_decay,
            muon_weight_dimension_numbers=muon_matrices,
            consistent_rms=config.muon_rms,
        )
        update = optax.partition({"muon": muon, "adamw": update}, _methods)
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), update)


def _methods(params: Any) -> Any:
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: "adamw" if _matrix([key.key for key in path], leaf.ndim) is None else "muon", params
    )


def muon_matrices(params: Any) -> Any:
    """A tree like `params` that says of which axes Muon's matrices are; None for what AdamW updates.

    Its matrices are those of the transformers' blocks, a matrix a layer, and the two projections around the blocks; not
    the first and the last layers of the model, the tables and the decoder (Jordan et al., "Muon", 2024).
    """
    return jax.tree_util.tree_map_with_path(lambda path, leaf: _matrix([key.key for key in path], leaf.ndim), params)


def _matrix(names: list[str], axes: int) -> optax.contrib.MuonDimensionNumbers | None:
    if names[-1] != "kernel":
        return None
    if "layers" in names and axes == 3:
        return optax.contrib.MuonDimensionNumbers(1, 2)
    if names[0] == "backbone" and axes == 2:
        return optax.contrib.MuonDimensionNumbers(0, 1)
    return None
