"""Depth maps in files, one a photograph."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from real3d_jax.curation.backends.interfaces import SourceImage
from real3d_jax.curation.depth import DepthKind
from real3d_jax.data import orientations
from real3d_jax.data.records import Unusable
from real3d_jax.data.sources.layout import open_image
from real3d_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class PrecomputedDepth:
    """`NAME.npy` (any real type; H x W, or with an axis of 1) or `NAME.png` (16 bits), of the photograph's size.

    NAME is the photograph's path below the input without its suffix or, if no other photograph has it, its stem. Only
    ratios count, so any unit will do; a disparity must not be shifted, though (no min-max stretching).

    Attributes:
      folder: where the files are.
      kind: what their numbers are.
      as_stored: they belong to the pixels that the files have, before any rotation that EXIF data ask for.
    """

    folder: pathlib.Path
    kind: DepthKind = "disparity"
    as_stored: bool = False

    def settings(self) -> Mapping[str, Any]:
        """See `Loadable`."""
        as_stored = {"depth_as_stored": True} if self.as_stored else {}
        return {"depth": "precomputed", "depth_kind": self.kind, **as_stored}

    def load(self) -> "PrecomputedDepth":
        """See `Loadable`."""
        if not self.folder.is_dir():
            raise UserError(f"--depth: there is no folder '{self.folder}': name the folder of the depth maps.")
        return self

    def __call__(self, images: Sequence[SourceImage]) -> Sequence[Float[np.ndarray, "H W"] | Unusable]:
        """See `DepthBackend`."""
        return [self._read_or_say(image) for image in images]

    def _read_or_say(self, image: SourceImage) -> Float[np.ndarray, "H W"] | Unusable:
        try:
            path = self._find(image.photograph.names)
            orientation = image.orientation if self.as_stored else 1
            size = orientations.stored_size(image.size, orientation)
            return orientations.upright(_checked(_read(path), size, path.name), orientation)
        except Unusable as error:
            return error

    def _find(self, names: Sequence[str]) -> pathlib.Path:
        for name in names:
            for suffix in (".npy", ".png"):
                if (path := self.folder / (name + suffix)).is_file():
                    return path
        raise Unusable(f"there is no depth map '{names[0]}.npy' or '.png'")


def _read(path: pathlib.Path) -> np.ndarray:
    if path.suffix == ".png":
        return np.asarray(open_image(path, modes=("I;16", "I;16B", "I")))
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise Unusable(f"the depth map '{path.name}' cannot be read ({error})") from error


def _checked(depth: np.ndarray, size: tuple[int, int], name: str) -> Float[np.ndarray, "H W"]:
    if depth.ndim == 3 and 1 in (depth.shape[0], depth.shape[-1]):
        depth = depth[0] if depth.shape[0] == 1 else depth[..., 0]
    if depth.shape != size:
        raise Unusable(f"the depth map '{name}' is {_by(depth.shape)}, the photograph {_by(size)} (height x width)")
    if depth.dtype.kind not in "fiub":
        raise Unusable(f"the depth map '{name}' holds {depth.dtype}, not numbers")
    depth = depth.astype(np.float32)
    if not np.isfinite(depth).any():
        raise Unusable(f"the depth map '{name}' has not one finite number")
    return depth


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def write_png16(path: pathlib.Path, depth: Float[np.ndarray, "H W"]) -> None:
    """A depth map as PNG of 16 bits, scaled so that its largest number is 65535; ratios stay."""
    peak = float(depth.max())
    scale = 65535 / peak if peak > 0 else 1.0
    Image.fromarray(np.round(depth * scale).astype(np.uint16)).save(path)
