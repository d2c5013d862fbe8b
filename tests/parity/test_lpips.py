"""LPIPS against the published one: a seeded VGG16 with the published linear heads."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parity_data import GRADIENT_TOLERANCE, OUTPUT_TOLERANCE, relative_error, seeded_tensor

from real3d_jax.perceptual.lpips import lpips, published_heads
from real3d_jax.weights import vgg
from real3d_jax.weights.mapping import import_tensors

# torchvision's indices of the convolutions, with their input and output channels.
_CONVOLUTIONS = {
    0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256), 12: (256, 256), 14: (256, 256),
    17: (256, 512), 19: (512, 512), 21: (512, 512), 24: (512, 512), 26: (512, 512), 28: (512, 512),
}  # fmt: skip


@pytest.fixture(scope="module")
def params(losses_tiny):
    tensors = {}
    for index, (channels, out) in _CONVOLUTIONS.items():
        for kind, shape in (("weight", (out, channels, 3, 3)), ("bias", (out,))):
            key = f"features.{index}.{kind}"
            tensors[key] = seeded_tensor(f"vgg.{key}", shape, str(losses_tiny["seed_prefix"]))
    heads = [jnp.asarray(losses_tiny[f"lpips/head/{i}"]) for i in range(5)]
    return {"vgg": import_tensors(vgg.TABLE, tensors, where="the seeded VGG16").params, "heads": heads}


def test_shipped_heads_are_the_published_ones(losses_tiny):
    for i, head in enumerate(published_heads()):
        np.testing.assert_array_equal(head, losses_tiny[f"lpips/head/{i}"])


def test_value_and_gradient(params, losses_tiny):
    a, b = (jnp.asarray(losses_tiny[f"lpips/{name}"]) for name in ("a", "b"))

    @jax.jit
    def distance_and_gradient(params, a):
        value, pullback = jax.vjp(lambda x: lpips(params, x, b), a)
        return value, pullback(jnp.ones_like(value))[0]

    with jax.default_matmul_precision("highest"):
        value, gradient = distance_and_gradient(params, a)
    assert relative_error(value, losses_tiny["lpips/value"]) <= OUTPUT_TOLERANCE
    assert relative_error(gradient, losses_tiny["lpips/a_grad"]) <= GRADIENT_TOLERANCE
