"""The frozen networks: from a local path, from the model hub, or random."""

import dataclasses
import logging
import os
import pathlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from real3d_jax.config.losses import PerceptualConfig
from real3d_jax.config.model import VitConfig
from real3d_jax.errors import UserError, did_you_mean
from real3d_jax.models.presets import DINO_VIT_B16
from real3d_jax.perceptual import clip, efficientnet
from real3d_jax.perceptual.alex import random_alex
from real3d_jax.perceptual.frozen import FrozenNetworks, Inception
from real3d_jax.perceptual.image_encoder import ImageEncoder
from real3d_jax.perceptual.lpips import check_network, published_heads
from real3d_jax.perceptual.vgg import random_vgg
from real3d_jax.weights import hub
from real3d_jax.weights.convert import convert_checkpoint
from real3d_jax.weights.converted import Weights, is_converted, load_weights

RANDOM = "random"
_CLIP_VIT_B16 = dataclasses.replace(
    DINO_VIT_B16, activation="quick_gelu", layer_norm_eps=1e-5, patch_bias=False, pre_norm=True
)
_CLIP_TINY = dataclasses.replace(_CLIP_VIT_B16, width=64, layers=2, heads=4, mlp_width=128, position_grid=4)
_RANDOM_CLIPS = {
    "base": clip.ClipVision(_CLIP_VIT_B16, projection=512),
    "tiny": clip.ClipVision(_CLIP_TINY, projection=32),
}
_LPIPS_BACKBONES = {"vgg": ("VGG16", random_vgg), "alex": ("AlexNet", random_alex)}


def load_frozen(config: PerceptualConfig, *, need_encoder: bool, need_lpips: bool, seed: int = 0) -> FrozenNetworks:
    """Loads the networks that are needed.

    Args:
      config: where each comes from: a local path (foreign or converted), a hub name, or 'random'.
      need_encoder: whether the semantic loss is on.
      need_lpips: whether an LPIPS term is on.
      seed: of random networks.

    Raises:
      UserError: a network cannot be found, reached or read, or is another network.
    """
    return FrozenNetworks(
        encoder=_load_encoder(config, seed) if need_encoder else None,
        lpips_params=load_lpips(config.vgg, seed=seed) if need_lpips else None,
    )


def _load_encoder(config: PerceptualConfig, seed: int) -> ImageEncoder:
    if config.efficientnet:
        return load_efficientnet(config.efficientnet)
    return load_clip(config.clip, random_size=config.clip_random_size, seed=seed)


def load_clip(source: str, *, random_size: str = "base", seed: int = 0) -> ImageEncoder:
    """A CLIP vision tower; `random_size` ('base' or 'tiny') and `seed` count if `source` is 'random'."""
    if source == RANDOM:
        _warn_random("CLIP")
        if random_size not in _RANDOM_CLIPS:
            raise UserError(
                f"config.perceptual.clip_random_size has no size '{random_size}': "
                f"{did_you_mean(random_size, _RANDOM_CLIPS)}"
            )
        tower = _RANDOM_CLIPS[random_size]
        size = tower.vit.patch_size * tower.vit.position_grid
        return ImageEncoder(_random_params(tower, size, seed), tower, size, clip.MEAN, clip.STD)
    weights = _load(source, kind="clip", key="config.perceptual.clip", others=("config.json",))
    tower = clip.ClipVision(VitConfig(**weights.architecture["vit"]), weights.architecture["projection"])
    return ImageEncoder(_on_device(weights.params), tower, weights.architecture["image_size"], clip.MEAN, clip.STD)


def load_efficientnet(source: str) -> ImageEncoder:
    """EfficientNet-Lite0 from a local path, foreign or converted.

    Raises:
      UserError: it cannot be found or read, or is another network.
    """
    weights = _load(source, kind="efficientnet", key="config.perceptual.efficientnet", others=())
    return ImageEncoder(
        _on_device(weights.params),
        efficientnet.EfficientNetLite0(),
        efficientnet.IMAGE_SIZE,
        efficientnet.MEAN,
        efficientnet.STD,
    )


