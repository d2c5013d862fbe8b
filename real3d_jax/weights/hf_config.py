"""Reads the `config.json` that transformers writes beside a ViT, a DINOv2 or a CLIP model."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from real3d_jax.config.conditioned import DinoV2Config
from real3d_jax.config.model import VitConfig
from real3d_jax.errors import UserError

_ACTIVATIONS = ("gelu", "quick_gelu")
_OF_EVERY_DINOV2 = {"hidden_act": "gelu", "layer_norm_eps": 1e-6, "qkv_bias": True, "use_swiglu_ffn": False}


@dataclasses.dataclass(frozen=True)
class TowerConfig:
    """A vision tower.

    Attributes:
      vit: its sizes.
      image_size: pixels per side that its position table was made for.
    """

    vit: VitConfig | DinoV2Config
    image_size: int


def read_tower_config(path: pathlib.Path, kind: str) -> TowerConfig:
    """Reads a `config.json`; keys that it leaves out have transformers' defaults.

    Args:
      path: the file.
      kind: 'clip' (a CLIPConfig, or a CLIPVisionConfig alone), 'vit' or 'dinov2' (with registers or without).

    Raises:
      UserError: the file is damaged, or describes another kind of model.
    """
    # Slow to import, and most runs need none.
    from transformers import CLIPVisionConfig, Dinov2Config, Dinov2WithRegistersConfig, ViTConfig

    content = _read_json(path)
    model_type = content.get("model_type")
    valid = {
        "clip": {"clip": CLIPVisionConfig, "clip_vision_model": CLIPVisionConfig},
        "vit": {"vit": ViTConfig},
        "dinov2": {"dinov2": Dinov2Config, "dinov2_with_registers": Dinov2WithRegistersConfig},
    }[kind]
    if model_type not in valid:
        raise UserError(f"'{path}' describes a model of type '{model_type}' instead of '{kind}': use its own config.")
    settings = valid[model_type](**(content.get("vision_config", content) if kind == "clip" else content))
    if settings.hidden_act not in _ACTIVATIONS:
        raise UserError(f"'{path}' asks for the activation '{settings.hidden_act}', which is not supported.")
    if not (isinstance(settings.image_size, int) and isinstance(settings.patch_size, int)):
        raise UserError(f"'{path}' has images or patches that are not square, which is not supported.")
    sizes = {
        "width": settings.hidden_size,
        "layers": settings.num_hidden_layers,
        "heads": settings.num_attention_heads,
        "patch_size": settings.patch_size,
        "position_grid": settings.image_size // settings.patch_size,
    }
    if kind == "dinov2":
        return TowerConfig(_dinov2(settings, sizes, path), settings.image_size)
    vit = VitConfig(
        **sizes,
        mlp_width=settings.intermediate_size,
        activation=settings.hidden_act,
        layer_norm_eps=settings.layer_norm_eps,
        patch_bias=kind == "vit",
        pre_norm=kind == "clip",
    )
    return TowerConfig(vit, settings.image_size)


def _dinov2(settings: Any, sizes: Mapping[str, int], path: pathlib.Path) -> DinoV2Config:
    """Its sizes; what `models.dinov2` computes as every published one does is no setting of ours."""
    for name, ours in _OF_EVERY_DINOV2.items():
        if getattr(settings, name) != ours:
            raise UserError(f"'{path}' has {name} {getattr(settings, name)!r}, and {ours!r} alone is supported.")
    registers = getattr(settings, "num_register_tokens", 0)
    return DinoV2Config(**sizes, mlp_width=int(settings.hidden_size * settings.mlp_ratio), registers=registers)


def _read_json(path: pathlib.Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"'{path}' is no readable JSON file: get it again.") from error
    if not isinstance(content, Mapping):
        raise UserError(f"'{path}' is no model configuration: get it again.")
    return content
