"""Damaged mesh files: each ends in a mesh that can be drawn or in one sentence, and a short file never in a mesh."""

import collections
import json
import pathlib
import random
import re
import struct
import warnings

import numpy as np
import pytest

import tests.data.object_rendering.requirements  # noqa: F401
from real3d_jax.data.object_rendering import mesh_files
from real3d_jax.data.object_rendering.meshes import Mesh
from real3d_jax.data.records import Unusable
from tests.data.object_rendering import shapes
from tests.data.object_rendering.gltf_builder import CORNERS, UV, Gltf, textured_square
from tests.data.object_rendering.test_ply_and_stl import binary_stl, text_stl, write_ply

SAY_THEIR_LENGTH = ("rich.glb", "binary", "ascii")
# Of the readers themselves: what they did not think of.
SLIPS = (TypeError, KeyError, IndexError, AttributeError, RecursionError, ZeroDivisionError, AssertionError)


def rich_gltf() -> Gltf:
    """Every feature that the reader has, in one file."""
    made = textured_square(extensions={"KHR_texture_transform": {"offset": [0.1, 0], "rotation": 0.1, "scale": [1, 2]}})
    made.json["materials"][0] |= {"alphaMode": "MASK", "alphaCutoff": 0.4}
    shine = made.material(emissiveFactor=[1, 0, 0], extensions={"KHR_materials_unlit": {}}, alphaMode="BLEND")
    sparse = {
        "count": 1,
        "indices": {"bufferView": made.view(b"\2\0"), "componentType": 5123},
        "values": {"bufferView": made.view(np.ones(3, "f4").tobytes())},
    }
    colours = made.accessor(np.full((4, 4), 200, "u1"), normalized=True)
    lift = made.accessor(CORNERS, sparse=sparse)
    made.mesh(
        {"POSITION": CORNERS, "NORMAL": np.add(CORNERS, [0, 0, 1]).astype("f4"), "COLOR_0": colours},
        material=shine,
        targets=[{"POSITION": lift}],
        mesh={"weights": [0.5]},
        node={"rotation": [0, 0, 0.6, 0.8], "translation": [1, 0, 0]},
    )
    weights = np.tile(np.array([[0.5, 0.5, 0, 0]], "f4"), (4, 1))
    joints = {"POSITION": CORNERS, "JOINTS_0": np.tile(np.array([[0, 1, 0, 0]], "u1"), (4, 1)), "WEIGHTS_0": weights}
    made.mesh(joints, node={"skin": 0}, indices=np.array([0, 1, 3, 2], "u1"), mode=5)
    made.add(
        "skins",
        {"joints": [0, 1], "inverseBindMatrices": made.accessor(np.tile(np.eye(4).ravel(), (2, 1)).astype("f4"))},
    )
    instances = {"attributes": {"TRANSLATION": made.accessor(np.array([[0, 0, 1], [0, 0, 2]], "f4"))}}
    made.mesh(
        {"POSITION": CORNERS, "TEXCOORD_0": UV},
        indices=None,
        mode=6,
        node={"extensions": {"EXT_mesh_gpu_instancing": instances}, "matrix": np.eye(4).ravel().tolist()},
    )
    made.json |= {"scenes": [{"nodes": [0, 1, 2, 3]}], "scene": 0}
    made.json["extensionsUsed"] = ["KHR_texture_transform", "KHR_materials_unlit", "EXT_mesh_gpu_instancing"]
    return made


RICH_MTL = """
newmtl paint
Kd 0.5 0.25 1
Ke 0.1 0 0
d 0.5
Tr 0.5
map_Kd -s 2 2 1 -o 0.1 -clamp on -mm 0.1 0.9 paint.png
map_d -s 2 2 1 -o 0.1 -clamp on -imfchan l paint.png
map_Ke paint.png
newmtl plain
Kd 1 0 0
"""
RICH_OBJ = f"""# head
mtllib a.mtl b.mtl
v 0 0 1 0.1 0.2 0.3
v 2 0 1
v 2 1 1
v 1 1 1
v 1 2 1
v 0 2 1
vt 0.5 0.5
vt 0.25
vn 0 0 1
g all
usemtl plain
f 1 2 3 4 5 6
{shapes.SQUARE_OBJ}
f -1//-1 -2//-1 -3//1
f 1/1/1 2/2/1 \\
 3/1/1 4/2/1
"""


def seeds(folder: pathlib.Path) -> dict[str, bytes]:
    """Valid files by name, and beside them in the folder what they name."""
    shapes.write_obj(folder / "a.obj", material=RICH_MTL, picture=shapes.picture(8))
    (folder / "b.mtl").write_text("newmtl other\nKd 0 0 1\n")
    rich_gltf().save(folder / "rich.glb")
    rich_gltf().save(folder / "rich.gltf")
    colours = "property uchar red\nproperty uchar green\nproperty uchar blue\n"
    faces = [(0, 1, 2, 3), (0, 1, 2)]
    for order in ("ascii", "binary_big_endian", "binary_little_endian"):
        write_ply(folder / f"{order}.ply", order=order, faces=faces, more=colours, extra=[(9, 99, 200)] * 4, kind="B")
    (folder / "rich.obj").write_text(RICH_OBJ)
    (folder / "a.mtl").write_text(RICH_MTL)
    (folder / "binary.stl").write_bytes(binary_stl(b"COLOR=\1\2\3\4", (31, 0x8000)))
    (folder / "text.stl").write_text(text_stl())
    kept = ("rich.glb", "rich.gltf", "rich.obj", "a.mtl", "binary.stl", "text.stl")
    return {name: (folder / name).read_bytes() for name in (*kept, *(p.name for p in folder.glob("*.ply")))}


