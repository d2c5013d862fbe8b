"""Colours, parts and places of mesh files, as they come out in the picture; and files that cannot be used."""

import json

import numpy as np
import pytest
from PIL import Image

import tests.data.object_rendering.requirements  # noqa: F401
from real3d_jax.data.object_rendering import mesh_files
from real3d_jax.data.records import Unusable
from tests.data.object_rendering import shapes

trimesh = pytest.importorskip("trimesh")
SIZE = 128
FOV_Y = 40.0
# Looks along -y of the world, which is the file's -z where +y of the file is up.
FRONT = np.array([[1.0, 0, 0, 0], [0, 0, -1, -1.8], [0, 1, 0, 0], [0, 0, 0, 1]])


def front(unlit, path, **options) -> np.ndarray:
    """The picture of a file from its front, +x to the right and +y up."""
    with unlit.loaded(mesh_files.load(path, **options)):
        return unlit.colour(FRONT, FOV_Y)


def assert_quarters(rgba, expected=shapes.QUARTERS, atol=1):
    """Each quarter of the square has its colour."""
    for row in range(2):
        for column in range(2):
            pixel = rgba[(48, 80)[row], (48, 80)[column]]
            np.testing.assert_allclose(pixel, [*expected[row, column], 255], atol=atol)


def test_textures_of_obj(unlit, tmp_path):
    shapes.write_obj(tmp_path / "a.obj", material="Kd 0 0 0\nmap_Kd paint.png", picture=shapes.picture())
    assert_quarters(front(unlit, tmp_path / "a.obj"))


@pytest.mark.parametrize("name", ["tex/paint.png", "..\\tex\\paint.png", "C:\\work\\paint.png"])
def test_textures_in_other_folders(unlit, tmp_path, name):
    shapes.write_obj(tmp_path / "m" / "a.obj", material=f"map_Kd {name}", picture=shapes.picture())
    for folder in ("m/tex", "tex"):
        (tmp_path / folder).mkdir()
        Image.fromarray(shapes.picture()).save(tmp_path / folder / "paint.png")
    if name.startswith(("tex", "..")):
        (tmp_path / "m" / "paint.png").unlink()
    assert_quarters(front(unlit, tmp_path / "m" / "a.obj"))


@pytest.mark.parametrize("suffix", ["glb", "gltf"])
def test_textures_of_gltf(unlit, tmp_path, suffix):
    scene = trimesh.Scene(shapes.textured_square(shapes.picture()))
    if suffix == "glb":
        scene.export(tmp_path / "a.glb")
    else:
        for name, content in scene.export(file_type="gltf").items():
            (tmp_path / name.replace("model", "a")).write_bytes(content)
    assert_quarters(front(unlit, tmp_path / f"a.{suffix}"))


def test_factors_of_gltf_are_linear(unlit, tmp_path):
    white = np.full((4, 4, 4), 255, np.uint8)
    square = shapes.textured_square(white, baseColorFactor=[128, 64, 255, 255])
    square.export(tmp_path / "a.glb")
    # 128 / 255 and 64 / 255 of the light, encoded.
    np.testing.assert_allclose(front(unlit, tmp_path / "a.glb")[64, 64], [188, 137, 255, 255], atol=1)


@pytest.mark.parametrize(
    ("mode", "alphas"), [("OPAQUE", [255, 255]), ("MASK", [255, 0]), ("BLEND", [170, 85]), (None, [255, 255])]
)
def test_alpha_modes_of_gltf(unlit, tmp_path, mode, alphas):
    """The left half of the texture has an alpha of 2/3, the right one of 1/3."""
    picture = shapes.picture()
    picture[:, :32, 3], picture[:, 32:, 3] = 170, 85
    shapes.textured_square(picture, **({"alphaMode": mode} if mode else {})).export(tmp_path / "a.glb")
    rgba = front(unlit, tmp_path / "a.glb")
    np.testing.assert_allclose([rgba[48, 48, 3], rgba[48, 80, 3]], alphas, atol=1)


