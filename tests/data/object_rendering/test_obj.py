"""The grammar of OBJ and MTL: extents, areas and colours, or a refusal by name."""

import numpy as np
import pytest
from PIL import Image

import tests.data.object_rendering.requirements  # noqa: F401
from real3d_jax.data.object_rendering import mesh_files
from real3d_jax.data.records import Unusable
from tests.data.object_rendering import shapes
from tests.data.object_rendering.seeing import (
    BLUE,
    GREEN,
    RED,
    STEEL,
    area,
    assert_quarters,
    corners,
    front,
    notes,
)

SQUARE = "v -.5 -.5 0\nv .5 -.5 0\nv .5 .5 0\nv -.5 .5 0\n"


def write(path, text):
    path.write_text(text)
    return path


def polygon(points, *, tilt=0.0) -> str:
    """One face, tilted about the x axis."""
    lines = [f"v {x} {y * np.cos(tilt):.9f} {y * np.sin(tilt):.9f}" for x, y in points]
    return "\n".join([*lines, "f " + " ".join(str(i + 1) for i in range(len(points)))]) + "\n"


L = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]
U = [(0, 0), (3, 0), (3, 3), (2, 3), (2, 1), (1, 1), (1, 3), (0, 3)]
ARROW = [(0, 0), (2, 1), (0, 2), (1, 1)]  # a quadrilateral that turns back at its last corner
STAR = [((2 + (i % 2) * 3) * np.cos(i * np.pi / 5), (2 + (i % 2) * 3) * np.sin(i * np.pi / 5)) for i in range(10)]


@pytest.mark.parametrize("tilt", [0.0, 0.7, np.pi / 2])
@pytest.mark.parametrize("shape", [L, U, ARROW, STAR, L[::-1]])
def test_concave_polygons_are_not_filled(tmp_path, shape, tilt):
    """Their triangles have the polygon's area, wherever it begins, and all face the same way."""
    x, y = np.array(shape).T
    expected = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    for first in range(len(shape)):
        found = corners(write(tmp_path / "a.obj", polygon(shape[first:] + shape[:first], tilt=tilt)))
        assert len(found) == len(shape) - 2
        assert area(found) == pytest.approx(expected, rel=1e-6)
        normals = np.cross(found[:, 1] - found[:, 0], found[:, 2] - found[:, 0])
        assert (normals @ normals[0] > 0).all()


def test_the_corner_of_an_l_is_empty(unlit, tmp_path):
    rgba = front(unlit, write(tmp_path / "a.obj", polygon(L)))
    assert [rgba[row, column, 3] for row, column in ((90, 40), (40, 40), (90, 90), (40, 90))] == [255, 255, 255, 0]


@pytest.mark.parametrize(
    "face",
    ["f -4 -3 -2 -1", "f 1 -3 3 -1", "f 1 2 \\\n 3 4", "fo 1 2 3 4", "f\t1\t2\t3\t4", "f 1// 2// 3// 4//",
     "f 1 2 3 4 # all of it", "f 1 2 3\nf -4 -2 -1", "g a b\ns 1\no thing\nf 1 2 3 4",
     "l 1 2\np 1\nf 1 2 3 4\nv 9 9 9"],
)  # fmt: skip
def test_ways_to_write_a_square(tmp_path, face):
    found = corners(write(tmp_path / "a.obj", f"# head\n\n{SQUARE}{face}\n"))
    assert len(found) == 2
    assert area(found) == pytest.approx(1)


def test_negative_indices_count_from_where_they_stand(unlit, tmp_path):
    vertices = SQUARE.splitlines()
    coordinates = ["vt 0 0", "vt 1 0", "vt 1 1", "vt 0 1"]
    first = [*vertices[:3], *coordinates[:3], "f -3/-3 -2/-2 -1/-1"]
    second = [vertices[3], coordinates[3], "f -4/1 -2/-2 -1/-1"]
    body = "usemtl paint\n" + "\n".join([*first, *second])
    shapes.write_obj(tmp_path / "a.obj", material="map_Kd paint.png", body=body, picture=shapes.picture())
    assert_quarters(front(unlit, tmp_path / "a.obj"))


