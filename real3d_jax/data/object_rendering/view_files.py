"""Writes the `views` layout that `docs/own_data.md` describes and `sources/views.py` reads."""

import json
import pathlib

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from real3d_jax.data.object_rendering.rasterizer import Surfaces

DEPTH_UNIT = 1e-4


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
    depth = np.round(surfaces.depth / DEPTH_UNIT).astype(np.uint16)
    Image.fromarray(depth).save(folder / "depth" / f"{name}.png")
    seen = surfaces.depth[..., None] > 0
    normal = np.where(seen, np.round((surfaces.normal + 1) / 2 * 255), 0).astype(np.uint8)
    Image.fromarray(normal).save(folder / "normal" / f"{name}.png")
