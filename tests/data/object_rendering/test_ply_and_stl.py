"""Features of PLY and STL: extents, areas and colours, or a refusal by name."""

import struct

import numpy as np
import pytest
from PIL import Image

import tests.data.object_rendering.requirements  # noqa: F401
from real3d_jax.data.object_rendering import mesh_files
from real3d_jax.data.records import Unusable
from tests.data.object_rendering import shapes
from tests.data.object_rendering.seeing import RED, STEEL, area, assert_quarters, corners, front, notes

CORNERS = [(-0.5, -0.5, 0), (0.5, -0.5, 0), (0.5, 0.5, 0), (-0.5, 0.5, 0)]
PLACE = "property float x\nproperty float y\nproperty float z\n"


def write_ply(
    path, *, vertices=CORNERS, faces=((0, 1, 2, 3),), order="ascii", more="", extra=(), comments="", kind="f"
):
    """A PLY of these faces; `extra` are more numbers of each vertex, of the properties `more`."""
    head = f"ply\nformat {order} 1.0\n{comments}element vertex {len(vertices)}\n{PLACE}{more}"
    head += f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    rows = [tuple(v) + tuple(extra[i] if extra else ()) for i, v in enumerate(vertices)]
    if order == "ascii":
        lines = [" ".join(map(str, row)) for row in [*rows, *((len(f), *f) for f in faces)]]
        path.write_text(head + "\n".join(lines) + "\n")
        return path
    mark = "<" if "little" in order else ">"
    data = b"".join(struct.pack(f"{mark}3f{len(row) - 3}{kind}", *row) for row in rows)
    data += b"".join(struct.pack(f"{mark}B{len(f)}i", len(f), *f) for f in faces)
    path.write_bytes(head.encode() + data)
    return path


ORDERS = ("ascii", "binary_little_endian", "binary_big_endian")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "faces",
    [
        [(0, 1, 2), (0, 2, 3)],
        [(0, 1, 2, 3)],
        [(0, 1, 2), (0, 2, 3), (4, 5, 6, 7)],
        [(4, 5, 6, 7), (0, 1, 2, 3), (0, 1, 2)],
    ],
)
def test_triangles_and_quadrilaterals_in_one_file(tmp_path, order, faces):
    vertices = [*CORNERS, *((x + 2, y, z) for x, y, z in CORNERS)]
    found = corners(write_ply(tmp_path / "a.ply", vertices=vertices, faces=faces, order=order))
    assert len(found) == sum(len(face) - 2 for face in faces)
    assert area(found) == pytest.approx(sum((len(face) - 2) / 2 for face in faces))


@pytest.mark.parametrize("order", ORDERS)
def test_concave_polygons(tmp_path, order):
    outline = [(0, 0, 1), (2, 0, 1), (2, 1, 1), (1, 1, 1), (1, 2, 1), (0, 2, 1)]
    found = corners(write_ply(tmp_path / "a.ply", vertices=outline, faces=[range(6), (0, 1, 2)], order=order))
    assert area(found) == pytest.approx(4)


@pytest.mark.parametrize("names", ["red green blue", "diffuse_red diffuse_green diffuse_blue", "r g b"])
@pytest.mark.parametrize(
    ("kind", "code", "scale"),
    [("uchar", "B", 1), ("ushort", "H", 257), ("float", "f", 1 / 255), ("float", "f", 1), ("int", "i", 1)],
)
@pytest.mark.parametrize("order", ORDERS[1:])
def test_colours_of_vertices(unlit, tmp_path, names, kind, code, scale, order):
    more = "".join(f"property {kind} {name}\n" for name in names.split())
    extra = [tuple(channel * scale for channel in (200, 100, 50))] * 4
    path = write_ply(tmp_path / "a.ply", more=more, extra=extra, order=order, kind=code)
    np.testing.assert_allclose(front(unlit, path)[64, 70], [200, 100, 50, 255], atol=1)
    assert bool(notes(path)) == (kind == "float" and scale == 1)


def test_colours_of_faces(unlit, tmp_path):
    head = f"ply\nformat ascii 1.0\nelement vertex 4\n{PLACE}element face 2\nproperty list uchar int vertex_index\n"
    head += "".join(f"property uchar {name}\n" for name in ("red", "green", "blue")) + "end_header\n"
    rows = [*CORNERS, (3, 0, 1, 2, 255, 0, 0), (3, 0, 2, 3, 100, 150, 200)]
    (tmp_path / "a.ply").write_text(head + "\n".join(" ".join(map(str, row)) for row in rows) + "\n")
    rgba = front(unlit, tmp_path / "a.ply")
    assert (tuple(rgba[80, 80, :3]), tuple(rgba[48, 48, :3])) == (RED, STEEL)


@pytest.mark.parametrize("names", ["s t", "u v", "texture_u texture_v"])
def test_textures_with_coordinates_of_vertices(unlit, tmp_path, names):
    more = "".join(f"property float {name}\n" for name in names.split())
    Image.fromarray(shapes.picture()).save(tmp_path / "paint.png")
    extra = [(x + 0.5, y + 0.5) for x, y, _ in CORNERS]
    path = write_ply(tmp_path / "a.ply", more=more, extra=extra, comments="comment TextureFile paint.png\n")
    assert_quarters(front(unlit, path))