@pytest.mark.parametrize(
    "order", [("1/1 2/2 3/3", "1 3 4"), ("1 2 3", "1/1 3/3 4/4"), ("1/1/1 2/2/1 3/3/1", "1//1 3//1 4//1")]
)
def test_faces_with_and_without_texture_coordinates(unlit, tmp_path, order):
    """The first is the half below the diagonal. The half without coordinates has the material's colour."""
    coordinates = "vt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nvn 0 0 1\n"
    body = f"{SQUARE}{coordinates}usemtl paint\nf {order[0]}\nf {order[1]}\n"
    material = "Kd 1 0 1\nmap_Kd paint.png"
    shapes.write_obj(tmp_path / "a.obj", material=material, body=body, picture=shapes.picture())
    rgba = front(unlit, tmp_path / "a.obj")
    plain = (255, 0, 255)
    below, above = (plain, RED) if "/" not in order[0] else (STEEL, plain)
    np.testing.assert_allclose(rgba[90, 80, :3], below, atol=1)
    np.testing.assert_allclose(rgba[40, 50, :3], above, atol=1)
    assert notes(tmp_path / "a.obj") == ["faces without texture coordinates show no texture"]


def test_texture_coordinates_of_one_two_and_three_numbers(unlit, tmp_path):
    """What is left out is 0."""
    body = f"{SQUARE}vt 0\nvt 0.75 0.0\nvt 0.75 0.75 0\nvt 0 0.75\nusemtl paint\nf 1/1 2/2 3/3 4/4\n"
    shapes.write_obj(tmp_path / "a.obj", material="map_Kd paint.png", body=body, picture=shapes.picture())
    rgba = front(unlit, tmp_path / "a.obj")
    assert [tuple(rgba[row, column, :3]) for row, column in ((30, 30), (30, 98), (98, 30), (98, 98))] == [
        RED,
        GREEN,
        BLUE,
        STEEL,
    ]
    assert tuple(rgba[60, 68, :3]) == BLUE  # the picture's middle is at two thirds


@pytest.mark.parametrize(
    ("lines", "alpha"),
    [
        ("d 0.4", 102),
        ("Tr 0.6", 102),
        ("d 0.4\nTr 0.6", 102),
        ("Tr 0.6\nd 0.4", 102),
        ("d 0.4\nTr 0.4", 102),
        ("d 1", 255),
    ],
)
def test_opacity_and_its_opposite(unlit, tmp_path, lines, alpha):
    shapes.write_obj(tmp_path / "a.obj", material=f"Kd 1 0 0\n{lines}")
    np.testing.assert_allclose(front(unlit, tmp_path / "a.obj")[64, 70], [255, 0, 0, alpha], atol=1)
    assert bool(notes(tmp_path / "a.obj")) == ("Tr 0.4" in lines)


