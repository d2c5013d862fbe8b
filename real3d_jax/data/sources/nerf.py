"""Scenes of NeRF: folders of pictures and `transforms.json`, as Blender, instant-ngp and nerfstudio write them."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from real3d_jax.data.records import MULTIVIEW, Item, Unusable, View
from real3d_jax.data.sources import renders, transforms_json
from real3d_jax.data.sources.layout import RENDERS, check_camera, cut_out, open_image
from real3d_jax.data.sources.mask_files import open_mask
from real3d_jax.data.sources.transforms_json import Frame
from real3d_jax.errors import UserError

_CAMERAS = "transforms.json"
_SPLITS = ("transforms_train.json", "transforms_val.json", "transforms_test.json")
_SUFFIXES = (".png", ".webp", ".jpg", ".jpeg", ".PNG", ".JPG")


@dataclasses.dataclass(frozen=True)
class Nerf:
    """`SCENE/transforms.json`, or `SCENE/transforms_train.json`, `_val` and `_test`; a key is `SCENE` or `GROUP/SCENE`.

    All frames of all files of a scene become views. Pictures are RGBA, or have a mask each (`mask_path`). Those that
    are not square get transparent borders.

    Attributes:
      source: the folder of the scenes, or a scene.
      image_size: larger images are made so wide, in pixels.
      recentre: moves the world's origin to the point that is nearest to all viewing axes, for scenes whose object is
        elsewhere.
    """

    source: pathlib.Path
    image_size: int = 512
    recentre: bool = False

    schema = MULTIVIEW
    mask_threshold = RENDERS
    unit = "scene"

    def __post_init__(self) -> None:
        renders.check_options(image_size=self.image_size)

    def settings(self) -> Mapping[str, Any]:
        """See `Layout`."""
        return {"dataset": "nerf", "image_size": self.image_size, "recentre": self.recentre}

    def keys(self) -> Sequence[str]:
        """See `Layout`."""
        if _files(self.source):
            return [self.source.resolve().name]
        keys = []
        for outer in renders.subfolders(self.source):
            inner = renders.subfolders(self.source / outer) if not _files(self.source / outer) else []
            scenes = [f"{outer}/{name}" for name in inner if _files(self.source / outer / name)]
            keys += scenes or [outer]
        if not any(_files(self.source / key) for key in keys):
            raise UserError(
                f"'{self.source}' does not hold scenes of NeRF: "
                f"name a folder with SCENE/{_CAMERAS} or SCENE/{_SPLITS[0]} in it."
            )
        return sorted(keys)

    def read(self, key: str) -> Item:
        """See `Layout`. A scene with a missing or damaged view is unusable."""
        folder = self.source if _files(self.source) else self.source / key
        files = _files(folder)
        if not files:
            raise Unusable(f"'{key}' has no '{_CAMERAS}'")
        if len(files) > 1 and files[0].name == _CAMERAS:
            raise Unusable(f"'{key}' has '{_CAMERAS}' and '{files[1].name}', which may tell of the same frames")
        frames = [frame for file in files for frame in transforms_json.read_frames(file)]
        names = _names([frame.file_path for frame in frames], key)
        masked = [frame for frame in frames if frame.mask_path]
        if masked and len(masked) < len(frames):
            bare = next(frame for frame in frames if not frame.mask_path)
            raise Unusable(
                f"{bare.where} has no 'mask_path', which other frames have: give it to all of them, or to none"
            )
        repaired: list[str] = []
        views = [self._view(key, name, folder, frame, repaired) for name, frame in zip(names, frames, strict=True)]
        return Item(key, tuple(self._placed(key, views)), repaired=tuple(repaired))

    def _view(self, key: str, name: str, folder: pathlib.Path, frame: Frame, repaired: list[str]) -> View:
        check_camera(frame.c2w, np.ones(4), where=frame.where)
        path = _find(folder, frame.file_path)
        mask = _find(folder, frame.mask_path) if frame.mask_path else None
        rgba, repair = _rgba(path, mask)
        repaired.extend([repair] if repair else [])
        height, width = rgba.shape[:2]
        intrinsics = frame.intrinsics((width, height), picture=path.name)
        square, left, top = _squared(rgba)
        side = len(square)
        pixels = intrinsics * [width, height, width, height] + [0, 0, left, top]
        image = renders.fitted(square, image_size=self.image_size, where=f"'{path.name}'")
        view = View(key, name, image, frame.c2w, pixels / side)
        return renders.checked(view, image_file=path.name, camera_file=frame.where.replace("'", ""))

    def _placed(self, key: str, views: Sequence[View]) -> Sequence[View]:
        """The views with the world's origin where the cameras look."""
        centre = transforms_json.nearest_to_axes([view.c2w for view in views])
        if centre is not None:
            renders.check_faces_origin([_moved(view, centre) for view in views], where=f"'{key}'")
        if self.recentre:
            if centre is None:
                raise Unusable(f"'{key}' has cameras that all look the same way, so its centre is not known")
            views = [_moved(view, centre) for view in views]
        beside = [_misses_origin(view) for view in views]
        if sum(beside) > len(views) / 2:
            raise Unusable(
                f"'{key}' has {sum(beside)} of {len(views)} cameras that do not have the origin in their picture: "
                "--recentre moves it to where they look"
            )
        return views


