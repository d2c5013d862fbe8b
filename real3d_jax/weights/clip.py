"""The names of CLIP's vision tower in transformers, with the text tower beside it or not."""

from real3d_jax.weights.mapping import Rule, Table
from real3d_jax.weights.vit import dense_rules, norm_rules

_LAYERS = "encoder.layers."


def _rules(source: str) -> tuple[Rule, ...]:
    """The letters are those of `vit.vit_rules`; E: channels of the embedding."""
    block = f"{source}{_LAYERS}{{i}}."
    dense = [
        ("self_attn.q_proj", "attention/query", "W", "W"),
        ("self_attn.k_proj", "attention/key", "W", "W"),
        ("self_attn.v_proj", "attention/value", "W", "W"),
        ("self_attn.out_proj", "attention/out", "W", "W"),
        ("mlp.fc1", "mlp/up", "M", "W"),
        ("mlp.fc2", "mlp/down", "W", "M"),
    ]
    rules = [
        Rule(f"{source}embeddings.class_embedding", "vit/cls_token", "W", "class_token"),
        Rule(f"{source}embeddings.position_embedding.weight", "vit/position_embedding", "N W", "position_table"),
        Rule(f"{source}embeddings.patch_embedding.weight", "vit/patch_embedding/kernel", "W 3 P P", "conv"),
        *norm_rules(f"{source}pre_layrnorm", "vit/pre_norm", "W"),
        *norm_rules(f"{source}post_layernorm", "vit/norm", "W"),
        *norm_rules(f"{block}layer_norm1", "vit/layers/norm1", "W"),
        *norm_rules(f"{block}layer_norm2", "vit/layers/norm2", "W"),
        Rule("visual_projection.weight", "projection/kernel", "E W", "linear"),
    ]
    for name, path, out, channels in dense:
        rules += dense_rules(f"{block}{name}", f"vit/layers/{path}", out, channels)
    return tuple(rules)


def _table(source: str) -> Table:
    return Table(
        kind="clip",
        title="CLIP vision tower of transformers",
        rules=_rules(source),
        dropped=(r"text_model\..*", r"text_projection\..*", "logit_scale", r".*\.position_ids"),
    )


TABLE = _table("vision_model.")
UNPREFIXED_TABLE = _table("")
