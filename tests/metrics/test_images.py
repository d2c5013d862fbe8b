"""PSNR and SSIM against scikit-image, on random and real images; silhouettes by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import skimage.data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from real3d_jax.errors import UserError
from real3d_jax.metrics.images import psnr, silhouette_iou, ssim

TOLERANCE = 1e-6
_WINDOWS = {"uniform": {}, "gaussian": {"gaussian_weights": True, "use_sample_covariance": False}}
_ssim = jax.jit(ssim, static_argnames="window")


def _noisy(clean, noise, seed):
    return np.clip(clean + noise * np.random.default_rng(seed).standard_normal(clean.shape), 0, 1)


def _random(*shape):
    """One image with little, some and much noise."""
    clean = np.random.default_rng(0).random(shape)
    return np.stack([clean] * 3), np.stack([_noisy(clean, noise, 1) for noise in (1e-3, 0.05, 0.5)])


def _photographs():
    cat, astronaut = skimage.data.cat()[:224, :224] / 255, skimage.data.astronaut()[:224, 100:324] / 255
    pairs = [
        (cat, _noisy(cat, 0.03, 2)),
        (cat, np.roll(cat, 3, axis=1)),
        (astronaut, astronaut[::-1]),
        (astronaut, cat),
    ]
    return tuple(map(np.stack, zip(*pairs, strict=True)))


def _on_white():
    """Renders that differ in a small object on a white background, as most of what is scored does."""
    a, b = np.ones((2, 96, 96, 3)), np.ones((2, 96, 96, 3))
    a[:, 30:60, 40:70] = [0.8, 0.1, 0.3]
    b[0, 31:61, 42:70] = [0.7, 0.2, 0.3]
    b[1] = 0.999
    return a, b


_SETS = {
    name: tuple(x.astype(np.float32) for x in pair)
    for name, pair in {
        "oblong": _random(31, 17, 3),
        "smallest": _random(11, 11, 3),
        "photographs": _photographs(),
        "on white": _on_white(),
    }.items()
}


@pytest.mark.parametrize("window", _WINDOWS)
@pytest.mark.parametrize("name", _SETS)
def test_ssim_equals_scikit_image(name, window):
    predictions, targets = _SETS[name]
    expected = [
        structural_similarity(a, b, channel_axis=-1, data_range=1.0, **_WINDOWS[window])
        for a, b in zip(predictions.astype(np.float64), targets.astype(np.float64), strict=True)
    ]
    np.testing.assert_allclose(_ssim(predictions, targets, window=window), expected, rtol=0, atol=TOLERANCE)


def test_windows_differ():
    """On these images each of the two has a value of its own, so that neither stands in for the other."""
    a, b = _SETS["photographs"]
    difference = _ssim(a, b, window="uniform") - _ssim(a, b, window="gaussian")
    assert float(jnp.abs(difference).min()) > 100 * TOLERANCE


@pytest.mark.parametrize("name", _SETS)
def test_psnr_equals_scikit_image(name):
    a, b = _SETS[name]
    expected = [peak_signal_noise_ratio(*pair, data_range=1.0) for pair in zip(*map(np.float64, (a, b)), strict=True)]
    np.testing.assert_allclose(psnr(a, b), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("window", _WINDOWS)
def test_identical_and_constant_views(window):
    views = jnp.stack([jnp.asarray(_SETS["on white"][0][0]), jnp.ones((96, 96, 3)), jnp.zeros((96, 96, 3))])
    np.testing.assert_allclose(_ssim(views, views, window=window), 1, atol=TOLERANCE)
    np.testing.assert_allclose(psnr(views, views), 100)
    # White against black leaves the luminance term alone: C1 / (1 + C1).
    np.testing.assert_allclose(
        _ssim(views, views[jnp.array([0, 2, 1])], window=window)[1:], 1e-4 / (1 + 1e-4), atol=1e-6
    )


@pytest.mark.parametrize("window", _WINDOWS)
def test_a_batch_is_its_views(window):
    rng = np.random.default_rng(2)
    predictions, targets = (jnp.asarray(rng.random((2, 3, 16, 20, 3), dtype=np.float32)) for _ in range(2))
    together = _ssim(predictions, targets, window=window)
    assert together.shape == (2, 3)
    alone = jnp.stack([_ssim(a, b, window=window) for a, b in zip(predictions[1], targets[1], strict=True)])
    np.testing.assert_allclose(together[1], alone, atol=TOLERANCE)
    same_target = jnp.repeat(targets[:, :1], 3, axis=1)
    one = _ssim(predictions, targets[:, :1], window=window)
    np.testing.assert_allclose(one, _ssim(predictions, same_target, window=window), atol=TOLERANCE)


def test_gradient_is_finite_where_nothing_differs():
    views = jnp.ones((8, 8, 3))
    assert bool(jnp.isfinite(jax.jit(jax.grad(lambda x: ssim(x, views)))(views)).all())


@pytest.mark.parametrize(("window", "side"), [("uniform", 6), ("gaussian", 10)])
def test_views_smaller_than_the_window_are_refused(window, side):
    views = jnp.ones((2, 40, side, 3))
    with pytest.raises(UserError, match=rf"at least {side + 1} x {side + 1} pixels, .* are {side} x 40"):
        ssim(views, views, window=window)
    views = jnp.ones((2, side + 1, side + 1, 3))
    np.testing.assert_allclose(_ssim(views, views, window=window), 1)


def test_unknown_window_is_refused():
    with pytest.raises(UserError, match="did you mean 'gaussian'"):
        ssim(jnp.ones((9, 9, 3)), jnp.ones((9, 9, 3)), window="gausian")


def test_iou_of_silhouettes_counts_pixels():
    """Two squares of 4 x 4 pixels that share 2 x 3 of them; fractions count from above one half."""
    opacity, mask = np.zeros((2, 8, 8, 1), np.float32)
    opacity[1:5, 1:5], mask[3:7, 2:6] = 0.51, 1.0
    mask[0], opacity[7] = 0.5, 0.5
    assert float(silhouette_iou(opacity, mask)) == pytest.approx(6 / 26)
    assert float(silhouette_iou(opacity, np.zeros_like(mask))) == 0
    assert float(silhouette_iou(np.zeros_like(opacity), np.zeros_like(mask))) == 1


def test_iou_of_a_batch_is_that_of_its_views():
    rng = np.random.default_rng(3)
    opacity, mask = rng.random((2, 2, 3, 5, 6, 1), dtype=np.float32)
    together = silhouette_iou(opacity, mask)
    assert together.shape == (2, 3)
    for index in np.ndindex(2, 3):
        solid, true = ({*zip(*np.nonzero(x[index] > 0.5), strict=True)} for x in (opacity, mask))
        assert float(together[index]) == pytest.approx(len(solid & true) / len(solid | true))
