"""Input-view loss and cycle, with and without stop-gradient, against the published modules (Eq. 2-4)."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest
from parity_data import OUTPUT_TOLERANCE, relative_error, with_prefix
from published import RENDER, TINY_MODEL, assert_gradients_match, seeded_params

from real3d_jax.cameras import Cameras, intrinsics_from_fov
from real3d_jax.config.losses import ViewLossConfig
from real3d_jax.losses.reconstruction import View, reconstruction_loss
from real3d_jax.models.lrm import LRM
from real3d_jax.rendering import render_views
from real3d_jax.rendering.field import reconstruct
from real3d_jax.training.objective import close_cycle

pytestmark = pytest.mark.optimized
MODEL = LRM(TINY_MODEL)
COLOUR_ONLY = ViewLossConfig(mse=1.0, lpips=0.0, mask=0.0)


@pytest.fixture(scope="module")
def params(tsr_tiny, losses_tiny):
    shapes = {name: tensor.shape for name, tensor in with_prefix(tsr_tiny, "param/").items()}
    return seeded_params(shapes, str(losses_tiny["seed_prefix"]))


@pytest.fixture(scope="module")
def cameras(losses_tiny):
    batch = len(losses_tiny["image_gray"])
    c2w = jnp.broadcast_to(jnp.asarray(losses_tiny["canonical_c2w"]), (batch, 4, 4))
    return Cameras(c2w, jnp.broadcast_to(intrinsics_from_fov(float(losses_tiny["fov"])), (batch, 4)))


def _target(data):
    rgb = jnp.asarray(data["target"])
    return View(rgb, jnp.zeros_like(rgb[..., :1]))


def test_input_view(losses_tiny, params, cameras):
    @jax.jit
    def see(params, image, cameras):
        field = reconstruct(params, image, model=MODEL)
        return render_views(field, jax.tree.map(lambda x: x[:, None], cameras), RENDER)

    rgb, opacity = see(params, jnp.asarray(losses_tiny["image_gray"]), cameras)
    assert relative_error(rgb[:, 0], losses_tiny["input_view_rgb"]) <= OUTPUT_TOLERANCE
    assert relative_error(opacity[:, 0], losses_tiny["input_view_opacity"]) <= OUTPUT_TOLERANCE
    loss, _ = reconstruction_loss(
        View(rgb[:, 0], opacity[:, 0]), _target(losses_tiny), weights=COLOUR_ONLY, lpips_params=None
    )
    assert relative_error(loss, losses_tiny["loss_in"]) <= OUTPUT_TOLERANCE


@pytest.mark.parametrize("variant", ["cycle_stop_gradient", "cycle_end_to_end"])
def test_cycle(losses_tiny, params, cameras, smoke_config, variant):
    expected = with_prefix(losses_tiny, f"{variant}/")
    cycle = dataclasses.replace(
        smoke_config.losses.cycle,
        end_to_end=variant == "cycle_end_to_end",
        rerender=expected["intermediate"].shape[1],
        mask_threshold=0.5,
    )
    config = dataclasses.replace(
        smoke_config, render=RENDER, losses=dataclasses.replace(smoke_config.losses, cycle=cycle)
    )

    def loss_fn(params):
        field = reconstruct(params, jnp.asarray(losses_tiny["image_gray"]), model=MODEL)
        pose = jnp.asarray(losses_tiny["pose_c2w"])
        image, returned = close_cycle(params, field, cameras, pose, model=MODEL, config=config)
        loss, _ = reconstruction_loss(returned, _target(losses_tiny), weights=COLOUR_ONLY, lpips_params=None)
        return loss, (image, returned)

    (loss, (image, returned)), gradients = jax.jit(jax.value_and_grad(loss_fn, has_aux=True))(params)
    assert relative_error(loss, expected["loss"]) <= OUTPUT_TOLERANCE
    assert_gradients_match(gradients, with_prefix(expected, "grad/"))

    assert relative_error(returned.rgb, expected["rerendered"]) <= OUTPUT_TOLERANCE
    # The second input is the masked view enlarged to the model's input size.
    intermediate = jax.image.resize(
        jnp.asarray(expected["intermediate"]), image.shape, method="bilinear", antialias=False
    )
    assert relative_error(image, intermediate) <= OUTPUT_TOLERANCE
