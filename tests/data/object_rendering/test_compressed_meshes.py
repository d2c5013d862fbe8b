"""Draco, meshoptimizer and KTX2: decoded with their packages, refused by name without them."""

import base64
import importlib.util

import numpy as np
import pytest

import tests.data.object_rendering.requirements  # noqa: F401
from real3d_jax.data.object_rendering import mesh_files
from real3d_jax.data.records import Unusable
from tests.data.object_rendering import shapes
from tests.data.object_rendering.gltf_builder import CORNERS, SQUARE, UV, Gltf
from tests.data.object_rendering.seeing import area, assert_quarters, corners, front

DRACO, MESHOPT, BASIS = "KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_texture_basisu"
# `shapes.QUARTERS` of 8 x 8 pixels, UASTC.
KTX2 = base64.b64decode(
    "q0tUWCAyMLsNChoKAAAAAAEAAAAIAAAACAAAAAAAAAAAAAAAAQAAAAEAAAAAAAAAaAAAACwAAACUAAAALAAAAAAAAAAAAAAAAAAAAAAAAADAAAAAAAAA"
    "AEAAAAAAAAAAQAAAAAAAAAAsAAAAAAAAAAIAKACmAQIAAwMAABAAAAAAAAAAAAB/AAAAAAAAAAAA/////x8AAABLVFh3cml0ZXIAQmFzaXMgVW5pdmVy"
    "c2FsIDIuMTAAAAQAAAB/fwAA9x8A4B96AAAAAAAAAAAAABfgH+AfAg8AAAAAAAAAAAAXAOD/HwLgAQAAAAAAAAAAl8wS+T9V0AIAAAAAAAAAAA=="
)


def draco_square(*, fallback: bool = False) -> Gltf:
    """A textured square of half the light of green; the accessors have no bytes of their own."""
    encoder = pytest.importorskip("DracoPy", reason="needs the compressed-meshes extra")
    made = Gltf()
    colours = np.tile(np.array([[255, 128, 255]], np.uint8), (4, 1))
    options = {"tex_coord": UV.astype(np.float64), "colors": colours, "preserve_order": True, "quantization_bits": 14}
    packed = encoder.encode(CORNERS.astype(np.float64), SQUARE.reshape(-1, 3).astype(np.uint32), **options)
    there = encoder.decode(packed)
    ids = {entry["attribute_type"]: entry["unique_id"] for entry in there.attributes}
    names = {"POSITION": ids[0], "COLOR_0": ids[2], "TEXCOORD_0": ids[3]}
    described = {"POSITION": CORNERS, "COLOR_0": colours, "TEXCOORD_0": UV}
    attributes = {
        name: made.accessor(values) if fallback else made.add("accessors", made.described(values))
        for name, values in described.items()
    }
    made.json["accessors"][1]["normalized"] = True
    primitive = made.mesh(attributes, material=made.material(base=made.texture()))
    primitive["extensions"] = {DRACO: {"bufferView": made.view(packed), "attributes": names}}
    made.json["extensionsUsed"] = [DRACO]
    if not fallback:
        made.json["extensionsRequired"] = [DRACO]
    return made


def test_draco(unlit, tmp_path):
    path = draco_square().save(tmp_path / "a.glb")
    found = corners(path)
    np.testing.assert_allclose(np.ptp(found, axis=(0, 1)), [1, 1, 0], atol=1e-4)
    assert area(found) == pytest.approx(1, abs=1e-3)
    green, steel = (0, 188, 0), (100, 110, 200)  # half the light of the second channel
    assert_quarters(front(unlit, path), [[(255, 0, 0), green], [(0, 0, 255), steel]], atol=2)


def test_draco_of_a_larger_mesh(tmp_path):
    """A ball, in the order that Draco likes."""
    encoder = pytest.importorskip("DracoPy", reason="needs the compressed-meshes extra")
    ball = shapes.ball(radius=1, subdivisions=3)
    made = Gltf()
    packed = encoder.encode(ball.vertices, ball.faces.astype(np.uint32), quantization_bits=16)
    position = made.add("accessors", made.described(ball.vertices.astype("f4")))
    extension = {"bufferView": made.view(packed), "attributes": {"POSITION": 0}}
    made.mesh({"POSITION": position}, indices=ball.faces.ravel().astype("u2"), extensions={DRACO: extension})
    assert area(corners(made.save(tmp_path / "a.glb"))) == pytest.approx(ball.area, rel=1e-4)


