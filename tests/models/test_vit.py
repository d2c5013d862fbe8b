"""The vision transformer's own maths; parity with the published ones is in tests/parity."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from real3d_jax.models.vit import cubic_resize_matrix, interpolate_positions


@pytest.mark.parametrize(("source", "target"), [(14, 32), (6, 8), (14, 9)])
def test_rows_of_the_resize_matrix_sum_to_one(source, target):
    matrix = cubic_resize_matrix(source, target)
    assert matrix.shape == (target, source)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0, atol=1e-6)


def test_resize_matrix_is_cubic_convolution_at_the_shifted_scale():
    """Weights of a middle row from the kernel's definition (a = -0.75), sampled at (i + 0.5) * 14 / 32.1 - 0.5."""
    place = 16.5 * 14 / 32.1 - 0.5
    t = place - np.floor(place)
    a = -0.75

    def kernel(x):
        x = abs(x)
        if x <= 1:
            return (a + 2) * x**3 - (a + 3) * x**2 + 1
        return a * (x**3 - 5 * x**2 + 8 * x - 4)

    expected = np.zeros(14)
    expected[int(place) - 1 : int(place) + 3] = [kernel(t + 1), kernel(t), kernel(1 - t), kernel(2 - t)]
    np.testing.assert_allclose(cubic_resize_matrix(14, 32)[16], expected, atol=1e-6)


@pytest.mark.torch
def test_resize_matrix_is_what_torch_computes():
    torch = pytest.importorskip("torch")
    table = torch.randn(1, 3, 14, 14, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.interpolate(table, scale_factor=(32.1 / 14, 32.1 / 14), mode="bicubic")
    matrix = cubic_resize_matrix(14, 32)
    np.testing.assert_allclose(matrix @ table[0].numpy() @ matrix.T, expected[0].numpy(), atol=2e-5)


def test_table_of_the_same_grid_is_untouched():
    table = jax.random.normal(jax.random.key(0), (1, 1 + 36, 5))
    np.testing.assert_array_equal(interpolate_positions(table, 6, 6), table)


def test_class_entry_stays_and_every_entry_of_the_table_has_a_gradient():
    table = jax.random.normal(jax.random.key(0), (1, 1 + 36, 5))
    resized = interpolate_positions(table, 8, 8)
    assert resized.shape == (1, 65, 5)
    np.testing.assert_array_equal(resized[:, 0], table[:, 0])
    gradient = jax.grad(lambda t: jnp.sum(interpolate_positions(t, 8, 8) ** 2))(table)
    assert (np.abs(gradient) > 0).all()
