"""OmniObject3D's Blender renders: 100 views of each scanned object (https://omniobject3d.github.io).

`transforms.json` has the horizontal field of view in radians and a Blender camera's `transform_matrix` for each frame:
camera to world, OpenGL axes. A frame's `scale` is what the scan was multiplied with before rendering and `rotation` a
step of the renderer's; the cameras live in the scaled world already, so records need neither. `omniobject3d_scans.py`
lays scans into that world.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from real3d_jax.data.records import MULTIVIEW, Item, Unusable, View
from real3d_jax.data.sources import captures, renders
from real3d_jax.data.sources.layout import RENDERS, cut_out, open_image
from real3d_jax.errors import UserError

_CAMERAS = "transforms.json"


@dataclasses.dataclass(frozen=True)
class OmniObject3D:
    """`CATEGORY/OBJECT/render/transforms.json` and `images/r_0.png`; the level `render` may be missing.

    The data set's archives have the first form, its own rendering script makes the second. A key is `CATEGORY/OBJECT`.
    Published lists of objects name the second half only, such as `anise_001`.

    Attributes:
      source: the folder `blender_renders`.
      image_size: larger images are made so wide, in pixels.
      black_background: also takes images without alpha, which the rendering script makes by default: what is black is
        then background, also on the object, as in the published evaluation of Real3D.
    """

    source: pathlib.Path
    image_size: int = 512
    black_background: bool = False

    schema = MULTIVIEW
    mask_threshold = RENDERS
    unit = "object"

    def __post_init__(self) -> None:
        renders.check_options(image_size=self.image_size)

    def settings(self) -> Mapping[str, Any]:
        """See `Layout`."""
        return {
            "dataset": "omniobject3d",
            "image_size": self.image_size,
            "black_background": self.black_background,
        }

    def keys(self) -> Sequence[str]:
        """See `Layout`."""
        keys = renders.second_level(self.source)
        if not any((self._folder(key) / _CAMERAS).is_file() for key in keys):
            raise UserError(
                f"'{self.source}' does not hold renders of OmniObject3D: "
                "name a folder with CATEGORY/OBJECT/render/transforms.json in it."
            )
        return keys

    def read(self, key: str) -> Item:
        """See `Layout`. An object with a missing or damaged view is unusable."""
        return Item(key, self.some_views(key, 0))

    def scale(self, key: str) -> float:
        """What an object's scan was multiplied with before it was rendered.

        Raises:
          Unusable: it is missing, or frames differ in it.
        """
        meta = renders.read_json(self._folder(key) / _CAMERAS)
        _frames(meta)
        return _scale(meta)

    def some_views(self, key: str, count: int) -> tuple[View, ...]:
        """So many of an object's views, spread evenly; 0 gives all.

        Raises:
          Unusable: one is missing or damaged.
        """
        folder = self._folder(key)
        meta = renders.read_json(folder / _CAMERAS)
        # Blender's angle of the longer side, and the images are square: the vertical one too.
        fov = float(renders.numbers(meta, "camera_angle_x", (), where=f"'{_CAMERAS}'"))
        intrinsics = renders.intrinsics_from_fov(fov, fov, where=f"'{_CAMERAS}'")
        frames = _frames(meta)
        chosen = captures.evenly(list(frames), count)
        return tuple(self._view(key, folder, name, frames[name], intrinsics) for name in chosen)

    def _folder(self, key: str) -> pathlib.Path:
        """The folder of an object's cameras and images."""
        folder = self.source / key
        return folder / "render" if (folder / "render").is_dir() else folder

    def _view(
        self,
        key: str,
        folder: pathlib.Path,
        name: str,
        c2w: Float[np.ndarray, "4 4"],
        intrinsics: Float[np.ndarray, "4"],
    ) -> View:
        path = folder / "images" / f"{name}.png"
        view = View(key, name, self._image(path), c2w, intrinsics)
        return renders.checked(view, image_file=path.name, camera_file=_CAMERAS)

    def _image(self, path: pathlib.Path) -> UInt8[np.ndarray, "S S 4"]:
        image = open_image(path, modes=("RGBA", "RGB") if self.black_background else ("RGBA",))
        pixels = np.asarray(image)
        if image.mode == "RGB":
            pixels = cut_out(pixels, np.where(pixels.any(-1), 255, 0).astype(np.uint8), where=f"'{path.name}'")
        return renders.fitted(pixels, image_size=self.image_size, where=f"'{path.name}'")


def _frames(meta: Mapping[str, Any]) -> dict[str, Float[np.ndarray, "4 4"]]:
    """`c2w` of each view by the name of its image, in the file's order."""
    frames = meta.get("frames")
    if not isinstance(frames, list) or not frames or not all(isinstance(frame, dict) for frame in frames):
        raise Unusable(f"'{_CAMERAS}' has no list of 'frames'")
    poses = {}
    for number, frame in enumerate(frames):
        where = f"frame {number} of '{_CAMERAS}'"
        if not isinstance(frame.get("file_path"), str):
            raise Unusable(f"{where} has no 'file_path'")
        # A bare name, a relative path or a path of the machine that rendered it, with or without a suffix.
        name = pathlib.PurePosixPath(frame["file_path"]).name.removesuffix(".png")
        if name in poses:
            raise Unusable(f"{where} names '{name}' a second time")
        poses[name] = renders.numbers(frame, "transform_matrix", (4, 4), where=where)
    return poses


def _scale(meta: Mapping[str, Any]) -> float:
    """What a scan was multiplied with, of which each frame tells.

    Raises:
      Unusable: a frame lacks it, it is no positive number, or frames differ.
    """
    scales = {float(renders.numbers(frame, "scale", (), where=f"a frame of '{_CAMERAS}'")) for frame in meta["frames"]}
    low, high = min(scales), max(scales)
    if not 0 < low <= high < np.inf or high - low > 1e-6 * high:
        raise Unusable(f"'{_CAMERAS}' has scales from {low} to {high}: the frames belong to several renderings")
    return high
