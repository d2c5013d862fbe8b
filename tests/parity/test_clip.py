"""The CLIP tower against transformers', with value and gradient of the hard-negative loss (Eq. 7-9)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parity_data import GRADIENT_TOLERANCE, OUTPUT_TOLERANCE, relative_error, with_prefix

from real3d_jax.config.model import VitConfig
from real3d_jax.perceptual.clip import MEAN, STD, ClipVision
from real3d_jax.perceptual.image_encoder import ImageEncoder, embed
from real3d_jax.weights import clip as clip_weights
from real3d_jax.weights.mapping import import_tensors

_TOWER = VitConfig(
    width=48, layers=2, heads=3, mlp_width=96, patch_size=16, position_grid=4, activation="quick_gelu",
    layer_norm_eps=1e-5, patch_bias=False, pre_norm=True,
)  # fmt: skip


@pytest.fixture(scope="module")
def clip(losses_tiny):
    tensors = with_prefix(losses_tiny, "clip/param/")
    converted = import_tensors(clip_weights.TABLE, tensors, where="the parity file")
    return ImageEncoder(converted.params, ClipVision(_TOWER, projection=32), image_size=64, mean=MEAN, std=STD)


def _per_view(clip, novel, reference):
    """-cos of every novel view with its reference, (B, V)."""
    views = embed(clip, novel.reshape(-1, *novel.shape[2:])).reshape(*novel.shape[:2], -1)
    return -jnp.einsum("bvd,bd->bv", views, embed(clip, reference), precision="highest")


def test_value_and_gradient(clip, losses_tiny):
    novel, reference = (jnp.asarray(losses_tiny[f"clip/{name}"]) for name in ("novel", "reference"))

    @jax.jit
    def hard_negative(novel):
        per_view = _per_view(clip, novel, reference)
        return per_view.max(axis=1).mean(), per_view

    with jax.default_matmul_precision("highest"):
        (loss, per_view), gradient = jax.value_and_grad(hard_negative, has_aux=True)(novel)
    assert relative_error(per_view, losses_tiny["clip/per_view_loss"]) <= OUTPUT_TOLERANCE
    assert relative_error(loss, losses_tiny["clip/loss"]) <= OUTPUT_TOLERANCE
    assert relative_error(gradient, losses_tiny["clip/novel_grad"]) <= GRADIENT_TOLERANCE
    # The gradient reaches the chosen view of each image only.
    reached = np.abs(gradient).sum(axis=(2, 3, 4)) > 0
    np.testing.assert_array_equal(np.argmax(per_view, axis=1)[:, None], np.argwhere(reached)[:, 1:])