@pytest.mark.parametrize("kind", ["grey", "alpha", "channel", "smaller"])
def test_map_d(unlit, tmp_path, kind):
    """The left half is opaque to a fifth."""
    mask = np.full((64, 64), 255, np.uint8)
    mask[:, :32] = 51
    option = ""
    picture = Image.fromarray(mask)
    if kind == "alpha":
        picture = Image.fromarray(shapes.picture())
        picture.putalpha(Image.fromarray(mask))
    elif kind == "channel":
        picture = Image.merge("RGB", [Image.fromarray(mask * 0), Image.fromarray(mask), Image.fromarray(mask * 0)])
        option = "-imfchan g "
    elif kind == "smaller":
        picture = picture.resize((8, 4), Image.Resampling.NEAREST)
    picture.save(tmp_path / "mask.png")
    material = f"map_Kd paint.png\nmap_d {option}mask.png"
    shapes.write_obj(tmp_path / "a.obj", material=material, picture=shapes.picture())
    rgba = front(unlit, tmp_path / "a.obj")
    np.testing.assert_allclose(rgba[48, 36], [*RED, 51], atol=1)
    np.testing.assert_allclose(rgba[80, 90], [*STEEL, 255], atol=1)
    shapes.write_obj(tmp_path / "a.obj", material=f"Kd 0 1 0\nmap_d {option}mask.png")
    np.testing.assert_allclose(front(unlit, tmp_path / "a.obj")[48, 36], [*GREEN, 51], atol=1)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("-s 1 1 1", shapes.QUARTERS),
        ("-o 0.5 0 0", [[GREEN, RED], [STEEL, BLUE]]),
        ("-o 0.5", [[GREEN, RED], [STEEL, BLUE]]),
        ("-o 0 0.5", [[BLUE, STEEL], [RED, GREEN]]),
        ("-s 0.5 0.5", [[BLUE, BLUE], [BLUE, BLUE]]),
        ("-s 0.5 0.5 -o 0.5 0", [[STEEL, STEEL], [STEEL, STEEL]]),
        ("-clamp on -o 0.5", [[GREEN, GREEN], [STEEL, STEEL]]),
        ("-blendu on -blendv off -texres 64 -mm 0 1 -cc off", shapes.QUARTERS),
        ("-mm 0.2 0.5", np.round(shapes.QUARTERS * 0.5 + 51)),
    ],
)
@pytest.mark.parametrize("name", ["paint.png", "my paint.png"])
def test_options_of_textures(unlit, tmp_path, options, expected, name):
    shapes.write_obj(tmp_path / "a.obj", material=f"map_Kd {options} {name}", picture=shapes.picture())
    (tmp_path / "paint.png").rename(tmp_path / name)
    assert_quarters(front(unlit, tmp_path / "a.obj"), expected)


@pytest.mark.parametrize(
    "line", ["mtllib a.mtl b.mtl", "mtllib a.mtl\nmtllib b.mtl", "mtllib b.mtl a.mtl", "mtllib A.MTL b.mtl"]
)
def test_several_material_files(unlit, tmp_path, line):
    (tmp_path / "a.mtl").write_text("newmtl one\nKd 1 0 0\n")
    (tmp_path / "b.mtl").write_text("newmtl two\nKd 0 0 1\n")
    path = write(tmp_path / "a.obj", f"{line}\n{SQUARE}usemtl one\nf 1 2 3\nusemtl two\nf 1 3 4\n")
    rgba = front(unlit, path)
    assert (tuple(rgba[80, 80]), tuple(rgba[48, 48])) == ((*RED, 255), (*BLUE, 255))


def test_a_material_file_whose_name_has_spaces(unlit, tmp_path):
    (tmp_path / "my box.mtl").write_text("newmtl one\nKd 1 0 0\n")
    path = write(tmp_path / "my box.obj", f"mtllib my box.mtl\n{SQUARE}usemtl one\nf 1 2 3 4\n")
    assert tuple(front(unlit, path)[64, 70]) == (*RED, 255)


def test_an_unknown_material(unlit, tmp_path):
    shapes.write_obj(tmp_path / "a.obj", material="Kd 1 0 0", body=f"{SQUARE}usemtl gold\nf 1 2 3 4\n")
    with pytest.raises(Unusable, match="'gold', a material that it uses, is missing"):
        mesh_files.load(tmp_path / "a.obj")
    assert tuple(front(unlit, tmp_path / "a.obj", allow_missing_files=True)[64, 70]) == (178, 178, 178, 255)
    assert notes(tmp_path / "a.obj", allow_missing_files=True) == ["materials or textures were missing or damaged"]
    for word in ("", "None", "(null)"):
        path = write(tmp_path / "b.obj", f"{SQUARE}usemtl {word}\nf 1 2 3 4\n")
        assert tuple(front(unlit, path)[64, 70]) == (178, 178, 178, 255)


@pytest.mark.parametrize(("scale", "is_noted"), [(1, False), (255, True)])
def test_colours_of_vertices_go_to_1_or_255(unlit, tmp_path, scale, is_noted):
    rgb = " ".join(f"{scale * channel / 255:g}" for channel in (200, 100, 50))
    body = "".join(f"{line} {rgb}\n" for line in SQUARE.splitlines())
    path = write(tmp_path / "a.obj", f"{body}f 1 2 3 4\n")
    np.testing.assert_allclose(front(unlit, path)[64, 70], [200, 100, 50, 255], atol=1)
    assert bool(notes(path)) == is_noted