def load_lpips(source: str, *, network: str = "vgg", key: str = "", seed: int = 0) -> dict:
    """Parameters of `lpips.lpips`: a backbone and its published linear heads.

    Args:
      source: of the backbone, torchvision's weights: a path (foreign or converted), a hub name, or 'random'.
      network: 'vgg' (VGG16) or 'alex' (AlexNet).
      key: what messages call the source.
      seed: of random weights.

    Raises:
      UserError: the backbone cannot be found, reached or read, or is another network; or there is none of this name.
    """
    check_network(network)
    name, random = _LPIPS_BACKBONES[network]
    if source == RANDOM:
        _warn_random(name)
        backbone = random(seed)
    else:
        key = key or f"config.perceptual.{network}"
        backbone = _on_device(_load(source, kind=network, key=key, others=()).params)
    return {network: backbone, "heads": published_heads(network)}


def load_inception(path: str | os.PathLike) -> Inception:
    """Reads FID's InceptionV3.

    Args:
      path: pytorch-fid's `pt_inception-2015-12-05-6726825d.pth`, a safetensors file of the same
        names, or weights converted before.

    Raises:
      UserError: it cannot be read, or is another network.
    """
    path = pathlib.Path(path).expanduser()
    weights = load_weights(path) if is_converted(path) else convert_checkpoint(path).weights
    if weights.kind != "inception":
        raise UserError(
            f"'{path}' holds a network of kind '{weights.kind}' instead of FID's InceptionV3: give pytorch-fid's "
            "pt_inception-2015-12-05-6726825d.pth."
        )
    return Inception(jax.tree.map(jnp.asarray, weights.params))


def _load(source: str, *, kind: str, key: str, others: Sequence[str]) -> Weights:
    path = pathlib.Path(source).expanduser()
    if not path.exists():
        path = _download(source, key, others)
    weights = load_weights(path) if is_converted(path) else convert_checkpoint(path).weights
    if weights.kind != kind:
        raise UserError(f"{key} = '{source}' holds a network of kind '{weights.kind}' instead of '{kind}'.")
    return weights


def _download(source: str, key: str, others: Sequence[str]) -> pathlib.Path:
    """The folder with the weights of a repository of the hub and `others`."""
    if not hub.is_hub_name(source):
        raise UserError(f"{key} = '{source}' is neither a path that exists nor a hub name: give one, or 'random'.")
    try:
        return hub.fetch(source, [(*others, weights) for weights in ("model.safetensors", "pytorch_model.bin")])
    except hub.HubError as error:
        raise UserError(
            f"{key} = '{source}' cannot be downloaded from the hub ({error}): download "
            f"{' and '.join([*others, 'model.safetensors'])} on another machine and give the path of their folder."
        ) from error


def _on_device(params: dict) -> dict:
    return jax.tree.map(jnp.asarray, params)


def _random_params(tower: clip.ClipVision, size: int, seed: int) -> dict:
    """Normal weights of deviation 0.02, identity norms, no biases; made without compiling the tower's `init`."""
    shapes = jax.eval_shape(tower.init, jax.random.key(0), jnp.zeros((1, size, size, 3)))["params"]
    rng = np.random.default_rng(seed)

    def leaf(path, shape):
        if path[-1].key in ("scale", "bias"):
            return jnp.asarray(np.full(shape.shape, path[-1].key == "scale", np.float32))  # no program to compile
        return jnp.asarray(rng.standard_normal(shape.shape, np.float32) * np.float32(0.02))

    return jax.tree_util.tree_map_with_path(leaf, shapes)


def _warn_random(network: str) -> None:
    logging.getLogger(__name__).warning("%s has random weights: its loss means nothing.", network)
