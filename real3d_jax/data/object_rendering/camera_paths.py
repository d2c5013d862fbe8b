"""Where the cameras of an object stand. They look at the origin, +z is up in their pictures."""

import dataclasses
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from real3d_jax.data.frames import spherical_c2w
from real3d_jax.errors import UserError

# The object lies in a cube of side 1, and depth is stored in 16 bits of 0.0001.
_NEAREST, _FARTHEST = 0.9, 5.6


@runtime_checkable
class CameraPath(Protocol):
    """A way to place the cameras of an object. Its fields are what tells one path from another.

    Attributes:
      spares: how many more cameras there are for each view, should one see nothing, or nothing but the object.
    """

    spares: ClassVar[int]

    def poses(self, rng: np.random.Generator, views: int) -> Float[np.ndarray, "views 4 4"]:
        """Camera to world, OpenGL axes, float64."""
        ...


@dataclasses.dataclass(frozen=True)
class RandomCameras:
    """Directions uniform on the sphere, or on a band of it, and distances uniform, as Zero-1-to-3's renders.

    Attributes:
      distance: from the origin, from and to.
      elevation: degrees, from and to.
    """

    distance: tuple[float, float] = (1.5, 2.2)
    elevation: tuple[float, float] = (-90.0, 90.0)

    spares: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check(self.distance, self.elevation)

    def poses(self, rng: np.random.Generator, views: int) -> Float[np.ndarray, "views 4 4"]:
        """See `CameraPath`. Fewer views are the first of more."""
        unit = rng.uniform(size=(views, 3))
        low, high = np.sin(np.radians(self.elevation))
        return spherical_c2w(
            2 * np.pi * unit[:, 0], np.arcsin(low + (high - low) * unit[:, 1]), _within(self.distance, unit[:, 2])
        )


@dataclasses.dataclass(frozen=True)
class RingCameras:
    """Two rings, the zenith and the nadir, as G-buffer Objaverse.

    Two thirds of the cameras stand evenly around the object at one elevation, which is drawn for each object; the rest
    at one elevation between -5 and 5 degrees, but for two, which look from straight above and below. The azimuth of the
    first is drawn too. The upper ring comes first, then the two, then the lower ring.

    Attributes:
      distance: from the origin, from and to; the same for all cameras of an object.
      elevation: of the upper ring, degrees, from and to.
    """

    distance: tuple[float, float] = (1.9547, 1.9547)
    elevation: tuple[float, float] = (5.0, 30.0)

    spares: ClassVar[int] = 0

    def __post_init__(self) -> None:
        _check(self.distance, self.elevation)

    def poses(self, rng: np.random.Generator, views: int) -> Float[np.ndarray, "views 4 4"]:
        """See `CameraPath`. With fewer than six views all stand on the upper ring."""
        start, upper, lower, far = rng.uniform(size=4)
        poles = [90.0, -90.0] if views >= 6 else []
        lower_count = (views - len(poles)) // 3 if poles else 0
        upper_count = views - len(poles) - lower_count
        elevation = np.concatenate(
            [
                np.full(upper_count, _within(self.elevation, upper)),
                poles,
                np.full(lower_count, _within((-5.0, 5.0), lower)),
            ]
        )
        turns = [_around(upper_count), np.zeros(len(poles)), _around(lower_count)]
        azimuth = 2 * np.pi * (start + np.concatenate(turns))
        return spherical_c2w(azimuth, np.radians(elevation), np.full(views, _within(self.distance, far)))


def _around(count: int) -> Float[np.ndarray, "count"]:
    return np.arange(count) / max(count, 1)


def _within(bounds: tuple[float, float], unit: Float[np.ndarray, "*n"] | float) -> Float[np.ndarray, "*n"]:
    return np.asarray(bounds[0] + (bounds[1] - bounds[0]) * unit)


def _check(distance: tuple[float, float], elevation: tuple[float, float]) -> None:
    if not _NEAREST <= distance[0] <= distance[1] <= _FARTHEST:
        raise UserError(
            f"--distance must be two numbers from {_NEAREST} to {_FARTHEST}, the smaller first, not {list(distance)}."
        )
    if not -90 <= elevation[0] <= elevation[1] <= 90:
        raise UserError(f"--elevation must be two angles from -90 to 90, the smaller first, not {list(elevation)}.")