def test_colours_of_mtl(unlit, tmp_path):
    body = shapes.SQUARE_OBJ.replace("f 1/1 3/3 4/4", "usemtl other\nf 1/1 3/3 4/4")
    shapes.write_obj(tmp_path / "a.obj", material="Kd 1 0.5 0\n\nnewmtl other\nKd 0 0.25 1\nd 0.667", body=body)
    rgba = front(unlit, tmp_path / "a.obj")
    np.testing.assert_allclose(rgba[80, 80], [255, 128, 0, 255], atol=1)
    np.testing.assert_allclose(rgba[48, 48], [0, 64, 255, 170], atol=1)


@pytest.mark.parametrize("suffix", ["ply", "obj"])
def test_vertex_colours(unlit, tmp_path, suffix):
    square = trimesh.Trimesh(shapes.textured_square(shapes.picture()).vertices, [[0, 1, 2], [0, 2, 3]], process=False)
    square.visual.vertex_colors = [[200, 100, 50, 255]] * 4
    square.export(tmp_path / f"a.{suffix}")
    np.testing.assert_allclose(front(unlit, tmp_path / f"a.{suffix}")[64, 70], [200, 100, 50, 255], atol=1)


def test_vertex_colours_of_glb_are_linear(unlit, tmp_path):
    square = trimesh.Trimesh(shapes.textured_square(shapes.picture()).vertices, [[0, 1, 2], [0, 2, 3]], process=False)
    square.visual.vertex_colors = [[128, 64, 255, 255]] * 4
    square.export(tmp_path / "a.glb")
    np.testing.assert_allclose(front(unlit, tmp_path / "a.glb")[64, 70], [188, 137, 255, 255], atol=1)


def test_no_colours_are_grey(unlit, tmp_path):
    shapes.box().export(tmp_path / "a.stl")
    assert tuple(front(unlit, tmp_path / "a.stl")[64, 64]) == (178, 178, 178, 255)


def test_parts_stand_where_their_nodes_put_them(unlit, tmp_path):
    """Three boxes, of 1, 2 and 1 tenths, one turned, one mirrored and drawn twice."""
    scene = trimesh.Scene()
    matrices = {
        "red": trimesh.transformations.translation_matrix([-0.4, 0.3, 0]),
        "green": trimesh.transformations.translation_matrix([0.3, 0, 0.1])
        @ trimesh.transformations.rotation_matrix(np.pi / 2, [0, 0, 1])
        @ np.diag([0.1, 2.0, 1.0, 1.0]),
        "blue": np.diag([-1.0, 1, 1, 1]) @ trimesh.transformations.translation_matrix([0.1, -0.4, 0]),
    }
    colours = {"red": [255, 0, 0], "green": [0, 255, 0], "blue": [0, 0, 255]}
    for name, matrix in matrices.items():
        box = shapes.box((0.2, 0.2, 0.2))
        box.visual = trimesh.visual.TextureVisuals(
            material=trimesh.visual.material.PBRMaterial(baseColorFactor=[*colours[name], 255])
        )
        scene.add_geometry(box, geom_name=name, node_name=name, transform=matrix)
    scene.export(tmp_path / "a.glb")
    mesh = mesh_files.load(tmp_path / "a.glb")
    with unlit.loaded(mesh):
        rgba = unlit.colour(FRONT, FOV_Y)
    focal = SIZE / 2 / np.tan(np.radians(FOV_Y) / 2)
    for name, matrix in matrices.items():
        x, y, z = (mesh.file_to_world @ matrix[:, 3])[:3]
        column, row = SIZE / 2 + focal * x / (1.8 + y), SIZE / 2 - focal * z / (1.8 + y)
        assert tuple(rgba[int(row), int(column)]) == (*colours[name], 255)
    corners = np.concatenate([part.triangles.reshape(-1, 3) for part in mesh.parts])
    np.testing.assert_allclose(corners.min(0) + corners.max(0), 0, atol=1e-7)
    assert (corners.max(0) - corners.min(0)).max() == pytest.approx(1)
    green = next(part for part in mesh.parts if part.colours[0, 0, 1] == 1 and part.colours[0, 0, 0] == 0)
    size = np.ptp(green.triangles.reshape(-1, 3), axis=0) / mesh.file_to_world[0, 0]
    np.testing.assert_allclose(size, [0.4, 0.2, 0.02], atol=1e-6)  # turned, and the file's y is the world's z


