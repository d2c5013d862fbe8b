"""The door for programs with a stub for a model."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from real3d_jax.inference.demo.limits import Limits
from tests.inference.demo.stub import StubModel

LIMITS = Limits(bytes=200_000, pixels=40_000, resolution=128, waiting=1, seconds=60)


@pytest.fixture
def service():
    """One with small limits."""
    from real3d_jax.inference.demo.service import Service

    service = Service(StubModel(), LIMITS)
    yield service
    service.close()


@pytest.fixture
def limited(monkeypatch):
    """Decoding as the server limits it."""
    from real3d_jax.inference.demo.pictures import limit_decoding

    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
    limit_decoding(LIMITS)


def cut_out(size=(60, 40), box=(15, 10, 35, 20)):
    """A picture (width, height) whose object is a box (left, top, right, bottom)."""
    rgba = np.zeros((size[1], size[0], 4), np.uint8)
    rgba[box[1] : box[3], box[0] : box[2]] = (200, 100, 50, 255)
    return rgba


def encoded(image, kind="PNG", **options) -> bytes:
    """A picture's file."""
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, kind, **options)
    return file.getvalue()


def written(folder: Path, content: bytes, name="picture") -> Path:
    """A file."""
    path = folder / name
    path.write_bytes(content)
    return path
