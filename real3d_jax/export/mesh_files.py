"""Writes meshes: GLB, and with trimesh the other formats."""

from pathlib import Path

import trimesh
from trimesh.visual import ColorVisuals

from real3d_jax.export.glb import write_glb
from real3d_jax.export.isosurface import Mesh
from real3d_jax.images import as_bytes

FORMATS = ("glb", "ply", "obj", "stl")


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
