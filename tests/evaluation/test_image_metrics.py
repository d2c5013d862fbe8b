"""PSNR and SSIM against scikit-image, on random and real images."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import skimage.data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from real3d_jax.errors import UserError
from real3d_jax.evaluation.image_metrics import psnr, ssim

TOLERANCE = 1e-6
_WINDOWS = {"uniform": {}, "gaussian": {"gaussian_weights": True, "use_sample_covariance": False}}
_ssim = jax.jit(ssim, static_argnames="window")


def _random_pairs():
    rng = np.random.default_rng(0)
    for shape in ((31, 17, 3), (64, 64, 3), (11, 11, 3)):
        for noise in (1e-3, 0.05, 0.5):
            clean = rng.random(shape)
            yield clean, np.clip(clean + noise * rng.standard_normal(shape), 0, 1)


def _photographs():
    rng = np.random.default_rng(1)
    for photograph in (skimage.data.astronaut()[:224, 100:324], skimage.data.chelsea()[:200], skimage.data.coffee()):
        clean = photograph / 255
        yield clean, np.clip(clean + 0.03 * rng.standard_normal(clean.shape), 0, 1)
        yield clean, np.roll(clean, 3, axis=1)
        yield clean, clean[::-1]


def _on_white():
    """Two renders that differ in a small object on a white background, as most of what is scored does."""
    a, b = np.ones((96, 96, 3)), np.ones((96, 96, 3))
    a[30:60, 40:70] = [0.8, 0.1, 0.3]
    b[31:61, 42:70] = [0.7, 0.2, 0.3]
    yield a, b
    yield a, np.full_like(a, 0.999)


_PAIRS = [
    (a.astype(np.float32), b.astype(np.float32))
    for pairs in (_random_pairs(), _photographs(), _on_white())
    for a, b in pairs
]


@pytest.mark.parametrize("window", _WINDOWS)
@pytest.mark.parametrize("pair", range(len(_PAIRS)))
def test_ssim_equals_scikit_image(pair, window):
    a, b = _PAIRS[pair]
    expected = structural_similarity(
        a.astype(np.float64), b.astype(np.float64), channel_axis=-1, data_range=1.0, **_WINDOWS[window]
    )
    assert abs(float(ssim(jnp.asarray(a), jnp.asarray(b), window=window)) - expected) <= TOLERANCE


def test_windows_differ():
    """Their parameters all tell: on this pair each of the two has a value of its own."""
    a, b = (jnp.asarray(x) for x in _PAIRS[1])
    assert abs(float(ssim(a, b) - ssim(a, b, window="gaussian"))) > 100 * TOLERANCE


@pytest.mark.parametrize("pair", range(len(_PAIRS)))
def test_psnr_equals_scikit_image(pair):
    a, b = _PAIRS[pair]
    expected = peak_signal_noise_ratio(a.astype(np.float64), b.astype(np.float64), data_range=1.0)
    assert abs(float(psnr(jnp.asarray(a), jnp.asarray(b))) - expected) <= 1e-4


@pytest.mark.parametrize("window", _WINDOWS)
def test_identical_and_constant_views(window):
    views = jnp.stack([jnp.asarray(_PAIRS[3][0]), jnp.ones((64, 64, 3)), jnp.zeros((64, 64, 3))])
    np.testing.assert_allclose(ssim(views, views, window=window), 1, atol=TOLERANCE)
    np.testing.assert_allclose(psnr(views, views), 100)
    # Black against white leaves the luminance term alone: C1 / (1 + C1).
    np.testing.assert_allclose(ssim(views[1], views[2], window=window), 1e-4 / (1 + 1e-4), atol=TOLERANCE)


@pytest.mark.parametrize("window", _WINDOWS)
def test_a_batch_is_its_views(window):
    rng = np.random.default_rng(2)
    predictions, targets = (jnp.asarray(rng.random((2, 3, 16, 20, 3), dtype=np.float32)) for _ in range(2))
    together = _ssim(predictions, targets, window=window)
    alone = jnp.stack([ssim(a, b, window=window) for a, b in zip(predictions[1], targets[1], strict=True)])
    assert together.shape == (2, 3)
    np.testing.assert_allclose(together[1], alone, atol=TOLERANCE)


def test_one_target_serves_many_views():
    rng = np.random.default_rng(3)
    views, target = (jnp.asarray(rng.random(shape, dtype=np.float32)) for shape in ((4, 12, 12, 3), (1, 12, 12, 3)))
    np.testing.assert_allclose(ssim(views, target), ssim(views, jnp.repeat(target, 4, axis=0)), atol=TOLERANCE)


def test_gradient_is_finite_where_nothing_differs():
    views = jnp.ones((8, 8, 3))
    assert bool(jnp.isfinite(jax.grad(lambda x: ssim(x, views))(views)).all())


@pytest.mark.parametrize(("window", "side"), [("uniform", 6), ("gaussian", 10)])
def test_views_smaller_than_the_window_are_refused(window, side):
    views = jnp.ones((2, 40, side, 3))
    with pytest.raises(UserError, match=rf"at least {side + 1} x {side + 1} pixels, .* are {side} x 40"):
        ssim(views, views, window=window)
    views = jnp.ones((2, side + 1, side + 1, 3))
    np.testing.assert_allclose(ssim(views, views, window=window), 1)


def test_unknown_window_is_refused():
    with pytest.raises(UserError, match="did you mean 'gaussian'"):
        ssim(jnp.ones((9, 9, 3)), jnp.ones((9, 9, 3)), window="gausian")
