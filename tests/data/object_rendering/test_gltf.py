"""Features of glTF: each gives the right extents and colours, or a refusal by name."""

import base64
import json

import numpy as np
import pytest
from PIL import Image

import tests.data.object_rendering.requirements  # noqa: F401
from real3d_jax.data.object_rendering import mesh_files
from real3d_jax.data.records import Unusable
from tests.data.object_rendering import shapes
from tests.data.object_rendering.gltf_builder import CORNERS, SQUARE, UV, Gltf, textured_square
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

TRANSFORM = "KHR_texture_transform"


def test_the_second_set_of_texture_coordinates(unlit, tmp_path):
    made = Gltf()
    paint = made.material(base={"index": made.texture(), "texCoord": 1})
    made.mesh({"POSITION": CORNERS, "TEXCOORD_0": UV * 0, "TEXCOORD_1": UV}, material=paint)
    assert_quarters(front(unlit, made.save(tmp_path / "a.glb")))


# (u, v) becomes scale (2, 1), then a turn by 90 degrees counter-clockwise as seen, then a move.
TRANSFORMS = {
    "offset": ({"offset": [0.5, 0]}, [[GREEN, RED], [STEEL, BLUE]]),
    "offset down": ({"offset": [0, 0.5]}, [[BLUE, STEEL], [RED, GREEN]]),
    "scale": ({"scale": [0.5, 0.5]}, [[RED, RED], [RED, RED]]),
    # Coordinates turn counter-clockwise, so that the picture turns clockwise.
    "rotation": ({"rotation": np.pi / 2, "offset": [0, 1]}, [[BLUE, RED], [STEEL, GREEN]]),
    "all": ({"rotation": np.pi / 2, "scale": [1, 0.5], "offset": [0.5, 1]}, [[STEEL, GREEN], [STEEL, GREEN]]),
    "another set": ({"texCoord": 1}, [[STEEL, BLUE], [GREEN, RED]]),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_texture_transforms(unlit, tmp_path, name):
    transform, expected = TRANSFORMS[name]
    made = Gltf()
    paint = made.material(base={"index": made.texture(), "extensions": {TRANSFORM: transform}})
    made.mesh({"POSITION": CORNERS, "TEXCOORD_0": UV, "TEXCOORD_1": 1 - UV}, material=paint)
    made.json["extensionsUsed"] = made.json["extensionsRequired"] = [TRANSFORM]
    assert_quarters(front(unlit, made.save(tmp_path / "a.glb")), expected)


@pytest.mark.parametrize(
    ("dtype", "is_normalised"), [("i1", True), ("u1", True), ("i2", True), ("u2", True), ("i2", False), ("u1", False)]
)
def test_quantised_positions(tmp_path, dtype, is_normalised):
    """A box of 2 x 1 x 0.5, stored in whole numbers, with the node that undoes it."""
    box = shapes.box((2, 1, 0.5))
    top = np.iinfo(dtype).max
    stored = np.round(box.vertices / 2 * top if dtype[0] == "i" else (box.vertices / 2 + 0.5) * top).astype(dtype)
    unit = 1 if is_normalised else top
    scale = 2.0 / unit
    made = Gltf()
    position = made.accessor(stored, normalized=is_normalised)
    made.mesh({"POSITION": position}, indices=box.faces.astype("u1").ravel(), node={"scale": [scale] * 3})
    made.json["extensionsUsed"] = made.json["extensionsRequired"] = ["KHR_mesh_quantization"]
    found = corners(made.save(tmp_path / "a.glb"))
    np.testing.assert_allclose(np.ptp(found, axis=(0, 1)), [2, 1, 0.5], atol=3 * 2 / top)
    assert area(found) == pytest.approx(2 * (2 + 1 + 0.5), rel=0.1 if dtype[1] == "1" else 1e-3)


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_whole_numbers_as_texture_coordinates_and_colours(unlit, tmp_path, dtype):
    made, top = Gltf(), np.iinfo(dtype).max
    paint = made.material(base=made.texture())
    stored = {"TEXCOORD_0": UV, "COLOR_0": np.tile([[1, 0.5, 1, 1]], (4, 1))}
    attributes = {
        name: made.accessor(np.round(value * top).astype(dtype), normalized=True) for name, value in stored.items()
    }
    made.mesh({"POSITION": CORNERS, **attributes}, material=paint)
    expected = [[RED, (0, 188, 0)], [BLUE, (100, 110, 200)]]  # half the light of green
    assert_quarters(front(unlit, made.save(tmp_path / "a.glb")), expected, atol=2)


def test_sparse_accessors(tmp_path):
    """One moves a corner of a square; another, without a buffer view, is zeros but for two corners."""
    made = Gltf()
    indices, values = made.view(np.array([2], "u2").tobytes()), made.view(np.array([[1.5, 2.5, 0]], "f4").tobytes())
    sparse = {"count": 1, "indices": {"bufferView": indices, "componentType": 5123}, "values": {"bufferView": values}}
    made.mesh({"POSITION": made.accessor(CORNERS, sparse=sparse)})
    found = corners(made.save(tmp_path / "a.glb"))
    np.testing.assert_allclose(found[0], [[-0.5, -0.5, 0], [0.5, -0.5, 0], [1.5, 2.5, 0]])
    made = Gltf()
    indices = made.view(np.array([1, 2], "u1").tobytes())
    values = made.view(np.array([[3, 0, 0], [0, 2, 0]], "f4").tobytes())
    sparse = {"count": 2, "indices": {"bufferView": indices, "componentType": 5121}, "values": {"bufferView": values}}
    accessor = {"componentType": 5126, "type": "VEC3", "count": 3, "sparse": sparse}
    made.mesh({"POSITION": made.add("accessors", accessor)}, indices=None)
    np.testing.assert_allclose(corners(made.save(tmp_path / "b.glb")), [[[0, 0, 0], [3, 0, 0], [0, 2, 0]]])


@pytest.mark.parametrize(
    ("of_mesh", "of_node", "height"), [(None, None, 1), ([0.5], None, 2), ([0.5], [1.0], 3), (None, [0.25], 1.5)]
)
def test_morph_targets_have_their_default_weights(tmp_path, of_mesh, of_node, height):
    """The target lifts the upper corners by 2."""
    made = Gltf()
    lift = np.array([[0, 0, 0], [0, 0, 0], [0, 2, 0], [0, 2, 0]], "f4")
    made.mesh(
        {"POSITION": CORNERS},
        targets=[{"POSITION": made.accessor(lift)}],
        mesh={} if of_mesh is None else {"weights": of_mesh},
        node={} if of_node is None else {"weights": of_node},
    )
    np.testing.assert_allclose(np.ptp(corners(made.save(tmp_path / "a.glb")), axis=(0, 1)), [1, height, 0])


@pytest.mark.parametrize("is_indexed", [True, False])
@pytest.mark.parametrize("mode", [5, 6])
def test_strips_and_fans(tmp_path, mode, is_indexed):
    """The square once; its third triangle's corners, for the winding, lie on a pentagon."""
    made = Gltf()
    outline = np.array([[0, 0, 0], [2, 0, 0], [3, 1, 0], [1, 3, 0], [0, 2, 0]], "f4")
    order = np.array([0, 1, 4, 2, 3] if mode == 5 else [0, 1, 2, 3, 4], "u2")
    points = outline if is_indexed else outline[order]
    made.mesh({"POSITION": points}, indices=order if is_indexed else None, mode=mode)
    found = corners(made.save(tmp_path / "a.glb"))
    assert len(found) == 3
    x, y, _ = outline.T
    assert area(found) == pytest.approx(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)
    normals = np.cross(found[:, 1] - found[:, 0], found[:, 2] - found[:, 0])
    assert (normals[:, 2] > 0).all()


def test_points_and_lines_are_passed_over_and_noted(tmp_path):
    made = Gltf()
    made.mesh({"POSITION": CORNERS})
    made.mesh({"POSITION": CORNERS * 9}, mode=1)
    path = made.save(tmp_path / "a.glb")
    np.testing.assert_allclose(np.ptp(corners(path), axis=(0, 1)), [1, 1, 0])
    assert notes(path) == ["points and lines were passed over"]


CLAMP, MIRROR = 33071, 33648
# Along one axis from -1 to 2: the colours of the six half pictures. `A` is the low half and `B` the high one.
WRAPS = {10497: "ABABAB", CLAMP: "AAABBB", MIRROR: "BAABBA"}


@pytest.mark.parametrize("wrap_t", WRAPS)
@pytest.mark.parametrize("wrap_s", WRAPS)
def test_sampler_wrap_modes(unlit, tmp_path, wrap_s, wrap_t):
    made = Gltf()
    paint = made.material(base=made.texture(sampler={"wrapS": wrap_s, "wrapT": wrap_t}))
    made.mesh({"POSITION": CORNERS, "TEXCOORD_0": UV * 3 - 1}, material=paint)
    rgba = front(unlit, made.save(tmp_path / "a.glb"))
    centres = np.round(64 + 88.5 * 0.994 * (np.arange(6) - 2.5) / 6).astype(int)  # the square is 88 pixels wide
    for row, up in enumerate(WRAPS[wrap_t]):
        for column, right in enumerate(WRAPS[wrap_s]):
            expected = shapes.QUARTERS["AB".index(up), "AB".index(right)]
            np.testing.assert_allclose(rgba[centres[row], centres[column], :3], expected, atol=1)


def test_pixels_that_keep_their_edges(unlit, tmp_path):
    made = Gltf()
    paint = made.material(base=made.texture(shapes.picture(2), sampler={"magFilter": 9728}))
    made.mesh({"POSITION": CORNERS, "TEXCOORD_0": UV}, material=paint)
    assert tuple(front(unlit, made.save(tmp_path / "a.glb"))[60, 60]) == (*RED, 255)


def test_materials_that_only_shine(lit, unlit, tmp_path):
    """Black, with a texture as emission: what glTF asks of photogrammetry. Light does not change it."""
    made = Gltf()
    paint = made.material(
        pbrMetallicRoughness={"baseColorFactor": [0, 0, 0, 1]},
        emissiveFactor=[1, 1, 1],
        emissiveTexture={"index": made.texture()},
    )
    made.mesh({"POSITION": CORNERS, "TEXCOORD_0": UV}, material=paint)
    path = made.save(tmp_path / "a.glb")
    assert_quarters(front(unlit, path))
    assert_quarters(front(lit, path))


def test_light_of_its_own_is_added(unlit, tmp_path):
    made = Gltf()
    paint = made.material(
        pbrMetallicRoughness={"baseColorFactor": [0.5, 0, 0.5, 1]},
        emissiveFactor=[0.25, 0.125, 0],
        extensions={"KHR_materials_emissive_strength": {"emissiveStrength": 2}},
    )
    made.mesh({"POSITION": CORNERS}, material=paint)
    # 0.5 + 2 * 0.25, 2 * 0.125 and 0.5 of the light, encoded.
    np.testing.assert_allclose(front(unlit, made.save(tmp_path / "a.glb"))[64, 70], [255, 137, 188, 255], atol=1)


def test_unlit_materials_have_no_light(lit, tmp_path):
    made = Gltf()
    paint = made.material(base=made.texture(), extensions={"KHR_materials_unlit": {}})
    made.mesh({"POSITION": CORNERS, "TEXCOORD_0": UV}, material=paint)
    made.json["extensionsUsed"] = made.json["extensionsRequired"] = ["KHR_materials_unlit"]
    assert_quarters(front(lit, made.save(tmp_path / "a.glb")))
    lit_too = textured_square()
    assert front(lit, lit_too.save(tmp_path / "b.glb"))[48, 48, 0] < 250


def test_specular_and_glossy_materials(unlit, tmp_path):
    made = Gltf()
    gloss = {"diffuseTexture": {"index": made.texture()}, "diffuseFactor": [1, 1, 1, 1]}
    paint = made.material(extensions={"KHR_materials_pbrSpecularGlossiness": gloss})
    made.mesh({"POSITION": CORNERS, "TEXCOORD_0": UV}, material=paint)
    assert_quarters(front(unlit, made.save(tmp_path / "a.glb")))


@pytest.mark.parametrize(
    ("uri", "name"), [("my%20wood.png", "my wood.png"), ("h%C3%B6lz.png", "hölz.png"), ("a%20b.png", "a%20b.png")]
)
def test_names_of_files_are_uris(unlit, tmp_path, uri, name):
    made = textured_square()
    made.json["images"] = [{"uri": uri}]
    Image.fromarray(shapes.picture()).save(tmp_path / name)
    path = made.save(tmp_path / "my box.gltf")
    path.write_text(path.read_text().replace("my box.bin", "my%20box.bin"))
    assert_quarters(front(unlit, path))


def test_data_uris(unlit, tmp_path):
    made = textured_square()
    Image.fromarray(shapes.picture()).save(tmp_path / "b.png")
    encoded = base64.b64encode((tmp_path / "b.png").read_bytes()).decode()
    made.json["images"] = [{"uri": f"data:image/png;base64,{encoded}"}]
    assert_quarters(front(unlit, made.save(tmp_path / "a.glb")))


def test_skins(tmp_path):
    """Two joints: one stays, the other moved by 2 since it was bound. The node's own place has no effect."""
    made = Gltf()
    weights = np.array([[1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0.5, 0.5, 0, 0]], "f4")
    bound = np.stack([np.eye(4), np.eye(4)])
    bound[1, 1, 3] = -1
    attributes = {
        "POSITION": CORNERS,
        "JOINTS_0": np.tile(np.array([[0, 1, 0, 0]], "u1"), (4, 1)),
        "WEIGHTS_0": weights,
    }
    made.mesh(attributes, node={"skin": 0, "translation": [9, 9, 9]})
    for height in (0, 3):
        made.add("nodes", {"translation": [0, height, 0]})
    inverse = made.accessor(bound.transpose(0, 2, 1).reshape(2, 16).astype("f4"))
    made.add("skins", {"joints": [1, 2], "inverseBindMatrices": inverse})
    found = corners(made.save(tmp_path / "a.glb"))
    expected = CORNERS + np.array([[0, 0, 0], [0, 0, 0], [0, 2, 0], [0, 1, 0]])
    np.testing.assert_allclose(found, expected[[[0, 1, 2], [0, 2, 3]]], atol=1e-6)


def test_instances(tmp_path):
    made = Gltf()
    extension = {"attributes": {"TRANSLATION": made.accessor(np.array([[0, 0, 0], [4, 0, 0], [0, 5, 0]], "f4"))}}
    made.mesh({"POSITION": CORNERS}, node={"extensions": {"EXT_mesh_gpu_instancing": extension}, "scale": [2, 2, 2]})
    made.json["extensionsRequired"] = ["EXT_mesh_gpu_instancing"]
    found = corners(made.save(tmp_path / "a.glb"))
    assert len(found) == 6
    np.testing.assert_allclose(np.ptp(found, axis=(0, 1)), [10, 12, 0])


def test_hidden_nodes_and_other_scenes_are_not_drawn(tmp_path):
    made = Gltf()
    made.mesh({"POSITION": CORNERS})
    made.mesh({"POSITION": CORNERS * 9}, node={"extensions": {"KHR_node_visibility": {"visible": False}}})
    made.mesh({"POSITION": CORNERS * 7})
    made.json |= {"scenes": [{"nodes": [2]}, {"nodes": [0, 1]}], "scene": 1}
    np.testing.assert_allclose(np.ptp(corners(made.save(tmp_path / "a.glb")), axis=(0, 1)), [1, 1, 0])


def test_extensions_that_are_not_understood(tmp_path):
    """Required ones are refused by name; others are noted by name; lamps and the like have no effect."""
    made = textured_square()
    made.json["materials"][0]["extensions"] = {"KHR_materials_transmission": {"transmissionFactor": 1}}
    made.json["nodes"][0]["extensions"] = {"KHR_lights_punctual": {"light": 0}}
    made.json["extensionsUsed"] = ["KHR_materials_transmission", "KHR_lights_punctual", "KHR_materials_sheen"]
    path = made.save(tmp_path / "a.gltf")
    assert notes(path) == ["the glTF extension KHR_materials_transmission was not applied"]
    changed = json.loads(path.read_text()) | {"extensionsRequired": ["ACME_displacement"]}
    path.write_text(json.dumps(changed))
    with pytest.raises(
        Unusable, match="it requires the glTF extension ACME_displacement, which is not understood: export it without"
    ):
        mesh_files.load(path)


def _version_1(made):
    made.json["asset"] = {"version": "1.0"}


def _range(made):
    made.json["accessors"][0]["count"] = 5


def _loop(made):
    made.json["nodes"] += [{"children": [2]}, {"children": [1]}]
    made.json["scenes"] = [{"nodes": [0, 1]}]


def _no_coordinates(made):
    del made.json["meshes"][0]["primitives"][0]["attributes"]["TEXCOORD_0"]


def _network(made):
    made.json["images"] = [{"uri": "https://example.com/wood.png"}]


def _corner(made):
    made.json["meshes"][0]["primitives"][0]["indices"] = made.accessor(np.array([0, 1, 9], "u2"))


def _no_image(made):
    made.json["textures"] = [{"extensions": {"ACME_texture": {"source": 0}}}]


def _huge(made):
    made.json["accessors"][0] |= {"count": 10**12}
    del made.json["accessors"][0]["bufferView"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_version_1, "glTF of version 1.0; 2.0 is read"),
        (_range, r"accessors\[\d\] goes on after the end"),
        (_loop, "in the scene twice"),
        (_no_coordinates, r"no texture coordinates \(TEXCOORD_0\)"),
        (_network, "a file on the network"),
        (_corner, "a corner that is not there"),
        (_no_image, "no image that is understood"),
        (_huge, "has 1000000000000 elements and no bytes"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, spoil, message):
    made = textured_square()
    spoil(made)
    with pytest.raises(Unusable, match=message):
        mesh_files.load(made.save(tmp_path / "a.glb"))


def test_interleaved_attributes(unlit, tmp_path):
    made = Gltf()
    rows = np.concatenate([CORNERS, UV, np.zeros((4, 1), "f4")], 1)
    view = made.view(rows.astype("f4").tobytes(), byteStride=24)
    position = made.add("accessors", {"bufferView": view, **made.described(CORNERS)})
    uv = made.add("accessors", {"bufferView": view, "byteOffset": 12, **made.described(UV)})
    paint = made.material(base=made.texture())
    made.mesh({"POSITION": position, "TEXCOORD_0": uv}, material=paint)
    assert_quarters(front(unlit, made.save(tmp_path / "a.glb")))


def test_textures_of_16_bits(unlit, tmp_path):
    """Grey of 16 bits; cut off at 255 it would be white."""
    made = textured_square()
    Image.fromarray(np.full((4, 4), 100 * 257, np.uint16)).save(tmp_path / "grey.png")
    made.json["images"] = [{"uri": "grey.png"}]
    assert tuple(front(unlit, made.save(tmp_path / "a.gltf"))[64, 70]) == (100, 100, 100, 255)


def test_what_is_opaque_stays_opaque_whatever_its_colours_say(unlit, tmp_path):
    """Alpha of vertices does not count in a material that is opaque, nor without a material."""
    made = Gltf()
    made.mesh({"POSITION": CORNERS, "COLOR_0": np.tile(np.array([[1, 0, 0, 0.3]], "f4"), (4, 1))})
    assert tuple(front(unlit, made.save(tmp_path / "a.glb"))[64, 70]) == (*RED, 255)
    assert SQUARE.max() == 3
