"""Writes OBJ with a texture: the mesh, its material (`.mtl`) and its picture (`.png`), side by side."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from real3d_jax.export.texture import Texture


def write_textured_obj(
    path: Path, vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], texture: Texture
) -> None:
    """Writes `path`, and files of the same name that end in `.mtl` and `.png`.

    Args:
      path: ends in `.obj`.
      vertices: corners; they are written once, also at seams.
      faces: counter-clockwise seen from outside.
      texture: of the faces.
    """
    material, picture = path.with_suffix(".mtl"), path.with_suffix(".png")
    uv = np.stack([texture.uv[:, 0], 1 - texture.uv[:, 1]], axis=1)  # upwards here
    corners = np.stack([faces, texture.faces], axis=2).reshape(len(faces), 6) + 1
    with path.open("w", encoding="utf-8") as file:
        file.write(f"mtllib {material.name}\n")
        np.savetxt(file, vertices, "v %.7g %.7g %.7g")
        np.savetxt(file, uv, "vt %.7g %.7g")
        file.write("usemtl surface\n")
        np.savetxt(file, corners, "f %d/%d %d/%d %d/%d")
    material.write_text(f"newmtl surface\nKa 0 0 0\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd {picture.name}\n")
    picture.write_bytes(texture.png())
