"""What a stranger may ask of the demo, and the numbers that come with a request."""

import dataclasses
import math

from real3d_jax.errors import UserError
from real3d_jax.inference.elevation import as_degrees

# Each resolution is a program of its own, and the crop is as many times larger in memory: so both are few.
STEP = 32
CROPS = (1.0, 3.0)
ELEVATIONS = (-30, 90)  # of the page's slider, degrees
TEXTURES = (0, 512, 1024, 2048)


@dataclasses.dataclass(frozen=True)
class Limits:
    """What is accepted.

    Attributes:
      bytes: of a request, and so of a picture's file.
      pixels: of a picture, known before it is decoded.
      resolution: of a mesh, a multiple of STEP.
      waiting: requests that wait for the model while another one has it; more are sent away.
      seconds: for which files are kept after they were made.
    """

    bytes: int
    pixels: int
    resolution: int
    waiting: int
    seconds: float

    def __post_init__(self):
        if min(self.bytes, self.pixels, self.waiting) < 1 or not self.seconds > 0:
            raise UserError("The demo's limits must be above 0: see `--help` for each.")
        if self.resolution < STEP or self.resolution % STEP:
            raise UserError(f"--most_resolution is {self.resolution}: set it to a multiple of {STEP}.")


@dataclasses.dataclass(frozen=True)
class Settings:
    """The numbers of one request.

    Attributes:
      resolution: of the mesh, points per side; a multiple of STEP.
      threshold: density of its surface.
      crop_ratio: side of the square crop relative to the longer side of the object's box.
      texture: texels per side of a picture of the colours, one of TEXTURES; 0 makes vertex colours.
      elevation: of the camera above the object, degrees or 'estimate'.
    """

    resolution: int
    threshold: float
    crop_ratio: float
    texture: int = 0
    elevation: float | str = 0.0

    def check(self, limits: Limits) -> None:
        """Raises UserError unless a mesh may be made so."""
        if not STEP <= self.resolution <= limits.resolution or self.resolution % STEP:
            raise UserError(
                f"resolution is {self.resolution}: set it to a multiple of {STEP}, at most {limits.resolution}."
            )
        if not (math.isfinite(self.threshold) and self.threshold > 0):
            raise UserError(f"threshold is {self.threshold:g}: set it above 0, the density of nothing.")
        if not CROPS[0] <= self.crop_ratio <= CROPS[1]:
            raise UserError(f"crop_ratio is {self.crop_ratio:g}: set it between {CROPS[0]:g} and {CROPS[1]:g}.")
        if self.texture not in TEXTURES:
            raise UserError(f"texture is {self.texture}: set it to one of {', '.join(map(str, TEXTURES))}.")
        as_degrees(self.elevation, "elevation")
