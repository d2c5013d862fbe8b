"""Rendered views as pictures and animations, with their depth and normals."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8, UInt16
from PIL import Image

from real3d_jax.cameras import Cameras
from real3d_jax.errors import UserError, did_you_mean
from real3d_jax.images import DEPTH_UNIT, depth_as_words, normals_as_bytes
from real3d_jax.inference.video import save_video
from real3d_jax.runtime.folders import replacing_all

RGB, DEPTH, NORMALS = "rgb", "depth", "normals"
MAPS = (DEPTH, NORMALS)  # what a view may have beside its colours
_STRIP = 8  # views of the still picture
_STILL = (".png", ".jpg", ".jpeg", ".webp")
_ANIMATIONS = (".gif", ".mp4")
_ARRAYS = ".npz"
FASTEST_GIF = 50  # frames a second: viewers show frames of less than two hundredths of a second for ten
_FASTEST, _LONGEST = 1000, 600  # frames a second, seconds; GIF counts to 655, and rates of MP4 are fractions by 1000
DEEPEST = 65535 * DEPTH_UNIT  # that a picture holds


@dataclasses.dataclass(frozen=True, eq=False)
class Views:
    """Views of an object; `numpy.asarray` takes them, too.

    Attributes:
      rgb: F square views, sRGB, in the order of their cameras.
      frames_per_second: of the animation that `save` writes.
      depth: of the surface that is seen, along the camera's axis, in world units; 0 is nothing. None where it was not
        asked for, as normals.
      normals: of that surface, unit length, in the world, on the side that is seen; 0 is nothing.
      cameras: of the views, leading shape (F,).
    """

    rgb: UInt8[np.ndarray, "F r r 3"]
    frames_per_second: float = 20.0
    depth: Float[np.ndarray, "F r r"] | None = None
    normals: Float[np.ndarray, "F r r 3"] | None = None
    cameras: Cameras | None = None

    def save(self, path: str | os.PathLike, of: str = RGB) -> Path:
        """Writes an animation, a picture or numbers, as the path's ending says. It replaces an older file in the end.

        '.gif' goes on for ever; '.mp4' is H.264, which browsers play (`pip install 'real3d-jax[video]'`); '.png',
        '.jpg' and '.webp' are at most eight of the views side by side; '.npz' has all arrays, as `arrays` gives them.

        Args:
          path: of the file; folders are made.
          of: 'rgb'; 'normals', as colours (n + 1) / 2; or 'depth', a PNG of 16 bits in units of 0.0001.

        Raises:
          UserError: the path has another ending, or cannot be written; these views have no depth or normals; or the
            depth is beyond 6.5535.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in (*_ANIMATIONS, *_STILL, _ARRAYS):
            raise UserError(f"'{path}' has no ending of pictures: write .gif or .mp4 for an animation, .png, or .npz.")
        pictures = self._pictures(path, of)
        try:
            with replacing_all(path) as made:
                if suffix == _ARRAYS:
                    np.savez_compressed(made, **self.arrays())
                elif suffix in _ANIMATIONS:
                    save_animation(made, pictures, self.frames_per_second)
                else:
                    save_strip(made, pictures)
        except OSError as error:
            raise UserError(f"'{path}' cannot be written ({error.strerror or error}): choose another place.") from error
        return path

    def arrays(self) -> dict[str, Any]:
        """What there is, by name: `rgb`, `depth`, `normals`, and of the cameras `c2w` and `intrinsics`."""
        found = {RGB: self.rgb, DEPTH: self.depth, NORMALS: self.normals}
        if self.cameras is not None:
            found |= {"c2w": self.cameras.c2w, "intrinsics": self.cameras.intrinsics}
        return {name: np.asarray(values) for name, values in found.items() if values is not None}

    def _pictures(self, path: Path, of: str) -> UInt8[np.ndarray, "F r r 3"] | UInt16[np.ndarray, "F r r"]:
        if of not in (RGB, *MAPS):
            raise UserError(f"Views have no '{of}' to save: {did_you_mean(of, (RGB, *MAPS))}")
        if of == RGB:
            return self.rgb
        if self.depth is None or self.normals is None:
            raise UserError(f"These views have no {of}: render them with geometry=True.")
        if of == NORMALS:
            return normals_as_bytes(self.normals, self.depth > 0)
        if path.suffix.lower() not in (".png", _ARRAYS):
            raise UserError(f"'{path}' cannot hold depth, which has 16 bits: write .png or .npz.")
        if self.depth.max(initial=0) > DEEPEST:
            raise UserError(f"The depth is up to {self.depth.max():g}, and a PNG holds up to {DEEPEST:g}: write .npz.")
        return depth_as_words(self.depth)

    def __len__(self) -> int:
        return len(self.rgb)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.array(self.rgb, dtype, copy=True) if copy or dtype not in (None, np.uint8) else self.rgb

    def __repr__(self) -> str:
        return f"Views({len(self)} of {self.rgb.shape[1]} x {self.rgb.shape[2]} pixels)"


def check_speed(frames: int, frames_per_second: float, where: str = "") -> None:
    """Raises UserError unless files of animations can tell such a speed; `where` stands before the numbers' names."""
    if not 0 < frames_per_second <= _FASTEST or frames > _LONGEST * frames_per_second:
        raise UserError(
            f"{where}frames_per_second is {frames_per_second:g} for {frames} frames: set it to at most {_FASTEST}, and "
            f"so that they last at most {_LONGEST} seconds."
        )


def save_animation(path: Path, frames: UInt8[np.ndarray, "F r r 3"], frames_per_second: float) -> None:
    """Writes an MP4 if the path ends so, or else a GIF that goes on for ever."""
    check_speed(len(frames), frames_per_second)
    if path.suffix.lower() == ".mp4":
        save_video(path, frames, frames_per_second)
        return
    if frames_per_second > FASTEST_GIF:
        raise UserError(f"{frames_per_second:g} frames a second are more than the {FASTEST_GIF} of a GIF: write .mp4.")
    ends = np.round(100 * np.arange(len(frames) + 1) / frames_per_second).astype(int)  # in GIF's hundredths of a second
    first, *others = (Image.fromarray(frame) for frame in frames)
    first.save(path, save_all=True, append_images=others, duration=(10 * np.diff(ends)).tolist(), loop=0)


def save_strip(path: Path, frames: UInt8[np.ndarray, "F r r 3"] | UInt16[np.ndarray, "F r r"]) -> None:
    """Writes at most eight of the frames, evenly chosen, side by side."""
    chosen = np.unique(np.arange(_STRIP) * len(frames) // _STRIP)
    Image.fromarray(np.concatenate(list(frames[chosen]), axis=1)).save(path)
