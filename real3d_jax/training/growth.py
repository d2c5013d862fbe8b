"""A batch that grows with the devices, and what then becomes of rate and length."""

import dataclasses
import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from real3d_jax.config.training import Config
from real3d_jax.errors import UserError


def growth(config: Config, devices: int) -> Fraction:
    """How many times as many examples a step has: the least that leaves no device filler; 1 without `batch.grow`.

    Synthetic and real examples keep their proportion.
    """
    groups = math.gcd(config.batch.synthetic, config.batch.real)
    if not config.batch.grow or not groups:
        return Fraction(1)
    return Fraction(math.ceil(groups / devices) * devices, groups)


def grow(config: Config, devices: int) -> Config:
    """The run with a batch that has grown k times (`growth`).

    The run sees as many examples as before: its steps, those of the warm-up and those of the curriculum are divided by
    k, rounded up. Learning rates are multiplied by the square root of k, the rule for Adam and its relatives (Malladi
    et al., "On the SDEs and Scaling Rules for Adaptive Gradient Algorithms", 2022). What happens every so many steps
    does so still.
    """
    k = growth(config, devices)
    if k == 1:
        return config

    def shorter(steps: int) -> int:
        return math.ceil(steps / k)

    replace, optimizer, cycle = dataclasses.replace, config.optimizer, config.losses.cycle
    curriculum = replace(cycle.curriculum, steps=shorter(cycle.curriculum.steps))
    return replace(
        config,
        batch=replace(config.batch, synthetic=int(config.batch.synthetic * k), real=int(config.batch.real * k)),
        optimizer=replace(
            optimizer,
            learning_rate=optimizer.learning_rate * math.sqrt(k),
            end_learning_rate=optimizer.end_learning_rate * math.sqrt(k),
            warmup_steps=shorter(optimizer.warmup_steps),
        ),
        schedule=replace(config.schedule, steps=shorter(config.schedule.steps)),
        losses=replace(config.losses, cycle=replace(cycle, curriculum=curriculum)),
    )


def check_same_growth(saved: Mapping[str, Any], config: Config, workdir: Path) -> None:
    """Refuses to go on with a run whose batch would grow to another size, since its rate and length would change.

    Args:
      saved: the configuration that the run began with, as a tree.
      config: the one that is to go on, as `grow` returns it.
      workdir: of the run.

    Raises:
      UserError: the sizes differ.
    """
    before = [saved.get("batch", {}).get(kind) for kind in ("synthetic", "real")]
    now = [config.batch.synthetic, config.batch.real]
    if config.batch.grow and before != now:
        raise UserError(
            f"The run in '{workdir}' has {before[0]} + {before[1]} examples a step, and config.batch.grow would make "
            f"it {now[0]} + {now[1]} here: go on with as many devices as before, or use another --workdir."
        )
