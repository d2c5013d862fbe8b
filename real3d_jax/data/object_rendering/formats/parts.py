"""Makes parts of what files hold."""

import numpy as np
from jaxtyping import Float

from real3d_jax.data.object_rendering.meshes import Emission, Part, Texture, face_normals, unit


def flat_part(triangles: Float[np.ndarray, "faces 3 3"], colours: Float[np.ndarray, "faces 3 4"]) -> Part:
    """A part without textures, whose faces are flat."""
    return part(triangles, colours=colours)


def part(
    triangles: Float[np.ndarray, "faces 3 3"],
    *,
    colours: Float[np.ndarray, "faces 3 4"],
    normals: Float[np.ndarray, "faces 3 3"] | None = None,
    uv: Float[np.ndarray, "faces 3 2"] | None = None,
    texture: Texture | None = None,
    emission: Emission | None = None,
) -> Part:
    """A part; where it has no normals, or they have no direction, its faces are flat.

    Args:
      triangles, colours, uv, texture, emission: see `meshes.Part`.
      normals: of any length.

    Raises:
      ValueError: texture coordinates are not finite.
    """
    flat = np.repeat(face_normals(triangles)[:, None], 3, axis=1)
    if normals is not None:
        with np.errstate(over="ignore"):
            smooth = unit(np.nan_to_num(normals, posinf=0, neginf=0))
        normals = np.where(np.linalg.norm(smooth, axis=-1, keepdims=True) > 0, smooth, flat)
    for coordinates in (uv, None if emission is None else emission.uv):
        if coordinates is not None and not np.isfinite(coordinates).all():
            raise ValueError("texture coordinates are not finite")
    uv = np.zeros((len(triangles), 3, 2)) if uv is None else uv
    return Part(triangles, flat if normals is None else normals, uv, colours, texture, emission)
