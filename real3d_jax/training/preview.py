"""Renders to look at and to score: pure functions of parameters and a batch."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from real3d_jax.batches import MultiviewBatch, SingleViewBatch, TrainBatch, as_float
from real3d_jax.cameras import with_intrinsics
from real3d_jax.config.losses import uses_cycle
from real3d_jax.config.training import Config
from real3d_jax.models.choice import AnyModel
from real3d_jax.models.lrm import LRM
from real3d_jax.rendering import render_views
from real3d_jax.rendering.field import reconstruct, reconstruct_any
from real3d_jax.training.gradients import draw_poses
from real3d_jax.training.objective import close_cycle


def render_objects(
    params: dict, batch: MultiviewBatch, *, model: AnyModel, config: Config
) -> tuple[Float[Array, "B V h w 3"], Float[Array, "B V h w 1"]]:
    """Colour and opacity of every camera of a batch, reconstructed from its input images; over white."""
    batch = as_float(batch)
    return render_views(reconstruct_any(params, batch.image, batch.source, model=model), batch.cameras, config.render)


def preview(
    params: dict, batch: TrainBatch, key: Key[Array, ""], step: Array, *, model: AnyModel, config: Config
) -> dict[str, Float[Array, "B *views h w 3"]]:
    """What the model makes of a batch, as labelled strips of images in [0, 1].

    Args:
      params: of the model.
      batch: a few examples.
      key: the run's key; with `step` it gives the novel poses.
      step: steps taken.
      model: the module.
      config: the run's configuration.

    Returns:
      'synthetic/input', 'synthetic/target', 'synthetic/rendered'; 'real/input', 'real/rendered' (the input view),
      'real/novel' (the semantic loss's views) and, where the cycle has weight, 'real/cycle input' and
      'real/cycle return'.
    """
    batch = as_float(batch)
    strips = {}
    if batch.synthetic is not None:
        rgb, _ = render_objects(params, batch.synthetic, model=model, config=config)
        strips |= {
            "synthetic/input": batch.synthetic.image,
            "synthetic/target": batch.synthetic.rgb,
            "synthetic/rendered": rgb,
        }
    if batch.real is not None:
        assert isinstance(model, LRM)
        strips |= _preview_real(params, batch.real, key, step, model=model, config=config)
    return strips


def _preview_real(params, batch: SingleViewBatch, key, step, *, model: LRM, config: Config) -> dict[str, jax.Array]:
    poses = draw_poses(key, step, batch, config=config)
    field = reconstruct(params, batch.image, model=model)
    c2w = jnp.concatenate([batch.cameras.c2w[:, None], poses.semantic], axis=1)
    rgb, _ = render_views(field, with_intrinsics(c2w, batch.cameras), config.render)
    strips = {"real/input": batch.image, "real/rendered": rgb[:, 0], "real/novel": rgb[:, 1:]}
    if uses_cycle(config.losses):
        image, returned = close_cycle(params, field, batch.cameras, poses.cycle, model=model, config=config)
        strips |= {"real/cycle input": image, "real/cycle return": returned.rgb}
    return strips
