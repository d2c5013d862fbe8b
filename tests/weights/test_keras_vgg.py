"""Keras's VGG16 sees what torchvision's sees: against a numpy forward pass on Caffe's colours."""

import sys

import h5py
import jax.numpy as jnp
import numpy as np
import pytest

from real3d_jax.errors import UserError
from real3d_jax.perceptual.vgg import BLOCKS, conv_name, vgg_features
from real3d_jax.weights.convert import convert_checkpoint
from real3d_jax.weights.files import read_tensors


@pytest.fixture(scope="module")
def layers():
    """Random kernels and biases by Keras's names."""
    rng, found, channels = np.random.default_rng(0), {}, 3
    for block, convolutions in enumerate(BLOCKS, 1):
        for conv, out in enumerate(convolutions, 1):
            kernel = rng.standard_normal((3, 3, channels, out), np.float32) * np.float32(np.sqrt(2 / 9 / channels))
            found[f"block{block}_conv{conv}"] = kernel, rng.standard_normal(out, np.float32)
            channels = out
    return found


def write(path, layers):
    """As Keras 3 does, with a head of another network beside it."""
    with h5py.File(path, "w") as file:
        for name, tensors in layers.items():
            block, conv = name.split("_")
            group = file.create_group(f"{block}/layers/{conv}/vars")
            group.attrs["name"] = name
            for number, tensor in enumerate(tensors):
                group[str(number)] = tensor
        file.create_group("fuse/vars").attrs["name"] = "conv2d_5"
    return path


@pytest.fixture(scope="module")
def file(layers, tmp_path_factory):
    return write(tmp_path_factory.mktemp("keras") / "vgg.weights.h5", layers)


def convolved(image, kernel, bias):
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(image, ((1, 1), (1, 1), (0, 0))), (3, 3), (0, 1))
    return np.maximum(np.einsum("hwcij,ijco->hwo", windows, kernel) + bias, 0)


def test_features_are_those_of_caffes_colours(file, layers):
    image = np.random.default_rng(1).random((16, 16, 3))
    caffe = 255 * image[..., ::-1] - [103.939, 116.779, 123.68]
    expected = convolved(convolved(caffe, *layers["block1_conv1"]), *layers["block1_conv2"])

    params = convert_checkpoint(file).weights.params
    normalised = (image - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    found = np.asarray(vgg_features(params, jnp.asarray(normalised, jnp.float32)[None])[0][0])
    np.testing.assert_allclose(found[2:-2, 2:-2], expected[2:-2, 2:-2], rtol=1e-4, atol=1e-3)
    # At the border the two paddings are colours that differ by half a level of 255.
    assert np.abs(found - expected).max() < 0.01 * expected.max()


def test_other_layers_are_kept_to_the_bit(file, layers):
    params = convert_checkpoint(file).weights.params
    names = [(b, c) for b, convolutions in enumerate(BLOCKS) for c in range(len(convolutions))][1:]
    assert len(names) == 12
    for block, conv in names:
        kernel, bias = layers[f"block{block + 1}_conv{conv + 1}"]
        np.testing.assert_array_equal(params[conv_name(block, conv)]["kernel"], kernel)
        np.testing.assert_array_equal(params[conv_name(block, conv)]["bias"], bias)


def test_what_is_no_vgg_or_damaged(file, layers, tmp_path):
    fewer = {name: tensors for name, tensors in layers.items() if name != "block4_conv2"}
    with pytest.raises(UserError, match="'block4_conv2' is missing"):
        read_tensors(write(tmp_path / "fewer.h5", fewer))
    (tmp_path / "short.h5").write_bytes(file.read_bytes()[:5000])
    with pytest.raises(UserError, match="damaged or cut short"):
        read_tensors(tmp_path / "short.h5")


def test_without_h5py_the_extra_is_named(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UserError, match=r"pip install 'real3d-jax\[keras\]'"):
        read_tensors(file)
