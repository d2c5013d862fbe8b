"""Mesh files, read back."""

import dataclasses
import errno
import json

import numpy as np
import pytest
import trimesh

from real3d_jax.errors import UserError
from real3d_jax.export import mesh as mesh_module
from real3d_jax.export.glb import is_own, vertex_normals
from real3d_jax.export.isosurface import isosurface
from real3d_jax.export.mesh import FORMATS, Mesh, save_mesh

VERTICES = np.array([[0.1, 0.2, 0.3], [0.8, 0.0, 0.0], [0.0, 0.7, 0.0], [0.0, 0.0, 0.6]], np.float32)
FACES = np.array([[0, 2, 1], [0, 3, 2], [0, 1, 3], [1, 2, 3]], np.int32)
COLOURS = np.array([[1.0, 0.5, 0.0], [0.02, 0.2, 1.0], [0.5, 0.5, 0.5], [0.0, 1.0, 0.0]])
MESH = Mesh(VERTICES, FACES, COLOURS)

_AXIS, _RANDOM = np.linspace(-0.87, 0.87, 16), np.random.default_rng(0)
_PLACES = np.stack(np.meshgrid(_AXIS, _AXIS, _AXIS, indexing="ij"), -1)
FIELDS = {
    "ball": np.maximum(25 + 100 * (0.5 - np.linalg.norm(_PLACES, axis=-1)), 0),
    "cut": np.maximum(25 + 100 * (0.5 - np.linalg.norm(_PLACES - 0.87, axis=-1)), 0),
    "full": np.full((16, 16, 16), 1e30),
    "floaters": np.where(_RANDOM.random((16, 16, 16)) > 0.97, 100.0, 0.0),
    "noise": np.exp(4 * _RANDOM.normal(size=(16, 16, 16))),
    "levels": 25.0 * _RANDOM.integers(0, 3, (16, 16, 16)),  # a third of the points lie on the surface itself
}


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
    rgba = np.frombuffer(data[view["byteOffset"] :][: view["byteLength"]], "<u2").reshape(-1, 4)[:4]
    linear = [[1, 0.214041, 0], [0.00154799, 0.0331048, 1], [0.214041] * 3, [0, 1, 0]]
    np.testing.assert_allclose(rgba[:, :3], np.array(linear) * 65535, atol=0.6)
    assert (rgba[:, 3] == 65535).all()
    assert (accessor["componentType"], accessor["normalized"]) == (5123, True)
    assert "NORMAL" in primitive["attributes"]


def test_glb_keeps_all_levels_of_eight_bits(tmp_path):
    levels = np.arange(256)
    vertices = np.random.default_rng(0).normal(size=(256, 3)).astype(np.float32)
    faces = np.stack([levels, (levels + 1) % 256, (levels + 2) % 256], axis=1)
    save_mesh(tmp_path / "mesh.glb", Mesh(vertices, faces, np.repeat(levels[:, None] / 255, 3, 1)))
    stored = arrays(tmp_path / "mesh.glb")["COLOR_0"][:, 0] / 65535
    srgb = np.where(stored <= 0.0031308, 12.92 * stored, 1.055 * stored ** (1 / 2.4) - 0.055)
    np.testing.assert_array_equal(np.round(srgb * 255), levels)


