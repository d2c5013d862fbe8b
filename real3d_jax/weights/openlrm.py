"""The names of OpenLRM v1.1's checkpoints, the camera-conditioned model's."""

import dataclasses
import math
import re
from collections.abc import Mapping

import numpy as np

from real3d_jax.errors import UserError
from real3d_jax.models.presets import CONDITIONED_PRESETS
from real3d_jax.weights.mapping import Rule, Table
from real3d_jax.weights.vit import dense_rules, norm_rules

ENCODER = "encoder.model."
_BLOCKS = f"{ENCODER}blocks."
_LAYERS = "transformer.layers."
_DECODER = "synthesizer.decoder.net."
_TOKENS = "pos_embed"
_FIRST = f"{_DECODER}0.weight"
_PLANES = [0, 2, 1]  # theirs in our order, and ours in theirs: `models.conditioned.planes_in_world`
_PARTS = ("q", "k", "v")
# Three matrices in one, and the names that `TABLE` gives them: PyTorch's attention, and DINOv2's.
_FUSED = (
    (re.compile(r"(.*attn\.)in_proj_weight"), "{}{}_proj_weight"),
    (re.compile(rf"({re.escape(_BLOCKS)}\d+\.attn\.)qkv\.weight"), "{}{}.weight"),
    (re.compile(rf"({re.escape(_BLOCKS)}\d+\.attn\.)qkv\.bias"), "{}{}.bias"),
)
_APART = (
    (re.compile(rf"({re.escape(_LAYERS)}\d+\.(?:self|cross)_attn\.)q_proj_weight"), "{}in_proj_weight"),
    (re.compile(rf"({re.escape(_BLOCKS)}\d+\.attn\.)q\.(weight|bias)"), "{}qkv.{}"),
)


def _attention_rules(source: str, target: str, context: str) -> list[Rule]:
    return [
        *(
            Rule(f"{source}.{part}_proj_weight", f"{target}/{name}/kernel", f"C {width}", "linear")
            for part, name, width in (("q", "query", "C"), ("k", "key", context), ("v", "value", context))
        ),
        Rule(f"{source}.out_proj.weight", f"{target}/out/kernel", "C C", "linear"),
    ]


def _encoder_rules() -> list[Rule]:
    source, target = f"{_BLOCKS}{{i}}", "image_tokenizer/layers"
    return [
        Rule(f"{ENCODER}cls_token", "image_tokenizer/cls_token", "1 1 W"),
        Rule(f"{ENCODER}register_tokens", "image_tokenizer/register_tokens", "1 R W"),
        Rule(f"{ENCODER}pos_embed", "image_tokenizer/position_embedding", "1 P W"),
        Rule(f"{ENCODER}patch_embed.proj.weight", "image_tokenizer/patch_embedding/kernel", "W 3 S S", "conv"),
        Rule(f"{ENCODER}patch_embed.proj.bias", "image_tokenizer/patch_embedding/bias", "W"),
        *norm_rules(f"{source}.norm1", f"{target}/norm1", "W"),
        *(
            rule
            for part, name in zip(_PARTS, ("query", "key", "value"), strict=True)
            for rule in dense_rules(f"{source}.attn.{part}", f"{target}/attention/{name}", "W", "W")
        ),
        *dense_rules(f"{source}.attn.proj", f"{target}/attention/out", "W", "W"),
        Rule(f"{source}.ls1.gamma", f"{target}/scale1", "W"),
        *norm_rules(f"{source}.norm2", f"{target}/norm2", "W"),
        *dense_rules(f"{source}.mlp.fc1", f"{target}/mlp/up", "M", "W"),
        *dense_rules(f"{source}.mlp.fc2", f"{target}/mlp/down", "W", "M"),
        Rule(f"{source}.ls2.gamma", f"{target}/scale2", "W"),
        *norm_rules(f"{ENCODER}norm", "image_tokenizer/norm", "W"),
    ]


def _backbone_rules() -> list[Rule]:
    source, target = f"{_LAYERS}{{i}}", "backbone/layers"
    return [
        *(
            rule
            for number in (1, 2, 3)
            for rule in (
                *norm_rules(f"{source}.norm{number}.norm", f"{target}/norm{number}/norm", "C"),
                *dense_rules(f"{source}.norm{number}.mlp.1", f"{target}/norm{number}/modulation", "2C", "E"),
            )
        ),
        *_attention_rules(f"{source}.cross_attn", f"{target}/cross_attention", "W"),
        *_attention_rules(f"{source}.self_attn", f"{target}/self_attention", "C"),
        *dense_rules(f"{source}.mlp.0", f"{target}/mlp/up", "4C", "C"),
        *dense_rules(f"{source}.mlp.3", f"{target}/mlp/down", "C", "4C"),
        *norm_rules("transformer.norm", "backbone/norm", "C"),
    ]


