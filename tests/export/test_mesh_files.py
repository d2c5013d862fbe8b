"""Mesh files, read back."""

import json

import numpy as np
import pytest
import trimesh

from real3d_jax.export.isosurface import Mesh
from real3d_jax.export.mesh_files import FORMATS, save_mesh

VERTICES = np.array([[0.1, 0.2, 0.3], [0.8, 0.0, 0.0], [0.0, 0.7, 0.0], [0.0, 0.0, 0.6]], np.float32)
FACES = np.array([[0, 2, 1], [0, 3, 2], [0, 1, 3], [1, 2, 3]], np.int32)
COLOURS = np.array([[1.0, 0.5, 0.0], [0.02, 0.2, 1.0], [0.5, 0.5, 0.5], [0.0, 1.0, 0.0]])
MESH = Mesh(VERTICES, FACES, COLOURS)


def triangles(path):
    mesh = trimesh.load_mesh(path, process=False)
    return np.asarray(mesh.vertices)[mesh.faces]


@pytest.mark.parametrize("suffix", [suffix for suffix in FORMATS if suffix != "glb"])
def test_triangles_lie_in_the_world(tmp_path, suffix):
    save_mesh(tmp_path / f"mesh.{suffix}", MESH)
    np.testing.assert_allclose(triangles(tmp_path / f"mesh.{suffix}"), VERTICES[FACES], atol=1e-6)


def test_glb_stands_upright_and_faces_the_viewer(tmp_path):
    save_mesh(tmp_path / "mesh.glb", MESH)
    expected = VERTICES[FACES][..., [1, 2, 0]]  # up, our z, is y; the front, our x, is z
    np.testing.assert_allclose(triangles(tmp_path / "mesh.glb"), expected, atol=1e-6)


@pytest.mark.parametrize("suffix", ["ply", "obj"])
def test_colours_are_srgb(tmp_path, suffix):
    save_mesh(tmp_path / f"mesh.{suffix}", MESH)
    mesh = trimesh.load_mesh(tmp_path / f"mesh.{suffix}", process=False)
    np.testing.assert_allclose(mesh.visual.vertex_colors[:, :3] / 255, COLOURS, atol=0.51 / 255)


def test_colours_of_glb_are_linear_and_matt(tmp_path):
    save_mesh(tmp_path / "mesh.glb", MESH)
    tree, data = glb(tmp_path / "mesh.glb")
    [primitive] = tree["meshes"][0]["primitives"]
    assert tree["materials"][primitive["material"]]["pbrMetallicRoughness"]["metallicFactor"] == 0
    accessor = tree["accessors"][primitive["attributes"]["COLOR_0"]]
    view = tree["bufferViews"][accessor["bufferView"]]
    rgba = np.frombuffer(data[view["byteOffset"] :][: view["byteLength"]], np.uint8).reshape(-1, 4)[:4]
    linear = [[255, 0.2140 * 255, 0], [0.00155 * 255, 0.0331 * 255, 255], [0.2140 * 255] * 3, [0, 255, 0]]
    np.testing.assert_allclose(rgba[:, :3], linear, atol=0.6)
    assert "NORMAL" in primitive["attributes"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_meshes_without_colours(tmp_path, suffix):
    save_mesh(tmp_path / f"mesh.{suffix}", Mesh(VERTICES, FACES))
    assert len(triangles(tmp_path / f"mesh.{suffix}")) == 4


def glb(path):
    """JSON and binary of a GLB file."""
    data = path.read_bytes()
    length = int.from_bytes(data[12:16], "little")
    return json.loads(data[20 : 20 + length]), data[20 + length + 8 :]
