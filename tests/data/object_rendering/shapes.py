"""Meshes of known form for the tests, as parts and as files."""

import pathlib

import numpy as np
import trimesh
from PIL import Image

from real3d_jax.data.object_rendering.meshes import Mesh, Part, face_normals

# A texture whose quarters are, seen upright: red, green; blue, steel.
QUARTERS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [100, 150, 200]]], np.uint8)


def part(shape: trimesh.Trimesh, colour=(1.0, 1.0, 1.0, 1.0)) -> Part:
    """A shape with flat normals in one linear colour."""
    triangles = np.asarray(shape.triangles, np.float64)
    count = len(triangles)
    normals = np.repeat(face_normals(triangles)[:, None], 3, axis=1)
    return Part(triangles, normals, np.zeros((count, 3, 2)), np.tile(np.array(colour), (count, 3, 1)), None)


def mesh(*parts: Part) -> Mesh:
    """Parts where they are."""
    return Mesh(parts, np.eye(4))


def box(size=(1.0, 1.0, 1.0), centre=(0.0, 0.0, 0.0)) -> trimesh.Trimesh:
    """A box."""
    return trimesh.creation.box(extents=size, transform=trimesh.transformations.translation_matrix(centre))


def ball(centre=(0.0, 0.0, 0.0), radius=1.0, subdivisions=3) -> trimesh.Trimesh:
    """Nearly a sphere."""
    shape = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)
    return shape.apply_translation(centre)


def picture(size: int = 64) -> np.ndarray:
    """QUARTERS, RGBA, enlarged."""
    rgb = QUARTERS.repeat(size // 2, 0).repeat(size // 2, 1)
    return np.concatenate([rgb, np.full((size, size, 1), 255, np.uint8)], -1)


# A square of side 1 in the plane z = 0 that shows a texture upright to one who looks along -z with +y up.
SQUARE_OBJ = """
v -0.5 -0.5 0
v 0.5 -0.5 0
v 0.5 0.5 0
v -0.5 0.5 0
vt 0 0
vt 1 0
vt 1 1
vt 0 1
usemtl paint
f 1/1 2/2 3/3
f 1/1 3/3 4/4
"""


def write_obj(path: pathlib.Path, *, material: str, body: str = SQUARE_OBJ, picture: np.ndarray | None = None) -> None:
    """An OBJ with its material file and, if given, its texture `paint.png`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"mtllib {path.stem}.mtl\n{body}")
    path.with_suffix(".mtl").write_text(f"newmtl paint\n{material}\n")
    if picture is not None:
        Image.fromarray(picture).save(path.parent / "paint.png")


def textured_square(picture: np.ndarray, **material) -> trimesh.Trimesh:
    """The square as a mesh with a glTF material."""
    corners = np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]])
    paint = trimesh.visual.material.PBRMaterial(baseColorTexture=Image.fromarray(picture), **material)
    visual = trimesh.visual.TextureVisuals(uv=corners[:, :2] + 0.5, material=paint)
    return trimesh.Trimesh(corners, [[0, 1, 2], [0, 2, 3]], visual=visual, process=False)
