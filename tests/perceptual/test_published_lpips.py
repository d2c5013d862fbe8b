"""LPIPS against the `lpips` package, on seeded backbones with the published heads (see make_references.py)."""

import jax
import numpy as np
import pytest
import safetensors.numpy
import seeded_references

from real3d_jax.errors import UserError
from real3d_jax.perceptual.lpips import lpips, published_heads
from real3d_jax.weights.networks import load_lpips

TOLERANCE = 1e-5
_lpips = jax.jit(lpips)


@pytest.fixture(scope="module", params=["alex", "vgg"])
def network(request, tmp_path_factory):
    """A backbone read from a file of torchvision's names, with a stub of its classifier."""
    file = tmp_path_factory.mktemp("backbone") / "model.safetensors"
    classifier = {"classifier.1.weight": np.zeros((4, 4), np.float32)}
    safetensors.numpy.save_file(seeded_references.backbone_tensors(request.param) | classifier, file)
    return request.param, load_lpips(str(file), network=request.param)


@pytest.mark.parametrize("pair", ["random", "noise", "shift", "extremes"])
def test_equals_the_lpips_package(network, pair):
    name, params = network
    with np.load(seeded_references.REFERENCES) as file:
        expected = file[f"lpips/{name}/{pair}"]
    distance = _lpips(params, *seeded_references.lpips_pairs()[pair])
    np.testing.assert_allclose(distance, expected, rtol=0, atol=TOLERANCE)


def test_images_too_small_are_refused(network):
    name, params = network
    least = {"alex": 31, "vgg": 16}[name]
    images = np.zeros((1, 40, least - 1, 3), np.float32)
    with pytest.raises(UserError, match=rf"at least {least} x {least} pixels, .* are {least - 1} x 40"):
        lpips(params, images, images)
    assert jax.eval_shape(lpips, params, *[np.zeros((2, least, least, 3), np.float32)] * 2).shape == (2,)


def test_random_alexnet_warns(caplog):
    params = load_lpips("random", network="alex", seed=1)
    assert "AlexNet has random weights" in caplog.text
    assert params["alex"]["conv1"]["kernel"].shape == (11, 11, 3, 64)
    assert [head.shape for head in params["heads"]] == [(64,), (192,), (384,), (256,), (256,)]
    assert all(bool((head >= 0).all()) for head in published_heads("alex"))


def test_another_network_is_refused(tmp_path):
    file = tmp_path / "alex.safetensors"
    safetensors.numpy.save_file(seeded_references.backbone_tensors("alex"), file)
    with pytest.raises(UserError, match=r"config\.perceptual\.vgg = .* kind 'alex' instead of 'vgg'"):
        load_lpips(str(file))
    with pytest.raises(UserError, match=r"config\.evaluation\.alex = 'nowhere' is neither"):
        load_lpips("nowhere", network="alex", key="config.evaluation.alex")
    with pytest.raises(UserError, match="did you mean 'alex'"):
        load_lpips("random", network="alexnet")
