"""G-buffer Objaverse: 40 renders of each of about 260,000 objects.

From https://aigc3d.github.io/gobjaverse. Each view has a folder with its image, its camera and G-buffers; only image
and camera are read. The camera file gives the axes of an OpenCV camera (x right, y down, z forward) and its origin in
world coordinates, which the data set's own example of warping by depth confirms. They become OpenGL axes here and
nowhere else.
"""

import dataclasses
import pathlib
import re
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from real3d_jax.data.records import MULTIVIEW, Item, Unusable, View
from real3d_jax.data.sources import renders
from real3d_jax.data.sources.layout import RENDERS
from real3d_jax.errors import UserError
from real3d_jax.runtime.folders import is_litter

_ARCHIVE = ".tar"
_MEMBER = re.compile(r"(?P<folder>(?:.*/)?)(?P<view>\d+)/(?P=view)\.(?P<kind>png|json)")


@dataclasses.dataclass(frozen=True)
class GObjaverse:
    """`GROUP/ID.tar`, or `GROUP/ID/campos_512_v4/00000/00000.png` and `.json`; `campos_512_v4` may be missing.

    The data set's archives are read as they are, or unpacked; its downloader of single files leaves the level away. In
    an archive the folders of views may lie at any depth. A key is `GROUP/ID`, as in the data set's own index files.

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
        if any(key.rpartition("/")[2].startswith("campos") for key in keys) or _archives(self.source):
            raise UserError(f"'{self.source}' is one group of G-buffer Objaverse: name the folder above it.")
        packed = [
            f"{group}/{name}" for group in renders.subfolders(self.source) for name in _archives(self.source / group)
        ]
        if not packed and not any(self._views(key)[1] for key in keys):
            raise UserError(
                f"'{self.source}' does not hold G-buffer Objaverse: "
                "name a folder with GROUP/ID.tar, or with GROUP/ID/campos_512_v4/00000/00000.png and 00000.json in it."
            )
        return sorted({*keys, *packed})

    def read(self, key: str) -> Item:
        """See `Layout`. An object with a missing or damaged view is unusable.

        Of an object that is there unpacked and packed, the folder counts if it has all views.
        """
        folder, names = self._views(key)
        archive = self.source / f"{key}{_ARCHIVE}"
        if len(names) != self.views and archive.is_file():
            return self._unpacked(key, archive)
        if len(names) != self.views:
            raise Unusable(f"'{key}' has {len(names)} view folders, not {self.views}")
        files = {name: {kind: folder / name / f"{name}.{kind}" for kind in ("json", "png")} for name in names}
        return self._item(key, {name: {kind: _read(path) for kind, path in of.items()} for name, of in files.items()})

    def _views(self, key: str) -> tuple[pathlib.Path, list[str]]:
        """The folder of an object's views, and their names."""
        folder = self.source / key
        inside = renders.subfolders(folder)
        if len(inside) == 1 and not inside[0].isdigit():
            folder /= inside[0]
            inside = renders.subfolders(folder)
        return folder, [name for name in inside if name.isdigit()]

    def _unpacked(self, key: str, archive: pathlib.Path) -> Item:
        try:
            with tarfile.open(archive, "r:*") as tar:
                views = _members(tar, f"'{archive.name}'")
                if len(views) != self.views:
                    raise Unusable(f"'{archive.name}' has {len(views)} view folders, not {self.views}")
                return self._item(key, {n: {kind: _extract(tar, of[kind]) for kind in of} for n, of in views.items()})
        except (tarfile.TarError, EOFError, zlib.error, ValueError) as error:
            raise Unusable(f"'{archive.name}' is no whole tar file ({error or type(error).__name__})") from error

    def _item(self, key: str, views: Mapping[str, Mapping[str, bytes]]) -> Item:
        return Item(key, tuple(self._view(key, name, views[name]) for name in sorted(views)))

    def _view(self, key: str, name: str, content: Mapping[str, bytes]) -> View:
        camera_file, image_file = f"{name}.json", f"{name}.png"
        for file, kind in ((camera_file, "json"), (image_file, "png")):
            if kind not in content:
                raise Unusable(f"'{file}' is missing")
        c2w, intrinsics = _camera(renders.parse_json(content["json"], name=camera_file), where=f"'{camera_file}'")
        image = renders.decode_render(content["png"], image_size=self.image_size, name=image_file)
        view = View(key, name, image, c2w, intrinsics)
        return renders.checked(view, image_file=image_file, camera_file=camera_file)


def _archives(folder: pathlib.Path) -> list[str]:
    """The names of the archives in a folder, without their suffix."""
    if not folder.is_dir():
        return []
    return sorted(path.stem for path in folder.iterdir() if path.suffix == _ARCHIVE and not is_litter(path.name))


def _read(path: pathlib.Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise Unusable(f"'{path.name}' is missing") from error


def _members(tar: tarfile.TarFile, where: str) -> dict[str, dict[str, tarfile.TarInfo]]:
    """Image and camera of each view. As when it is unpacked, the last of two members of one name counts."""
    views: dict[str, dict[str, tarfile.TarInfo]] = {}
    folders = set()
    for member in tar:
        match = _MEMBER.fullmatch(member.name.removeprefix("./"))
        if match and member.isfile() and not any(is_litter(part) for part in match["folder"].split("/")[:-1]):
            views.setdefault(match["view"], {})[match["kind"]] = member
            folders.add(match["folder"])
    if len(folders) > 1:
        raise Unusable(f"{where} holds views in several folders: {', '.join(sorted(folders)[:3])}")
    return views


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    content = file.read() if file else b""
    if len(content) != member.size:
        raise tarfile.ReadError(f"'{member.name}' is cut short")
    return content


def _camera(camera: Mapping[str, Any], *, where: str) -> tuple[Float[np.ndarray, "4 4"], Float[np.ndarray, "4"]]:
    """`c2w` with OpenGL axes, and normalised intrinsics."""
    x, y, z, origin = (renders.numbers(camera, name, (3,), where=where) for name in ("x", "y", "z", "origin"))
    c2w = np.eye(4)
    c2w[:3] = np.stack([x, -y, -z, origin], -1)
    x_fov, y_fov = (float(renders.numbers(camera, name, (), where=where)) for name in ("x_fov", "y_fov"))
    return c2w, renders.intrinsics_from_fov(x_fov, y_fov, where=where)
