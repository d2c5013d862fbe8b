"""Rendered views as pictures and animations."""

import dataclasses
import os
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from real3d_jax.errors import UserError

_STRIP = 8  # views of the still picture
_STILL = (".png", ".jpg", ".jpeg", ".webp")


@dataclasses.dataclass(frozen=True, eq=False)
class Views:
    """Views of an object; `numpy.asarray` takes them, too.

    Attributes:
      rgb: F square views, sRGB, in the order of their cameras.
      frames_per_second: of the animation that `save` writes.
    """

    rgb: UInt8[np.ndarray, "F r r 3"]
    frames_per_second: float = 20.0

    def save(self, path: str | os.PathLike) -> Path:
        """Writes an animation that goes on for ever ('.gif'), or at most eight of the views side by side ('.png', ...).

        Raises:
          UserError: the path has another ending, or cannot be written.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in (".gif", *_STILL):
            raise UserError(f"'{path}' has no ending of pictures: write .gif for an animation, or .png.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if suffix == ".gif":
                save_animation(path, self.rgb, self.frames_per_second)
            else:
                save_strip(path, self.rgb)
        except OSError as error:
            raise UserError(f"'{path}' cannot be written ({error.strerror or error}): choose another place.") from error
        return path

    def __len__(self) -> int:
        return len(self.rgb)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.array(self.rgb, dtype, copy=True) if copy or dtype not in (None, np.uint8) else self.rgb

    def __repr__(self) -> str:
        return f"Views({len(self)} of {self.rgb.shape[1]} x {self.rgb.shape[2]} pixels)"


def save_animation(path: Path, frames: UInt8[np.ndarray, "F r r 3"], frames_per_second: float) -> None:
    """Writes a GIF that goes on for ever."""
    first, *others = (Image.fromarray(frame) for frame in frames)
    first.save(path, save_all=True, append_images=others, duration=1000 / frames_per_second, loop=0)


def save_strip(path: Path, frames: UInt8[np.ndarray, "F r r 3"]) -> None:
    """Writes at most eight of the frames, evenly chosen, side by side."""
    chosen = np.unique(np.arange(_STRIP) * len(frames) // _STRIP)
    Image.fromarray(np.concatenate(list(frames[chosen]), axis=1)).save(path)
