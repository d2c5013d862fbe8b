"""Writes the `views` layout that `docs/own_data.md` describes and `sources/views.py` reads."""

import json
import pathlib

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from real3d_jax.data.object_rendering.rasterizer import Surfaces
from real3d_jax.images import depth_as_words, normals_as_bytes


def write_view(
    folder: pathlib.Path,
    name: str,
    *,
    rgba: UInt8[np.ndarray, "H W 4"],
    surfaces: Surfaces,
    c2w: Float[np.ndarray, "4 4"],
    fov_y: float,
) -> None:
    """One view of an object: `NAME.png`, `NAME.json`, `depth/NAME.png` and `normal/NAME.png` in the object's folder."""
    Image.fromarray(rgba).save(folder / f"{name}.png")
    (folder / f"{name}.json").write_text(json.dumps({"c2w": c2w.tolist(), "fov_y": fov_y}))
    for kind in ("depth", "normal"):
        (folder / kind).mkdir(exist_ok=True)
    depth, normal = surfaces.depth, normals_as_bytes(surfaces.normal, surfaces.depth > 0)
    Image.fromarray(depth_as_words(depth)).save(folder / "depth" / f"{name}.png")
    Image.fromarray(normal).save(folder / "normal" / f"{name}.png")
