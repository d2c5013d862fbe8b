"""G-buffer Objaverse: 40 renders of each of about 260,000 objects.

From https://aigc3d.github.io/gobjaverse. Each view has a folder with its image, its camera and G-buffers; only image
and camera are read. The camera file gives the axes of an OpenCV camera (x right, y down, z forward) and its origin in
world coordinates, which the data set's own example of warping by depth confirms. They become OpenGL axes here and
nowhere else.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from real3d_jax.data.records import MULTIVIEW, Item, Unusable, View
from real3d_jax.data.sources import renders
from real3d_jax.data.sources.layout import RENDERS
from real3d_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class GObjaverse:
    """`GROUP/ID/campos_512_v4/00000/00000.png` and `.json`; the level `campos_512_v4` may be missing.

    The data set's archives unpack to the first form, its downloader of single files makes the second. A key is
    `GROUP/ID`, as in the data set's own index files.

    Attributes:
      source: the folder of the groups.
      image_size: larger images are made so wide, in pixels.
      views: what an object must have, no more and no fewer.
    """

    source: pathlib.Path
    image_size: int = 512
    views: int = 40

    schema = MULTIVIEW
    mask_threshold = RENDERS
    unit = "object"

    def __post_init__(self) -> None:
        renders.check_options(image_size=self.image_size, views=self.views)

    def settings(self) -> Mapping[str, Any]:
        """See `Layout`."""
        return {"dataset": "gobjaverse", "image_size": self.image_size, "views": self.views}

    def keys(self) -> Sequence[str]:
        """See `Layout`."""
        keys = renders.second_level(self.source)
        if any(key.rpartition("/")[2].startswith("campos") for key in keys):
            raise UserError(f"'{self.source}' is one group of G-buffer Objaverse: name the folder above it.")
        if not any(self._views(key)[1] for key in keys):
            raise UserError(
                f"'{self.source}' does not hold G-buffer Objaverse: "
                "name a folder with GROUP/ID/campos_512_v4/00000/00000.png and 00000.json in it."
            )
        return keys

    def read(self, key: str) -> Item:
        """See `Layout`. An object with a missing or damaged view is unusable."""
        folder, names = self._views(key)
        if len(names) != self.views:
            raise Unusable(f"'{key}' has {len(names)} view folders, not {self.views}")
        return Item(key, tuple(self._view(key, folder / name) for name in names))

    def _views(self, key: str) -> tuple[pathlib.Path, list[str]]:
        """The folder of an object's views, and their names."""
        folder = self.source / key
        inside = renders.subfolders(folder)
        if len(inside) == 1 and not inside[0].isdigit():
            folder /= inside[0]
            inside = renders.subfolders(folder)
        return folder, [name for name in inside if name.isdigit()]

    def _view(self, key: str, folder: pathlib.Path) -> View:
        camera_file, image_file = f"{folder.name}.json", f"{folder.name}.png"
        c2w, intrinsics = _camera(folder / camera_file)
        image = renders.read_render(folder / image_file, image_size=self.image_size)
        view = View(key, folder.name, image, c2w, intrinsics)
        return renders.checked(view, image_file=image_file, camera_file=camera_file)


def _camera(path: pathlib.Path) -> tuple[Float[np.ndarray, "4 4"], Float[np.ndarray, "4"]]:
    """`c2w` with OpenGL axes, and normalised intrinsics."""
    camera, where = renders.read_json(path), f"'{path.name}'"
    x, y, z, origin = (renders.numbers(camera, name, (3,), where=where) for name in ("x", "y", "z", "origin"))
    c2w = np.eye(4)
    c2w[:3] = np.stack([x, -y, -z, origin], -1)
    x_fov, y_fov = (float(renders.numbers(camera, name, (), where=where)) for name in ("x_fov", "y_fov"))
    return c2w, renders.intrinsics_from_fov(x_fov, y_fov, where=where)
