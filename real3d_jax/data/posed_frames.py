"""The frame of a camera-conditioned model's batches, for input cameras that are not canonical (numpy, as `frames`).

The object's centre is the origin of the records' world and stays there. The input camera *stands* where a canonical one
of its distance would, at (+distance, 0, 0) and upright, but looks where it looks: in captures the object is rarely in
the middle of the picture. Of a camera that looks at the origin this is the canonical frame (`cameras.to_input_frame`).
"""

import numpy as np
from jaxtyping import Float

from real3d_jax.data.boxes import Box
from real3d_jax.data.view_parts import intrinsics_of_parts
from real3d_jax.errors import UserError

WHOLE = (0.0, 0.0, 1.0)  # the window that shows all of a picture
_LARGEST = 64.0  # normalised focal length or principal point of any crop; in pixels they are hundreds
_LEAST_UP = 1e-3  # of a camera's up across the line to the object; then that is out of its sight


def posed_cameras(
    c2w: Float[np.ndarray, "V 4 4"],
    intrinsics: Float[np.ndarray, "V 4"],
    windows: Float[np.ndarray, "V 3"],
    *,
    scale: float,
    where: str,
) -> tuple[Float[np.ndarray, "V 4 4"], Float[np.ndarray, "V 4"]]:
    """Poses and intrinsics of views in the model's frame; view 0 is the input view.

    Args:
      c2w: camera to world, OpenGL axes, the object's centre at the world's origin.
      intrinsics: normalised `fx, fy, cx, cy` of whole pictures, the principal point anywhere.
      windows: what is shown of each picture: left and upper border, and side, as fractions of the whole.
      scale: the model's units in one of the records'.
      where: names the views in messages.

    Returns:
      Poses in the model's frame and units, and the normalised intrinsics of what the windows show.

    Raises:
      UserError: intrinsics are in pixels, or the input camera stands at the object's centre or has it above its head.
    """
    check_normalised(intrinsics, where=where)
    c2w = np.array(c2w, np.float64)
    to_frame = _upright(c2w[0], where)
    framed = c2w.copy()
    framed[:, :3, :3] = to_frame @ c2w[:, :3, :3]
    framed[:, :3, 3] = scale * c2w[:, :3, 3] @ to_frame.T
    return framed.astype(np.float32), intrinsics_of_parts(intrinsics, windows).astype(np.float32)


def scale_to_extent(
    c2w: Float[np.ndarray, "4 4"],
    intrinsics: Float[np.ndarray, "4"],
    box: Box,
    size: tuple[int, int],
    *,
    extent: float,
) -> float:
    """The scale at which half of the outline's longer side has `extent`, at the depth of the object's centre.

    Args:
      c2w: of the input camera, the object's centre at the origin.
      intrinsics: normalised.
      box: of the outline, in pixels.
      size: width and height of the picture, in pixels.
      extent: in the model's units.

    Raises:
      UserError: the object's centre lies behind the camera.
    """
    depth = float(np.asarray(c2w, np.float64)[:3, 2] @ np.asarray(c2w, np.float64)[:3, 3])
    if depth <= 0:
        raise UserError("the object's centre lies behind the input camera: its pose is wrong")
    left, top, right, bottom = box
    half = 0.5 * max((right - left) / size[0] / intrinsics[0], (bottom - top) / size[1] / intrinsics[1])
    return float(extent / (half * depth))


def check_normalised(intrinsics: Float[np.ndarray, "*views 4"], *, where: str) -> None:
    """Refuses intrinsics that are in pixels.

    Raises:
      UserError: a number is far beyond what any crop has.
    """
    found = np.asarray(intrinsics).reshape(-1, 4)
    bad = ~(np.abs(found) <= _LARGEST).all(axis=1) | ~(found[:, :2] > 0).all(axis=1)
    if bad.any():
        shown = ", ".join(f"{number:g}" for number in found[bad][0])
        raise UserError(
            f"The intrinsics of {where} are {shown}, which look like pixels: divide fx and cx by the picture's width, "
            "fy and cy by its height."
        )


def _upright(c2w: Float[np.ndarray, "4 4"], where: str) -> Float[np.ndarray, "3 3"]:
    """The rotation of the world that brings a camera's position onto the x axis and its up above it."""
    distance = np.linalg.norm(c2w[:3, 3])
    x = c2w[:3, 3] / max(distance, 1e-12)
    z = c2w[:3, 1] - (c2w[:3, 1] @ x) * x
    if distance == 0 or np.linalg.norm(z) < _LEAST_UP:
        raise UserError(f"The input camera of {where} does not have the object before it: its pose is wrong.")
    z /= np.linalg.norm(z)
    return np.stack([x, np.cross(z, x), z])