def meshopt_ball(*, mode: str = "TRIANGLES") -> tuple[Gltf, float]:
    """A ball whose positions, octahedral normals and indices are compressed; and its area."""
    coder = pytest.importorskip("meshopt", reason="needs the compressed-meshes extra")
    ball, made = shapes.ball(radius=1, subdivisions=2), Gltf()
    made.json["buffers"] = [{"byteLength": 1 << 16, "extensions": {MESHOPT: {"fallback": True}}}]

    def view(content: bytes, count: int, stride: int, kind: str, filtered: str = "NONE") -> int:
        packed = made.view(content)
        extension = made.json["bufferViews"].pop(packed)
        extension |= {"byteStride": stride, "count": count, "mode": kind, "filter": filtered}
        entry = {"buffer": 1, "byteLength": count * stride, "extensions": {MESHOPT: extension}}
        if kind == "ATTRIBUTES":
            entry["byteStride"] = stride
        return made.add("bufferViews", entry)

    points = ball.vertices.astype("<f4")
    normals = coder.encode_filter_oct(np.pad(points, ((0, 0), (0, 1))), 4, 8)
    indices = ball.faces.ravel().astype("<u4")
    attributes = {}
    packed = view(coder.encode_gltf_buffer(points, "ATTRIBUTES"), len(points), 12, "ATTRIBUTES")
    attributes["POSITION"] = made.add("accessors", {"bufferView": packed, **made.described(points)})
    packed = view(coder.encode_gltf_buffer(normals, "ATTRIBUTES"), len(points), 4, "ATTRIBUTES", "OCTAHEDRAL")
    described = {**made.described(points.astype("i1")), "normalized": True}
    attributes["NORMAL"] = made.add("accessors", {"bufferView": packed, **described})
    packed = view(coder.encode_gltf_buffer(indices, mode), len(indices), 4, mode)
    primitive = made.mesh(attributes, indices=None)
    primitive["indices"] = made.add("accessors", {"bufferView": packed, **made.described(indices.reshape(-1, 1))})
    made.json["extensionsUsed"] = made.json["extensionsRequired"] = [MESHOPT]
    return made, ball.area


@pytest.mark.parametrize("mode", ["TRIANGLES", "INDICES"])
def test_meshoptimizer(tmp_path, mode):
    made, expected = meshopt_ball(mode=mode)
    path = made.save(tmp_path / "a.glb")
    assert area(corners(path)) == pytest.approx(expected, rel=1e-6)
    (part,) = mesh_files.read_parts(path)[0]
    np.testing.assert_allclose(part.normals, part.triangles, atol=0.03)


def ktx2_square(*, fallback: bool = False) -> Gltf:
    made = Gltf()
    texture = {"extensions": {BASIS: {"source": 0}}}
    made.add("images", {"bufferView": made.view(KTX2), "mimeType": "image/ktx2"})
    if fallback:
        plain = made.texture()
        texture["source"] = made.json["textures"][plain]["source"]
    paint = made.material(base=made.add("textures", texture))
    made.mesh({"POSITION": CORNERS, "TEXCOORD_0": UV}, material=paint)
    made.json["extensionsUsed"] = [BASIS]
    return made


def test_ktx2(unlit, tmp_path):
    pytest.importorskip("opengl_basisu", reason="needs the compressed-meshes extra")
    assert_quarters(front(unlit, ktx2_square().save(tmp_path / "a.glb")))


@pytest.fixture
def without_packages(monkeypatch):
    """As if the extra were not installed."""
    find = importlib.util.find_spec
    gone = ("DracoPy", "meshopt", "opengl_basisu")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name in gone else find(name, *more))


def test_without_the_packages(unlit, tmp_path, without_packages):
    """What is compressed is refused by name, with the command that helps; a plain copy beside it is taken."""
    for name, made in (("DracoPy", draco_square()), ("meshopt", meshopt_ball()[0]), ("opengl_basisu", ktx2_square())):
        path = made.save(tmp_path / "a.glb")
        message = rf"cannot be decoded.*{name}, which is not installed.*pip install 'real3d-jax\[compressed-meshes\]'"
        with pytest.raises(Unusable, match=message):
            mesh_files.load(path)
    assert_quarters(front(unlit, ktx2_square(fallback=True).save(tmp_path / "b.glb")))
    assert area(corners(draco_square(fallback=True).save(tmp_path / "c.glb"))) == pytest.approx(1)


@pytest.mark.parametrize("make", [draco_square, lambda: meshopt_ball()[0], ktx2_square])
def test_damaged(tmp_path, make):
    """Every byte of what is compressed, one at a time, ends in a mesh or in a sentence."""
    pytest.importorskip("DracoPy")
    data = bytearray(make().save(tmp_path / "a.glb").read_bytes())
    start = data.index(b"BIN\0") + 4
    for place in range(start, len(data), 7):
        spoilt = bytearray(data)
        spoilt[place] ^= 0xFF
        (tmp_path / "b.glb").write_bytes(spoilt)
        try:
            mesh = mesh_files.load(tmp_path / "b.glb")
        except Unusable:
            continue
        assert all(np.isfinite(part.triangles).all() for part in mesh.parts)