@pytest.mark.parametrize(("axis", "expected"), [("y", [0, 0, 0.5]), ("z", [0, 0.5, 0])])
def test_up(tmp_path, axis, expected):
    """The tip of a tetrahedron that points along +y of the file."""
    (tmp_path / "a.obj").write_text("v 0 1 0\nv .2 0 0\nv -.1 0 .2\nv -.1 0 -.2\nf 1 2 3\nf 1 3 4\nf 1 4 2\nf 2 3 4\n")
    mesh = mesh_files.load(tmp_path / "a.obj", up_axis=axis)
    tip = mesh.parts[0].triangles[0, 0]
    np.testing.assert_allclose(np.delete(tip, np.argmax(np.abs(tip))) * 0, 0)
    np.testing.assert_allclose(tip[np.argmax(expected)], 0.5)
    np.testing.assert_allclose(mesh.file_to_world @ [0, 1, 0, 1], [*tip, 1], atol=1e-9)


def test_the_sphere_around_an_object_can_be_what_fits(tmp_path):
    """A cube's corners are farther from its middle than its faces."""
    shapes.box((2, 2, 2), (5, 0, 0)).export(tmp_path / "a.obj")
    corners = mesh_files.load(tmp_path / "a.obj", fit="sphere").parts[0].triangles
    np.testing.assert_allclose(np.linalg.norm(corners, axis=-1), 0.5)
    assert np.ptp(mesh_files.load(tmp_path / "a.obj").parts[0].triangles[..., 0]) == pytest.approx(1)


def test_corners_that_no_face_has_do_not_count(tmp_path):
    (tmp_path / "a.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 100 100 100\nf 1 2 3\n")
    corners = mesh_files.load(tmp_path / "a.obj").parts[0].triangles
    assert np.ptp(corners.reshape(-1, 3), axis=0).max() == pytest.approx(1)


def test_normals_of_the_file_are_kept_and_others_are_flat(tmp_path):
    square = trimesh.creation.icosphere(subdivisions=1)
    square.export(tmp_path / "smooth.glb", include_normals=True)
    square.export(tmp_path / "flat.glb", include_normals=False)
    smooth, flat = (mesh_files.load(tmp_path / f"{name}.glb", up_axis="z").parts[0] for name in ("smooth", "flat"))
    np.testing.assert_allclose(smooth.normals, 2 * smooth.triangles, atol=0.08)
    assert np.ptp(flat.normals, axis=1).max() == 0
    assert np.ptp(smooth.normals, axis=1).max() > 0.3


def _glb_without_its_image(path):
    """A GLB whose image is no image."""
    shapes.textured_square(shapes.picture()).export(path)
    data = path.read_bytes()
    start = data.index(b"\x89PNG")
    path.write_bytes(data[:start] + b"garbage!" + data[start + 8 :])


def _gltf_without_its_buffer(path):
    for name, content in trimesh.Scene(shapes.box()).export(file_type="gltf").items():
        if name.endswith(".gltf"):
            path.write_bytes(content)


def _compressed(path):
    """A GLB that says its vertices are compressed by Draco."""
    scene = json.loads(trimesh.Scene(shapes.box()).export(file_type="gltf")["model.gltf"])
    scene["extensionsUsed"] = scene["extensionsRequired"] = ["KHR_draco_mesh_compression"]
    for accessor in scene["accessors"]:
        del accessor["bufferView"]
    for mesh in scene["meshes"]:
        for primitive in mesh["primitives"]:
            primitive["extensions"] = {"KHR_draco_mesh_compression": {"bufferView": 0, "attributes": {"POSITION": 0}}}
    for name, content in trimesh.Scene(shapes.box()).export(file_type="gltf").items():
        (path.parent / name).write_bytes(content)
    path.write_text(json.dumps(scene))


