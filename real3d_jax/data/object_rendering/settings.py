"""What the renders of an object depend on, beside its mesh."""

import dataclasses
from typing import Any, Literal

from real3d_jax.data.object_rendering.camera_paths import RandomCameras, RingCameras
from real3d_jax.data.object_rendering.meshes import FITS, UP_AXES
from real3d_jax.data.object_rendering.stretching import MOST_UNEVEN
from real3d_jax.errors import UserError

# A new number means that the same settings give other pictures.
VERSION = 3
CAMERA_PATHS = {"random": RandomCameras, "ring": RingCameras}
RENDERERS = ("rasterizer", "path_tracer")


@dataclasses.dataclass(frozen=True)
class RenderSettings:
    """A folder of renders has one of these.

    Attributes:
      cameras: where the cameras stand.
      views: of each object.
      image_size: pixels per side.
      fov_y: degrees.
      seed: of the cameras; an object's own seed follows from this and its name.
      up_axis: what is up in the mesh files.
      fit: what becomes 1 in size, the bounding box or the sphere around it; see `meshes.normalised`.
      renderer: of the colours; one of RENDERERS. Depth and normals are always rasterised.
      supersample: of the rasterizer, samples per side of a pixel.
      lit: of the rasterizer, shades the colours.
      samples: of the path tracer, for each pixel.
      allow_missing_files: see `mesh_files.load`.
      stretched: so many objects of each mesh, each of other proportions; 0 is the mesh itself.
      stretch: the least and the largest factor of their axes.
      uneven: how much more one quarter of an axis may be stretched than the whole; 1 stretches evenly. See
        `stretching.lengths`.
      recoloured: share of them whose colour channels are exchanged; see `stretching.channels`.
      require_colour: leaves out objects all of whose faces have one grey; see `meshes.is_plain`.
    """

    cameras: RandomCameras | RingCameras
    views: int = 24
    image_size: int = 512
    fov_y: float = 49.1
    seed: int = 0
    up_axis: Literal["y", "z"] = "y"
    fit: Literal["box", "sphere"] = "box"
    renderer: Literal["rasterizer", "path_tracer"] = "rasterizer"
    supersample: int = 3
    lit: bool = True
    samples: int = 32
    allow_missing_files: bool = False
    require_colour: bool = False
    stretched: int = 0
    stretch: tuple[float, float] = (0.65, 1.5)
    uneven: float = 1.0
    recoloured: float = 0.0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("views", 1, 1000),
            ("image_size", 8, 4096),
            ("supersample", 1, 8),
            ("samples", 1, 65536),
            ("stretched", 0, 100),
        ):
            if not low <= getattr(self, name) <= high:
                raise UserError(f"--{name} must be from {low} to {high}, not {getattr(self, name)}.")
        if self.image_size * self.supersample > 8192:
            raise UserError(
                f"--image_size {self.image_size} times --supersample {self.supersample} is above 8192 pixels: "
                "lower one of them."
            )
        if not 1 <= self.fov_y <= 150:
            raise UserError(f"--fov_y must be from 1 to 150 degrees, not {self.fov_y}.")
        if not 0 < self.stretch[0] <= self.stretch[1] < 100:
            raise UserError(f"--stretch must be two factors above 0, the smaller first, not {list(self.stretch)}.")
        if not 1 <= self.uneven <= MOST_UNEVEN:
            raise UserError(f"--uneven must be from 1 to {MOST_UNEVEN}, not {self.uneven}.")
        if not 0 <= self.recoloured <= 1:
            raise UserError(f"--recoloured must be a share from 0 to 1, not {self.recoloured}.")
        if not self.stretched and any(map(self._is_changed, ("stretch", "uneven", "recoloured"))):
            raise UserError("--stretch, --uneven and --recoloured are for what --stretched makes: give it, too.")
        assert self.up_axis in UP_AXES and self.fit in FITS and self.renderer in RENDERERS

    def plan(self) -> dict[str, Any]:
        """As JSON."""
        path = next(name for name, kind in CAMERA_PATHS.items() if isinstance(self.cameras, kind))
        options = {key: list(value) for key, value in dataclasses.asdict(self.cameras).items()}
        others = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "cameras"}
        if not self.stretched:  # as folders say that were begun before there was any
            del others["stretched"], others["stretch"]
        for name in ("uneven", "recoloured"):
            if not self._is_changed(name):
                del others[name]
        return {"version": VERSION, "cameras": path, **options, **others}

    def _is_changed(self, name: str) -> bool:
        return getattr(self, name) != getattr(RenderSettings, name)  # the class has the defaults
