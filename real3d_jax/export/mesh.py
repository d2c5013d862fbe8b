"""A mesh, and the files it is written to: GLB, OBJ with a texture, and with trimesh the other formats."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import trimesh
from jaxtyping import Float, Int
from trimesh.visual import ColorVisuals

from real3d_jax.errors import UserError, did_you_mean
from real3d_jax.export.glb import TO_GLTF, write_glb
from real3d_jax.export.obj import write_textured_obj
from real3d_jax.export.texture import Texture
from real3d_jax.export.topology import is_closed
from real3d_jax.images import as_bytes
from real3d_jax.runtime.folders import replacing_all

FORMATS = ("glb", "ply", "obj", "stl")
TEXTURED = ("glb", "obj")
AXES = ("z_up", "y_up")


@dataclasses.dataclass(frozen=True)
class Mesh:
    """Triangles in world coordinates.

    Attributes:
      vertices: their corners.
      faces: three corners each, counter-clockwise seen from outside.
      colours: of the vertices, in [0, 1]; None if there are none.
      texture: their finer colours; None if there are none.
    """

    vertices: Float[np.ndarray, "V 3"]
    faces: Int[np.ndarray, "F 3"]
    colours: Float[np.ndarray, "V 3"] | None = None
    texture: Texture | None = None

    @property
    def is_watertight(self) -> bool:
        """Whether every edge has two faces, which run along it in opposite directions."""
        return is_closed(self.faces)

    @property
    def summary(self) -> str:
        """Its sizes in a line."""
        closed = "watertight" if self.is_watertight else "not watertight"
        texels = "" if self.texture is None else f", texture {len(self.texture.image)} x {len(self.texture.image)}"
        return f"{len(self.vertices):,} vertices, {len(self.faces):,} faces, {closed}{texels}"

    def save(self, path: str | os.PathLike, *, axes: str = AXES[0]) -> Path:
        """Writes it as `save_mesh` does, in the format of the path's ending, and returns the path.

        What stood there before is replaced when the new files are whole.

        Args:
          path: of the file; OBJ with a texture has an `.mtl` and a `.png` beside it.
          axes: of PLY, OBJ and STL: 'z_up', or 'y_up' as GLB has them.

        Raises:
          UserError: there is no such format, there are no such axes, or the place cannot be written.
        """
        check_axes(axes, "axes")
        path = Path(path)
        if path.suffix[1:] not in FORMATS:
            raise UserError(f"'{path}' has no ending of a mesh: {did_you_mean(path.suffix[1:], FORMATS)}")
        try:
            with replacing_all(path) as made:
                save_mesh(made, self, axes=axes)
        except OSError as error:
            raise UserError(f"'{path}' cannot be written ({error.strerror or error}): choose another place.") from error
        return path


def check_axes(axes: str, where: str) -> None:
    """Raises UserError unless meshes can be written with such axes; `where` is the setting's name."""
    if axes not in AXES:
        raise UserError(f"{where} has no value '{axes}': {did_you_mean(axes, AXES)}")


def save_mesh(path: Path, mesh: Mesh, *, axes: str = AXES[0]) -> None:
    """Writes a mesh in the format of the path's suffix.

    GLB is turned to glTF's axes (y up), so that it stands upright in viewers; it has normals, and its vertex colours
    are linear, as glTF's are. The other formats, which say nothing of axes, keep world coordinates (z up) or are turned
    as GLB is, and their colours are sRGB. GLB and OBJ have the texture, if there is one, in place of vertex colours;
    PLY has vertex colours, STL none.

    Args:
      path: of the file.
      mesh: what to write.
      axes: 'z_up' or 'y_up', of formats other than GLB.
    """
    if path.suffix == ".glb":
        write_glb(path, mesh.vertices, mesh.faces, mesh.colours, mesh.texture)
        return
    vertices = mesh.vertices if axes == "z_up" else mesh.vertices @ TO_GLTF.T
    if path.suffix == ".obj" and mesh.texture is not None:
        write_textured_obj(path, vertices, mesh.faces, mesh.texture)
        return
    made = trimesh.Trimesh(vertices, mesh.faces, process=False)
    if mesh.colours is not None:
        made.visual = ColorVisuals(made, vertex_colors=as_bytes(mesh.colours))
    made.export(path)
