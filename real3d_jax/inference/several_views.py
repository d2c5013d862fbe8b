"""Several photographs of one object with known cameras, as a field is fitted to them."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt8

from real3d_jax.cameras import Cameras
from real3d_jax.config.reconstruction import ReconstructionConfig
from real3d_jax.data import frames
from real3d_jax.data.records import Unusable
from real3d_jax.data.sources.layout import check_camera
from real3d_jax.data.transforms import composite, premultiply, window
from real3d_jax.errors import UserError
from real3d_jax.inference.checks import check_cameras
from real3d_jax.inference.photographs import Photograph, name_of, opened
from real3d_jax.inference.preprocess import CutOut, check_cut_out, with_mask

_OFF_AXIS = 0.02  # of the first camera's pose, per entry of its rotation and relative to its distance
_SQUARE = 0.01  # by which the sides of a pixel may differ


def prepare_views(
    photographs: Sequence[Photograph], cameras: Cameras, config: ReconstructionConfig, cut_out: CutOut | None
) -> tuple[list[UInt8[np.ndarray, "S S 3"]], Cameras]:
    """Photographs as the model sees them, and the cameras of what it sees; arguments as of `Model.from_views`.

    Raises:
      UserError: a photograph cannot be used, or the cameras do not fit them, or are no cameras.
    """
    given = checked_cameras(cameras, len(photographs), config.refine.distance)
    images, intrinsics = [], []
    for number, (photograph, focal) in enumerate(zip(photographs, np.asarray(given.intrinsics), strict=True), 1):
        where, threshold = name_of(photograph, f"photograph {number}"), config.input.mask_threshold
        try:
            rgba = with_mask(opened(photograph, where), cut_out, threshold=threshold, option="give cut_out=True")
            check_cut_out(rgba[..., 3], threshold=threshold)
        except Unusable as error:
            raise UserError(f"{where} cannot be used: {error}.") from error
        image, seen = centred(
            rgba,
            focal,
            fov_y=config.refine.fov_y,
            size=config.model.image_size,
            background=config.input.background,
            where=where,
        )
        images.append(image)
        intrinsics.append(seen)
    return images, Cameras(given.c2w, jnp.asarray(np.stack(intrinsics)))


def checked_cameras(cameras: Cameras, count: int, distance: float) -> Cameras:
    """Cameras as float32 arrays (V, 4, 4) and (V, 4).

    Args:
      cameras: of leading shape (V,), in the frame of the first, which is canonical.
      count: V, that of photographs.
      distance: of the canonical camera.

    Raises:
      UserError: they are not as many, a pose is none, the first is not canonical, or another one looks away.
    """
    check_cameras(cameras)
    c2w, intrinsics = (np.asarray(x, np.float32) for x in (cameras.c2w, cameras.intrinsics))
    if c2w.shape != (count, 4, 4) or intrinsics.shape not in ((4,), (count, 4)):
        raise UserError(
            f"{count} photographs need poses of shape ({count}, 4, 4) and intrinsics of ({count}, 4), but cameras have "
            f"{c2w.shape} and {intrinsics.shape}."
        )
    intrinsics = np.broadcast_to(intrinsics, (count, 4))
    for number, (pose, focal) in enumerate(zip(c2w, intrinsics, strict=True), 1):
        try:
            check_camera(pose, focal, where=f"Camera {number}")
        except Unusable as error:
            raise UserError(f"{error}: give camera-to-world matrices, and intrinsics fx, fy, cx, cy.") from error
        if pose[:3, 2] @ pose[:3, 3] <= 0:
            raise UserError(
                f"Camera {number} looks away from the origin, where the object is: give camera-to-world matrices with "
                "OpenGL's axes (x right, y up, looking along -z)."
            )
    off = (c2w[0] - frames.canonical_c2w(distance)) / [1, 1, 1, distance]
    if np.abs(off).max() > _OFF_AXIS:
        raise UserError(
            f"The first camera must be the canonical one, at ({distance:g}, 0, 0) with z up, because the model places "
            "its photograph there: map all poses with real3d_jax.cameras.to_input_frame(c2w[0], c2w, "
            f"{distance:g})."
        )
    return Cameras(jnp.asarray(c2w), jnp.asarray(intrinsics))


def centred(
    rgba: UInt8[np.ndarray, "H W 4"],
    intrinsics: Float[np.ndarray, "4"],
    *,
    fov_y: float,
    size: int,
    background: float,
    where: str,
) -> tuple[UInt8[np.ndarray, "size size 3"], Float[np.ndarray, "4"]]:
    """The square about the principal point that the model's field of view shows, on a background, and its intrinsics.

    Args:
      rgba: a photograph, straight alpha; beyond its border nothing is.
      intrinsics: normalised `fx, fy, cx, cy`.
      fov_y: of the model, degrees.
      size: pixels per side of the result.
      background: grey value behind the object, in [0, 1].
      where: how messages call it.

    Raises:
      UserError: its pixels are not square.
    """
    height, width = rgba.shape[:2]
    fx, fy, cx, cy = (float(x) for x in intrinsics * np.array([width, height, width, height], np.float32))
    if abs(fx / fy - 1) > _SQUARE:
        raise UserError(
            f"{where} is {width} x {height} and its focal lengths are {fx:.1f} and {fy:.1f} pixels: give "
            "fx and fy as fractions of the width and of the height."
        )
    side = max(1, round(2 * fy * np.tan(np.radians(fov_y) / 2)))
    left, top = round(cx - side / 2), round(cy - side / 2)
    shown = window(rgba, left, top, side)
    image = composite(premultiply(shown), size=size, background=background)
    return image, np.array([fx, fy, cx - left, cy - top], np.float32) / side
