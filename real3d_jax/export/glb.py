"""Writes GLB (glTF 2.0, binary): one mesh with normals, and colours of 16 bits or a texture.

The Khronos specification: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html. Vertex colours are linear light
there, of which 8 bits would lose a quarter of sRGB's levels, all of them dark.
"""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt16

from real3d_jax.export.texture import Texture
from real3d_jax.export.topology import renumbered

GENERATOR = "Real3D-JAX"  # by which readers know that the axes are as `TO_GLTF` says
# glTF has y up and its front along z: our z, and our x, where the input camera stands. Rows: its x, y, z.
TO_GLTF = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])

_FLOAT, _UNSIGNED_SHORT, _UNSIGNED_INT = 5126, 5123, 5125
_LINEAR, _LINEAR_MIPMAP_LINEAR, _CLAMP_TO_EDGE = 9729, 9987, 33071
_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963
_MAGIC, _VERSION, _JSON, _BINARY = b"glTF", 2, b"JSON", b"BIN\0"


def write_glb(
    path: Path,
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    colours: Float[np.ndarray, "V 3"] | None,
    texture: Texture | None = None,
) -> None:
    """Writes a mesh in world coordinates, turned to glTF's axes.

    Args:
      path: the file.
      vertices: corners; those that no face has are left out.
      faces: three corners each, counter-clockwise seen from outside.
      colours: sRGB, in [0, 1]; None for none.
      texture: in place of the colours; None for none.
    """
    used, corners = renumbered(faces)
    places = (vertices[used] @ TO_GLTF.T).astype(np.float32)
    normals = vertex_normals(places, corners)
    if texture is not None:  # a vertex has one place in the picture here, so those at seams are written several times
        pairs = np.stack([corners.ravel(), texture.faces.ravel()], axis=1)
        pairs, corners = np.unique(pairs, axis=0, return_inverse=True)
        corners, (vertex, place) = corners.reshape(-1, 3), pairs.T
        places, normals = places[vertex], normals[vertex]
    views: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
        "POSITION": (
            places,
            {"componentType": _FLOAT, "type": "VEC3", "min": places.min(0).tolist(), "max": places.max(0).tolist()},
        ),
        "NORMAL": (normals, {"componentType": _FLOAT, "type": "VEC3"}),
    }
    material: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 1.0}  # the default is metal, shown dark
    if texture is not None:
        views["TEXCOORD_0"] = texture.uv[place].astype("<f4"), {"componentType": _FLOAT, "type": "VEC2"}
        material["baseColorTexture"] = {"index": 0}
    elif colours is not None:
        linear = np.concatenate([_as_shorts(linear_light(colours[used])), np.full((len(used), 1), 65535)], axis=1)
        accessor = {"componentType": _UNSIGNED_SHORT, "normalized": True, "type": "VEC4"}
        views["COLOR_0"] = linear.astype("<u2"), accessor
    attributes = {name: number for number, name in enumerate(views)}
    views["indices"] = corners.ravel().astype("<u4"), {"componentType": _UNSIGNED_INT, "type": "SCALAR"}

    buffers, binary = [], b""  # every element has a multiple of 4 bytes, so all views begin at one
    for name, (array, _) in views.items():
        target = _ELEMENT_ARRAY_BUFFER if name == "indices" else _ARRAY_BUFFER
        buffers.append({"buffer": 0, "byteOffset": len(binary), "byteLength": array.nbytes, "target": target})
        binary += array.tobytes()
    accessors = [
        {"bufferView": number, "count": len(array), **accessor}
        for number, (array, accessor) in enumerate(views.values())
    ]
    tree: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": GENERATOR},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": attributes, "indices": len(attributes), "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": material}],
        "accessors": accessors,
        "bufferViews": buffers,
    }
    if texture is not None:
        picture = texture.png()
        tree["textures"] = [{"sampler": 0, "source": 0}]
        tree["images"] = [{"bufferView": len(buffers), "mimeType": "image/png"}]
        wraps = {"wrapS": _CLAMP_TO_EDGE, "wrapT": _CLAMP_TO_EDGE}
        tree["samplers"] = [{"magFilter": _LINEAR, "minFilter": _LINEAR_MIPMAP_LINEAR, **wraps}]
        buffers.append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(picture)})
        binary += picture
    tree["buffers"] = [{"byteLength": len(binary)}]
    chunks = _chunk(_JSON, json.dumps(tree, separators=(",", ":")).encode(), b" ") + _chunk(_BINARY, binary, b"\0")
    path.write_bytes(_MAGIC + struct.pack("<II", _VERSION, 12 + len(chunks)) + chunks)


def is_own(path: Path) -> bool:
    """Whether `write_glb` wrote a file."""
    with path.open("rb") as file:
        header = file.read(20)
        if len(header) < 20 or header[:4] != _MAGIC or header[16:] != _JSON:
            return False
        try:
            tree = json.loads(file.read(min(struct.unpack("<I", header[12:16])[0], 2**20)))
            return tree["asset"]["generator"] == GENERATOR
        except (ValueError, KeyError, TypeError):
            return False


def vertex_normals(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> Float[np.ndarray, "V 3"]:
    """Unit normals of the vertices: those of their faces, weighted by area.

    Where the faces of a vertex cancel out it is that of its largest face, and where none has an area it is up (y).
    """
    corners = vertices[faces].astype(np.float64)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros((len(vertices), 3))
    for axis in range(3):
        normals[:, axis] = np.bincount(faces.ravel(), np.repeat(across[:, axis], 3), len(vertices))
    size, areas = np.linalg.norm(normals, axis=1), np.linalg.norm(across, axis=1)
    reach = np.bincount(faces.ravel(), np.repeat(areas, 3), len(vertices))
    unclear = size <= 1e-6 * reach
    if unclear.any():
        by_area, largest = np.argsort(areas), np.zeros(len(vertices), np.int64)
        largest[faces[by_area].ravel()] = np.repeat(by_area, 3)  # of several faces the last, and largest, stays
        normals[unclear] = across[largest[unclear]]
        size = np.linalg.norm(normals, axis=1)
    normals[size == 0], size[size == 0] = (0.0, 1.0, 0.0), 1.0
    return (normals / size[:, None]).astype(np.float32)


def linear_light(srgb: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
    """IEC 61966-2-1's decoding."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def _as_shorts(values: Float[np.ndarray, "V 3"]) -> UInt16[np.ndarray, "V 3"]:
    """Values of [0, 1] as 0 to 65535, rounded; what lies outside is clipped, and what is not a number becomes 0."""
    return (np.clip(np.nan_to_num(values), 0, 1) * 65535 + 0.5).astype(np.uint16)


def _chunk(kind: bytes, content: bytes, padding: bytes) -> bytes:
    content += padding * (-len(content) % 4)
    return struct.pack("<I", len(content)) + kind + content
