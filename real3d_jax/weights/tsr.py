"""The names of TripoSR's checkpoint, which are Real3D's too."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from real3d_jax.models.presets import PRESETS
from real3d_jax.weights.mapping import Rule, Table
from real3d_jax.weights.vit import POOLER, dense_rules, depth_key, norm_rules, sizes_to_vit, vit_rules

VIT_PREFIX = "image_tokenizer.model."
_VIT_LAYERS = depth_key(VIT_PREFIX)
_LAYERS = "backbone.transformer_blocks."
_DECODER = "decoder.layers."
_PUBLISHED_TOKENS = (3, 1024, 32, 32)
_PUBLISHED_DEPTHS = {_VIT_LAYERS: 12, _LAYERS: 16, _DECODER: 10}


def _attention_rules(number: int, path: str, context: str) -> list[Rule]:
    source, target = f"{_LAYERS}{{i}}.attn{number}", f"backbone/layers/{path}"
    return [
        Rule(f"{source}.to_q.weight", f"{target}/query/kernel", "C C", "linear"),
        Rule(f"{source}.to_k.weight", f"{target}/key/kernel", f"C {context}", "linear"),
        Rule(f"{source}.to_v.weight", f"{target}/value/kernel", f"C {context}", "linear"),
        *dense_rules(f"{source}.to_out.0", f"{target}/out", "C", "C"),
    ]


# Besides the ViT's letters: C, channels of a triplane token; T, tokens per side of a plane; K, channels of a texel;
# D, hidden channels of the decoder.
TABLE = Table(
    kind="lrm",
    title="TripoSR or Real3D checkpoint",
    rules=(
        *vit_rules(VIT_PREFIX, "image_tokenizer/"),
        Rule("tokenizer.embeddings", "triplane_tokens/embeddings", "3 C T T", "channels_last"),
        *norm_rules("backbone.norm", "backbone/norm", "C"),
        *dense_rules("backbone.proj_in", "backbone/proj_in", "C", "C"),
        *dense_rules("backbone.proj_out", "backbone/proj_out", "C", "C"),
        *norm_rules(f"{_LAYERS}{{i}}.norm1", "backbone/layers/norm1", "C"),
        *norm_rules(f"{_LAYERS}{{i}}.norm2", "backbone/layers/norm2", "C"),
        *norm_rules(f"{_LAYERS}{{i}}.norm3", "backbone/layers/norm3", "C"),
        *_attention_rules(1, "self_attention", "C"),
        *_attention_rules(2, "cross_attention", "W"),
        *dense_rules(f"{_LAYERS}{{i}}.ff.net.0.proj", "backbone/layers/feed_forward/up", "8C", "C"),
        *dense_rules(f"{_LAYERS}{{i}}.ff.net.2", "backbone/layers/feed_forward/down", "C", "4C"),
        Rule("post_processor.upsample.weight", "upsampler/kernel", "C K 2 2", "channels_last"),
        Rule("post_processor.upsample.bias", "upsampler/bias", "K"),
        # Linear layers and activations alternate in the published list.
        Rule(f"{_DECODER}{{2i}}.weight", "decoder/layer_{i}/kernel", ("D 3K", "D D", "4 D"), "linear"),
        Rule(f"{_DECODER}{{2i}}.bias", "decoder/layer_{i}/bias", ("D", "D", "4")),
    ),
    kept={VIT_PREFIX + name: shape for name, shape in POOLER.items()},
)


def published_depths(tensors: Mapping[str, np.ndarray]) -> dict[str, int]:
    """The published numbers of layers, for a file with TripoSR's triplane tokens: one cut short lacks whole layers."""
    tokens = tensors.get("tokenizer.embeddings")
    return _PUBLISHED_DEPTHS if tokens is not None and tokens.shape == _PUBLISHED_TOKENS else {}


def architecture(sizes: Mapping[str, int], depths: Mapping[str, int]) -> dict:
    """The fields of `config.model.ModelConfig` that shapes tell; all of them if these are TripoSR's own.

    Shapes do not tell the numbers of heads, nor the image size.
    """
    told = {
        "vit": sizes_to_vit(sizes, depths[_VIT_LAYERS]),
        "plane_tokens": sizes["T"],
        "token_width": sizes["C"],
        "layers": depths[_LAYERS],
        "plane_channels": sizes["K"],
        "decoder_width": sizes["D"],
        "decoder_layers": depths[_DECODER] - 1,
    }
    published = dataclasses.asdict(PRESETS["base"])
    return published if {**published, **told, "vit": {**published["vit"], **told["vit"]}} == published else told
