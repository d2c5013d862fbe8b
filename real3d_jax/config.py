"""The schema of a training configuration.

`config_files.load` makes these frozen dataclasses of a file in `configs/`. Their docstrings say what each number means.
No field has a default: every number that shapes a run stands in the config file.
"""

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
      implementation: of triplane query and decoder: 'xla' (the plain one), 'pallas' (a fused GPU kernel), or 'auto' for
        the faster that runs here.
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


@dataclasses.dataclass(frozen=True)
class MultiviewSourceConfig:
    """A data set of objects with several known views.

    Attributes:
      path: folder of records, relative to `data.root` or absolute.
      weight: share in the mixture relative to the others; 0 means in proportion to the number of objects.
      distance: of the input camera from the object once mapped to the input-camera frame, in world units.
      input_views: the input view is drawn among the first so many views of an object; 0 means all.
      replacement: whether target views are drawn with replacement.
    """

    path: str
    weight: float
    distance: float
    input_views: int
    replacement: bool


@dataclasses.dataclass(frozen=True)
class SingleViewSourceConfig:
    """A data set of photographs of one cut-out object each.

    Attributes:
      path: folder of records, relative to `data.root` or absolute.
      weight: share in the mixture relative to the others; 0 means in proportion to the number of photographs.
      distance: assumed distance of the camera, in world units.
      fov_y: assumed field of view, in degrees.
      crop_ratio: least and greatest side of the square crop, relative to the longer side of the object's box.
      fraction: share of the photographs that is used, chosen by their names; 1 uses all. Those of a smaller share are
        among those of a greater one (Figure 5).
    """

    path: str
    weight: float
    distance: float
    fov_y: float
    crop_ratio: tuple[float, float]
    fraction: float


