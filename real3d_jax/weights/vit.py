"""The names of transformers' ViT (DINO), alone and inside TripoSR."""

import math
from collections.abc import Mapping

from real3d_jax.weights.mapping import Rule, Table

_LAYERS = "encoder.layer."
POOLER = {"pooler.dense.weight": "W W", "pooler.dense.bias": "W"}


def vit_rules(source: str = "", target: str = "") -> tuple[Rule, ...]:
    """The rules of a ViT whose foreign names begin with `source` and whose paths with `target`.

    W: width; N: positions; P: pixels per side of a patch; M: hidden channels of the MLP.
    """
    block = source + _LAYERS + "{i}."
    dense = [
        ("attention.attention.query", "attention/query", "W", "W"),
        ("attention.attention.key", "attention/key", "W", "W"),
        ("attention.attention.value", "attention/value", "W", "W"),
        ("attention.output.dense", "attention/out", "W", "W"),
        ("intermediate.dense", "mlp/up", "M", "W"),
        ("output.dense", "mlp/down", "W", "M"),
    ]
    rules = [
        Rule(f"{source}embeddings.cls_token", f"{target}cls_token", "1 1 W"),
        Rule(f"{source}embeddings.position_embeddings", f"{target}position_embedding", "1 N W"),
        Rule(
            f"{source}embeddings.patch_embeddings.projection.weight",
            f"{target}patch_embedding/kernel",
            "W 3 P P",
            "conv",
        ),
        Rule(f"{source}embeddings.patch_embeddings.projection.bias", f"{target}patch_embedding/bias", "W"),
        *norm_rules(f"{source}layernorm", f"{target}norm", "W"),
        *norm_rules(f"{block}layernorm_before", f"{target}layers/norm1", "W"),
        *norm_rules(f"{block}layernorm_after", f"{target}layers/norm2", "W"),
    ]
    for name, path, out, channels in dense:
        rules += dense_rules(f"{block}{name}", f"{target}layers/{path}", out, channels)
    return tuple(rules)


def dense_rules(source: str, target: str, out: str, channels: str) -> list[Rule]:
    """A linear layer with bias."""
    return [
        Rule(f"{source}.weight", f"{target}/kernel", f"{out} {channels}", "linear"),
        Rule(f"{source}.bias", f"{target}/bias", out),
    ]


def norm_rules(source: str, target: str, channels: str) -> list[Rule]:
    """A normalisation with scale and bias."""
    return [
        Rule(f"{source}.weight", f"{target}/scale", channels),
        Rule(f"{source}.bias", f"{target}/bias", channels),
    ]


TABLE = Table(
    kind="vit",
    title="ViT of transformers (DINO)",
    rules=vit_rules(),
    kept=POOLER,
)


def sizes_to_vit(sizes: Mapping[str, int], layers: int) -> dict[str, int]:
    """The fields of `config.model.VitConfig` that shapes tell."""
    return {
        "width": sizes["W"],
        "layers": layers,
        "mlp_width": sizes["M"],
        "patch_size": sizes["P"],
        "position_grid": math.isqrt(sizes["N"] - 1),
    }


def depth_key(source: str = "") -> str:
    """What the layers' names begin with."""
    return source + _LAYERS
