"""InceptionV3 against pytorch-fid's own, on seeded weights (see make_references.py), and how it is loaded."""

import jax
import numpy as np
import pytest
import safetensors.numpy
import seeded_references
from seeded_inception import inception_file

from real3d_jax.errors import UserError
from real3d_jax.weights.convert import convert_checkpoint
from real3d_jax.weights.converted import save_weights
from real3d_jax.weights.networks import load_inception


@pytest.fixture(scope="module")
def tensors():
    return inception_file()


@pytest.fixture(scope="module")
def file(tensors, tmp_path_factory):
    path = tmp_path_factory.mktemp("inception") / "pt_inception.safetensors"
    safetensors.numpy.save_file(tensors, path)
    return path


@pytest.fixture(scope="module")
def inception(file):
    return load_inception(file)


@pytest.mark.parametrize("name", ["small", "oblong", "random"])
def test_features_equal_pytorch_fid(inception, name):
    with np.load(seeded_references.REFERENCES) as file:
        expected = file[f"inception/{name}"]
    features = inception.features(seeded_references.inception_images()[name])
    assert expected.std() > 0.3  # alive, so that agreement means something
    np.testing.assert_allclose(features, expected, atol=1e-4)


def test_goes_through_jit_as_an_argument(inception):
    traced = jax.eval_shape(lambda network, images: network.features(images), inception, np.zeros((3, 64, 64, 3)))
    assert traced.shape == (3, 2048)


def test_converted_weights_are_the_same(file, inception, tmp_path):
    save_weights(tmp_path / "converted", convert_checkpoint(file).weights)
    jax.tree.map(np.testing.assert_array_equal, load_inception(tmp_path / "converted").params, inception.params)


@pytest.mark.torch
def test_reads_the_pytorch_file(tensors, inception, tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({name: torch.from_numpy(tensor) for name, tensor in tensors.items()}, tmp_path / "pt_inception.pth")
    jax.tree.map(np.testing.assert_array_equal, load_inception(tmp_path / "pt_inception.pth").params, inception.params)


def test_another_network_is_refused(tensors, tmp_path):
    safetensors.numpy.save_file(seeded_references.backbone_tensors("alex"), tmp_path / "alex.safetensors")
    with pytest.raises(UserError, match="kind 'alex' instead of FID's InceptionV3"):
        load_inception(tmp_path / "alex.safetensors")
    of_torchvision = tensors | {"AuxLogits.fc.weight": np.zeros((2, 2), np.float32)}
    safetensors.numpy.save_file(of_torchvision, tmp_path / "torchvision.safetensors")
    with pytest.raises(UserError, match=r"1 surplus \(AuxLogits"):
        load_inception(tmp_path / "torchvision.safetensors")
    short = {name: tensor for name, tensor in tensors.items() if name != "Mixed_7c.branch_pool.conv.weight"}
    safetensors.numpy.save_file(short, tmp_path / "short.safetensors")
    with pytest.raises(UserError, match=r"1 missing \(Mixed_7c\.branch_pool\.conv\.weight\)"):
        load_inception(tmp_path / "short.safetensors")
    with pytest.raises(UserError, match="no file or folder"):
        load_inception(tmp_path / "nothing.pth")
