"""The bilinear resize against its definition, and against PyTorch."""

import jax.numpy as jnp
import numpy as np
import pytest

from real3d_jax.images import as_bytes, resize_bilinear

_SIZES = [((32, 32), (64, 64)), ((64, 48), (224, 224)), ((37, 53), (19, 71)), ((64, 64), (16, 16)), ((1, 3), (4, 5))]


def _images(height, width):
    return np.random.default_rng(height).random((2, height, width, 3), dtype=np.float32)


def _reference(images, height, width):
    """Two neighbours along each axis, at half-integer centres, positions below 0 moved to 0, edges repeated."""
    for axis, target in ((1, height), (2, width)):
        size = images.shape[axis]
        position = np.maximum((np.arange(target) + 0.5) * size / target - 0.5, 0)
        low = np.floor(position).astype(int)
        high = np.minimum(low + 1, size - 1)
        share = (position - low).reshape([-1 if i == axis else 1 for i in range(4)])
        images = np.take(images, low, axis) * (1 - share) + np.take(images, high, axis) * share
    return images


@pytest.mark.parametrize(("source", "target"), _SIZES)
def test_matches_the_definition(source, target):
    images = _images(*source)
    np.testing.assert_allclose(resize_bilinear(jnp.asarray(images), *target), _reference(images, *target), atol=2e-5)


@pytest.mark.torch
@pytest.mark.parametrize(("source", "target"), _SIZES)
def test_matches_torch(source, target):
    torch = pytest.importorskip("torch")
    images = _images(*source)
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(images).permute(0, 3, 1, 2), size=target, mode="bilinear", align_corners=False
    )
    np.testing.assert_allclose(
        resize_bilinear(jnp.asarray(images), *target), theirs.permute(0, 2, 3, 1).numpy(), atol=5e-6
    )


def test_takes_any_leading_shape():
    images = _images(8, 8)
    deep = resize_bilinear(jnp.asarray(images).reshape(1, 2, 8, 8, 3), 5, 6)
    np.testing.assert_array_equal(deep[0], resize_bilinear(jnp.asarray(images), 5, 6))


def test_bytes_are_rounded_and_what_is_no_colour_is_clipped():
    values = np.array([0.0, 0.5, 0.25, 1.0, 1.5, -1.0, np.inf, -np.inf, np.nan], np.float32)
    np.testing.assert_array_equal(as_bytes(values), [0, 128, 64, 255, 255, 0, 255, 0, 0])