# W, channels of the encoder's tokens; M, of its MLP; R, registers; P, positions; S, pixels of a patch. C, channels of a
# triplane token; T, tokens per side of a plane; E, channels of the camera's embedding; K, of a texel; D, hidden ones of
# the decoder. Published tensors come here through `as_table`.
TABLE = Table(
    kind="conditioned",
    title="OpenLRM checkpoint",
    rules=(
        *_encoder_rules(),
        *dense_rules("camera_embedder.mlp.0", "camera_embedder/in", "E", "16"),
        *dense_rules("camera_embedder.mlp.2", "camera_embedder/out", "E", "E"),
        Rule(_TOKENS, "triplane_tokens/embeddings", "3 T T C"),
        *_backbone_rules(),
        Rule("upsampler.weight", "upsampler/kernel", "C K 2 2", "channels_last"),
        Rule("upsampler.bias", "upsampler/bias", "K"),
        # Linear layers and activations alternate in the published list.
        Rule(f"{_DECODER}{{2i}}.weight", "decoder/layer_{i}/kernel", ("D 3K", "D D", "4 D"), "linear"),
        Rule(f"{_DECODER}{{2i}}.bias", "decoder/layer_{i}/bias", ("D", "D", "4")),
    ),
)


LICENCE = "OpenLRM's released weights are CC-BY-NC 4.0: not for commercial use"


def architecture(sizes: Mapping[str, int], depths: Mapping[str, int]) -> dict:
    """The fields of `config.conditioned.ConditionedModelConfig` that shapes tell; all of them of a preset's size."""
    told = {
        "camera_width": sizes["E"],
        "plane_tokens": sizes["T"],
        "token_width": sizes["C"],
        "layers": depths[_LAYERS],
        "plane_channels": sizes["K"],
        "decoder_width": sizes["D"],
        "decoder_layers": depths[_DECODER] - 1,
    }
    encoder = {
        "width": sizes["W"],
        "layers": depths[_BLOCKS],
        "mlp_width": sizes["M"],
        "patch_size": sizes["S"],
        "position_grid": math.isqrt(sizes["P"] - 1),
        "registers": sizes["R"],
    }
    for preset in map(dataclasses.asdict, CONDITIONED_PRESETS.values()):
        if {**preset, **told, "encoder": preset["encoder"] | encoder} == preset:
            return preset
    return {**told, "encoder": encoder}


def as_table(tensors: Mapping[str, np.ndarray], *, where: str) -> dict[str, np.ndarray]:
    """Published tensors under the names of `TABLE`, in its shapes: exact to the bit.

    Matrices of attention that are stored as one are taken apart, the triplane's tokens get rows and columns, and the
    decoder's first layer takes the planes in our order. What has another shape than it should is left as it is, for the
    table to refuse.

    Args:
      tensors: by published name.
      where: the file, for messages.

    Raises:
      UserError: a matrix is there both alone and with others.
    """
    ours: dict[str, np.ndarray] = {}
    for name, tensor in tensors.items():
        tensor = np.asarray(tensor)
        if apart := _taken_apart(name, tensor):
            if doubled := sorted(apart.keys() & tensors.keys()):
                raise UserError(f"{where} holds {doubled[0]} twice, alone and in {name}: get a complete file.")
            ours |= apart
        else:
            ours[name] = _TO_TABLE[name](tensor) if name in _TO_TABLE else tensor
    return ours


def _taken_apart(name: str, tensor: np.ndarray) -> dict[str, np.ndarray]:
    """The three matrices that one stands for; none if it is another tensor."""
    for pattern, form in _FUSED:
        found = pattern.fullmatch(name)
        if found and tensor.ndim and len(tensor) % 3 == 0:
            return {form.format(found[1], part): rows for part, rows in zip(_PARTS, np.split(tensor, 3), strict=True)}
    return {}


def as_published(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The inverse of `as_table`.

    PyTorch stores attention as one matrix where queries and keys are equally wide, which the base size's are.
    """
    theirs = dict(tensors)
    for name in tensors:
        for pattern, form in _APART:
            if found := pattern.fullmatch(name):
                names = [name.replace(f"{found[1]}q", f"{found[1]}{part}") for part in _PARTS]
                if len({tensors[one].shape for one in names}) == 1:
                    theirs[form.format(*found.groups())] = np.concatenate([theirs.pop(one) for one in names])
    for name, move in _FROM_TABLE.items():
        theirs[name] = move(theirs[name])
    return theirs


def _tokens_as_grid(tokens: np.ndarray) -> np.ndarray:
    if tokens.ndim != 3 or len(tokens) != 1:
        return tokens
    side = math.isqrt(tokens.shape[1] // 3)
    return tokens.reshape(3, side, side, -1) if tokens.shape[1] == 3 * side**2 else tokens


def _other_planes_first(kernel: np.ndarray) -> np.ndarray:
    """The columns of the decoder's first layer in the other order of planes; its own inverse."""
    if kernel.ndim != 2 or kernel.shape[1] % 3:
        return kernel
    return kernel.reshape(len(kernel), 3, -1)[:, _PLANES].reshape(kernel.shape)


_TO_TABLE = {_TOKENS: _tokens_as_grid, _FIRST: _other_planes_first}
_FROM_TABLE = {
    _TOKENS: lambda tokens: tokens.reshape(1, -1, tokens.shape[-1]),
    _FIRST: _other_planes_first,
}