WORDS = [
    "",
    "nan",
    "-1",
    "0",
    "1e400",
    "99999999999",
    "x",
    "-",
    "/",
    "1.5",
    "é",
    "1/1/1/1",
    "-0",
    "inf",
    "#",
    "\\",
    "4294967295",
]
VALUES = [None, True, -1, 0, 1, 2, 7, 255, 1e308, 10**400, 0.5, "", "x", [], {}, [[]], [None], [1e400] * 3, {"a": 1}]


def damaged(data: bytes, choice: random.Random, suffix: str) -> tuple[str, bytes]:
    """One of several ways to damage a file."""
    ways = ["cut", "bytes", "hole", "doubled", "numbers"]
    if suffix in (".glb", ".gltf"):
        ways += ["json"] * 5
    elif b"\0" not in data:
        ways += ["words"] * 3
    way = choice.choice(ways)
    place = choice.randrange(len(data))
    size = choice.choice((1, 2, 4, 16, 64))
    match way:
        case "cut":
            return way, data[:place]
        case "bytes":
            return way, data[:place] + bytes(choice.randrange(256) for _ in range(size)) + data[place + size :]
        case "hole":
            return way, data[:place] + data[place + size :]
        case "doubled":
            return way, data[: place + size] + data[place:]
        case "numbers":
            number = struct.pack("<f", choice.choice((np.nan, np.inf, -1e38, 1e-42)))
            return way, data[:place] + number + data[place + 4 :]
        case "words":
            words = re.split(rb"(\s+)", data)
            for _ in range(choice.choice((1, 1, 3))):
                words[choice.randrange(len(words))] = choice.choice(WORDS).encode()
            return way, b"".join(words)
        case _:
            return way, with_json(data, choice)


def with_json(data: bytes, choice: random.Random) -> bytes:
    """A glTF one or two of whose JSON values are another or missing."""
    size = struct.unpack("<I", data[12:16])[0] if data.startswith(b"glTF") else 0
    tree = json.loads(data[20 : 20 + size] if size else data)
    for _ in range(choice.choice((1, 1, 2))):
        places = []
        waiting = [tree]
        while waiting:
            value = waiting.pop()
            for key, child in list(value.items() if isinstance(value, dict) else enumerate(value)):
                places.append((value, key))
                if isinstance(child, dict | list):
                    waiting.append(child)
        value, key = choice.choice(places)
        if choice.random() < 0.3:
            del value[key]
        elif choice.random() < 0.3 and isinstance(value[key], int | float):
            value[key] = value[key] + choice.choice((-1, 1, 1000, 0.5))
        else:
            value[key] = choice.choice(VALUES)
    text = json.dumps(tree).encode()
    if not size:
        return text
    text += b" " * (-len(text) % 4)
    rest = data[20 + size :]
    return (
        struct.pack("<4sII", b"glTF", 2, 20 + len(text) + len(rest))
        + struct.pack("<I4s", len(text), b"JSON")
        + text
        + rest
    )


def check(mesh: Mesh) -> None:
    """It can be drawn."""
    for part in mesh.parts:
        count = len(part.triangles)
        assert np.isfinite(part.triangles).all() and np.abs(part.triangles).max() <= 0.5 + 1e-6
        length = np.linalg.norm(part.normals, axis=-1)
        assert np.isfinite(length).all() and (np.isclose(length, 1, atol=1e-5) | (length == 0)).all()
        pictures = [(part.uv, part.colours, part.texture)]
        if part.emission is not None:
            pictures.append((part.emission.uv, part.emission.colours, part.emission.texture))
        for uv, colours, texture in pictures:
            assert uv.shape == (count, 3, 2) and np.isfinite(uv).all()
            assert colours.shape[:2] == (count, 3) and colours.min() >= 0 and colours.max() <= 1
            assert texture is None or (texture.pixels.dtype == np.uint8 and texture.pixels.shape[2] == 4)


def ends(folder: pathlib.Path, name: str, data: bytes) -> str:
    """How the reading of a damaged file ends: 'a mesh', 'a file missing' or 'refused'."""
    (folder / name).write_bytes(data)
    mesh = folder / ("rich.obj" if name.endswith(".mtl") else name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # of NumPy
            check(mesh_files.load(mesh, allow_missing_files=bool(len(data) % 2)))
    except Unusable as error:
        assert not isinstance(error.__cause__, SLIPS)
        assert str(error) and "\n" not in str(error)
        return "a file missing" if "missing" in str(error) else "refused"
    return "a mesh"


@pytest.mark.parametrize("rounds", [16, pytest.param(400, marks=pytest.mark.slow)])
def test_damaged_files(tmp_path, rounds):
    """160 files by default, 4,000 in the slow run."""
    valid = seeds(tmp_path)
    assert len(valid) == 9
    choice, told = random.Random(rounds), collections.Counter()
    for name, data in valid.items():
        for number in range(rounds + (rounds if name.startswith("rich") else 0)):
            way, spoilt = damaged(data, choice, pathlib.Path(name).suffix)
            try:
                how = ends(tmp_path, name, spoilt)
            except Exception as error:
                raise AssertionError(f"{name}, {number} ({way}): {type(error).__name__}: {error}") from error
            told[how] += 1
            # A file that says how long it is.
            if way == "cut" and name.startswith(SAY_THEIR_LENGTH) and len(spoilt.rstrip()) < len(data) - 12:
                assert how != "a mesh", (name, number)
        (tmp_path / name).write_bytes(data)
        assert ends(tmp_path, name, data) == "a mesh"
    print(dict(told))
    assert told["refused"] > told["a mesh"] / 4 > 0