def _textured(picture_bytes):
    def write(path):
        shapes.write_obj(path, material="map_Kd paint.png", picture=shapes.picture())
        (path.parent / "paint.png").write_bytes(picture_bytes((path.parent / "paint.png").read_bytes()))

    return write


TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"
BROKEN = {
    "empty.obj": (lambda p: p.write_bytes(b""), "0 bytes"),
    "empty.glb": (lambda p: p.write_bytes(b""), "0 bytes"),
    "page.obj": (lambda p: p.write_text("<html>not found</html>"), "no faces"),
    "page.glb": (lambda p: p.write_text("<html>not found</html>"), "cannot be read"),
    "page.ply": (lambda p: p.write_text("<html>not found</html>"), "cannot be read"),
    "page.stl": (lambda p: p.write_text("<html>not found</html>"), "no faces"),
    "cut.glb": (lambda p: (shapes.box().export(p), p.write_bytes(p.read_bytes()[:-300])), "cannot be read"),
    "cut.ply": (lambda p: (shapes.ball().export(p), p.write_bytes(p.read_bytes()[:-300])), "cannot be read"),
    "points.obj": (lambda p: p.write_text(TRIANGLE), "no faces"),
    "nan.obj": (lambda p: p.write_text("v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"), "not finite"),
    "inf.obj": (lambda p: p.write_text("v inf 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"), "not finite"),
    "colour.obj": (
        lambda p: p.write_text(TRIANGLE.replace("0\n", "0 nan 0 0\n") + "f 1 2 3\n"),
        "colours outside 0 to 255",
    ),
    "uv.obj": (
        lambda p: (
            shapes.write_obj(p, material="map_Kd paint.png", picture=shapes.picture()),
            p.write_text(p.read_text().replace("vt 0 0", "vt nan 0", 1)),
        ),
        "texture coordinates are not finite",
    ),
    "huge.obj": (lambda p: p.write_text("v 1e200 0 0\nv -1e200 0 0\nv 0 1e200 0\nf 1 2 3\n"), "its size is"),
    "point.obj": (lambda p: p.write_text("v 2 2 2\nv 2 2 2\nv 2 2 2\nf 1 2 3\n"), "its size is 0"),
    "line.obj": (lambda p: p.write_text("v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n"), "no surface"),
    "index.obj": (lambda p: p.write_text(TRIANGLE + "f 1 2 9\n"), "cannot be"),
    "index.ply": (
        lambda p: p.write_text(
            "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
            "element face 1\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n"
        ),
        "cannot be",
    ),
    "material.obj": (lambda p: p.write_text("mtllib a.mtl\nusemtl m\n" + TRIANGLE + "f 1 2 3\n"), "'a.mtl', which"),
    "texture.obj": (
        lambda p: shapes.write_obj(p, material="map_Kd wood.jpg"),
        "'wood.jpg', which it names, is missing",
    ),
    "garbage.obj": (_textured(lambda data: b"garbage"), "cannot be decoded"),
    "cut.obj": (_textured(lambda data: data[: len(data) // 2]), "cannot be used"),
    "image.glb": (_glb_without_its_image, "cannot be decoded"),
    "buffer.gltf": (_gltf_without_its_buffer, "is missing"),
    "draco.gltf": (_compressed, "cannot be decoded"),
    "folder.obj": (lambda p: p.mkdir(), "cannot be read"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_say_what_is_wrong(tmp_path, name):
    write, expected = BROKEN[name]
    write(tmp_path / name)
    with pytest.raises(Unusable, match=expected):
        mesh_files.load(tmp_path / name)


@pytest.mark.parametrize("name", ["material.obj", "texture.obj", "garbage.obj", "image.glb"])
def test_missing_files_can_be_allowed(tmp_path, name):
    BROKEN[name][0](tmp_path / name)
    assert mesh_files.load(tmp_path / name, allow_missing_files=True).parts[0].texture is None
