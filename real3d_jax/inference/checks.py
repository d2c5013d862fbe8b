"""What numbers of a reconstruction are refused, before work begins."""

from real3d_jax.config.conditioned import MetricRenderConfig
from real3d_jax.config.reconstruction import InputConfig, OrbitConfig, ReconstructionConfig, SurfaceConfig
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
    if config.orbit.least_density and isinstance(config.render, MetricRenderConfig):
        raise UserError(
            f"config.orbit.least_density is {config.orbit.least_density:g}, which the camera-conditioned model's "
            "renderer does not know: set it to 0."
        )


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
