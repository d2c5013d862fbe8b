"""Writes meshes, with trimesh."""

from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from jaxtyping import Float
from trimesh.exchange.gltf import export_glb
from trimesh.visual import ColorVisuals

from real3d_jax.export.isosurface import Mesh
from real3d_jax.images import as_bytes

FORMATS = ("glb", "ply", "obj", "stl")
# glTF has y up and its front along z: our z, and our x, where the input camera stands.
_TO_GLTF = np.array([[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]], np.float64)


def save_mesh(path: Path, mesh: Mesh) -> None:
    """Writes a mesh in the format of the path's suffix.

    GLB is turned to glTF's axes (y up), so that it stands upright in viewers; it has normals, and its colours are
    linear, as glTF's vertex colours are. The other formats keep world coordinates (z up) and sRGB; STL has no colours.
    """
    colours, is_gltf = mesh.colours, path.suffix == ".glb"
    made = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    if colours is not None:
        made.visual = ColorVisuals(made, vertex_colors=as_bytes(_linear(colours) if is_gltf else colours))
    if is_gltf:
        made.apply_transform(_TO_GLTF)
        path.write_bytes(export_glb(trimesh.Scene(made), include_normals=True, tree_postprocessor=_make_matt))
    else:
        made.export(path)


def _make_matt(tree: dict[str, Any]) -> None:
    """Gives the primitives a material; glTF's default is metal, which viewers show dark."""
    tree["materials"] = [{"pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 1.0}}]
    for mesh in tree["meshes"]:
        for primitive in mesh["primitives"]:
            primitive["material"] = 0


def _linear(srgb: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
    """IEC 61966-2-1's decoding."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
