"""Pictures as parts of a page."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

_GAP = 4  # pixels between pictures


def encoded(picture: Image.Image, kind: str, **options: Any) -> str:
    """A file of Pillow's format `kind` as base64; `options` are Pillow's."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def data_uri(picture: Image.Image, kind: str, **options: Any) -> str:
    """What an image's `src` takes."""
    return f"data:image/{kind.lower()};base64,{encoded(picture, kind, **options)}"


def strip(images: Sequence[UInt8[np.ndarray, "_ _ 3"]]) -> UInt8[np.ndarray, "H W 3"]:
    """Images side by side on white, their upper edges in line."""
    height = max(image.shape[0] for image in images)
    width = sum(image.shape[1] + _GAP for image in images) - _GAP
    canvas = np.full((height, width, 3), 255, np.uint8)
    x = 0
    for image in images:
        canvas[: image.shape[0], x : x + image.shape[1]] = image
        x += image.shape[1] + _GAP
    return canvas
