"""The shapes that objects are put together from, before they are placed, and what they are painted with."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from real3d_jax.data.procedural.objects import PROFILE

Place = Sequence[float] | np.ndarray  # three coordinates


class Solid(NamedTuple):
    """One solid before it is placed; the fields of `Solids`."""

    half: tuple[float, float, float]
    corner: float = 0.0
    edge: float = 0.01
    shell: float = 0.0
    taper: tuple[float, float] = (0.0, 0.0)
    ellipsoid: float = 0.0


def box(x: float, y: float, z: float, *, corner: float = 0.0, edge: float = 0.01, taper=(0.0, 0.0)) -> Solid:
    """A box of half-sizes x, y, z; `taper` (1, 0) makes a gable roof with its ridge along y, (1, 1) a pyramid."""
    edge = min(edge, 0.9 * z)
    return Solid((x, y, z), max(min(corner, x, y), min(edge, x, y)), edge, taper=taper)


def cylinder(radius: float, z: float, *, edge: float = 0.01, taper: float = 0.0) -> Solid:
    """A cylinder, or with `taper` a truncated cone, of half-height z."""
    return Solid((radius, radius, z), radius, min(edge, 0.9 * z, 0.9 * radius), taper=(taper, taper))


def capsule(radius: float, z: float) -> Solid:
    """A rod with round ends, of half-length z with them."""
    return Solid((radius, radius, max(z, radius)), radius, radius)


def tube(radius: float, z: float, wall: float, *, taper: float = 0.0) -> Solid:
    """An open tube with a wall of thickness `wall`."""
    return Solid((radius, radius, z), radius, min(0.4 * wall, 0.4 * z), wall / 2, (taper, taper))


def frame(x: float, y: float, z: float, wall: float, *, corner: float = 0.0, taper=(0.0, 0.0)) -> Solid:
    """A loop in the xy plane of half-sizes x, y and half-height z whose wall has the thickness `wall`."""
    edge = 0.4 * min(wall, z)
    return Solid((x, y, z), max(min(corner, x, y), edge), edge, wall / 2, taper)


def torus(radius: float, thickness: float) -> Solid:
    """A ring about z of outer radius `radius`, whose rod has the radius `thickness`."""
    return Solid((radius, radius, thickness), radius, thickness, thickness)


def ellipsoid(x: float, y: float, z: float) -> Solid:
    """An ellipsoid of half-axes x, y, z."""
    return Solid((x, y, z), ellipsoid=1.0)


class Paint(NamedTuple):
    """What a part is painted with; `frequency` in radians per unit of the assembly."""

    colours: np.ndarray  # (2, 3) in [0, 1]
    pattern: str = "plain"
    frequency: float = 1.0
    warp: tuple[float, float, float] = (0.0, 0.0, 0.0)


def hsv(h: np.ndarray | float, s: np.ndarray | float, v: np.ndarray | float) -> np.ndarray:
    """Hue, saturation and value, all in [0, 1], as (..., 3) colours."""
    k = (np.asarray(h)[..., None] * 6 + np.array([5.0, 3.0, 1.0])) % 6
    return np.asarray(v)[..., None] * (1 - np.asarray(s)[..., None] * np.clip(np.minimum(k, 4 - k), 0, 1))


def turn(axis: str, degrees: float) -> np.ndarray:
    """A rotation of a part about 'x', 'y' or 'z' of the assembly, counter-clockwise; products combine, left last."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[i, i], matrix[i, j], matrix[j, i], matrix[j, j] = c, -s, s, c
    return matrix


def towards(direction: Place) -> np.ndarray:
    """The rotation that turns a part's z axis to a direction; its y axis stays level."""
    dx, dy, dz = direction
    level, length = math.hypot(dx, dy), math.hypot(dx, dy, dz)
    if level < 1e-9 * length:
        return UPRIGHT if dz > 0 else OVER
    c, s = dx / level, dy / level
    up, out = dz / length, level / length
    return np.array([[c * up, -s, c * out], [s * up, c, s * out], [-out, 0.0, up]])


def profile(*radii: float) -> list[float]:
    """Radii at equal distances from the bottom to the top, however many, as the `PROFILE` of a turned body."""
    return np.interp(np.linspace(0, len(radii) - 1, PROFILE), np.arange(len(radii)), radii).tolist()


# Ways to turn a part, of which z is the axis.
UPRIGHT = np.eye(3)
OVER = turn("x", 180)
FORWARDS = turn("y", 90)  # z to +x
SIDEWAYS = turn("x", -90)  # z to +y
LYING = turn("x", 90)  # z to -y: of a board, whose grain runs along z
