"""Refinement at test time: gradient steps on one field's planes, so that it renders like the pictures that are there.

Everything else of the model is left alone: the decoder stays as it is, and so do the fields of other photographs.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, UInt8
from PIL import Image

from real3d_jax.batches import as_float
from real3d_jax.cameras import Cameras, camera_rays, canonical_c2w, intrinsics_from_fov
from real3d_jax.config.model import RenderConfig
from real3d_jax.config.reconstruction import RefineConfig
from real3d_jax.data.transforms import composite, premultiply
from real3d_jax.errors import UserError
from real3d_jax.losses.reconstruction import mse
from real3d_jax.rendering import TriplaneField, render_rays


class GivenViews(NamedTuple):
    """Pictures that a field is fitted to.

    Attributes:
      rgb: on a plain background, as the model sees its input.
      cameras: that took them, in the field's frame; of leading shape (V,).
      background: its grey value, in [0, 1].
    """

    rgb: UInt8[np.ndarray, "V r r 3"]
    cameras: Cameras
    background: float


def input_view(image: UInt8[np.ndarray, "S S 3"], config: RefineConfig, *, background: float) -> GivenViews:
    """What the model saw, taken by the canonical camera; `background` as of `GivenViews`."""
    intrinsics = intrinsics_from_fov(jnp.radians(config.fov_y))[None]
    cameras = Cameras(canonical_c2w(config.distance)[None], intrinsics)
    return as_given([image], cameras, config, background=background)


def as_given(
    images: Sequence[UInt8[np.ndarray, "S S 3"]], cameras: Cameras, config: RefineConfig, *, background: float
) -> GivenViews:
    """Square pictures of one size, on a background, at the resolution that they are compared at; never enlarged."""
    size = min(config.resolution, images[0].shape[0])
    opaque = [premultiply(np.asarray(Image.fromarray(image).convert("RGBA"))) for image in images]
    rgb = np.stack([composite(image, size=size, background=background) for image in opaque])
    return GivenViews(rgb, cameras, background)


def refine_field(
    field: TriplaneField, views: GivenViews, steps: int, config: RefineConfig, render: RenderConfig
) -> TriplaneField:
    """The field after gradient steps on its planes; 0 steps leave it as it is.

    Minimised is the mean squared error of the views' colours over their background, plus `config.hold` times the mean
    squared distance of the planes from where they began, in units of their standard deviation then. Each step of Adam
    takes `config.rays` rays, any of all views. Equal arguments give equal fields on one machine.

    Args:
      field: a batch of one.
      views: that it is fitted to.
      steps: how many.
      config: rates and sizes.
      render: samples and box; the background is the views'.

    Raises:
      UserError: the planes are not finite any more.
    """
    if not steps:
        return field
    size = views.rgb.shape[1]
    origins, directions = (x.reshape(-1, 3) for x in camera_rays(views.cameras, size, size))
    planes = _descend(
        field,
        (origins, directions, as_float(jnp.asarray(views.rgb)).reshape(-1, 3)),
        steps,
        (config.learning_rate, config.hold, config.seed),
        rays=min(config.rays, len(origins)),
        render=dataclasses.replace(render, background=views.background),
    )
    if not bool(jnp.isfinite(planes).all()):
        raise UserError(
            f"After {steps} steps of refinement the planes are not finite numbers: lower its learning_rate "
            f"({config.learning_rate:g})."
        )
    return dataclasses.replace(field, planes=planes)


@functools.partial(jax.jit, static_argnames=("rays", "render"))
def _descend(
    field: TriplaneField,
    given: tuple[Float[Array, "N 3"], Float[Array, "N 3"], Float[Array, "N 3"]],
    steps: int | Array,
    numbers: tuple[float | Array, float | Array, int | Array],
    *,
    rays: int,
    render: RenderConfig,
) -> Float[Array, "1 3 h w K"]:
    """The planes after `steps` of Adam; one program for any number of them.

    Args:
      field: where they begin.
      given: origins, directions and colours of all pixels.
      steps: how many.
      numbers: learning rate, weight of the distance from the start, and seed.
      rays: of a step.
      render: of the rays.
    """
    learning_rate, hold, seed = numbers
    scale, optimizer, key = jnp.std(field.planes), optax.adam(learning_rate), jax.random.key(seed)

    def loss(moved, chosen):
        origins, directions, target = (values[None, chosen] for values in given)
        rgb, _ = render_rays(
            dataclasses.replace(field, planes=field.planes + scale * moved), origins, directions, render
        )
        return mse(rgb, target) + hold * jnp.mean(jnp.square(moved))

    def step(number, carry):
        moved, state = carry
        chosen = jax.random.choice(jax.random.fold_in(key, number), len(given[0]), (rays,), replace=False)
        updates, state = optimizer.update(jax.grad(loss)(moved, chosen), state)
        return optax.apply_updates(moved, updates), state

    start = jnp.zeros_like(field.planes)
    moved, _ = jax.lax.fori_loop(0, steps, step, (start, optimizer.init(start)))
    return field.planes + scale * moved
