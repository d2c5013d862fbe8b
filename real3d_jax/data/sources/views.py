"""Views of one's own: the plain layout that `docs/own_data.md` describes and `launch/render_objects.py` writes."""

import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from real3d_jax.data.records import MULTIVIEW, Item, Unusable, View
from real3d_jax.data.sources import renders
from real3d_jax.data.sources.layout import RENDERS
from real3d_jax.errors import UserError
from real3d_jax.runtime.folders import is_litter

_OTHERS = ("transforms", "transforms_train", "transforms_val", "transforms_test")  # the cameras of NeRF's scenes


@dataclasses.dataclass(frozen=True)
class Views:
    """`OBJECT/VIEW.png` and `OBJECT/VIEW.json`: straight-alpha RGBA and its camera. A key is `OBJECT`.

    Attributes:
      source: the folder of the objects.
      image_size: larger images are made so wide, in pixels.
    """

    source: pathlib.Path
    image_size: int = 512

    schema = MULTIVIEW
    mask_threshold = RENDERS
    unit = "object"

    def __post_init__(self) -> None:
        renders.check_options(image_size=self.image_size)

    def settings(self) -> Mapping[str, Any]:
        """See `Layout`."""
        return {"dataset": "views", "image_size": self.image_size}

    def keys(self) -> Sequence[str]:
        """See `Layout`."""
        keys = renders.subfolders(self.source)
        if not any(path for key in keys for path in self._files(key, (".json",)) if path.stem not in _OTHERS):
            raise UserError(
                f"'{self.source}' holds no views: name a folder with OBJECT/00000.png and OBJECT/00000.json in it."
            )
        return keys

    def read(self, key: str) -> Item:
        """See `Layout`. An object with a missing or damaged view is unusable."""
        names = self._names(key)
        if not names:
            raise Unusable(f"'{key}' holds no views")
        views = tuple(self._view(key, name) for name in names)
        renders.check_faces_origin(views, where=f"'{key}'")
        return Item(key, views)

    def _names(self, key: str) -> list[str]:
        """Views of which the image or the camera is there."""
        return sorted({path.stem for path in self._files(key, (".json", ".png"))})

    def _files(self, key: str, suffixes: tuple[str, ...]) -> list[pathlib.Path]:
        found = (self.source / key).iterdir()
        return [path for path in found if path.suffix in suffixes and not is_litter(path.name)]

    def _view(self, key: str, name: str) -> View:
        folder, image_file, camera_file = self.source / key, f"{name}.png", f"{name}.json"
        image = renders.read_render(folder / image_file, image_size=self.image_size)
        c2w, intrinsics = _camera(folder / camera_file)
        return renders.checked(View(key, name, image, c2w, intrinsics), image_file=image_file, camera_file=camera_file)


def _camera(path: pathlib.Path) -> tuple[Float[np.ndarray, "4 4"], Float[np.ndarray, "4"]]:
    camera, where = renders.read_json(path), f"'{path.name}'"
    c2w = renders.numbers(camera, "c2w", (4, 4), where=where)
    given = renders.numbers(camera, "intrinsics", (4,), where=where) if "intrinsics" in camera else None
    if given is not None:
        renders.check_units(given, where=where)
        if "fov_y" not in camera:
            return c2w, given
    fov_y = float(renders.numbers(camera, "fov_y", (), where=where))
    if 0 < fov_y < math.pi:
        raise Unusable(
            f"{where} has a field of view of {fov_y} degrees, which looks like radians: {math.degrees(fov_y):.4g} "
            "degrees (a true one so narrow is to be given as 'intrinsics')"
        )
    centred = renders.intrinsics_from_fov(math.radians(fov_y), math.radians(fov_y), where=where)
    if given is not None and abs(given[1] - centred[1]) > 0.01 * centred[1]:
        raise Unusable(f"{where} has 'intrinsics' and 'fov_y' that differ: take the wrong one out")
    return c2w, centred if given is None else given
