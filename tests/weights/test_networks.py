"""Where the frozen networks come from: random, a folder, converted weights, the hub."""

import json
import logging

import huggingface_hub
import huggingface_hub.errors
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from foreign_checkpoints import CLIP_CONFIG, clip_shapes, tensors_of, vgg_shapes, vit_shapes

from real3d_jax.config.losses import PerceptualConfig
from real3d_jax.errors import UserError
from real3d_jax.perceptual.image_encoder import embed
from real3d_jax.weights.convert import convert_checkpoint
from real3d_jax.weights.converted import save_weights
from real3d_jax.weights.networks import load_clip, load_frozen, load_lpips

_RANDOM = PerceptualConfig(clip="random", clip_random_size="tiny", efficientnet="", vgg="random")


@pytest.fixture
def clip_folder(tmp_path):
    folder = tmp_path / "clip"
    folder.mkdir()
    safetensors.numpy.save_file(tensors_of(clip_shapes()), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(CLIP_CONFIG))
    return folder


@pytest.fixture
def vgg_file(tmp_path):
    safetensors.numpy.save_file(tensors_of(vgg_shapes()), tmp_path / "vgg.safetensors")
    return tmp_path / "vgg.safetensors"


def test_random_networks_warn_and_repeat(caplog):
    with caplog.at_level(logging.WARNING):
        frozen = load_frozen(_RANDOM, need_encoder=True, need_lpips=True, seed=3)
    assert [record.getMessage().split()[0] for record in caplog.records] == ["CLIP", "VGG16"]
    assert all("means nothing" in record.getMessage() for record in caplog.records)
    again = load_frozen(_RANDOM, need_encoder=True, need_lpips=True, seed=3)
    jax.tree.map(np.testing.assert_array_equal, frozen, again)
    other = load_clip("random", random_size="tiny", seed=4)
    assert not np.array_equal(other.params["projection"]["kernel"], frozen.encoder.params["projection"]["kernel"])


def test_only_what_is_needed_is_loaded():
    frozen = load_frozen(
        PerceptualConfig("missing", "tiny", "missing", "missing"), need_encoder=False, need_lpips=False
    )
    assert frozen.encoder is None and frozen.lpips_params is None


def test_parameters_go_through_jit_as_an_argument():
    frozen = load_frozen(_RANDOM, need_encoder=True, need_lpips=False)
    images = jnp.asarray(np.random.default_rng(0).random((2, 20, 24, 3), dtype=np.float32))
    embedded = jax.jit(lambda frozen: frozen.embed(images))
    embeddings = embedded(frozen)
    np.testing.assert_allclose(jnp.linalg.norm(embeddings, axis=-1), 1, rtol=1e-6)
    assert bool(jnp.isnan(embedded(jax.tree.map(jnp.zeros_like, frozen))).all())


def test_clip_from_a_folder_and_converted(clip_folder, tmp_path):
    clip = load_clip(str(clip_folder))
    save_weights(tmp_path / "converted", convert_checkpoint(clip_folder).weights)
    again = load_clip(str(tmp_path / "converted"))
    assert clip.network == again.network and clip.image_size == again.image_size == 12
    jax.tree.map(np.testing.assert_array_equal, clip.params, again.params)


def test_vgg_from_a_file(vgg_file):
    params = load_lpips(str(vgg_file))
    np.testing.assert_array_equal(
        params["vgg"]["conv3_2"]["kernel"][1, 2],
        tensors_of(vgg_shapes())["features.12.weight"][:, :, 1, 2].T,
    )


def test_another_network_is_refused(clip_folder, vgg_file, tmp_path):
    with pytest.raises(UserError, match=r"config\.perceptual\.vgg = .* kind 'clip' instead of 'vgg'"):
        load_lpips(str(clip_folder))
    (tmp_path / "vit").mkdir()
    safetensors.numpy.save_file(tensors_of(vit_shapes()), tmp_path / "vit" / "model.safetensors")
    with pytest.raises(UserError, match=r"config\.perceptual\.clip = .* kind 'vit' instead of 'clip'"):
        load_clip(str(tmp_path / "vit"))


def test_wrong_names_are_refused():
    with pytest.raises(UserError, match="neither a path that exists nor a hub name"):
        load_clip("no/such/folder")
    with pytest.raises(UserError, match="did you mean 'tiny'"):
        load_clip("random", random_size="tny")


def test_hub_gives_the_files_that_are_needed(clip_folder, monkeypatch):
    asked = []

    def download(repository, file):
        asked.append((repository, file))
        return str(clip_folder / file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    assert load_clip("openai/clip").image_size == 12
    assert asked == [("openai/clip", "config.json"), ("openai/clip", "model.safetensors")]


def test_hub_out_of_reach_asks_for_a_path(monkeypatch):
    def download(repository, file):
        raise huggingface_hub.errors.LocalEntryNotFoundError("no connection. Try later.\nMore")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    with pytest.raises(UserError, match=r"\(no connection\): download model\.safetensors .* give the path") as error:
        load_lpips("timm/vgg16.tv_in1k")
    assert "\n" not in str(error.value)


@pytest.mark.torch
def test_embedding_equals_transformers(tmp_path):
    """A tower saved by transformers' own class, images of another size and shape than the tower's."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    model = transformers.CLIPVisionModelWithProjection(transformers.CLIPVisionConfig(**CLIP_CONFIG["vision_config"]))
    model.save_pretrained(tmp_path)
    clip = load_clip(str(tmp_path))

    images = np.random.default_rng(0).random((2, 9, 20, 3), dtype=np.float32)
    resized = torch.nn.functional.interpolate(
        torch.from_numpy(images).permute(0, 3, 1, 2), size=(12, 12), mode="bilinear", align_corners=False
    )
    constants = (transformers.image_utils.OPENAI_CLIP_MEAN, transformers.image_utils.OPENAI_CLIP_STD)
    mean, std = (torch.tensor(values)[:, None, None] for values in constants)
    with torch.no_grad():
        theirs = torch.nn.functional.normalize(model((resized - mean) / std).image_embeds, dim=-1).numpy()
    with jax.default_matmul_precision("highest"):
        np.testing.assert_allclose(jax.jit(embed)(clip, images), theirs, atol=2e-6)
