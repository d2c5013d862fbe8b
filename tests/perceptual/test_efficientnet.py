"""EfficientNet-Lite0 against its PyTorch port, on seeded weights (see tests/metrics/make_references.py), and how it
takes the place of CLIP."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
import seeded_references
from foreign_checkpoints import CLIP_CONFIG, clip_shapes, tensors_of

from real3d_jax.config.losses import PerceptualConfig
from real3d_jax.errors import UserError
from real3d_jax.perceptual.image_encoder import embed
from real3d_jax.weights.convert import convert_checkpoint
from real3d_jax.weights.converted import save_weights
from real3d_jax.weights.efficientnet import TABLE
from real3d_jax.weights.networks import load_efficientnet, load_frozen


@pytest.fixture(scope="module")
def tensors():
    """The published file's tensors, its classifier included."""
    shapes = {rule.source: tuple(map(int, rule.shape.split())) for rule in TABLE.rules}
    tensors = {name: seeded_references.efficientnet_tensor(name, shape) for name, shape in shapes.items()}
    counters = [name.replace("running_var", "num_batches_tracked") for name in shapes if name.endswith("running_var")]
    classifier = {"_fc.weight": np.zeros((1000, 1280), np.float32), "_fc.bias": np.zeros(1000, np.float32)}
    return tensors | classifier | {name: np.zeros((), np.int64) for name in counters}


@pytest.fixture(scope="module")
def file(tensors, tmp_path_factory):
    path = tmp_path_factory.mktemp("efficientnet") / "lite0.safetensors"
    safetensors.numpy.save_file(tensors, path)
    return path


@pytest.fixture(scope="module")
def encoder(file):
    return load_efficientnet(str(file))


def test_the_published_file_has_so_many_tensors_and_parameters(tensors):
    assert len(tensors) == 296
    assert sum(tensor.size for name, tensor in tensors.items() if "running" not in name and tensor.ndim) == 4_652_008


def test_features_equal_the_pytorch_port(encoder):
    with np.load(seeded_references.REFERENCES) as file:
        features = file["efficientnet"]
    assert features.std() > 1 and (features < 5.9).mean() > 0.9  # alive, and not all at the rectifier's limit
    expected = features / np.linalg.norm(features, axis=-1, keepdims=True)
    with jax.default_matmul_precision("highest"):
        embeddings = jax.jit(embed)(encoder, seeded_references.efficientnet_images())
    np.testing.assert_allclose(embeddings, expected, atol=1e-6)


def test_images_of_any_size_have_gradients(encoder):
    images = jnp.asarray(np.random.default_rng(0).random((2, 40, 56, 3), dtype=np.float32))

    def similarity(images, encoder):
        return jnp.vdot(*embed(encoder, images))

    gradient = jax.jit(jax.grad(similarity))(images, encoder)
    assert np.isfinite(gradient).all() and (np.abs(gradient).max(axis=(1, 2, 3)) > 0).all()


def test_converted_weights_are_the_same(file, encoder, tmp_path):
    save_weights(tmp_path / "converted", convert_checkpoint(file).weights)
    again = load_efficientnet(str(tmp_path / "converted"))
    jax.tree.map(np.testing.assert_array_equal, again.params, encoder.params)


def test_it_takes_the_place_of_clip(file, encoder):
    config = PerceptualConfig(clip="missing", clip_random_size="tiny", efficientnet=str(file), vgg="missing")
    frozen = load_frozen(config, need_encoder=True, need_lpips=False)
    image = jnp.full((1, 32, 32, 3), 0.3)
    embedded = jax.jit(lambda frozen, image: frozen.embed(image))(frozen, image)
    np.testing.assert_array_equal(embedded, jax.jit(embed)(encoder, image))


@pytest.mark.torch
def test_reads_the_pytorch_file(tensors, encoder, tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({name: torch.from_numpy(tensor) for name, tensor in tensors.items()}, tmp_path / "lite0.pth")
    read = load_efficientnet(str(tmp_path / "lite0.pth"))
    jax.tree.map(np.testing.assert_array_equal, read.params, encoder.params)


def test_another_network_is_refused(tensors, tmp_path):
    safetensors.numpy.save_file(tensors_of(clip_shapes()), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(CLIP_CONFIG))
    with pytest.raises(UserError, match=r"config\.perceptual\.efficientnet = .* kind 'clip' instead of 'efficientnet'"):
        load_efficientnet(str(tmp_path))
    with pytest.raises(UserError, match="neither a path that exists nor a hub name"):
        load_efficientnet("no/such/file.pth")
    wide = tensors | {"_blocks.1._se_reduce.weight": np.zeros((4, 96, 1, 1), np.float32)}  # of EfficientNet-B0
    safetensors.numpy.save_file(wide, tmp_path / "b0.safetensors")
    with pytest.raises(UserError, match=r"1 surplus \(_blocks\.1\._se_reduce\.weight\)"):
        load_efficientnet(str(tmp_path / "b0.safetensors"))
