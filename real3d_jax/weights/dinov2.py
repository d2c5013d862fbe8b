"""The names of transformers' DINOv2, with registers or without: the encoder of a camera-conditioned model alone."""

import math
from collections.abc import Mapping

import numpy as np

from real3d_jax.weights.mapping import Rule, Table
from real3d_jax.weights.vit import dense_rules, norm_rules

REGISTERS = "embeddings.register_tokens"
_WIDTH_OF = "embeddings.cls_token"
_LAYERS = "encoder.layer."
# Attention heads, which no shape tells, of the published sizes: by width and layers, those of S, B and L.
_PUBLISHED_HEADS = {(384, 12): 6, (768, 12): 12, (1024, 24): 16}


def _rules() -> tuple[Rule, ...]:
    block = f"{_LAYERS}{{i}}"
    return (
        Rule(_WIDTH_OF, "cls_token", "1 1 W"),
        Rule(REGISTERS, "register_tokens", "1 R W"),
        Rule("embeddings.position_embeddings", "position_embedding", "1 N W"),
        Rule("embeddings.patch_embeddings.projection.weight", "patch_embedding/kernel", "W 3 P P", "conv"),
        Rule("embeddings.patch_embeddings.projection.bias", "patch_embedding/bias", "W"),
        *norm_rules(f"{block}.norm1", "layers/norm1", "W"),
        *(
            rule
            for part in ("query", "key", "value")
            for rule in dense_rules(f"{block}.attention.attention.{part}", f"layers/attention/{part}", "W", "W")
        ),
        *dense_rules(f"{block}.attention.output.dense", "layers/attention/out", "W", "W"),
        Rule(f"{block}.layer_scale1.lambda1", "layers/scale1", "W"),
        *norm_rules(f"{block}.norm2", "layers/norm2", "W"),
        *dense_rules(f"{block}.mlp.fc1", "layers/mlp/up", "M", "W"),
        *dense_rules(f"{block}.mlp.fc2", "layers/mlp/down", "W", "M"),
        Rule(f"{block}.layer_scale2.lambda1", "layers/scale2", "W"),
        *norm_rules("layernorm", "norm", "W"),
    )


# W: width; R: registers; N: positions; P: pixels per side of a patch; M: hidden channels of the MLP. The mask token is
# of DINOv2's own training.
TABLE = Table(
    kind="dinov2",
    title="DINOv2 of transformers",
    rules=_rules(),
    kept={"embeddings.mask_token": "1 W"},
)


def as_table(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors of a file; one without registers gets none of them, so that both kinds are one."""
    found = {name: tensors[name] for name in tensors}
    if REGISTERS not in found and _WIDTH_OF in found:
        token = np.asarray(found[_WIDTH_OF])
        found[REGISTERS] = np.zeros((1, 0, token.shape[-1]), np.float32)
    return found


def architecture(sizes: Mapping[str, int], depths: Mapping[str, int]) -> dict:
    """The fields of `config.conditioned.DinoV2Config` that shapes tell."""
    return {
        "width": sizes["W"],
        "layers": depths[_LAYERS],
        "mlp_width": sizes["M"],
        "patch_size": sizes["P"],
        "position_grid": math.isqrt(sizes["N"] - 1),
        "registers": sizes["R"],
    }


def with_published_heads(told: Mapping[str, int]) -> dict:
    """What shapes tell, and the attention heads where these are a published size."""
    heads = _PUBLISHED_HEADS.get((told["width"], told["layers"]))
    return {**told} if heads is None else {**told, "heads": heads}
