"""Reads the `config.json` that transformers writes beside a ViT or a CLIP model."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from real3d_jax.config.model import VitConfig
from real3d_jax.errors import UserError

_ACTIVATIONS = ("gelu", "quick_gelu")


@dataclasses.dataclass(frozen=True)
class TowerConfig:
    """A vision tower.

    Attributes:
      vit: its sizes.
      image_size: pixels per side that its position table was made for.
    """

    vit: VitConfig
    image_size: int


def read_tower_config(path: pathlib.Path, kind: str) -> TowerConfig:
    """Reads a `config.json`; keys that it leaves out have transformers' defaults.

    Args:
      path: the file.
      kind: 'clip' (a CLIPConfig, or a CLIPVisionConfig alone) or 'vit'.

    Raises:
      UserError: the file is damaged, or describes another kind of model.
    """
    from transformers import CLIPVisionConfig, ViTConfig  # slow to import, and most runs need neither

    content = _read_json(path)
    model_type = content.get("model_type")
    valid = ("clip", "clip_vision_model") if kind == "clip" else ("vit",)
    if model_type not in valid:
        raise UserError(
            f"'{path}' describes a model of type '{model_type}' instead of '{valid[0]}': use its own config."
        )
    settings = CLIPVisionConfig(**content.get("vision_config", content)) if kind == "clip" else ViTConfig(**content)
    if settings.hidden_act not in _ACTIVATIONS:
        raise UserError(f"'{path}' asks for the activation '{settings.hidden_act}', which is not supported.")
    if not (isinstance(settings.image_size, int) and isinstance(settings.patch_size, int)):
        raise UserError(f"'{path}' has images or patches that are not square, which is not supported.")
    vit = VitConfig(
        width=settings.hidden_size,
        layers=settings.num_hidden_layers,
        heads=settings.num_attention_heads,
        mlp_width=settings.intermediate_size,
        patch_size=settings.patch_size,
        position_grid=settings.image_size // settings.patch_size,
        activation=settings.hidden_act,
        layer_norm_eps=settings.layer_norm_eps,
        patch_bias=kind == "vit",
        pre_norm=kind == "clip",
    )
    return TowerConfig(vit, settings.image_size)


def _read_json(path: pathlib.Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"'{path}' is no readable JSON file: get it again.") from error
    if not isinstance(content, Mapping):
        raise UserError(f"'{path}' is no model configuration: get it again.")
    return content
