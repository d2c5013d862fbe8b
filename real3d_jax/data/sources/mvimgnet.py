"""MVImgNet and MVImgNet2.0: videos of objects, masks, COLMAP models (https://github.com/GAP-LAB-CUHK-SZ/MVImgNet).

About 30 pictures of each of 219,188 objects. `sparse/0` is a COLMAP model in binary files; one in
text files is read as well. Its authors say that it is
missing or empty where reconstruction failed, and that `sparse/1` and further ones are to be ignored.
"""

import dataclasses
import itertools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from real3d_jax.data.records import MULTIVIEW, SINGLE_VIEW, Item, Rejection, Unusable
from real3d_jax.data.sources import captures, renders
from real3d_jax.data.sources.captures import Shot, Squares
from real3d_jax.data.sources.colmap import check_reader, read_model
from real3d_jax.data.sources.layout import PHOTOGRAPHS, cut_out, inner_folder, photograph
from real3d_jax.data.sources.mask_files import open_mask
from real3d_jax.errors import UserError
from real3d_jax.runtime.folders import is_litter

_MODEL = "sparse/0"
_SEEN_IN = 0.8  # a point belongs to the object if it lies in more than this share of the masks


@dataclasses.dataclass(frozen=True)
class MVImgNet:
    """`CLASS/OBJECT/images/001.jpg` and `CLASS/OBJECT/sparse/0/cameras.bin`; a key is `CLASS/OBJECT`.

    Attributes:
      source: the folder of the classes.
      masks: the folder of the masks `CLASS/OBJECT/001.jpg.png`, which are a download of their own; without it, they are
        looked for in `masks` below the source and below each object, where version 2.0 has them.
      single_view: makes single-view records for self-training instead, of the first sound picture of each object. They
        need no cameras.
      every_picture: of single views, keeps all sound pictures of an object; training draws one of them at random each
        time, as the released code does.
      squares: how pictures become squares. Single-view records are not cropped so; `image_size` is their longer side.
    """

    source: pathlib.Path
    masks: pathlib.Path | None = None
    single_view: bool = False
    every_picture: bool = False
    squares: Squares = dataclasses.field(default_factory=Squares)

    mask_threshold = PHOTOGRAPHS
    unit = "object"

    @property
    def schema(self) -> str:
        """See `Layout`."""
        return SINGLE_VIEW if self.single_view else MULTIVIEW

    def settings(self) -> Mapping[str, Any]:
        """See `Layout`."""
        how = {"image_size": self.squares.image_size} if self.single_view else self.squares.settings()
        every = {"every_picture": True} if self.every_picture else {}
        return {"dataset": "mvimgnet", "single_view": self.single_view, **every, **how}

    def __post_init__(self) -> None:
        if self.every_picture and not self.single_view:
            raise UserError("Multi-view records have every picture: --every_picture belongs to --single_view.")

    def keys(self) -> Sequence[str]:
        """See `Layout`."""
        if not self.single_view:
            check_reader()
        if self.masks is not None and not self.masks.is_dir():
            raise UserError(f"There is no folder '{self.masks}': correct --masks.")
        masks = inner_folder(self.source, self._mask_root)
        keys = renders.second_level(self.source)
        keys = [key for key in keys if not (masks and pathlib.PurePath(key).is_relative_to(masks))]
        if not any((self.source / key / "images").is_dir() for key in keys):
            raise UserError(
                f"'{self.source}' does not hold MVImgNet: name a folder with CLASS/OBJECT/images/001.jpg in it."
            )
        return keys

    def read(self, key: str) -> Item:
        """See `Layout`. Views without a sound picture, mask or camera are dropped."""
        return self._photographs(key) if self.single_view else self._views(key)

    @property
    def _mask_root(self) -> pathlib.Path:
        return self.masks or self.source / "masks"

    def _photographs(self, key: str) -> Item:
        """The first sound picture, or every one."""
        found, dropped, repaired = [], [], []
        for path in _pictures(self.source / key / "images"):
            try:
                mask, repair = open_mask(self._mask(key, path.name))
                where = f"'{path.name}'"
                rgba = cut_out(np.asarray(captures.open_photograph(path)), mask, where=where)
                file = path.relative_to(self.source).as_posix()
                longest = self.squares.image_size
                found.append(photograph(key, rgba, file=file, threshold=self.mask_threshold, longest=longest))
                repaired.extend([repair] if repair else [])
            except Unusable as error:
                dropped.append(Rejection(f"{key}/{path.stem}", str(error)))
            if found and not self.every_picture:
                break
        if found:
            return Item(key, tuple(found), tuple(dropped), tuple(repaired))
        why = f" ({dropped[0].reason})" if dropped else ""
        raise Unusable(f"'{key}' has no sound picture{why}")

    def _views(self, key: str) -> Item:
        folder = self.source / key
        model = read_model(folder / _MODEL)
        shots = [
            Shot(
                name=pathlib.PurePosixPath(name).stem,
                image=folder / "images" / name,
                mask=self._mask(key, name),
                camera_file=f"{_MODEL}/{model.camera_file}",
                size=camera.size,
                c2w=c2w,
                intrinsics=camera.intrinsics,
                mesh=camera.mesh,
            )
            for name, c2w, camera in model.images
        ]
        surveyed = captures.survey(key, shots, threshold=self.mask_threshold, points=model.points)
        known = {shot.image.name for shot in shots}
        for path in _pictures(folder / "images"):
            if path.name not in known:
                surveyed.dropped.append(Rejection(f"{key}/{path.stem}", f"'{path.name}' has no camera in '{_MODEL}'"))
        return captures.make_item(
            key,
            shots,
            surveyed,
            centre=_centre(key, model.points, surveyed),
            squares=self.squares,
            threshold=self.mask_threshold,
        )

    def _mask(self, key: str, name: str) -> pathlib.Path:
        """Where the mask of a picture is, or should be."""
        named = (f"{name}.png", f"{pathlib.PurePosixPath(name).stem}.png")
        folders = (self._mask_root / key, self._mask_root / key / "masks", self.source / key / "masks")
        places = [folder / file for folder, file in itertools.product(folders, named)]
        return next((path for path in places if path.is_file()), places[0])


def _pictures(folder: pathlib.Path) -> list[pathlib.Path]:
    """The photographs of an object, in the order of their names."""
    if not folder.is_dir():
        return []
    suffixes = (".jpg", ".jpeg", ".png")
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in suffixes and not is_litter(p.name))


def _centre(key: str, points: Float[np.ndarray, "n 3"], surveyed: captures.Survey) -> Float[np.ndarray, "3"]:
    """The object's centre, as in the published evaluation: the mean of the points that most masks show.

    Raises:
      Unusable: there is no such point.
    """
    share = surveyed.inside / max(1, len(surveyed.boxes))
    chosen = share > _SEEN_IN
    if surveyed.boxes and not chosen.any():
        raise Unusable(f"'{key}' has no point of '{_MODEL}' in more than {_SEEN_IN:.0%} of its masks")
    if not chosen.any():
        return np.zeros(3)
    return np.average(points[chosen], axis=0, weights=share[chosen])
