"""Losses (Eq. 1-10), and the frozen networks that they ask."""

import dataclasses


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
class SmoothViewLossConfig(ViewLossConfig):
    """The same, and a loss on the planes themselves.

    Attributes:
      total_variation: mean squared difference of neighbouring texels of the planes, down and across (OpenLRM's).
    """

    total_variation: float


@dataclasses.dataclass(frozen=True)
class OverlapViewLossConfig(ViewLossConfig):
    """The same, and a loss on how far outlines overlap.

    Attributes:
      overlap: one minus the intersection over union of opacity and mask, a view at a time (neither in the paper nor in
        the released code).
    """

    overlap: float


# Of a group, the one whose keys it has.
AnyViewLossConfig = ViewLossConfig | SmoothViewLossConfig | OverlapViewLossConfig


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
      steps: j_max; from there on the range stays at its end. 0 in a configuration is the length of the run
        (`config.training.Config.curriculum`).
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
      gradient_cap: greatest norm of this loss's gradient with respect to an example's novel views, relative to the norm
        of the pixel losses' gradient with respect to its input view and the view that closes its cycle; 0 for no cap
        (the paper's).
      law: 'uniform' draws azimuth and elevation from +-max (the paper); 'released' draws view 0 with both angles
        positive, view 1 with both negative, and takes the cycle's view as the last one.
      azimuth_max: theta'_max, degrees.
      elevation_max: phi'_max, degrees.
    """

    weight: float
    views: int
    naive: bool
    gradient_cap: float
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
    supervised: AnyViewLossConfig
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


def uses_cycle(losses: LossConfig) -> bool:
    """Whether the cycle has any weight."""
    return bool(losses.cycle.weights.mse or losses.cycle.weights.lpips or losses.cycle.weights.mask)