@dataclasses.dataclass(frozen=True)
class EmbeddedSourceConfig:
    """A data set that the package makes itself, if its folder is missing, so that nothing need be downloaded.

    Attributes:
      path: folder of records to make, relative to `data.root` or absolute.
      kind: 'procedural_views' (multi-view records), 'procedural_single' (one view an object, as if a photograph) or
        'photographs' (the cut-out photographs of scikit-image).
      family: of procedural objects, 'a' or 'b'; '' for photographs.
      objects: training objects; 0 for photographs, which are as many as there are.
      held_out: test objects, after the training ones.
      views: rendered views of each object.
      image_size: pixels per side of the stored images.
      seed: of objects and cameras.
      raw: share of the photographs of 'procedural_single' that is occluded or truncated, as before curation; 0 for
        none.
    """

    path: str
    kind: str
    family: str
    objects: int
    held_out: int
    views: int
    image_size: int
    seed: int
    raw: float


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where examples come from.

    Attributes:
      root: folder that relative paths start from.
      embedded: data sets to make on the first run, by name; empty where all data come from outside.
      synthetic: supervised data sets, by name.
      real: self-training data sets, by name.
      validation: data sets whose held-out objects are scored, by name.
      target_antialias: whether targets are shrunk with an antialiasing filter (the released code does not).
      workers: reader processes a host; 0 reads in the training process.
      prefetch: batches read ahead.
    """

    root: str
    embedded: dict[str, EmbeddedSourceConfig]
    synthetic: dict[str, MultiviewSourceConfig]
    real: dict[str, SingleViewSourceConfig]
    validation: dict[str, MultiviewSourceConfig]
    target_antialias: bool
    workers: int
    prefetch: int


@dataclasses.dataclass(frozen=True)
class ViewLossConfig:
    """Weights of the losses between a rendered view and its target.

    Attributes:
      mse: mean squared error of the colours.
      lpips: LPIPS distance.
      mask: mean squared error of opacity against the mask (released code; the paper has none).
    """

    mse: float
    lpips: float
    mask: float


@dataclasses.dataclass(frozen=True)
class CurriculumConfig:
    """Where the cycle's novel view is taken from (Eq. 5-6).

    Attributes:
      law: 'uniform' draws each angle from +-max_j (the paper); 'released' draws its size from [start, max_j] and its
        sign at random.
      azimuth_start: theta_min, degrees.
      azimuth_end: theta_max, degrees.
      elevation_start: phi_min, degrees.
      elevation_end: phi_max, degrees.
      steps: j_max; from there on the range stays at its end.
    """

    law: str
    azimuth_start: float
    azimuth_end: float
    elevation_start: float
    elevation_end: float
    steps: int


@dataclasses.dataclass(frozen=True)
class CycleLossConfig:
    """The pixel-level guidance (Eq. 2-6).

    Attributes:
      weights: lambda_pix and its companions.
      curriculum: sampling of the intermediate view.
      end_to_end: lets the gradient through the intermediate view (Table 5's ablation); False stops it (Eq. 3).
      rerender: pixels per side at which the intermediate view is rendered for the second pass; 0 enlarges the
        training render instead.
      mask_threshold: opacity above which the intermediate view keeps its colour; elsewhere it becomes grey 0.5.
    """

    weights: ViewLossConfig
    curriculum: CurriculumConfig
    end_to_end: bool
    rerender: int
    mask_threshold: float


@dataclasses.dataclass(frozen=True)
class SemanticLossConfig:
    """The semantic-level guidance (Eq. 7-9).

    Attributes:
      weight: lambda_sem.
      views: m, novel views rendered for it.
      naive: averages over all views instead of mining the least similar one (Table 5's ablation).
      law: 'uniform' draws azimuth and elevation from +-max (the paper); 'released' draws view 0 with both angles
        positive, view 1 with both negative, and takes the cycle's view as the last one.
      azimuth_max: theta'_max, degrees.
      elevation_max: phi'_max, degrees.
    """

    weight: float
    views: int
    naive: bool
    law: str
    azimuth_max: float
    elevation_max: float


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """Every weight of the training target (Eq. 1 and 10).

    Attributes:
      supervised_views: n, rendered views of a synthetic object, the input view among them.
      supervised: Eq. 1; `lpips` is lambda.
      input_view: lambda_in and its companions.
      cycle: the cycle-consistency loss.
      semantic: the CLIP loss.
    """

    supervised_views: int
    supervised: ViewLossConfig
    input_view: ViewLossConfig
    cycle: CycleLossConfig
    semantic: SemanticLossConfig


@dataclasses.dataclass(frozen=True)
class PerceptualConfig:
    """The frozen networks.

    Attributes:
      clip: local path or hub name of a CLIP model, or 'random' (its loss then means nothing).
      clip_random_size: architecture when `clip` is 'random': 'base' (ViT-B/16 at 224) or 'tiny'.
      efficientnet: local path of EfficientNet-Lite0, whose features then take the place of CLIP's; '' takes CLIP.
      vgg: local path or hub name of an ImageNet VGG16, or 'random'.
    """

    clip: str
    clip_random_size: str
    efficientnet: str
    vgg: str


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """AdamW with warm-up and cosine decay.

    Attributes:
      learning_rate: the peak.
      warmup_steps: optimiser steps of linear warm-up from 0.
      end_learning_rate: value at the end of the cosine.
      b1: first-moment decay.
      b2: second-moment decay.
      eps: added to the root of the second moment.
      weight_decay: decoupled; biases and norms are exempt.
      clip_norm: greatest global gradient norm.
      ema_decay: of the averaged parameters; 0 keeps none.
      max_skipped: updates skipped in a row, for NaN or Inf, before training stops.
    """

    learning_rate: float
    warmup_steps: int
    end_learning_rate: float
    b1: float
    b2: float
    eps: float
    weight_decay: float
    clip_norm: float
    ema_decay: float
    max_skipped: int


@dataclasses.dataclass(frozen=True)
class BatchConfig:
    """How a step's examples are laid out.

    Attributes:
      synthetic: synthetic objects in an optimiser step, over all devices.
      real: photographs in an optimiser step, over all devices.
      micro_batches: parts that a step is computed in, one after another, to fit the memory; 0 makes as many as leave
        each device one example of each kind at a time.
    """

    synthetic: int
    real: int
    micro_batches: int


@dataclasses.dataclass(frozen=True)
class MeshConfig:
    """The device mesh.

    Attributes:
      fsdp: devices that share one copy of the parameters; the rest of the devices repeat it. Examples are spread over
        all of them.
    """

    fsdp: int


@dataclasses.dataclass(frozen=True)
class ScheduleConfig:
    """Length of the run, and what happens how often, in optimiser steps (0 = never).

    Attributes:
      steps: length of the run.
      log_every: a line of metrics.
      validate_every: held-out novel views are scored.
      validation_objects: held-out objects scored, of each validation set.
      validation_views: novel views scored of each.
      pictures_every: image grids for TensorBoard and the workdir.
      checkpoint_every: the state is saved.
      keep: checkpoints kept, the best one beside them.
    """

    steps: int
    log_every: int
    validate_every: int
    validation_objects: int
    validation_views: int
    pictures_every: int
    checkpoint_every: int
    keep: int


@dataclasses.dataclass(frozen=True)
class Config:
    """A training run.

    Attributes:
      name: the run's name, and of its folder under `runs/` if no workdir is given.
      seed: of everything random.
      init_from: converted weights or a training workdir to take parameters from; '' starts from random ones.
    """

    name: str
    seed: int
    init_from: str
    model: ModelConfig
    compute: ComputeConfig
    render: RenderConfig
    data: DataConfig
    losses: LossConfig
    perceptual: PerceptualConfig
    optimizer: OptimizerConfig
    batch: BatchConfig
    mesh: MeshConfig
    schedule: ScheduleConfig
