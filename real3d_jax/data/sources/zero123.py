"""The renders of Objaverse that Zero-1-to-3 was trained on (https://github.com/cvlab-columbia/zero123).

An object has 12 views as published, or 24 if rendered again, which is found out. A `.npy` file is the 3 x 4
world-to-camera matrix of a Blender camera, whose axes are those of OpenGL. The field of view is not stored: a lens of
35 on a sensor of 32 has 49.13 degrees, which its authors round to 49.1.
"""

import collections
import dataclasses
import functools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from real3d_jax.data.frames import centred_intrinsics
from real3d_jax.data.records import MULTIVIEW, Item, Unusable, View
from real3d_jax.data.sources import renders
from real3d_jax.data.sources.arrays import read_array
from real3d_jax.data.sources.layout import RENDERS
from real3d_jax.errors import UserError

_PUBLISHED = (12, 24)  # views of an object
_LOOKED_AT = 100  # objects, to find out which


@dataclasses.dataclass(frozen=True)
class Zero123:
    """`UID/000.png` and `UID/000.npy`; a key is the object's Objaverse UID.

    Attributes:
      source: the folder of the objects.
      image_size: larger images are made so wide, in pixels.
      views: what an object must have, no more and no fewer. 0 finds out whether it is 12 or 24: what most of the first
        hundred objects have.
      fov_y: field of view in degrees; the images are square.
    """

    source: pathlib.Path
    image_size: int = 512
    views: int = 0
    fov_y: float = 49.1

    schema = MULTIVIEW
    mask_threshold = RENDERS
    unit = "object"

    def __post_init__(self) -> None:
        renders.check_options(image_size=self.image_size, **({"views": self.views} if self.views else {}))
        if not 0 < self.fov_y < 180:
            raise UserError(f"The option fov_y must be between 0 and 180 degrees, not {self.fov_y}.")

    def settings(self) -> Mapping[str, Any]:
        """See `Layout`."""
        return {"dataset": "zero123", "image_size": self.image_size, "views": self._wanted, "fov_y": self.fov_y}

    def keys(self) -> Sequence[str]:
        """See `Layout`."""
        keys = renders.subfolders(self.source)
        if not any(self._names(key) for key in keys):
            raise UserError(
                f"'{self.source}' does not hold renders of Zero-1-to-3: "
                "name a folder with UID/000.png and UID/000.npy in it."
            )
        return keys

    def read(self, key: str) -> Item:
        """See `Layout`. An object with a missing or damaged view is unusable."""
        names = self._names(key)
        if len(names) != self._wanted:
            raise Unusable(f"'{key}' has {len(names)} views, not {self._wanted}")
        return Item(key, tuple(self._view(key, name) for name in names))

    @functools.cached_property
    def _wanted(self) -> int:
        """How many views an object must have. Found out anew in each process, from the same objects."""
        if self.views:
            return self.views
        counts = collections.Counter(len(self._names(key)) for key in renders.subfolders(self.source)[:_LOOKED_AT])
        return max(_PUBLISHED, key=lambda views: (counts[views], -views))

    def _names(self, key: str) -> list[str]:
        """An object's views, also those that lack one of their two files."""
        files = (self.source / key).glob("[0-9][0-9][0-9].*")
        return sorted({path.stem for path in files if path.suffix in (".png", ".npy")})

    def _view(self, key: str, name: str) -> View:
        camera_file, image_file = f"{name}.npy", f"{name}.png"
        c2w = _c2w(self.source / key / camera_file)
        image = renders.read_render(self.source / key / image_file, image_size=self.image_size)
        view = View(key, name, image, c2w, centred_intrinsics(self.fov_y))
        return renders.checked(view, image_file=image_file, camera_file=camera_file)


def _c2w(path: pathlib.Path) -> Float[np.ndarray, "4 4"]:
    w2c = read_array(path)
    if w2c.shape != (3, 4) or w2c.dtype.kind != "f":
        raise Unusable(f"'{path.name}' holds an array {w2c.shape} of {w2c.dtype}, not a 3 x 4 matrix of floats")
    c2w = np.eye(4)
    c2w[:3, :3] = w2c[:, :3].T
    c2w[:3, 3] = -w2c[:, :3].T @ w2c[:, 3]
    return c2w
