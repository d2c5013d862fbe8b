"""Small glTF files, feature by feature."""

import io
import json
import pathlib
import struct

import numpy as np
from PIL import Image

from tests.data.object_rendering import shapes

_KINDS = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
_TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}

CORNERS = np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]], "f4")
# Shows a texture upright: glTF's v goes down.
UV = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], "f4")
SQUARE = np.array([0, 1, 2, 0, 2, 3], "u2")


class Gltf:
    """A file under construction. `json` may be changed at will."""

    def __init__(self) -> None:
        self.data = b""
        self.json = {"asset": {"version": "2.0"}, "accessors": [], "bufferViews": [], "meshes": [], "nodes": []}

    def view(self, content: bytes, **more) -> int:
        """A buffer view."""
        self.data += b"\0" * (-len(self.data) % 4)
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content), **more}
        self.data += content
        return self.add("bufferViews", view)

    def accessor(self, values, **more) -> int:
        """An accessor of an array, packed."""
        values = np.asarray(values)
        values = values.reshape(len(values), -1)
        view = self.view(values.astype(values.dtype.newbyteorder("<")).tobytes())
        return self.add("accessors", {"bufferView": view, **self.described(values), **more})

    def described(self, values) -> dict:
        """The kind of an accessor that holds these values."""
        kind = _KINDS[f"{values.dtype.kind}{values.dtype.itemsize}"]
        return {"componentType": kind, "type": _TYPES[values.shape[1]], "count": len(values)}

    def add(self, table: str, entry: dict) -> int:
        """An entry of a list of the file."""
        self.json.setdefault(table, []).append(entry)
        return len(self.json[table]) - 1

    def texture(self, pixels=None, *, sampler=None, **more) -> int:
        """A texture of its own image."""
        encoded = io.BytesIO()
        Image.fromarray(shapes.picture() if pixels is None else pixels).save(encoded, "png")
        image = self.add("images", {"bufferView": self.view(encoded.getvalue()), "mimeType": "image/png"})
        entry = {"source": image, **more}
        if sampler is not None:
            entry["sampler"] = self.add("samplers", sampler)
        return self.add("textures", entry)

    def material(self, **entry) -> int:
        """A material; `base` is the texture of its base colour."""
        base = entry.pop("base", None)
        if base is not None:
            entry["pbrMetallicRoughness"] = {"baseColorTexture": {"index": base} if isinstance(base, int) else base}
        return self.add("materials", entry)

    def mesh(self, attributes: dict, *, indices=SQUARE, node=None, mesh=None, **primitive) -> dict:
        """A mesh of one primitive and a node that draws it; gives the primitive."""
        attributes = {k: v if isinstance(v, int) else self.accessor(v) for k, v in attributes.items()}
        entry = {"attributes": attributes, **primitive}
        if indices is not None:
            entry["indices"] = self.accessor(indices)
        number = self.add("meshes", {"primitives": [entry], **(mesh or {})})
        self.add("nodes", {"mesh": number, **(node or {})})
        return entry

    def save(self, path: pathlib.Path) -> pathlib.Path:
        """Writes a GLB, or a glTF with its buffer beside it."""
        self.json["buffers"] = [{"byteLength": len(self.data)}, *self.json.get("buffers", [])]
        if path.suffix == ".gltf":
            self.json["buffers"][0]["uri"] = f"{path.stem}.bin"
            path.with_suffix(".bin").write_bytes(self.data)
            path.write_text(json.dumps(self.json))
            return path
        text, binary = json.dumps(self.json).encode(), self.data + b"\0" * (-len(self.data) % 4)
        text += b" " * (-len(text) % 4)
        chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
        path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)
        return path


def textured_square(**slot) -> Gltf:
    """A square that shows `shapes.QUARTERS`; `slot` is added to the reference to the texture."""
    made = Gltf()
    paint = made.material(base={"index": made.texture(), **slot})
    made.mesh({"POSITION": CORNERS, "TEXCOORD_0": UV}, material=paint)
    return made