def test_some_vertices_have_a_colour(unlit, tmp_path):
    lines = SQUARE.splitlines()
    body = "\n".join([*lines, *(f"{line} 0 1 0" for line in lines)])
    rgba = front(unlit, write(tmp_path / "a.obj", f"{body}\nf 1 2 3\nf 5 7 8\n"))
    assert (tuple(rgba[80, 80, :3]), tuple(rgba[48, 48, :3])) == ((178, 178, 178), GREEN)


def test_light_of_its_own(lit, unlit, tmp_path):
    shapes.write_obj(tmp_path / "a.obj", material="Kd 0 0 0\nmap_Ke paint.png", picture=shapes.picture())
    assert_quarters(front(lit, tmp_path / "a.obj"))
    shapes.write_obj(tmp_path / "b.obj", material="Kd 0 0 0\nKe 0.2 0.4 0.6")
    np.testing.assert_allclose(front(unlit, tmp_path / "b.obj")[64, 70], [51, 102, 153, 255], atol=1)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252", "utf-8"])
def test_encodings(unlit, tmp_path, encoding):
    text = f"mtllib bücher.mtl\n{SQUARE}usemtl größe\nf 1 2 3 4\n"
    (tmp_path / "a.obj").write_bytes(text.encode(encoding))
    (tmp_path / "bücher.mtl").write_bytes("newmtl größe\r\nKd 1 0 0\r\n".encode(encoding))
    assert tuple(front(unlit, tmp_path / "a.obj")[64, 70]) == (*RED, 255)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SQUARE + "f 0 1 2\n", "a corner 0"),
        (SQUARE + "f -5 -1 -2\n", "line 5: a face has a corner that is not there"),
        (SQUARE + "vt 0 0\nf 1/1 2/2 3/1\n", "a corner that is not there"),
        (SQUARE + "f 1 2 x\n", "'x' is no corner"),
        (SQUARE + "f 1_0 2 3\n", "no corner"),
        ("v 1,5 0 0\n" + SQUARE + "f 1 2 3\n", "line 1: 'v 1,5 0 0' is not understood"),
        ("v 0 0 0 1 1\n" + SQUARE + "f 1 2 3\n", "line 1"),
        ("v 1.#QNAN 0 0\n" + SQUARE + "f 1 2 3\n", "line 1"),
        ("v\n" + SQUARE + "f 1 2 3\n", "line 1"),
        (SQUARE + "surf 0 1 0 1 1 2 3 4\nf 1 2 3\n", "free-form surfaces"),
        (SQUARE + "call other.obj\nf 1 2 3\n", "commands"),
        (SQUARE + "f 1 2 3\nfaces 3\n", "line 6 begins with 'faces'"),
        (SQUARE + "f 1 2 3 \\", "should go on"),
        (SQUARE.replace("0\n", "0 0 300 0\n") + "f 1 2 3\n", "colours outside 0 to 255"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, message):
    with pytest.raises(Unusable, match=message):
        mesh_files.load(write(tmp_path / "a.obj", text))


@pytest.mark.parametrize(
    ("material", "message"),
    [
        ("Kd spectral a.rfl", "a colour that is no RGB"),
        ("Kd 1 x 0", "is not understood"),
        ("d", "is not understood"),
        ("map_Kd -warp 3 paint.png", "an option '-warp'"),
        ("map_Kd paint.png\nmap_d -s 2 2 paint.png", "lies otherwise than its 'map_Kd'"),
        ("map_d -imfchan z paint.png", "imfchan z"),
    ],
)
def test_materials_that_are_not_understood(tmp_path, material, message):
    shapes.write_obj(tmp_path / "a.obj", material=material, picture=shapes.picture())
    with pytest.raises(Unusable, match=message):
        mesh_files.load(tmp_path / "a.obj")


def test_statements_of_materials_that_are_not_applied_are_noted(tmp_path):
    material = "Kd 1 0 0\ndecal paint.png\nNs 5\nillum 2\nmap_Bump paint.png"
    shapes.write_obj(tmp_path / "a.obj", material=material, picture=shapes.picture())
    assert notes(tmp_path / "a.obj") == ["decal of its materials was not applied"]
