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
      intrinsics: its field of view: 'training' takes the crop to have that of the training's pictures, 'exif' works it
        out from what the camera wrote into the file, where that is known, and straightens the field accordingly.
      background: grey value behind the object, in [0, 1].
      elevation: of its camera above the object, degrees, as a word; 'estimate' asks the field (see
        `inference.uprightness`). The mesh and the views' way are upright for it; for '0' as the picture is.
    """

    mask_threshold: int
    crop_ratio: float
    intrinsics: str
    background: float
    elevation: str


@dataclasses.dataclass(frozen=True)
class OrbitConfig:
    """A camera's way once around the object, which begins where the input camera stands (at elevation 0).

    Attributes:
      frames: views, at equal azimuths.
      elevation: of all of them, degrees above the input camera's.
      distance: of the camera from the object's centre, in world units.
      fov_y: its vertical field of view, degrees.
      resolution: pixels per side.
      format: what is written of the views, 'gif', 'mp4' (H.264) or 'npz' (all numbers), or several with commas.
      maps: pictures beside those of colours, 'depth', 'normals' or both with a comma; '' for none.
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
    format: str
    maps: str
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
      skip_empty: asks for all points only near the surface that every fourth point along each side shows.
      least_share: parts that enclose less than this share of what the largest does are left out; 0 keeps all, 1 one.
      smoothing: steps of Taubin's smoothing.
      faces: that the mesh is decimated to; 0 keeps all.
      texture: texels per side of the base colour's picture; 0 makes vertex colours.
      textured_faces: in place of `faces` where that is 0 and there is a texture.
      axes: 'z_up' or 'y_up', of formats other than GLB.
    """

    format: str
    resolution: int
    threshold: float
    skip_empty: bool
    least_share: float
    smoothing: int
    faces: int
    texture: int
    textured_faces: int
    axes: str


@dataclasses.dataclass(frozen=True)
class SheetConfig:
    """One picture of the results of several photographs; it changes no result.

    Attributes:
      photographs: at most so many, the first ones; 0 makes no sheet.
      views: beside each input, of those in its strip.
      pixels: per side of each.
      columns: photographs side by side.
    """

    photographs: int
    views: int
    pixels: int
    columns: int


@dataclasses.dataclass(frozen=True)
class RefineConfig:
    """Gradient steps on the planes of a field, towards the pictures that are there.

    Attributes:
      steps: on a photograph; 0 leaves the field as the model made it.
      steps_of_views: on several views with known cameras.
      learning_rate: of Adam, in units of the planes' standard deviation.
      hold: weight of the planes' mean squared distance from the model's, in the same units, beside the colours' error.
      rays: of a step, any of all views.
      resolution: pixels per side that views are compared at, at most.
      seed: of the choice of rays.
      distance: of the camera that the model takes a photograph's to be, from the object's centre.
      fov_y: its vertical field of view, degrees.
    """

    steps: int
    steps_of_views: int
    learning_rate: float
    hold: float
    rays: int
    resolution: int
    seed: int
    distance: float
    fov_y: float


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
      sheet: a picture of all results.
      refine: towards the photograph itself, or towards several views.
    """

    model: AnyModelConfig
    compute: ComputeConfig
    render: AnyRenderConfig
    input: InputConfig
    orbit: OrbitConfig
    surface: SurfaceConfig
    sheet: SheetConfig
    refine: RefineConfig
