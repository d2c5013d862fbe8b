"""The model, how it is computed, and the renderer."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class VitConfig:
    """A vision transformer (DINO's or CLIP's).

    Attributes:
      width: channels of a token.
      layers: number of blocks.
      heads: attention heads.
      mlp_width: hidden channels of each block's MLP.
      patch_size: pixels per side of a patch.
      position_grid: patches per side that the position table was made for.
      activation: 'gelu' (exact) or 'quick_gelu' (CLIP).
      layer_norm_eps: epsilon of every LayerNorm.
      patch_bias: whether the patch convolution has a bias (DINO has, CLIP has not).
      pre_norm: whether tokens are normalised before the first block (CLIP).
    """

    width: int
    layers: int
    heads: int
    mlp_width: int
    patch_size: int
    position_grid: int
    activation: str
    layer_norm_eps: float
    patch_bias: bool
    pre_norm: bool


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """The reconstruction model; `models.presets` has named sizes.

    Attributes:
      image_size: pixels per side of the input image.
      vit: the image tokenizer.
      plane_tokens: triplane tokens per side of a plane; the planes have twice as many texels.
      token_width: channels of a triplane token.
      layers: transformer blocks.
      heads: attention heads, `token_width / heads` channels each.
      plane_channels: channels of a triplane texel.
      decoder_width: hidden channels of the decoder MLP.
      decoder_layers: hidden layers of the decoder MLP (the output layer not counted).
    """

    image_size: int
    vit: VitConfig
    plane_tokens: int
    token_width: int
    layers: int
    heads: int
    plane_channels: int
    decoder_width: int
    decoder_layers: int


@dataclasses.dataclass(frozen=True)
class ComputeConfig:
    """How the model is computed; changes no parameter.

    Attributes:
      dtype: of activations, 'bfloat16' or 'float32'. Parameters, coordinates, compositing and losses stay float32.
      matmul_precision: jax's `default_matmul_precision` ('highest' for float32 parity on accelerators, or 'default').
      remat: what a transformer block keeps for its backward pass: 'none' recomputes nothing, 'dots' keeps the
        results of matrix products, 'full' keeps only the block's input.
      attention: 'xla' (the plain one), 'cudnn' (bfloat16 on an NVIDIA GPU), or 'auto' for the faster that runs here.
      elementwise: of norms and GEGLU: 'xla' (the plain one), 'pallas' (fused GPU kernels), or 'auto' for the faster
        that runs here.
      unroll: transformer blocks compiled one after another in a loop over the rest; 0 compiles all, which takes minutes
        longer and spares copying what each keeps.
    """

    dtype: str
    matmul_precision: str
    remat: str
    attention: str
    elementwise: str
    unroll: int


@dataclasses.dataclass(frozen=True)
class RenderConfig:
    """Volume rendering of a triplane.

    Attributes:
      resolution: pixels per side of a training render.
      samples: points on a ray.
      radius: half-size of the object's box in world units.
      box_inset: the box that rays are cut with is smaller by this fraction.
      min_interval: a ray whose way through the box is not longer than this misses (world units).
      density_bias: added to the raw density before the exponential.
      background: grey value behind the object, in [0, 1].
      rays_per_chunk: rays of one object rendered at a time; bounds the memory.
      implementation: of triplane query and decoder: 'xla' (the plain one), 'pallas' (a fused GPU kernel),
        'pallas_march' (GPU kernels that sample and composite rays, too), or 'auto' for the fastest that runs here.
    """

    resolution: int
    samples: int
    radius: float
    box_inset: float
    min_interval: float
    density_bias: float
    background: float
    rays_per_chunk: int
    implementation: str