def test_textures_with_coordinates_of_corners(unlit, tmp_path):
    """As MeshLab writes them: lists, and a number of a texture. The second face has another texture."""
    head = "ply\nformat ascii 1.0\ncomment TextureFile paint.png\ncomment TextureFile grey.png\n"
    head += f"element vertex 4\n{PLACE}element face 2\nproperty list uchar int vertex_indices\n"
    head += "property list uchar float texcoord\nproperty int texnumber\nend_header\n"
    rows = [*CORNERS, (3, 0, 1, 2, 6, 0, 0, 1, 0, 1, 1, 0), (3, 0, 2, 3, 6, 0, 0, 1, 1, 0, 1, 1)]
    (tmp_path / "a.ply").write_text(head + "\n".join(" ".join(map(str, row)) for row in rows) + "\n")
    Image.fromarray(shapes.picture()).save(tmp_path / "paint.png")
    Image.new("RGB", (4, 4), (90, 90, 90)).save(tmp_path / "grey.png")
    rgba = front(unlit, tmp_path / "a.ply")
    assert (tuple(rgba[80, 80, :3]), tuple(rgba[48, 48, :3])) == (STEEL, (90, 90, 90))


def test_strips(tmp_path):
    head = f"ply\nformat ascii 1.0\nelement vertex 5\n{PLACE}element tristrips 1\n"
    head += "property list int int vertex_indices\nend_header\n"
    rows = [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0), (2, 0, 0), (8, 0, 1, 2, 3, -1, 2, 3, 4)]
    (tmp_path / "a.ply").write_text(head + "\n".join(" ".join(map(str, row)) for row in rows) + "\n")
    found = corners(tmp_path / "a.ply")
    assert (len(found), area(found)) == (3, pytest.approx(1.5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("0 1 2 3", "0 1 2 4"), "a corner that is not there"),
        (("0 1 2 3", "0 1 2 -1"), "a corner that is not there"),
        (("list uchar int", "list uchar float"), "no whole numbers"),
        (("vertex 4", "vertex 5"), "cannot be read"),
        (("face 1", "face 9"), "cannot be read"),
        (("float y", "float w"), "no x, y and z"),
        (("ascii", "latin"), "cannot be read"),
        (("face 1", "pieces 1"), "no faces"),
        (("\n4 0", "\n2 0"), "cannot be read"),
    ],
)
def test_plys_that_are_wrong(tmp_path, change, message):
    path = write_ply(tmp_path / "a.ply")
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change))
    with pytest.raises(Unusable, match=message):
        mesh_files.load(path)


def test_comments_in_any_language(tmp_path):
    path = write_ply(tmp_path / "a.ply")
    path.write_bytes(path.read_bytes().replace(b"1.0\n", "1.0\ncomment Größe\n".encode()))
    assert area(corners(path)) == pytest.approx(1)


TRIANGLES = np.array([[[0, 0, 0], [2, 0, 0], [0, 1, 0]], [[2, 0, 0], [2, 1, 0], [0, 1, 0]]], "f4")


def binary_stl(header=b"", words=(0, 0), tail=b"") -> bytes:
    rows = [
        np.zeros(3, "<f4").tobytes() + t.astype("<f4").tobytes() + struct.pack("<H", w)
        for t, w in zip(TRIANGLES, words, strict=True)
    ]
    return header.ljust(80, b"\0") + struct.pack("<I", len(rows)) + b"".join(rows) + tail


def text_stl(name="box") -> str:
    facets = "".join(
        "facet normal 0 0 1\nouter loop\n" + "".join(f"vertex {x} {y} {z:e}\n" for x, y, z in t) + "endloop\nendfacet\n"
        for t in TRIANGLES
    )
    return f"solid {name}\n{facets}endsolid {name}\n"


@pytest.mark.parametrize(
    "data",
    [
        binary_stl(),
        binary_stl(b"solid of a program"),
        text_stl().encode(),
        text_stl().upper().encode(),
        text_stl("a facet of mine").encode(),
        (text_stl() + text_stl()).encode(),
        binary_stl(tail=b"padding"),
    ],
)
def test_ways_to_write_stl(tmp_path, data):
    (tmp_path / "a.stl").write_bytes(data)
    found = corners(tmp_path / "a.stl")
    np.testing.assert_allclose(np.ptp(found, axis=(0, 1)), [2, 1, 0])
    assert area(found) == pytest.approx(len(found))
    assert bool(notes(tmp_path / "a.stl")) == data.endswith(b"padding")


@pytest.mark.parametrize("convention", ["viscam", "magics"])
def test_colours_of_stl(unlit, tmp_path, convention):
    """The first facet is red (5 bits a channel), the other has the colour of the whole."""
    if convention == "viscam":
        data, whole = binary_stl(words=(0x8000 | 31 << 10, 0)), (178, 178, 178)
    else:
        data, whole = binary_stl(b"COLOR=\x64\x96\xc8\xff,MATERIAL=", words=(31, 0x8000)), STEEL
    (tmp_path / "a.stl").write_bytes(data)
    rgba = front(unlit, tmp_path / "a.stl")
    assert (tuple(rgba[75, 40, :3]), tuple(rgba[50, 90, :3])) == (RED, whole)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (binary_stl()[:-20], "should have 184 bytes for 2 triangles, and has 164"),
        (text_stl()[:-13].encode(), "in the midst of a solid"),
        (text_stl().replace("vertex 2.0 0", "vertex 2,5 0").encode(), "is no corner"),
        (text_stl().replace("vertex 2.0 1.0 0.000000e+00\n", "").encode(), "a facet with 2 corners"),
        (binary_stl()[:80] + b"\0\0\0\0", "no faces"),
    ],
)
def test_stls_that_are_wrong(tmp_path, data, message):
    (tmp_path / "a.stl").write_bytes(data)
    with pytest.raises(Unusable, match=message):
        mesh_files.load(tmp_path / "a.stl")
