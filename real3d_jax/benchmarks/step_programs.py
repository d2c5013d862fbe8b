"""The training step of a configuration, lowered for devices that need not be there: no arrays are made."""

import contextlib
import dataclasses
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from real3d_jax.batches import TrainBatch
from real3d_jax.benchmarks.random_batches import random_batch
from real3d_jax.benchmarks.topologies import Topology
from real3d_jax.config.conditioned import ConditionedModelConfig
from real3d_jax.config.training import BatchConfig, Config, uses_lpips
from real3d_jax.data import pipeline
from real3d_jax.models.choice import make_any_model
from real3d_jax.models.presets import CONDITIONED_PRESETS, PRESETS
from real3d_jax.perceptual.frozen import FrozenNetworks
from real3d_jax.runtime import compiler_options
from real3d_jax.runtime.batch_layout import BatchLayout, Share, lay_out
from real3d_jax.runtime.sharding import batch_sharding, make_mesh, replicated
from real3d_jax.training.compiled_step import jit_step
from real3d_jax.training.growth import grow
from real3d_jax.training.initialization import abstract_state
from real3d_jax.training.optimizer import make_optimizer
from real3d_jax.weights.networks import RANDOM, load_frozen

_OF_SIZE = {"tiny": "lrm_tiny", "mini": "lrm_mini", "small": "openlrm_small", "base": "openlrm_base"}


@dataclasses.dataclass(frozen=True)
class StepProgram:
    """A training step that can be compiled, and what it takes.

    Attributes:
      traced: of `jax.stages`, within `context`.
      layout: of its batch on the devices.
      state_bytes: of the state, on one device.
      parameters: of the model.
    """

    traced: Any
    layout: BatchLayout
    state_bytes: int
    parameters: int


def shrunken(config: Config, size: str) -> Config:
    """A twin with the model of a preset, of its own kind if it is camera-conditioned.

    With 'tiny', views, the networks that judge and the batch are as small; losses, laws and the layout's rules stay.
    """
    conditioned = isinstance(config.model, ConditionedModelConfig)
    config = dataclasses.replace(config, model=CONDITIONED_PRESETS[_OF_SIZE[size]] if conditioned else PRESETS[size])
    if size != "tiny":
        return config
    losses, perceptual = config.losses, config.perceptual
    cycle = dataclasses.replace(losses.cycle, rerender=min(losses.cycle.rerender, 16))
    return dataclasses.replace(
        config,
        render=dataclasses.replace(config.render, resolution=16, samples=16, rays_per_chunk=256),
        losses=dataclasses.replace(losses, cycle=cycle),
        perceptual=dataclasses.replace(perceptual, clip=RANDOM, clip_random_size="tiny", efficientnet="", vgg=RANDOM),
    )


def trace_step(config: Config, topology: Topology) -> StepProgram:
    """Traces the step for all devices of a topology.

    Raises:
      UserError: the configuration does not fit the devices.
    """
    mesh = make_mesh(config.mesh, topology.devices)
    config = grow(config, mesh.size)
    layout = lay_out(config.batch, mesh.size, streamed=pipeline.streamed_rows(config))
    model, optimizer = (
        make_any_model(config.model, config.compute),
        make_optimizer(config.optimizer, config.schedule.steps),
    )
    state = abstract_state(config, model, optimizer, mesh)
    step = jit_step(config, state, model=model, optimizer=optimizer, micro_batches=layout.micro_batches, mesh=mesh)
    key = jax.eval_shape(lambda: jax.random.key(0))
    with jax.set_mesh(mesh), compiler_options.matmul_precision(config.compute.matmul_precision):
        traced = step.trace(state, _batch(config, layout, mesh), _frozen(config, mesh), _on_all(key, mesh))
    sizes = [_bytes_here(leaf) for leaf in jax.tree.leaves(state)]
    return StepProgram(traced, layout, sum(sizes), sum(leaf.size for leaf in jax.tree.leaves(state.params)))


def _batch(config: Config, layout: BatchLayout, mesh: Mesh) -> TrainBatch:
    """Shapes of the rows of a step."""
    one = BatchConfig(min(layout.synthetic.rows, 1), min(layout.real.rows, 1), micro_batches=1)
    batch = jax.eval_shape(lambda: random_batch(dataclasses.replace(config, batch=one)))

    def rows_of(part: Any, share: Share) -> Any:
        if part is None:
            return None
        if share.rows != share.examples:
            part = part.replace(weight=jax.ShapeDtypeStruct((1,), jnp.float32))
        return jax.tree.map(
            lambda x: jax.ShapeDtypeStruct((share.rows, *x.shape[1:]), x.dtype, sharding=batch_sharding(mesh)), part
        )

    return TrainBatch(rows_of(batch.synthetic, layout.synthetic), rows_of(batch.real, layout.real))


def _frozen(config: Config, mesh: Mesh) -> FrozenNetworks:
    """Shapes of the networks that judge. Random ones of the published size stand in for those of the hub."""
    perceptual = config.perceptual
    stand_ins = {name: RANDOM for name in ("clip", "vgg") if not Path(getattr(perceptual, name)).expanduser().exists()}
    with _quiet("real3d_jax.weights.networks"):
        networks = jax.eval_shape(
            lambda: load_frozen(
                dataclasses.replace(perceptual, **stand_ins),
                need_encoder=bool(config.batch.real and config.losses.semantic.weight),
                need_lpips=uses_lpips(config),
            )
        )
    return _on_all(networks, mesh)


def _on_all(tree: Any, mesh: Mesh) -> Any:
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=replicated(mesh)), tree)


def _bytes_here(leaf: Any) -> int:
    """Of the part of an array that lies on one device."""
    count = 1
    for size in leaf.sharding.shard_shape(leaf.shape):
        count *= size
    return count * leaf.dtype.itemsize


@contextlib.contextmanager
def _quiet(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(before)
