"""The schema of an evaluation's configuration: `configs/eval/*.py`.

No field has a default: every number that shapes a result stands in the config file.
"""

import dataclasses
from collections.abc import Mapping

from real3d_jax.config.conditioned import AnyModelConfig, AnyRenderConfig
from real3d_jax.config.data import EmbeddedSourceConfig
from real3d_jax.config.model import ComputeConfig
from real3d_jax.config.protocols import ProtocolConfig
from real3d_jax.config.training import MeshConfig


@dataclasses.dataclass(frozen=True)
class TestSetConfig:
    """The objects that are scored.

    Attributes:
      root: folder that relative paths start from.
      path: folder of records, relative to `root` or absolute.
      split: of the records, 'test' or 'train'.
      limit: at most so many objects; 0 takes all.
      embedded: data sets to make on the first run, by name.
      workers: threads that read and decode.
    """

    __test__ = False  # not a test class

    root: str
    path: str
    split: str
    limit: int
    embedded: Mapping[str, EmbeddedSourceConfig]
    workers: int


@dataclasses.dataclass(frozen=True)
class ScoredConfig:
    """Which groups of metrics are computed.

    Attributes:
      novel_views: PSNR, SSIM, LPIPS and IoU of novel views against the true ones; needs multi-view data.
      input_view: PSNR of the input view itself, at the size of novel views.
      semantic: CLIP similarity, LPIPS, FID and KID of views around the object against the input view.
      consistency: PSNR, SSIM and LPIPS of the input view seen by a second reconstruction.
      baselines: the scores of novel views also for pictures that need no model, see `baselines.BASELINES`.
    """

    novel_views: bool
    input_view: bool
    semantic: bool
    consistency: bool
    baselines: bool


@dataclasses.dataclass(frozen=True)
class NetworksConfig:
    """Weights of the networks that judge. A network that is not to be had leaves its metrics out, by name.

    Attributes:
      vgg: local path or hub name of an ImageNet VGG16, for LPIPS; '' for none, 'random' to try the program out.
      clip: local path or hub name of a CLIP model, likewise.
      clip_random_size: architecture when `clip` is 'random': 'base' or 'tiny'.
      inception: local path of an InceptionV3 in pytorch-fid's layout, for FID and KID; '' for none.
    """

    vgg: str
    clip: str
    clip_random_size: str
    inception: str


@dataclasses.dataclass(frozen=True)
class GeometryConfig:
    """Meshes against true ones, at mesh scale 2.0 (Section 5).

    Attributes:
      meshes: folder with a true mesh `KEY.obj`, `.ply` or `.glb` for each object, in the world of its cameras; ''
        leaves geometry out.
      resolution: points per side of the grid for marching cubes.
      threshold: density at the surface.
      points: sampled on each surface.
      f_distance: distance within which a point counts for the F-score, where the true mesh has scale 2.0.
    """

    meshes: str
    resolution: int
    threshold: float
    points: int
    f_distance: float


@dataclasses.dataclass(frozen=True)
class CalibrationConfig:
    """The search for the camera distance at which a model of unknown scale fits best.

    Attributes:
      distances: of the input camera, in world units; empty searches nothing.
      scope: 'instance' fits each object by itself, 'set' takes one distance for all.
    """

    distances: tuple[float, ...]
    scope: str


@dataclasses.dataclass(frozen=True)
class BootstrapConfig:
    """Confidence intervals.

    Attributes:
      level: probability that an interval holds the mean, such as 0.95.
      resamples: of the objects.
    """

    level: float
    resamples: int


@dataclasses.dataclass(frozen=True)
class EvaluationConfig:
    """An evaluation of one model on one test set.

    Attributes:
      name: of the test set, in tables and folder names.
      table: the paper's table whose layout the results have, 1 to 4.
      seed: of resampling and of points on surfaces.
      model: the architecture, which the checkpoint must have.
      compute: how it is computed.
      render: `resolution` is not used; each group of metrics has its own.
      mesh: of devices.
      batch_per_device: objects scored at a time on each device.
      data: the objects.
      protocol: which views, and how.
      scored: which groups of metrics.
      networks: the judges.
      geometry: meshes.
      calibration: of scale.
      bootstrap: of intervals.
      cases: objects shown in the report for each of best, median and worst.
    """

    name: str
    table: int
    seed: int
    model: AnyModelConfig
    compute: ComputeConfig
    render: AnyRenderConfig
    mesh: MeshConfig
    batch_per_device: int
    data: TestSetConfig
    protocol: ProtocolConfig
    scored: ScoredConfig
    networks: NetworksConfig
    geometry: GeometryConfig
    calibration: CalibrationConfig
    bootstrap: BootstrapConfig
    cases: int
