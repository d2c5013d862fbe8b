"""What numbers of a reconstruction are refused, before work begins."""

from collections.abc import Sequence
from typing import Any

from real3d_jax.cameras import Cameras
from real3d_jax.config.conditioned import AnyRenderConfig, MetricRenderConfig
from real3d_jax.config.model import RenderConfig
from real3d_jax.config.reconstruction import InputConfig, OrbitConfig, ReconstructionConfig, SurfaceConfig
from real3d_jax.errors import UserError, did_you_mean
from real3d_jax.export.cleaning import LEAST_FACES, check_simplification
from real3d_jax.export.mesh import FORMATS, TEXTURED, check_axes
from real3d_jax.export.texture import LARGEST, SMALLEST, check_xatlas
from real3d_jax.inference.video import check_video
from real3d_jax.inference.views import DEEPEST, DEPTH, FASTEST_GIF, MAPS, check_speed

ORBIT_FORMATS = ("gif", "mp4", "npz")
_LARGEST_VIEW = 4096  # pixels per side; indices of a view's samples are 32 bits
_FINEST_GRID = 4096  # points per side; a layer of them is a slab (`export.density_slabs`)


def check(config: ReconstructionConfig) -> None:
    """Raises UserError unless all numbers of a configuration can be used."""
    surface = config.surface
    if surface.format and surface.format not in FORMATS:
        raise UserError(
            f"config.surface.format has no value '{surface.format}': {did_you_mean(surface.format, FORMATS)}"
        )
    if surface.texture and surface.format and surface.format not in TEXTURED:
        raise UserError(
            f"config.surface.texture is {surface.texture}, but '{surface.format}' has no textures: set "
            f"config.surface.format to '{TEXTURED[0]}' or '{TEXTURED[1]}', or the texture to 0."
        )
    check_surface(surface, "config.surface.")
    check_orbit(config.orbit, "config.orbit.")
    formats = words(config.orbit.format, ORBIT_FORMATS, "config.orbit.format")
    if not formats:
        raise UserError(f"config.orbit.format is empty: set it to {', '.join(ORBIT_FORMATS)} or several of them.")
    if "mp4" in formats:
        check_video()
    if "gif" in formats and config.orbit.frames_per_second > FASTEST_GIF:
        raise UserError(
            f"config.orbit.frames_per_second is {config.orbit.frames_per_second:g}, and a GIF shows at most "
            f"{FASTEST_GIF}: set it lower, or config.orbit.format to mp4."
        )
    deepest = config.orbit.distance + 3**0.5 * config.render.radius
    if DEPTH in words(config.orbit.maps, MAPS, "config.orbit.maps") and deepest > DEEPEST:
        raise UserError(
            f"config.orbit.maps has depth, whose picture holds up to {DEEPEST:g}, and here it may be {deepest:.2f}: "
            "set config.orbit.distance lower."
        )
    check_input(config.input, "config.input.")
    check_conditioned(config)


def check_cameras(cameras: Any) -> None:
    """Raises UserError unless cameras are such."""
    if not isinstance(cameras, Cameras):
        raise UserError(f"cameras are a {type(cameras).__name__}: give Cameras, as `Model.cameras` makes them.")


def words(text: str, valid: Sequence[str], where: str) -> tuple[str, ...]:
    """Words with commas between; none if there is nothing.

    Raises:
      UserError: one is not valid; `where` begins the sentence.
    """
    found = tuple(word.strip() for word in text.split(",")) if text.strip() else ()
    for word in found:
        if word not in valid:
            raise UserError(f"{where} has no value '{word}': {did_you_mean(word, valid)}")
    return found


def check_conditioned(config: ReconstructionConfig) -> None:
    """Raises UserError if the camera-conditioned model is asked for what is there for the canonical one alone."""
    if not isinstance(config.render, MetricRenderConfig):
        return
    keys = (
        ("orbit.least_density", config.orbit.least_density, 0.0),
        ("orbit.maps", config.orbit.maps, ""),
        ("refine.steps", config.refine.steps, 0),
        ("input.intrinsics", config.input.intrinsics, "training"),
    )
    for key, value, without in keys:
        if value != without:
            raise UserError(
                f"config.{key} is {value!r}, which the camera-conditioned model does not have: set it to {without!r}."
            )


def canonical(render: AnyRenderConfig, what: str) -> RenderConfig:
    """The canonical model's rendering; raises UserError if it is the other's, of which `what` is not there."""
    if isinstance(render, MetricRenderConfig):
        raise UserError(f"{what} not there for the camera-conditioned model: leave it out, or take another one.")
    return render


def check_surface(surface: SurfaceConfig, where: str = "") -> None:
    """Raises UserError unless a mesh can be made so; `where` stands before the names of numbers."""
    if surface.resolution < 4 or surface.resolution % 4:
        raise UserError(f"{where}resolution is {surface.resolution}: set it to a multiple of 4.")
    if surface.resolution > _FINEST_GRID:
        raise UserError(f"{where}resolution is {surface.resolution}: set it to at most {_FINEST_GRID}.")
    if surface.threshold <= 0:
        raise UserError(f"{where}threshold is {surface.threshold:g}: set it above 0, the density of nothing.")
    if not 0 <= surface.least_share <= 1:
        raise UserError(f"{where}least_share is {surface.least_share:g}: set it between 0 (all parts) and 1 (one).")
    if surface.smoothing < 0:
        raise UserError(f"{where}smoothing is {surface.smoothing}: set it to 0 or more steps.")
    for name in ("faces", "textured_faces"):
        faces = getattr(surface, name)
        if faces and faces < LEAST_FACES:
            raise UserError(f"{where}{name} is {faces}: set it to at least {LEAST_FACES}, or to 0 to keep all.")
    if surface.texture and not SMALLEST <= surface.texture <= LARGEST:
        raise UserError(f"{where}texture is {surface.texture}: set it between {SMALLEST} and {LARGEST}, or to 0.")
    check_axes(surface.axes, f"{where}axes")
    if surface.texture:
        check_xatlas()
    if surface.faces or (surface.texture and surface.textured_faces):
        check_simplification()


def check_orbit(orbit: OrbitConfig, where: str = "") -> None:
    """Raises UserError unless views can be rendered so; `where` as of `check_surface`."""
    if orbit.frames < 1 or orbit.resolution < 1 or orbit.frames_per_second <= 0:
        raise UserError(f"{where}frames, resolution and frames_per_second must be above 0.")
    if orbit.resolution > _LARGEST_VIEW:
        raise UserError(f"{where}resolution is {orbit.resolution}: set it to at most {_LARGEST_VIEW}.")
    check_speed(orbit.frames, orbit.frames_per_second, where)
    if orbit.least_density < 0:
        raise UserError(f"{where}least_density is {orbit.least_density:g}: set it to 0 or more.")
    if orbit.distance <= 0 or not 0 < orbit.fov_y < 180:
        raise UserError(f"{where}distance must be above 0, and fov_y between 0 and 180 degrees.")


def check_input(photograph: InputConfig, where: str = "") -> None:
    """Raises UserError unless a photograph can be cropped so; `where` as of `check_surface`."""
    if photograph.crop_ratio <= 0:
        raise UserError(f"{where}crop_ratio is {photograph.crop_ratio:g}: the paper has 1.6.")
