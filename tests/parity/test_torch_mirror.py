"""`torch_mirror`, with which the full size is compared, is the published small model; what it says of epsilons."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parity_data import OUTPUT_TOLERANCE, relative_error, with_prefix
from published import TINY_MODEL, assert_gradients_match, convert

from real3d_jax.models.lrm import LRM

pytestmark = [pytest.mark.torch, pytest.mark.slow]


def test_values_and_every_gradient(tsr_tiny, torch_mirror):
    tensors = with_prefix(tsr_tiny, "param/")
    (loss, rgb, opacity), gradients = torch_mirror.loss_and_gradients(tensors, tsr_tiny, TINY_MODEL)
    assert relative_error(loss, tsr_tiny["loss"]) <= OUTPUT_TOLERANCE
    assert relative_error(rgb, tsr_tiny["rgb"]) <= OUTPUT_TOLERANCE
    assert relative_error(opacity, tsr_tiny["opacity"]) <= OUTPUT_TOLERANCE
    assert_gradients_match(convert(gradients), with_prefix(tsr_tiny, "grad/"))


# What comes before the first norm of a kind, and how faint it is then: about as the norm's epsilon.
FAINT = {
    "GroupNorm": (("tokenizer.embeddings",), 1e-3),
    "LayerNorm of the backbone": (("backbone.proj_in.weight", "backbone.proj_in.bias"), 3e-3),
    "LayerNorm of the ViT": (("image_tokenizer.model.embeddings.",), 1e-6),
}


@pytest.mark.parametrize("name", FAINT)
def test_epsilons(tsr_tiny, torch_mirror, name):
    names, factor = FAINT[name]
    tensors = {
        key: tensor * np.float32(factor if key.startswith(names) else 1)
        for key, tensor in with_prefix(tsr_tiny, "param/").items()
    }
    image = tsr_tiny["image"][:1]
    planes = jax.jit(lambda p, x: LRM(TINY_MODEL).apply({"params": p}, x))(convert(tensors), jnp.asarray(image))
    theirs = torch_mirror.planes_of(tensors, image, TINY_MODEL)
    assert relative_error(jnp.moveaxis(planes, -1, 2), theirs) <= OUTPUT_TOLERANCE
