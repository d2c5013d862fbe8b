"""Meshes ready to be drawn, and how they are brought to the same size and place."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from scipy.interpolate import PchipInterpolator

from real3d_jax.data.records import Unusable

# Where +y of a file is up, (x, y, z) becomes (x, -z, y).
_Z_UP = {
    "y": np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]),
    "z": np.eye(4),
}
UP_AXES = tuple(_Z_UP)
FITS = ("box", "sphere")
QUARTERS = 4  # of an axis, each of which may become longer or shorter than the others


class Texture(NamedTuple):
    """A picture on a surface.

    Attributes:
      pixels: RGBA, sRGB, straight alpha.
      clamp: across, and up: whether the border goes on outside [0, 1]; otherwise the picture is repeated.
      nearest: pixels that are seen large keep their edges.
    """

    pixels: UInt8[np.ndarray, "H W 4"]
    clamp: tuple[bool, bool] = (False, False)
    nearest: bool = False


class Emission(NamedTuple):
    """Light of a surface's own: it is added to what the surface reflects, and needs no lamp.

    Attributes:
      uv, texture: as those of a `Part`; alpha is not used.
      colours: at the corners, RGB in [0, 1], linear light; they multiply the texture.
    """

    uv: Float[np.ndarray, "faces 3 2"]
    colours: Float[np.ndarray, "faces 3 3"]
    texture: Texture | None


class Part(NamedTuple):
    """Triangles of one appearance. Corners are not shared, so that each may have its own normal, place and colour.

    Attributes:
      triangles: corners.
      normals: at the corners, unit length; their sign may be wrong.
      uv: texture coordinates, (0, 0) is the lower left corner of the texture.
      colours: at the corners, RGBA in [0, 1], linear light, straight alpha; they multiply the texture.
      texture: None is white.
      emission: None is no light.
    """

    triangles: Float[np.ndarray, "faces 3 3"]
    normals: Float[np.ndarray, "faces 3 3"]
    uv: Float[np.ndarray, "faces 3 2"]
    colours: Float[np.ndarray, "faces 3 4"]
    texture: Texture | None
    emission: Emission | None = None


class Mesh(NamedTuple):
    """An object in its place.

    Attributes:
      parts: in the world of the renders.
      file_to_world: maps the file's coordinates to the world.
      notes: what was repaired or left away when the file was read, a sentence each.
    """

    parts: Sequence[Part]
    file_to_world: Float[np.ndarray, "4 4"]
    notes: Sequence[str] = ()


def normalised(
    parts: Sequence[Part],
    *,
    up_axis: str,
    fit: str = "box",
    stretch: Float[np.ndarray, "3 3"] | None = None,
    shares: Float[np.ndarray, "3 4"] | None = None,
) -> Mesh:
    """Turns +z up, moves the centre of the bounding box to the origin and makes the object's size 1.

    Args:
      parts: in the file's coordinates.
      up_axis: what is up in the file, one of UP_AXES.
      fit: what the size is. 'box' is the largest side of the bounding box: the object lies in [-0.5, 0.5], as in
        G-buffer Objaverse and in Zero-1-to-3's renders. 'sphere' is the diameter of the sphere around the box's centre:
        the object lies within 0.5 of the origin, so that one distance of the cameras suits every shape.
      stretch: changes the upright object's proportions before its size is taken; None leaves them.
      shares: likewise, more here than there: `with_lengths` of the upright object. `Mesh.file_to_world` then holds at
        the corners of the bounding box only.

    Raises:
      Unusable: there are no faces, numbers are not finite, or the object has no size or no surface.
    """
    if not sum(len(part.triangles) for part in parts):
        raise Unusable("it has no faces")
    upright = _Z_UP[up_axis].copy()
    if stretch is not None:
        upright[:3, :3] = stretch @ upright[:3, :3]
    corners = _corners(parts)
    if not np.isfinite(corners).all():
        raise Unusable("it has vertices that are not finite")
    if shares is not None:
        parts = with_lengths(parts, np.abs(_Z_UP[up_axis][:3, :3]).T @ shares)
        corners = _corners(parts)
    corners = corners @ upright[:3, :3].T
    low, high = corners.min(0), corners.max(0)
    with np.errstate(over="ignore"):
        radius = np.linalg.norm(corners - (low + high) / 2, axis=-1).max()
        size = (high - low).max() if fit == "box" else 2 * radius
    if not 1e-30 < size < 1e30:
        raise Unusable(f"its size is {size:g}")
    file_to_world = upright.copy()
    file_to_world[:3] /= size
    file_to_world[:3, 3] = -(low + high) / 2 / size
    placed = [transformed(part, file_to_world) for part in parts]
    if max(_largest_area(part) for part in placed) < 1e-12:
        raise Unusable("it has no surface: all its faces are lines or points")
    return Mesh(placed, file_to_world)


def transformed(part: Part, matrix: Float[np.ndarray, "4 4"]) -> Part:
    """A part moved by an affine map."""
    # The cofactors are the inverse transposed times the determinant: they also serve maps that flatten.
    linear = matrix[:3, :3]
    with np.errstate(invalid="ignore", over="ignore"):  # `normalised` refuses what is not finite
        cofactors = np.stack([np.cross(linear[i - 2], linear[i - 1]) for i in range(3)])
        triangles = part.triangles @ linear.T + matrix[:3, 3]
        normals = unit(part.normals @ (cofactors / max(np.abs(cofactors).max(), 1e-300)).T)
    return part._replace(triangles=triangles, normals=np.nan_to_num(normals))


def with_lengths(parts: Sequence[Part], shares: Float[np.ndarray, "3 4"]) -> list[Part]:
    """Moves the corners of an object along the axes within its bounding box, which stays.

    A smooth curve that never turns back takes the quarters of each axis to their new lengths. Faces along the axes stay
    flat, and what stood upright stands upright.

    Args:
      parts: of one object.
      shares: of the parts' own axes: how long each quarter of the bounding box becomes; they sum to 1.
    """
    corners = _corners(parts)
    low, size = corners.min(0), np.ptp(corners, axis=0)
    size = np.where(size > 0, size, 1)
    ends = np.concatenate([np.zeros((3, 1)), np.cumsum(shares, 1)], 1)
    ends[:, -1] = 1
    curves = [PchipInterpolator(np.linspace(0, 1, QUARTERS + 1), end) for end in ends]
    slopes = [curve.derivative() for curve in curves]

    def along(functions: Sequence[PchipInterpolator], places: Float[np.ndarray, "faces 3 3"]) -> np.ndarray:
        return np.stack([function(places[..., axis]) for axis, function in enumerate(functions)], -1)

    moved = []
    for part in parts:
        places = np.clip((part.triangles - low) / size, 0, 1)
        slope = along(slopes, places)
        normals = unit(part.normals * np.roll(slope, 1, -1) * np.roll(slope, 2, -1))
        moved.append(part._replace(triangles=low + along(curves, places) * size, normals=normals))
    return moved


def _corners(parts: Sequence[Part]) -> Float[np.ndarray, "corners 3"]:
    return np.concatenate([part.triangles.reshape(-1, 3) for part in parts]).astype(np.float64)


def unit(vectors: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    """Vectors of length 1; those of length 0 stay."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


def face_normals(triangles: Float[np.ndarray, "faces 3 3"]) -> Float[np.ndarray, "faces 3"]:
    """Unit normals of flat faces; 0 for those without area."""
    sides = triangles[:, 1:] - triangles[:, :1]
    with np.errstate(over="ignore", invalid="ignore"):
        return unit(np.cross(sides[:, 0], sides[:, 1]))


def is_plain(parts: Sequence[Part]) -> bool:
    """Whether all of an object has one and the same grey, and no texture: its pictures say nothing about colours."""
    if any(part.texture is not None or part.emission is not None for part in parts):
        return False
    rgb = np.concatenate([part.colours[..., :3].reshape(-1, 3) for part in parts])
    return bool(np.ptp(rgb) < 1e-6)


def _largest_area(part: Part) -> float:
    sides = part.triangles[:, 1:] - part.triangles[:, :1]
    return np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=-1).max(initial=0) / 2
