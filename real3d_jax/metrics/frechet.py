"""Distances between two sets of images, of which each image is a feature vector: FID and KID."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from real3d_jax.errors import UserError

FEW_IMAGES = 2048  # as many as InceptionV3's features have channels
_KID_DEGREE = 3


class Kid(NamedTuple):
    """The kernel distance over random subsets.

    Attributes:
      mean: 0 on average for sets of the same distribution, whatever their size.
      std: over the subsets.
    """

    mean: float
    std: float


def frechet_distance(
    mean_a: Float[np.ndarray, "d"],
    cov_a: Float[np.ndarray, "d d"],
    mean_b: Float[np.ndarray, "d"],
    cov_b: Float[np.ndarray, "d d"],
) -> float:
    """|mean_a - mean_b|^2 + tr(cov_a + cov_b - 2 (cov_a cov_b)^(1/2)), in float64 (Dowson & Landau, 1982).

    The covariances may be singular.

    Raises:
      UserError: a moment is not finite.
    """
    moments = [np.asarray(moment, np.float64) for moment in (mean_a, cov_a, mean_b, cov_b)]
    if not all(np.isfinite(moment).all() for moment in moments):
        raise UserError("The Frechet distance needs finite means and covariances: leave broken images out.")
    mean_a, cov_a, mean_b, cov_b = moments
    return _distance(mean_a, _factor_of_covariance(cov_a), mean_b, _factor_of_covariance(cov_b))


def fid(features_a: Float[np.ndarray, "n d"], features_b: Float[np.ndarray, "m d"]) -> float:
    """The Frechet distance of the sets' Gaussians (Heusel et al., 2017), covariances with n - 1 as pytorch-fid's.

    Biased upwards for small sets, the more the smaller: see `few_images_warning`.

    Raises:
      UserError: a set has fewer than two images, or a feature is not finite.
    """
    a, b = (_checked(features, least=2) for features in (features_a, features_b))
    return _distance(a.mean(axis=0), _factor_of_samples(a), b.mean(axis=0), _factor_of_samples(b))


def kid(
    features_a: Float[np.ndarray, "n d"],
    features_b: Float[np.ndarray, "m d"],
    *,
    subset_size: int = 1000,
    subsets: int = 100,
    seed: int = 0,
) -> Kid:
    """The kernel distance (Binkowski et al., 2018): unbiased squared MMD of the kernel (x.y / d + 1)^3.

    The subsets are those that torch-fidelity draws from the same seed, so that both have the same value.

    Args:
      features_a: of the one set.
      features_b: of the other.
      subset_size: images of each set in a subset.
      subsets: how many are drawn, each without repeating an image.
      seed: of the draws.

    Raises:
      UserError: a set is smaller than `subset_size`, or a feature is not finite.
    """
    a, b = (_checked(features, least=max(2, subset_size)) for features in (features_a, features_b))
    random = np.random.RandomState(seed)
    distances = []
    for _ in range(subsets):
        of_a = a[random.choice(len(a), subset_size, replace=False)]
        of_b = b[random.choice(len(b), subset_size, replace=False)]
        distances.append(_squared_mmd(of_a, of_b))
    return Kid(float(np.mean(distances)), float(np.std(distances)))


def few_images_warning(count: int) -> str:
    """What to say beside an FID of `count` images, of the smaller set; empty if they are enough."""
    if count >= FEW_IMAGES:
        return ""
    return (
        f"FID of {count} images is biased upwards (below {FEW_IMAGES} the features' covariance is singular): "
        "compare it with sets of the same size only, and look at KID."
    )


def _squared_mmd(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n d"]) -> float:
    within_a, within_b, between = (_kernel(x, y) for x, y in ((a, a), (b, b), (a, b)))
    count = len(a)
    within = (kernel.sum() - np.trace(kernel) for kernel in (within_a, within_b))
    return sum(within) / (count * (count - 1)) - 2 * between.mean()


def _kernel(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "n m"]:
    return (x @ y.T / x.shape[1] + 1) ** _KID_DEGREE


def _distance(
    mean_a: Float[np.ndarray, "d"],
    factor_a: Float[np.ndarray, "r d"],
    mean_b: Float[np.ndarray, "d"],
    factor_b: Float[np.ndarray, "s d"],
) -> float:
    """The Frechet distance of Gaussians whose covariances are `factor.T @ factor`.

    tr (cov_a cov_b)^(1/2) is the sum of the singular values of `factor_a @ factor_b.T`. That needs no root of a matrix,
    which is not exact for a singular one, and is a small product where images are few.
    """
    root_trace = np.linalg.svd(factor_a @ factor_b.T, compute_uv=False).sum()
    return float(np.sum((mean_a - mean_b) ** 2) + np.sum(factor_a**2) + np.sum(factor_b**2) - 2 * root_trace)


def _factor_of_covariance(covariance: Float[np.ndarray, "d d"]) -> Float[np.ndarray, "d d"]:
    values, vectors = np.linalg.eigh(covariance)
    rounding = len(values) * np.finfo(np.float64).eps * np.abs(values).max()
    return (vectors * np.sqrt(np.where(values > rounding, values, 0.0))).T


def _factor_of_samples(features: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "r d"]:
    centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    return centred if len(centred) <= centred.shape[1] else np.linalg.qr(centred)[1]


def _checked(features: Float[np.ndarray, "n d"], *, least: int) -> Float[np.ndarray, "n d"]:
    features = np.asarray(features, np.float64)
    if len(features) < least:
        raise UserError(f"The distance needs sets of at least {least} images, but one has {len(features)}: add images.")
    broken = np.count_nonzero(~np.isfinite(features).all(axis=1))
    if broken:
        raise UserError(f"{broken} of {len(features)} images have features that are not finite: leave them out.")
    return features
