"""The schema of `configs/reconstruct.py`. No field has a default: every number stands in the config file."""

import dataclasses

from real3d_jax.config.conditioned import AnyModelConfig, AnyRenderConfig
from real3d_jax.config.model import ComputeConfig


@dataclasses.dataclass(frozen=True)
class InputConfig:
    """What is made of a photograph for the model.

    Attributes:
      mask_threshold: the object is where alpha (0 to 255) is greater.
      crop_ratio: side of the square crop relative to the longer side of the object's box.
      background: grey value behind the object, in [0, 1].
    """

    mask_threshold: int
    crop_ratio: float
    background: float


@dataclasses.dataclass(frozen=True)
class OrbitConfig:
    """A camera's way once around the object, which begins where the input camera stands (at elevation 0).

    Attributes:
      frames: views, at equal azimuths.
      elevation: of all of them, degrees.
      distance: of the camera from the object's centre, in world units.
      fov_y: its vertical field of view, degrees.
      resolution: pixels per side.
      frames_per_second: of the animation.
      frames_at_once: views that are rendered together.
      least_density: where the density is not above it, the field counts as empty, which saves time on a CPU and clears
        fog (an opacity below it on a whole ray); 0 asks the field for every sample.
    """

    frames: int
    elevation: float
    distance: float
    fov_y: float
    resolution: int
    frames_per_second: float
    frames_at_once: int
    least_density: float


@dataclasses.dataclass(frozen=True)
class SurfaceConfig:
    """The mesh.

    Attributes:
      format: 'glb', 'ply', 'obj' or 'stl'; '' makes none.
      resolution: points per side of the grid of densities, a multiple of 4.
      threshold: activated density of the surface.
    """

    format: str
    resolution: int
    threshold: float


@dataclasses.dataclass(frozen=True)
class ReconstructionConfig:
    """How photographs are reconstructed.

    Attributes:
      model: architecture of converted weights; a training run brings its own.
      compute: types and implementations.
      render: volume rendering; a training run brings its own box, bias and background.
      input: what the model is given.
      orbit: views around the object.
      surface: its mesh.
    """

    model: AnyModelConfig
    compute: ComputeConfig
    render: AnyRenderConfig
    input: InputConfig
    orbit: OrbitConfig
    surface: SurfaceConfig
