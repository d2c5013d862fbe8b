"""Named sizes of the reconstruction model."""

import dataclasses

import ml_collections

from real3d_jax.config.conditioned import ConditionedModelConfig, DinoV2Config
from real3d_jax.config.model import ModelConfig, VitConfig
from real3d_jax.errors import UserError, did_you_mean

DINO_VIT_B16 = VitConfig(
    width=768,
    layers=12,
    heads=12,
    mlp_width=3072,
    patch_size=16,
    position_grid=14,
    activation="gelu",
    layer_norm_eps=1e-12,
    patch_bias=True,
    pre_norm=False,
)

PRESETS = {
    # TripoSR's architecture: 418,685,036 parameters.
    "base": ModelConfig(
        image_size=512,
        vit=DINO_VIT_B16,
        plane_tokens=32,
        token_width=1024,
        layers=16,
        heads=16,
        plane_channels=40,
        decoder_width=64,
        decoder_layers=9,
    ),
    # For experiments on one accelerator.
    "small": ModelConfig(
        image_size=256,
        vit=dataclasses.replace(DINO_VIT_B16, width=384, heads=6, mlp_width=1536),
        plane_tokens=32,
        token_width=512,
        layers=8,
        heads=8,
        plane_channels=40,
        decoder_width=64,
        decoder_layers=9,
    ),
    # The one whose weights come with the package: 30 million parameters.
    "mini": ModelConfig(
        image_size=128,
        vit=dataclasses.replace(
            DINO_VIT_B16, width=384, layers=5, heads=6, mlp_width=1536, patch_size=8, position_grid=16
        ),
        plane_tokens=16,
        token_width=384,
        layers=7,
        heads=6,
        plane_channels=32,
        decoder_width=64,
        decoder_layers=4,
    ),
    # For a CPU.
    "tiny": ModelConfig(
        image_size=48,
        vit=dataclasses.replace(
            DINO_VIT_B16, width=64, layers=2, heads=4, mlp_width=256, patch_size=8, position_grid=6
        ),
        plane_tokens=6,
        token_width=64,
        layers=2,
        heads=4,
        plane_channels=16,
        decoder_width=32,
        decoder_layers=2,
    ),
}

DINOV2_VIT_B14 = DinoV2Config(
    width=768, layers=12, heads=12, mlp_width=3072, patch_size=14, position_grid=37, registers=4
)
_OPENLRM_BASE = ConditionedModelConfig(
    image_size=336,
    encoder=DINOV2_VIT_B14,
    camera_width=1024,
    plane_tokens=32,
    token_width=768,
    layers=12,
    heads=12,
    plane_channels=48,
    decoder_width=64,
    decoder_layers=3,
)

# OpenLRM v1.1's: 111,390,948, 260,201,972 and 452,138,004 parameters.
CONDITIONED_PRESETS = {
    "openlrm_small": dataclasses.replace(
        _OPENLRM_BASE,
        image_size=224,
        encoder=dataclasses.replace(DINOV2_VIT_B14, width=384, heads=6, mlp_width=1536),
        token_width=512,
        heads=8,
        plane_channels=32,
    ),
    "openlrm_base": _OPENLRM_BASE,
    "openlrm_large": dataclasses.replace(
        _OPENLRM_BASE, image_size=448, token_width=1024, layers=16, heads=16, plane_channels=80
    ),
}
# Of the size of 'mini' above, and of 'tiny'.
CONDITIONED_PRESETS |= {
    "lrm_mini": dataclasses.replace(
        _OPENLRM_BASE,
        image_size=128,
        encoder=dataclasses.replace(
            DINOV2_VIT_B14, width=384, layers=5, heads=6, mlp_width=1536, patch_size=8, position_grid=16
        ),
        camera_width=256,
        plane_tokens=16,
        token_width=384,
        layers=7,
        heads=6,
        plane_channels=32,
    ),
    "lrm_tiny": dataclasses.replace(
        _OPENLRM_BASE,
        image_size=48,
        encoder=dataclasses.replace(
            DINOV2_VIT_B14, width=64, layers=2, heads=4, mlp_width=256, patch_size=8, position_grid=6
        ),
        camera_width=32,
        plane_tokens=6,
        token_width=64,
        layers=2,
        heads=4,
        plane_channels=16,
        decoder_width=32,
        decoder_layers=2,
    ),
}


def preset(name: str) -> ml_collections.ConfigDict:
    """A preset as a group of config keys, so that a config file can take it and change single numbers."""
    presets = {**PRESETS, **CONDITIONED_PRESETS}
    if name not in presets:
        raise UserError(f"There is no model preset '{name}': {did_you_mean(name, presets)}")
    return ml_collections.ConfigDict(dataclasses.asdict(presets[name]))
