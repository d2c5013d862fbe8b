"""The training data of OpenLRM's users: folders of `rgba`, `pose` and `intrinsics.npy` (https://github.com/3DTopia/OpenLRM).

A pose is the 3 x 4 camera-to-world matrix of a Blender camera, whose axes are those of OpenGL; the world's z is up.
`intrinsics.npy` has three rows of two, in pixels: focal lengths, principal point, width and height.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from real3d_jax.data.records import MULTIVIEW, Item, Unusable, View
from real3d_jax.data.sources import renders
from real3d_jax.data.sources.arrays import read_array
from real3d_jax.data.sources.layout import RENDERS
from real3d_jax.errors import UserError
from real3d_jax.runtime.folders import is_litter

_CAMERA = "intrinsics.npy"
_FOLDERS = (("rgba", ".png"), ("pose", ".npy"))


@dataclasses.dataclass(frozen=True)
class OpenLRM:
    """`UID/rgba/000.png`, `UID/pose/000.npy` and `UID/intrinsics.npy`; a key is `UID`.

    Attributes:
      source: the folder of the objects.
      image_size: larger images are made so wide, in pixels.
      views: what an object must have, no more and no fewer, such as 32; 0 takes what it has.
    """

    source: pathlib.Path
    image_size: int = 512
    views: int = 0

    schema = MULTIVIEW
    mask_threshold = RENDERS
    unit = "object"

    def __post_init__(self) -> None:
        renders.check_options(image_size=self.image_size, **({"views": self.views} if self.views else {}))

    def settings(self) -> Mapping[str, Any]:
        """See `Layout`."""
        return {"dataset": "openlrm", "image_size": self.image_size, "views": self.views}

    def keys(self) -> Sequence[str]:
        """See `Layout`."""
        keys = renders.subfolders(self.source)
        if not any((self.source / key / _CAMERA).is_file() for key in keys):
            raise UserError(
                f"'{self.source}' does not hold data of OpenLRM: "
                f"name a folder with UID/rgba/000.png, UID/pose/000.npy and UID/{_CAMERA} in it."
            )
        return keys

    def read(self, key: str) -> Item:
        """See `Layout`. An object with a missing or damaged view is unusable."""
        folder = self.source / key
        intrinsics = _intrinsics(folder / _CAMERA)
        names = self._names(folder)
        if not names or (self.views and len(names) != self.views):
            raise Unusable(f"'{key}' has {len(names)} views, not {self.views or 'one or more'}")
        views = tuple(self._view(key, folder, name, intrinsics) for name in names)
        renders.check_faces_origin(views, where=f"'{key}'")
        return Item(key, views)

    def _names(self, folder: pathlib.Path) -> list[str]:
        """Views of which the image or the pose is there."""
        return sorted(
            {
                path.stem
                for name, suffix in _FOLDERS
                if (folder / name).is_dir()
                for path in (folder / name).iterdir()
                if path.suffix == suffix and not is_litter(path.name)
            }
        )

    def _view(self, key: str, folder: pathlib.Path, name: str, intrinsics: Float[np.ndarray, "3 2"]) -> View:
        image_file, camera_file = folder / "rgba" / f"{name}.png", folder / "pose" / f"{name}.npy"
        pose = read_array(camera_file)
        if pose.shape not in ((3, 4), (4, 4)) or pose.dtype.kind not in "fiu":
            raise Unusable(f"'{camera_file.name}' holds an array {pose.shape} of {pose.dtype}, not a 3 x 4 matrix")
        c2w = np.eye(4)
        c2w[: len(pose)] = pose
        image = renders.read_render(image_file, image_size=self.image_size)
        focal, centre, size = intrinsics
        view = View(key, name, image, c2w, np.concatenate([focal / size, centre / size]))
        return renders.checked(view, image_file=image_file.name, camera_file=camera_file.name)


def _intrinsics(path: pathlib.Path) -> Float[np.ndarray, "3 2"]:
    """Focal lengths, principal point and size, in pixels of a square picture."""
    found = read_array(path)
    if found.shape != (3, 2) or found.dtype.kind not in "fiu":
        raise Unusable(
            f"'{path.name}' holds an array {found.shape} of {found.dtype}, not the rows [fx, fy], [cx, cy] and "
            "[width, height]"
        )
    found = found.astype(np.float64)
    focal, centre, size = found
    if not np.isfinite(found).all() or (focal <= 0).any() or (size < 1).any() or size[0] != size[1]:
        raise Unusable(f"'{path.name}' has focal lengths {focal.tolist()} for a picture of {size.tolist()} pixels")
    if (np.abs(centre / size - 0.5) > 0.5).any() or (centre <= 1).all():
        raise Unusable(
            f"'{path.name}' has the principal point {centre.tolist()} in a picture of {size.tolist()} pixels"
        )
    return found
