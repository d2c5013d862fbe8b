"""Picture grids of a run: what went in, what should come out, what came out, and the cycle."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from real3d_jax.images import as_bytes

_LABEL = 14  # pixels of the line of text above a strip
_GAP = 4
_ORDER = ("synthetic", "real", "input", "target", "rendered")


def picture_grid(strips: Mapping[str, Float[np.ndarray, "rows *views h w 3"]], *, cell: int) -> np.ndarray:
    """Arranges labelled strips of images side by side, one example a row.

    Args:
      strips: images in [0, 1] by label, each (rows, h, w, 3) or, for several views of an example,
        (rows, views, h, w, 3). Labels 'a/b' and 'a/c' stand side by side; another first part begins a new block below.
        Inputs come first, then targets, renders, and all others.
      cell: pixels per side of an image in the grid.

    Returns:
      (H, W, 3) uint8.
    """
    blocks: dict[str, list[np.ndarray]] = {}
    for label, images in sorted(strips.items(), key=_reading_order):
        blocks.setdefault(label.split("/")[0], []).append(_strip(label, np.asarray(images, np.float32), cell))
    rows = [np.concatenate(_padded(block, axis=0), axis=1) for block in blocks.values()]
    return np.concatenate(_padded(rows, axis=1), axis=0)


def save_picture(path: Path, picture: np.ndarray) -> None:
    """Writes an (H, W, 3) uint8 array as PNG, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


def _reading_order(strip: tuple[str, object]) -> tuple[int, ...]:
    """Known parts of a label first, in `_ORDER`; `jit` returns strips sorted by the alphabet."""
    return tuple(_ORDER.index(part) if part in _ORDER else len(_ORDER) for part in strip[0].split("/"))


def _strip(label: str, images: np.ndarray, cell: int) -> np.ndarray:
    """One label over its images, rows below one another and views side by side."""
    if images.ndim == 4:
        images = images[:, None]
    rows, views = images.shape[:2]
    width = max(views * (cell + _GAP), 7 * len(label))
    canvas = Image.new("RGB", (width, _LABEL + rows * (cell + _GAP)), "white")
    ImageDraw.Draw(canvas).text((1, 1), label, fill="black")
    pixels = as_bytes(images)
    for row in range(rows):
        for view in range(views):
            image = Image.fromarray(pixels[row, view]).resize((cell, cell), Image.Resampling.BILINEAR)
            canvas.paste(image, (view * (cell + _GAP), _LABEL + row * (cell + _GAP)))
    return np.asarray(canvas)


def _padded(pictures: list[np.ndarray], *, axis: int) -> list[np.ndarray]:
    """Fills up with white to the greatest size along `axis`."""
    size = max(picture.shape[axis] for picture in pictures)
    padding = [(0, 0)] * 3
    padded = []
    for picture in pictures:
        padding[axis] = (0, size - picture.shape[axis])
        padded.append(np.pad(picture, padding, constant_values=255))
    return padded
