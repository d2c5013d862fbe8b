"""The camera-conditioned LRM (OpenLRM's architecture) and its renderer; a config names either model."""

import dataclasses

from real3d_jax.config.model import ModelConfig, RenderConfig


@dataclasses.dataclass(frozen=True)
class DinoV2Config:
    """DINOv2's vision transformer with registers.

    Attributes:
      width: channels of a token.
      layers: number of blocks.
      heads: attention heads.
      mlp_width: hidden channels of each block's MLP.
      patch_size: pixels per side of a patch.
      position_grid: patches per side that the position table was made for.
      registers: tokens without a place in the image.
    """

    width: int
    layers: int
    heads: int
    mlp_width: int
    patch_size: int
    position_grid: int
    registers: int


@dataclasses.dataclass(frozen=True)
class ConditionedModelConfig:
    """The camera-conditioned model; `models.presets` has named sizes.

    Attributes:
      image_size: pixels per side of the input image.
      encoder: of the image.
      camera_width: channels of the input camera's embedding.
      plane_tokens: triplane tokens per side of a plane; the planes have twice as many texels.
      token_width: channels of a triplane token.
      layers: transformer blocks.
      heads: attention heads, `token_width / heads` channels each.
      plane_channels: channels of a triplane texel.
      decoder_width: hidden channels of the decoder MLP.
      decoder_layers: hidden layers of the decoder MLP (the output layer not counted).
    """

    image_size: int
    encoder: DinoV2Config
    camera_width: int
    plane_tokens: int
    token_width: int
    layers: int
    heads: int
    plane_channels: int
    decoder_width: int
    decoder_layers: int


@dataclasses.dataclass(frozen=True)
class MetricRenderConfig:
    """Volume rendering with metric lengths, and samples drawn where the first ones found something.

    Attributes:
      resolution: pixels per side of a training render.
      samples: points on a ray at the first pass, and as many again at the second.
      radius: half-size of the object's box in world units.
      density_bias: added to the raw density before the softplus.
      background: grey value behind the object, in [0, 1].
      rays_per_chunk: rays of one object rendered at a time; bounds the memory.
      implementation: of triplane query and decoder, as in `config.model.RenderConfig`, but none that marches.
    """

    resolution: int
    samples: int
    radius: float
    density_bias: float
    background: float
    rays_per_chunk: int
    implementation: str


# A group of a config is of the one whose keys it has.
AnyModelConfig = ModelConfig | ConditionedModelConfig
AnyRenderConfig = RenderConfig | MetricRenderConfig
