"""FID and KID against scipy, pytorch-fid and torch-fidelity, and against what is known without them."""

import numpy as np
import pytest
import scipy.linalg
import seeded_references

from real3d_jax.errors import UserError
from real3d_jax.metrics.frechet import few_images_warning, fid, frechet_distance, kid


@pytest.fixture(scope="module")
def references():
    with np.load(seeded_references.REFERENCES) as file:
        return dict(file)


def _covariance(rng, size, rank=None):
    factor = rng.standard_normal((size, rank or 2 * size))
    return factor @ factor.T / factor.shape[1]


def test_equals_scipys_root():
    rng = np.random.default_rng(0)
    for size in (1, 5, 64):
        mean_a, mean_b = rng.standard_normal((2, size))
        cov_a, cov_b = _covariance(rng, size), _covariance(rng, size)
        root = scipy.linalg.sqrtm(cov_a @ cov_b)
        expected = np.sum((mean_a - mean_b) ** 2) + np.trace(cov_a + cov_b - 2 * root).real
        assert frechet_distance(mean_a, cov_a, mean_b, cov_b) == pytest.approx(expected, rel=1e-10)


def test_known_gaussians():
    """Covariances that commute: |m|^2 + sum (sqrt(a) - sqrt(b))^2."""
    zero, mean = np.zeros(3), np.array([3.0, 0, 4])
    a, b = np.array([4.0, 9, 1]), np.array([1.0, 1, 16])
    assert frechet_distance(zero, np.diag(a), mean, np.diag(b)) == pytest.approx(25 + 1 + 4 + 9)
    assert frechet_distance(zero, np.diag(a), zero, np.diag(a)) == pytest.approx(0, abs=1e-12)


def test_singular_covariances():
    """Gaussians on a plane, and on two lines at right angles, in many dimensions."""
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(rng.standard_normal((120, 120)))[0]
    flat_a, flat_b = np.zeros((2, 120))
    flat_a[:2], flat_b[:2] = [4, 9], [1, 16]
    zero = np.zeros(120)
    cov_a, cov_b = (basis @ np.diag(flat) @ basis.T for flat in (flat_a, flat_b))
    assert frechet_distance(zero, cov_a, zero, cov_b) == pytest.approx(1 + 1, abs=1e-8)
    assert frechet_distance(zero, cov_a, zero, cov_a) == pytest.approx(0, abs=1e-8)
    line_a, line_b = (4 * np.outer(basis[:, i], basis[:, i]) for i in (0, 1))
    assert frechet_distance(zero, line_a, zero, line_b) == pytest.approx(8, abs=1e-8)
    assert frechet_distance(zero, np.zeros((120, 120)), zero, cov_b) == pytest.approx(17)


def test_fid_of_fewer_images_than_features():
    """The covariances are singular, and of different ranks; their Frechet distance is found in another way."""
    rng = np.random.default_rng(2)
    a, b, c = rng.random((20, 60)), rng.random((30, 60)) + 0.1, rng.random((200, 60)) ** 2
    for x, y in ((a, b), (b, a), (a, c), (c, b)):
        moments = [moment for z in (x, y) for moment in (z.mean(axis=0), np.cov(z, rowvar=False))]
        assert fid(x, y) == pytest.approx(frechet_distance(*moments), rel=1e-8)
    assert fid(a, a) == pytest.approx(0, abs=1e-9)


def test_fid_equals_pytorch_fid(references):
    assert fid(*seeded_references.fid_features()) == pytest.approx(float(references["fid"]), rel=1e-9)


def test_fid_of_samples_approaches_that_of_their_gaussians():
    rng = np.random.default_rng(3)
    a, b = rng.normal(0, 1, (20_000, 4)), rng.normal(1, 2, (20_000, 4))
    assert fid(a.astype(np.float32), b.astype(np.float32)) == pytest.approx(4 + 4, rel=0.03)


def test_kid_equals_torch_fidelity(references):
    mean, std = kid(*seeded_references.kid_features(), subset_size=50, subsets=20, seed=7)
    np.testing.assert_allclose((mean, std), references["kid"], rtol=1e-9)


def test_kid_is_the_mean_over_all_pairs():
    """With whole sets as subsets, from its definition, pair by pair."""
    a, b = (features[:12] for features in seeded_references.kid_features())

    def kernel(x, y):
        return (np.dot(x, y) / len(x) + 1) ** 3

    within = sum(np.mean([kernel(x[i], x[j]) for i in range(12) for j in range(12) if i != j]) for x in (a, b))
    between = np.mean([kernel(x, y) for x in a for y in b])
    mean, std = kid(a, b, subset_size=12, subsets=3)
    assert mean == pytest.approx(within - 2 * between, rel=1e-10) and std == pytest.approx(0, abs=1e-12)


def test_kid_is_unbiased_where_fid_is_not():
    """Small sets of one distribution: KID is 0 within its error, FID far from it."""
    rng = np.random.default_rng(4)
    draws = [rng.gamma(0.5, 1, (2, 40, 16)) for _ in range(200)]
    kids = [kid(a, b, subset_size=40, subsets=1).mean for a, b in draws]
    assert abs(np.mean(kids)) < 4 * np.std(kids) / np.sqrt(len(kids))
    fids = [fid(a, b) for a, b in draws]
    assert np.mean(fids) > 20 * np.std(fids) / np.sqrt(len(fids))


def test_warning_below_as_many_images_as_features():
    assert few_images_warning(2048) == ""
    assert "2047 images is biased" in few_images_warning(2047)


def test_bad_sets_are_refused():
    good, broken = np.ones((4, 3)), np.ones((4, 3))
    broken[1, 2] = np.nan
    with pytest.raises(UserError, match="1 of 4 images"):
        fid(good, broken)
    with pytest.raises(UserError, match="1 of 4 images"):
        kid(broken, good, subset_size=2)
    with pytest.raises(UserError, match="at least 2 images, but one has 1"):
        fid(good, good[:1])
    with pytest.raises(UserError, match="at least 5 images, but one has 4"):
        kid(good, good, subset_size=5)
    with pytest.raises(UserError, match="finite means"):
        frechet_distance(np.array([np.inf]), np.eye(1), np.zeros(1), np.eye(1))
