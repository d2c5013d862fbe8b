"""Counted work of the parts, in TFLOP: two for each multiplication with its addition.

A backward pass counts twice its forward pass; what is computed again for it does not count. The decoder's first layer
counts on the planes, where the fused kernel has it, not on the samples.
"""

from real3d_jax.config.agreement import canonical_model
from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.config.losses import LossConfig
from real3d_jax.config.model import ModelConfig
from real3d_jax.config.training import Config

_TERA = 1e12


def encode_tflop(model: ModelConfig) -> float:
    """One image to one triplane."""
    vit, width = model.vit, model.token_width
    patches = (model.image_size // vit.patch_size) ** 2
    image_tokens = patches + 1
    tokens = 3 * model.plane_tokens**2
    vit_layer = image_tokens * (4 * vit.width**2 + 2 * vit.width * vit.mlp_width) + 2 * image_tokens**2 * vit.width
    tokenizer = vit.layers * vit_layer + patches * 3 * vit.patch_size**2 * vit.width
    self_attention = tokens * 4 * width**2 + 2 * tokens**2 * width
    cross_attention = tokens * 2 * width**2 + 2 * image_tokens * vit.width * width + 2 * tokens * image_tokens * width
    feed_forward = tokens * 12 * width**2
    backbone = model.layers * (self_attention + cross_attention + feed_forward) + 2 * tokens * width**2
    upsampler = tokens * width * 4 * model.plane_channels
    return 2 * (tokenizer + backbone + upsampler) / _TERA


def decode_tflop(model: ModelConfig, points: int) -> float:
    """The decoder at so many points, behind its first layer."""
    per_point = (model.decoder_layers - 1) * model.decoder_width**2 + 4 * model.decoder_width
    return 2 * points * per_point / _TERA


def view_tflop(config: Config | EvaluationConfig, resolution: int | None = None) -> float:
    """One rendered view."""
    side = resolution or config.render.resolution
    return decode_tflop(canonical_model(config.model), side * side * config.render.samples)


def step_tflop(config: Config) -> float:
    """Encodings and views of an optimiser step; the perceptual networks do not count."""
    synthetic = encode_tflop(canonical_model(config.model)) + config.losses.supervised_views * view_tflop(config)
    cycle = 2 * encode_tflop(canonical_model(config.model)) + (1 + _semantic_views(config.losses) + 1) * view_tflop(
        config
    )
    with_gradient = config.batch.synthetic * synthetic + config.batch.real * cycle
    without = config.batch.real * view_tflop(config, config.losses.cycle.rerender or None)
    return 3 * with_gradient + without


def _semantic_views(losses: LossConfig) -> int:
    return losses.semantic.views if losses.semantic.weight else 0
