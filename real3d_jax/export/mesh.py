"""A mesh, and the files it is written to: GLB, and with trimesh the other formats."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import trimesh
from jaxtyping import Float, Int
from trimesh.visual import ColorVisuals

from real3d_jax.errors import UserError, did_you_mean
from real3d_jax.export.glb import write_glb
from real3d_jax.images import as_bytes

FORMATS = ("glb", "ply", "obj", "stl")


@dataclasses.dataclass(frozen=True)
class Mesh:
    """Triangles in world coordinates.

    Attributes:
      vertices: their corners.
      faces: three corners each, counter-clockwise seen from outside.
      colours: of the vertices, in [0, 1]; None if there are none.
    """

    vertices: Float[np.ndarray, "V 3"]
    faces: Int[np.ndarray, "F 3"]
    colours: Float[np.ndarray, "V 3"] | None = None

    def save(self, path: str | os.PathLike) -> Path:
        """Writes it as `save_mesh` does, in the format of the path's ending, and returns the path.

        Raises:
          UserError: there is no such format, or the place cannot be written.
        """
        path = Path(path)
        if path.suffix[1:] not in FORMATS:
            raise UserError(f"'{path}' has no ending of a mesh: {did_you_mean(path.suffix[1:], FORMATS)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_mesh(path, self)
        except OSError as error:
            raise UserError(f"'{path}' cannot be written ({error.strerror or error}): choose another place.") from error
        return path


def save_mesh(path: Path, mesh: Mesh) -> None:
    """Writes a mesh in the format of the path's suffix.

    GLB is turned to glTF's axes (y up), so that it stands upright in viewers; it has normals, and its colours are
    linear, as glTF's vertex colours are. The other formats keep world coordinates (z up) and sRGB; STL has no colours.
    """
    if path.suffix == ".glb":
        write_glb(path, mesh.vertices, mesh.faces, mesh.colours)
        return
    made = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    if mesh.colours is not None:
        made.visual = ColorVisuals(made, vertex_colors=as_bytes(mesh.colours))
    made.export(path)
