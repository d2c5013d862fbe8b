"""Textures of analytic fields, against the fields' own colours; what is written, read back."""

import dataclasses
import functools
import io

import numpy as np
import pytest
import trimesh
from PIL import Image

from real3d_jax.errors import UserError
from real3d_jax.export import texture as texture_module
from real3d_jax.export.cleaning import decimated
from real3d_jax.export.isosurface import isosurface
from real3d_jax.export.mesh import Mesh, save_mesh
from real3d_jax.export.texture import Texture, texel_faces, textured
from real3d_jax.export.topology import areas, parts
from tests.export.test_mesh import arrays, glb

RADIUS, RESOLUTION, SIZE = 0.87, 48, 256
STEP = 2 * RADIUS / (RESOLUTION - 1)


def _ball(points):
    return 0.6 - np.linalg.norm(points, axis=-1)


def _torus(points):
    return 0.22 - np.hypot(np.hypot(points[..., 0], points[..., 1]) - 0.5, points[..., 2])


def _box(points):
    return (np.array([0.55, 0.4, 0.3]) - np.abs(points)).min(-1)


DISTANCES = {"ball": _ball, "torus": _torus, "box": _box}


def bands(points):
    """Colours in bands along each axis."""
    return 0.5 + 0.4 * np.sin(points @ np.array([[9.0, 2, 0], [0, 8, 3], [3, 0, 10]]))


@functools.cache
def surface(name):
    axis = np.linspace(-RADIUS, RADIUS, RESOLUTION)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)
    mesh = isosurface(np.maximum(25 + 100 * DISTANCES[name](points), 0), radius=RADIUS)
    mesh = decimated(mesh, 1200)
    made = textured(mesh.vertices, mesh.faces, bands, size=SIZE)
    return dataclasses.replace(mesh, colours=bands(mesh.vertices), texture=made)


def _sampled(image, uv):
    """Bilinear, texel centres at halves."""
    place = uv * len(image) - 0.5
    low = np.floor(place).astype(int)
    share = place - low
    total = 0
    for right, down in np.ndindex(2, 2):
        x, y = (np.clip(low[:, i] + (right, down)[i], 0, len(image) - 1) for i in range(2))
        weight = np.abs(1 - right - share[:, 0]) * np.abs(1 - down - share[:, 1])
        total = total + weight[:, None] * image[y, x] / 255
    return total


@pytest.mark.parametrize("name", DISTANCES)
def test_colours_are_the_fields(name):
    mesh, random = surface(name), np.random.default_rng(0)
    weights = random.dirichlet(np.ones(3), 20_000)
    face = random.integers(0, len(mesh.faces), 20_000)
    points = np.einsum("nc,nci->ni", weights, mesh.vertices[mesh.faces[face]])
    uv = np.einsum("nc,nci->ni", weights, mesh.texture.uv[mesh.texture.faces[face]])
    error = _sampled(mesh.texture.image, uv) - bands(points)
    assert -10 * np.log10(np.mean(error**2)) > 40  # dB; at seams, too:
    assert np.abs(error).max() < 0.06
    assert mesh.is_watertight and 1000 < len(mesh.faces) <= 1200
    assert np.abs(DISTANCES[name](mesh.vertices)).max() < STEP / 2


def test_no_chart_is_large():
    mesh = surface("ball")
    area = areas(mesh.vertices, mesh.faces)
    share = np.bincount(parts(mesh.texture.faces), area) / area.sum()
    assert share.max() < 0.035 and len(share) < 60


def test_a_texel_has_the_face_that_it_lies_on_or_next_to():
    uv = np.array([[2, 2], [8, 2], [2, 8], [8, 8]], np.float32)
    face = texel_faces(uv, np.array([[0, 1, 2], [1, 3, 2]]), 12).reshape(12, 12)
    assert face[1, 3] == face[3, 1] == face[2, 2] == 0 and face[8, 6] == face[6, 8] == face[7, 7] == 1
    assert (face[1:9, 1:9] >= 0).all() and (face >= 0).sum() == 64


