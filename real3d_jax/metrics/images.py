"""Metrics between a rendered view and the true one."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from real3d_jax.errors import UserError, did_you_mean

_LEAST_MSE = 1e-10

# SSIM's constants for colours in [0, 1] (Wang et al., 2004).
_C1 = 0.01**2
_C2 = 0.03**2
_UNIFORM_SIZE = 7
_GAUSSIAN_SIGMA = 1.5
_GAUSSIAN_RADIUS = 5  # 3.5 sigma, rounded


def psnr(
    prediction: Float[Array | np.ndarray, "*views h w 3"], target: Float[Array | np.ndarray, "*#views h w 3"]
) -> Float[Array, "*views"]:
    """Peak signal-to-noise ratio of each view in dB, colours in [0, 1]; identical views have 100 dB."""
    return psnr_from_mse(jnp.mean(jnp.square(prediction - target), axis=(-3, -2, -1)))


def psnr_from_mse(mse: Float[Array | np.ndarray, "*views"]) -> Float[Array, "*views"]:
    """PSNR in dB of a mean squared error between colours in [0, 1]; at most 100 dB, so that means stay finite."""
    return -10.0 * jnp.log10(jnp.maximum(mse, _LEAST_MSE))


def silhouette_iou(
    opacity: Float[Array | np.ndarray, "*views h w 1"], mask: Float[Array | np.ndarray, "*#views h w 1"]
) -> Float[Array, "*views"]:
    """Intersection over union of each view's silhouettes, the pixels above 0.5; 1 where both are empty."""
    a, b = jnp.asarray(opacity) > 0.5, jnp.asarray(mask) > 0.5
    shared, either = (jnp.sum(pixels, axis=(-3, -2, -1)) for pixels in (a & b, a | b))
    return jnp.where(either > 0, shared / jnp.maximum(either, 1), 1.0)


def ssim(
    prediction: Float[Array | np.ndarray, "*views h w 3"],
    target: Float[Array | np.ndarray, "*#views h w 3"],
    *,
    window: str = "uniform",
) -> Float[Array, "*views"]:
    """Structural similarity of each view (Wang et al., 2004), colours in [0, 1]; identical views have 1.

    The mean over colours and over the pixels whose whole window lies in the image, as scikit-image takes it.

    Args:
      prediction: views.
      target: the true ones.
      window: 'uniform' is scikit-image's default, 7 x 7 pixels of equal weight and sample covariances; 'gaussian' is
        the paper's, sigma 1.5 and population covariances (`gaussian_weights=True, use_sample_covariance=False`).

    Raises:
      UserError: there is no such window, or the views are smaller than it.
    """
    weights, correction = _window(window)
    height, width = prediction.shape[-3:-1]
    if min(height, width) < len(weights):
        raise UserError(
            f"SSIM with a {window} window needs views of at least {len(weights)} x {len(weights)} pixels, but these "
            f"are {width} x {height}: render them larger."
        )
    mean_a, _, variance_a = _moments(prediction, prediction, weights)
    mean_b, _, variance_b = _moments(target, target, weights)
    _, _, covariance = _moments(prediction, target, weights)
    luminance = (2 * mean_a * mean_b + _C1) / (mean_a**2 + mean_b**2 + _C1)
    structure = (2 * correction * covariance + _C2) / (correction * (variance_a + variance_b) + _C2)
    # The mean of small numbers: float32 sums of numbers near 1 lose digits.
    return 1 - jnp.mean(1 - luminance * structure, axis=(-3, -2, -1))


def _window(name: str) -> tuple[Float[np.ndarray, "k"], float]:
    """A window's weights along one axis, and what makes its population covariances those that are wanted."""
    if name == "uniform":
        count = _UNIFORM_SIZE**2
        return np.full(_UNIFORM_SIZE, 1 / _UNIFORM_SIZE), count / (count - 1)
    if name == "gaussian":
        offsets = np.arange(-_GAUSSIAN_RADIUS, _GAUSSIAN_RADIUS + 1)
        weights = np.exp(-(offsets**2) / (2 * _GAUSSIAN_SIGMA**2))
        return weights / weights.sum(), 1.0
    raise UserError(f"SSIM has no window '{name}': {did_you_mean(name, ('uniform', 'gaussian'))}")


def _moments(
    a: Float[Array | np.ndarray, "*views h w 3"],
    b: Float[Array | np.ndarray, "*#views h w 3"],
    weights: Float[np.ndarray, "k"],
) -> tuple[Float[Array, "..."], Float[Array, "..."], Float[Array, "..."]]:
    """The windows' means of `a` and of `b`, and their covariance, for every window that lies in the image.

    The covariance of a window is the mean covariance in its rows plus the covariance of the rows' means. The usual
    difference of E[ab] and E[a] E[b] would lose to rounding what SSIM divides by.
    """
    a, b, covariance = jnp.asarray(a), jnp.asarray(b), jnp.zeros((1,) * a.ndim)
    for axis in (-2, -3):
        a, b, covariance = _merge(a, b, covariance, weights, axis)
    return a, b, covariance


def _merge(a: Array, b: Array, covariance: Array, weights: np.ndarray, axis: int) -> tuple[Array, Array, Array]:
    """Means and covariances of windows, from those of the smaller windows that lie beside each other along an axis."""

    def parts(x: Array) -> list[Array]:
        count = x.shape[axis]
        if count == 1:  # the same everywhere
            return [x] * len(weights)
        return [jax.lax.slice_in_dim(x, k, count - len(weights) + 1 + k, axis=axis) for k in range(len(weights))]

    mean_a, mean_b = (sum((w * x for w, x in zip(weights, parts(y), strict=True)), jnp.zeros(())) for y in (a, b))
    within_and_between = (
        w * (inner + (x - mean_a) * (y - mean_b))
        for w, x, y, inner in zip(weights, parts(a), parts(b), parts(covariance), strict=True)
    )
    return mean_a, mean_b, sum(within_and_between, jnp.zeros(()))


def describe_score(score: str, value: float) -> str:
    """A number with its unit; `score` is 'psnr' or 'input_psnr' (dB), or 'iou'."""
    return f"{value:.3f}" if score == "iou" else f"{value:.2f} dB"
