"""What numbers of a reconstruction are refused, before work begins."""

from real3d_jax.config.reconstruction import (
    InputConfig,
    OrbitConfig,
    ReconstructionConfig,
    RefineConfig,
    SurfaceConfig,
)
from real3d_jax.errors import UserError, did_you_mean
from real3d_jax.export.mesh import FORMATS


def check(config: ReconstructionConfig) -> None:
    """Raises UserError unless all numbers of a configuration can be used."""
    surface = config.surface
    if surface.format and surface.format not in FORMATS:
        raise UserError(
            f"config.surface.format has no value '{surface.format}': {did_you_mean(surface.format, FORMATS)}"
        )
    check_surface(surface, "config.surface.")
    check_orbit(config.orbit, "config.orbit.")
    check_input(config.input, "config.input.")
    check_refine(config.refine, "config.refine.")


def check_surface(surface: SurfaceConfig, where: str = "") -> None:
    """Raises UserError unless a mesh can be made so; `where` stands before the names of numbers."""
    if surface.resolution < 4 or surface.resolution % 4:
        raise UserError(f"{where}resolution is {surface.resolution}: set it to a multiple of 4.")
    if surface.threshold <= 0:
        raise UserError(f"{where}threshold is {surface.threshold:g}: set it above 0, the density of nothing.")


def check_orbit(orbit: OrbitConfig, where: str = "") -> None:
    """Raises UserError unless views can be rendered so; `where` as of `check_surface`."""
    if orbit.frames < 1 or orbit.resolution < 1 or orbit.frames_per_second <= 0:
        raise UserError(f"{where}frames, resolution and frames_per_second must be above 0.")
    if orbit.least_density < 0:
        raise UserError(f"{where}least_density is {orbit.least_density:g}: set it to 0 or more.")
    if orbit.distance <= 0 or not 0 < orbit.fov_y < 180:
        raise UserError(f"{where}distance must be above 0, and fov_y between 0 and 180 degrees.")


def check_input(photograph: InputConfig, where: str = "") -> None:
    """Raises UserError unless a photograph can be cropped so; `where` as of `check_surface`."""
    if photograph.crop_ratio <= 0:
        raise UserError(f"{where}crop_ratio is {photograph.crop_ratio:g}: the paper has 1.6.")


def check_refine(refine: RefineConfig, where: str = "") -> None:
    """Raises UserError unless a field can be refined so; `where` as of `check_surface`."""
    if refine.steps < 0 or refine.steps_of_views < 0:
        raise UserError(f"{where}steps and steps_of_views must be 0 or more: 0 leaves the field as the model made it.")
    if not refine.learning_rate > 0 or not refine.hold >= 0:
        raise UserError(f"{where}learning_rate must be above 0, and hold 0 or more.")
    if refine.rays < 1 or refine.resolution < 1:
        raise UserError(f"{where}rays and resolution must be above 0.")
    if refine.distance <= 0 or not 0 < refine.fov_y < 180:
        raise UserError(f"{where}distance must be above 0, and fov_y between 0 and 180 degrees.")