@pytest.mark.parametrize("name", ["ball", "cut", "full", "floaters", "noise", "levels"])
def test_glb_is_valid(tmp_path, name):
    """What the Khronos validator asks of such a file; the validator itself passed forty of them."""
    mesh = isosurface(FIELDS[name], radius=0.87)
    save_mesh(tmp_path / "mesh.glb", dataclasses.replace(mesh, colours=np.full(mesh.vertices.shape, 0.5)))
    data = (tmp_path / "mesh.glb").read_bytes()
    assert data[:4] == b"glTF" and int.from_bytes(data[8:12], "little") == len(data) and len(data) % 4 == 0
    tree, binary = glb(tmp_path / "mesh.glb")
    assert tree["buffers"][0]["byteLength"] <= len(binary) < tree["buffers"][0]["byteLength"] + 4
    ends = np.cumsum([view["byteLength"] for view in tree["bufferViews"]])
    assert [view["byteOffset"] for view in tree["bufferViews"]] == [0, *ends[:-1]]
    assert all(view["byteOffset"] % 4 == 0 and view["target"] in (34962, 34963) for view in tree["bufferViews"])
    found = arrays(tmp_path / "mesh.glb")
    np.testing.assert_allclose(np.linalg.norm(found["NORMAL"], axis=1), 1, atol=1e-5)
    position = tree["accessors"][tree["meshes"][0]["primitives"][0]["attributes"]["POSITION"]]
    assert position["min"] == found["POSITION"].min(0).tolist() and position["max"] == found["POSITION"].max(0).tolist()
    corners = found["indices"].reshape(-1, 3)
    assert (np.unique(corners) == np.arange(len(found["POSITION"]))).all()
    assert (corners != np.roll(corners, 1, axis=1)).all()
    assert is_own(tmp_path / "mesh.glb")


def test_normals_point_outwards_and_are_never_nothing():
    mesh = isosurface(FIELDS["ball"], radius=0.87)
    normals = vertex_normals(mesh.vertices, mesh.faces)
    outwards = mesh.vertices / np.linalg.norm(mesh.vertices, axis=1, keepdims=True)
    assert (np.sum(normals * outwards, axis=1) > 0.97).all()
    # Two triangles back to back, and one without an area.
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [2, 2, 2]], np.float32)
    normals = vertex_normals(vertices, np.array([[0, 1, 2], [0, 2, 1], [3, 3, 3]]))
    np.testing.assert_array_equal(np.abs(normals), [[0, 0, 1]] * 3 + [[0, 1, 0]])


def test_glb_of_other_programs_is_not_ours(tmp_path):
    trimesh.Trimesh(VERTICES, FACES, process=False).export(tmp_path / "other.glb")
    (tmp_path / "short.glb").write_bytes(b"glTF")
    save_mesh(tmp_path / "mesh.ply", MESH)
    assert not any(is_own(tmp_path / name) for name in ("other.glb", "short.glb", "mesh.ply"))


@pytest.mark.parametrize("suffix", FORMATS)
def test_meshes_without_colours(tmp_path, suffix):
    save_mesh(tmp_path / f"mesh.{suffix}", Mesh(VERTICES, FACES))
    assert len(triangles(tmp_path / f"mesh.{suffix}")) == 4


def arrays(path):
    """The accessors of a GLB file's only primitive, by their attributes' names."""
    tree, data = glb(path)
    [primitive] = tree["meshes"][0]["primitives"]
    types, lanes = {5126: "<f4", 5123: "<u2", 5125: "<u4"}, {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
    found = {}
    for name, number in {**primitive["attributes"], "indices": primitive["indices"]}.items():
        accessor = tree["accessors"][number]
        view = tree["bufferViews"][accessor["bufferView"]]
        values = np.frombuffer(data[view["byteOffset"] :][: view["byteLength"]], types[accessor["componentType"]])
        found[name] = values.reshape(accessor["count"], lanes[accessor["type"]])
    return found


def glb(path):
    """JSON and binary of a GLB file."""
    data = path.read_bytes()
    length = int.from_bytes(data[12:16], "little")
    return json.loads(data[20 : 20 + length]), data[20 + length + 8 :]


@pytest.mark.parametrize("suffix", ["glb", "obj"])
def test_what_cannot_be_written_leaves_what_stood_there(tmp_path, suffix, monkeypatch):
    path = MESH.save(tmp_path / f"a.{suffix}")
    before = path.read_bytes()

    def full(path, *_, **__):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(mesh_module, "save_mesh", full)
    with pytest.raises(UserError, match=r"cannot be written \(No space left on device\)"):
        MESH.save(path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == before
