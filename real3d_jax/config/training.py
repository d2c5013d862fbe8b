"""A training run: the whole configuration, and what belongs to no part of the method."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from real3d_jax.config.conditioned import AnyModelConfig, AnyRenderConfig
from real3d_jax.config.data import DataConfig
from real3d_jax.config.losses import CurriculumConfig, LossConfig, PerceptualConfig
from real3d_jax.config.model import ComputeConfig


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """AdamW, or Muon with it, with warm-up and cosine decay.

    Attributes:
      method: 'adamw', or 'muon' for the matrices of the transformers' blocks with AdamW for all else.
      muon_momentum: of Muon's matrices, in place of b1 and b2.
      muon_rms: of Muon's updates before the rate; 0.2 is what AdamW's have, so one rate fits both.
      learning_rate: the peak.
      warmup_steps: optimiser steps of linear warm-up from 0.
      end_learning_rate: value at the end of the cosine.
      b1: first-moment decay.
      b2: second-moment decay.
      eps: added to the root of the second moment.
      weight_decay: decoupled; biases and norms are exempt.
      clip_norm: greatest global gradient norm.
      skip_norm: an update is skipped where the gradient's norm, before clipping, is above this many times `clip_norm`;
        0 skips none for its norm.
      ema_decay: of the averaged parameters; 0 keeps none.
      max_skipped: updates skipped in a row, for NaN, Inf or their norm, before training stops.
    """

    method: str
    muon_momentum: float
    muon_rms: float
    learning_rate: float
    warmup_steps: int
    end_learning_rate: float
    b1: float
    b2: float
    eps: float
    weight_decay: float
    clip_norm: float
    skip_norm: float
    ema_decay: float
    max_skipped: int


@dataclasses.dataclass(frozen=True)
class BatchConfig:
    """How a step's examples are laid out.

    Attributes:
      synthetic: synthetic objects in an optimiser step, over all devices.
      real: photographs in an optimiser step, over all devices.
      micro_batches: parts that a step is computed in, one after another, to fit the memory; 0 makes as many as leave
        each device one example of each kind at a time.
      grow: where the devices do not divide the examples, take more examples a step, at a higher rate for fewer steps
        (`training.growth`), rather than fill up with copies that do not count.
    """

    synthetic: int
    real: int
    micro_batches: int
    grow: bool = False


@dataclasses.dataclass(frozen=True)
class MeshConfig:
    """The device mesh.

    Attributes:
      fsdp: devices that share one copy of the parameters; the rest of the devices repeat it. Examples are spread over
        all of them.
    """

    fsdp: int


@dataclasses.dataclass(frozen=True)
class ScheduleConfig:
    """Length of the run, and what happens how often, in optimiser steps (0 = never).

    Attributes:
      steps: length of the run.
      log_every: a line of metrics.
      validate_every: held-out novel views are scored.
      validation_objects: held-out objects scored, of each validation set.
      validation_views: novel views scored of each.
      pictures_every: image grids for TensorBoard and the workdir.
      checkpoint_every: the state is saved.
      checkpoint_minutes: since the last one, after which the state is saved too.
      keep: checkpoints kept, the best one beside them.
      stop_if_unsaved: a checkpoint that cannot be written (a full disk) ends the run; else the run goes on, and tries
        again when the next one is due.
    """

    steps: int
    log_every: int
    validate_every: int
    validation_objects: int
    validation_views: int
    pictures_every: int
    checkpoint_every: int
    checkpoint_minutes: float
    keep: int
    stop_if_unsaved: bool


@dataclasses.dataclass(frozen=True)
class GateConfig:
    """What a run's start must know before `launch/ablate.py` compares runs that begin there (0 asks for nothing).

    Attributes:
      input_psnr: PSNR of the held-out objects' input views that it must be above, in dB.
      iou: intersection over union of the silhouettes in their novel views that it must be above.
    """

    input_psnr: float
    iou: float


@dataclasses.dataclass(frozen=True)
class Config:
    """A training run.

    Attributes:
      name: the run's name, and of its folder under `runs/` if no workdir is given.
      seed: of everything random.
      init_from: converted weights or a training workdir to take parameters from, or 'mini' for those that come with the
        package; '' starts from random ones.
      position_start: of a model whose parameters are all random: 'aligned' writes both position tables in one code, so
        that tokens find the patches that see them; 'random' is as published. Parameters that are loaded stay.
    """

    name: str
    seed: int
    init_from: str
    position_start: str
    model: AnyModelConfig
    compute: ComputeConfig
    render: AnyRenderConfig
    data: DataConfig
    losses: LossConfig
    perceptual: PerceptualConfig
    optimizer: OptimizerConfig
    batch: BatchConfig
    mesh: MeshConfig
    schedule: ScheduleConfig
    gate: GateConfig

    @property
    def curriculum(self) -> CurriculumConfig:
        """The curriculum with its j_max: the steps of this run, unless the configuration names another number."""
        curriculum = self.losses.cycle.curriculum
        return dataclasses.replace(curriculum, steps=curriculum.steps or self.schedule.steps)


def going_on(config: Config, saved: Mapping[str, Any]) -> Config:
    """`config` for a run that began with another one, whose tree (`config.files.to_tree`) is `saved`.

    A curriculum that follows the run's length keeps the end that the run began with, if that was a number: older
    versions wrote one, and the run goes on as it is.
    """
    began = saved.get("losses", {}).get("cycle", {}).get("curriculum", {}).get("steps", 0)
    cycle = config.losses.cycle
    if cycle.curriculum.steps or not began:
        return config
    cycle = dataclasses.replace(cycle, curriculum=dataclasses.replace(cycle.curriculum, steps=began))
    return dataclasses.replace(config, losses=dataclasses.replace(config.losses, cycle=cycle))


def uses_lpips(config: Config) -> bool:
    """Whether any loss has an LPIPS term, of those whose half of the batch has examples."""
    losses = config.losses
    synthetic = config.batch.synthetic and losses.supervised.lpips
    real = config.batch.real and (losses.input_view.lpips or losses.cycle.weights.lpips)
    return bool(synthetic or real)