def test_large_textures_are_made_in_parts(monkeypatch):
    mesh = surface("torus")
    monkeypatch.setattr(texture_module, "_CANDIDATES_AT_ONCE", 5000)
    monkeypatch.setattr(texture_module, "_TEXELS_AT_ONCE", 7000)
    parts = textured(mesh.vertices, mesh.faces, bands, size=SIZE)
    np.testing.assert_array_equal(parts.image, mesh.texture.image)


def test_a_glb_has_its_picture(tmp_path):
    mesh = surface("box")
    mesh.save(tmp_path / "mesh.glb")
    tree, data = glb(tmp_path / "mesh.glb")
    found = arrays(tmp_path / "mesh.glb")
    assert "COLOR_0" not in found  # it would be multiplied with the picture
    [image], [sampler] = tree["images"], tree["samplers"]
    view = tree["bufferViews"][image["bufferView"]]
    picture = Image.open(io.BytesIO(data[view["byteOffset"] :][: view["byteLength"]]))
    np.testing.assert_array_equal(np.asarray(picture), mesh.texture.image)
    assert (image["mimeType"], sampler["wrapS"]) == ("image/png", 33071) and "target" not in view
    material = tree["materials"][0]["pbrMetallicRoughness"]
    assert material == {"metallicFactor": 0.0, "roughnessFactor": 1.0, "baseColorTexture": {"index": 0}}
    corners = found["indices"].reshape(-1, 3)
    np.testing.assert_array_equal(found["TEXCOORD_0"][corners], mesh.texture.uv[mesh.texture.faces])
    np.testing.assert_allclose(found["POSITION"][corners], mesh.vertices[mesh.faces][..., [1, 2, 0]])
    np.testing.assert_allclose(np.linalg.norm(found["NORMAL"], axis=1), 1, atol=1e-5)


def test_an_obj_has_its_picture_and_stays_whole(tmp_path):
    mesh = surface("torus")
    mesh.save(tmp_path / "ring.obj")
    read = trimesh.load_mesh(tmp_path / "ring.obj", process=False)
    picture = np.asarray(read.visual.material.image)
    np.testing.assert_array_equal(picture, mesh.texture.image)
    np.testing.assert_allclose(read.vertices[read.faces], mesh.vertices[mesh.faces], atol=1e-6)
    uv = read.visual.uv[read.faces] * [1, -1] + [0, 1]
    np.testing.assert_allclose(uv, mesh.texture.uv[mesh.texture.faces], atol=1e-6)
    lines = (tmp_path / "ring.obj").read_text().splitlines()
    assert sum(line.startswith("v ") for line in lines) == len(mesh.vertices)
    assert trimesh.load_mesh(tmp_path / "ring.obj", merge_tex=True).is_watertight
    mesh.save(tmp_path / "ring.ply")
    np.testing.assert_allclose(
        trimesh.load_mesh(tmp_path / "ring.ply", process=False).visual.vertex_colors[:, :3] / 255,
        mesh.colours,
        atol=0.51 / 255,
    )


@pytest.mark.parametrize("name", ["mesh.ply", "mesh.obj", "mesh.stl", "textured.obj"])
def test_axes(tmp_path, name):
    vertices = np.array([[0.1, 0.2, 0.3], [0.8, 0.0, 0.0], [0.0, 0.7, 0.0]], np.float32)
    faces = np.array([[0, 1, 2]], np.int32)
    picture = Texture(np.zeros((4, 4, 3), np.uint8), np.eye(3, 2, dtype=np.float32), faces)
    mesh = Mesh(vertices, faces, texture=picture if name == "textured.obj" else None)
    save_mesh(tmp_path / name, mesh, axes="y_up")
    read = trimesh.load_mesh(tmp_path / name, process=False)
    np.testing.assert_allclose(read.vertices[read.faces], vertices[faces][..., [1, 2, 0]], atol=1e-6)
    with pytest.raises(UserError, match=r"axes has no value 'yup': did you mean 'y_up'"):
        mesh.save(tmp_path / name, axes="yup")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"with xatlas, which is not installed: run `pip install 'real3d-jax\[texture"):
        textured(np.zeros((3, 3)), np.array([[0, 1, 2]]), bands, size=64)
    with pytest.raises(UserError, match=r"fast_simplification, which is not installed"):
        decimated(Mesh(np.zeros((6, 3)), np.arange(15).reshape(5, 3) % 6), 4)