def _files(folder: pathlib.Path) -> list[pathlib.Path]:
    """The files of cameras of a scene."""
    return [folder / name for name in (_CAMERAS, *_SPLITS) if (folder / name).is_file()]


def _names(paths: Sequence[str], key: str) -> list[str]:
    """A view's name is its picture's, with the folders if two have the same."""
    stems = [pathlib.PurePosixPath(path).with_suffix("") for path in paths]
    plain = [stem.name for stem in stems]
    if len(set(plain)) == len(plain):
        return plain
    full = ["_".join(part for part in stem.parts if part not in (".", "..", "/")) for stem in stems]
    twice = next((name for number, name in enumerate(full) if name in full[:number]), None)
    if twice is not None:
        raise Unusable(f"'{key}' names the picture '{twice}' a second time")
    return full


def _find(folder: pathlib.Path, name: str) -> pathlib.Path:
    """A picture by its path in the file: below the scene, if need be without folders of another machine.

    Raises:
      Unusable: it is missing.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    endings = [name, *("/".join(parts[first:]) for first in range(len(parts)))] if parts[0] != ".." else [name]
    for ending in endings:
        for path in (folder / ending, *(folder / f"{ending}{suffix}" for suffix in _SUFFIXES)):
            if path.is_file():
                return path
    last = pathlib.PurePosixPath(name)
    raise Unusable(f"'{last.name if last.suffix in _SUFFIXES else f'{last.name}.png'}' is missing")


def _rgba(path: pathlib.Path, mask: pathlib.Path | None) -> tuple[UInt8[np.ndarray, "H W 4"], str]:
    """A picture with its alpha or mask, and what was unusual about the latter."""
    image = open_image(path, modes=("RGBA", "LA", "PA", "P", "RGB", "L"))
    if mask is not None:
        alpha, repaired = open_mask(mask)
        return cut_out(np.asarray(image.convert("RGB")), alpha, where=f"'{path.name}'"), repaired
    if not image.has_transparency_data:
        raise Unusable(f"'{path.name}' has mode {image.mode}, no alpha, and its frame no 'mask_path'")
    return np.asarray(image.convert("RGBA")), ""


def _squared(rgba: UInt8[np.ndarray, "H W 4"]) -> tuple[UInt8[np.ndarray, "S S 4"], int, int]:
    """The picture on a transparent square, and where its left upper corner is there."""
    height, width = rgba.shape[:2]
    side = max(height, width)
    left, top = (side - width) // 2, (side - height) // 2
    square = np.zeros((side, side, 4), np.uint8)
    square[top : top + height, left : left + width] = rgba
    return square, left, top


def _moved(view: View, centre: Float[np.ndarray, "3"]) -> View:
    c2w = view.c2w.copy()
    c2w[:3, 3] -= centre
    return dataclasses.replace(view, c2w=c2w)


def _misses_origin(view: View) -> bool:
    x, y, z = -view.c2w[:3, 3] @ view.c2w[:3, :3]
    fx, fy, cx, cy = view.intrinsics
    return bool(z >= 0 or not 0 <= cx + fx * x / -z <= 1 or not 0 <= cy - fy * y / -z <= 1)
