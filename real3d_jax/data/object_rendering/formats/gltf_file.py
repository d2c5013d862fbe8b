"""The container of glTF 2.0: JSON, buffers, URIs and extensions; what is not understood is refused by name."""

import base64
import binascii
import importlib.util
import json
import urllib.parse

import numpy as np
from jaxtyping import UInt8

from real3d_jax.data.object_rendering.formats.gltf_json import Json
from real3d_jax.data.object_rendering.formats.reading import Malformed, Reading
from real3d_jax.data.records import Unusable
from real3d_jax.errors import UserError, check_installed

DRACO = "KHR_draco_mesh_compression"
MESHOPT = ("EXT_meshopt_compression", "KHR_meshopt_compression")
BASIS = "KHR_texture_basisu"
INSTANCES = "EXT_mesh_gpu_instancing"
APPLIED = frozenset(
    {
        DRACO,
        *MESHOPT,
        BASIS,
        INSTANCES,
        "EXT_texture_avif",
        "EXT_texture_webp",
        "KHR_materials_emissive_strength",
        "KHR_materials_pbrSpecularGlossiness",
        "KHR_materials_unlit",
        "KHR_mesh_quantization",
        "KHR_node_visibility",
        "KHR_texture_transform",
        "MSFT_texture_dds",
    }
)
_NO_EFFECT = """
KHR_animation_pointer KHR_audio KHR_audio_emitter KHR_audio_graph KHR_collision_shapes KHR_interactivity
KHR_lights_punctual KHR_materials_variants KHR_node_hoverability KHR_node_selectability KHR_physics_rigid_bodies KHR_xmp
KHR_xmp_json_ld EXT_instance_features EXT_lights_ies EXT_lights_image_based EXT_mesh_features EXT_mesh_manifold
EXT_structural_metadata FB_geometry_metadata MSFT_lod MSFT_packing_normalRoughnessMetallic
MSFT_packing_occlusionRoughnessMetallic MSFT_screencoverage VRMC_node_constraint VRMC_springBone
"""
NO_EFFECT = frozenset(_NO_EFFECT.split())  # neither on the shape of the rest pose nor on base colours
_JSON_CHUNK, _BIN_CHUNK = 0x4E4F534A, 0x004E4942
_MODES = ("ATTRIBUTES", "TRIANGLES", "INDICES")
_FILTERS = ("NONE", "OCTAHEDRAL", "QUATERNION", "EXPONENTIAL", "COLOR")


class GltfFile:
    """A file's JSON, and the bytes of its buffers.

    Raises:
      Malformed: it is damaged.
      Unusable: it is of version 1, or requires an extension that is not understood.
    """

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        data = reading.path.read_bytes()
        text, self._binary = _chunks(data) if data.startswith(b"glTF") else (data, None)
        try:
            self.json = Json(json.loads(text.decode("utf-8-sig")), "")
        except (ValueError, RecursionError) as error:
            raise Malformed(f"its JSON is damaged: {error or 'too deep'}") from error
        self._tables: dict[str, list[Json]] = {}
        self._buffers: dict[int, bytes] = {}
        self._views: dict[int, bytes] = {}
        self._check_version()
        self._check_extensions()

    def _check_version(self) -> None:
        asset = self.json.object("asset")
        version = asset.text("minVersion", asset.text("version", "2.0"))
        if version.split(".")[0] != "2":
            raise Unusable(f"it is glTF of version {version[:20]}; 2.0 is read: convert it")

    def _check_extensions(self) -> None:
        """Refuses what the file requires and is not understood; notes what it merely has."""
        for name in self.json.texts("extensionsRequired"):
            if name not in APPLIED | NO_EFFECT:
                raise Unusable(
                    f"it requires the glTF extension {name[:60]}, which is not understood: export it without"
                )
        for name in sorted(set(self.json.extension_names())):
            if name not in APPLIED | NO_EFFECT:
                self.reading.note(f"the glTF extension {name[:60]} was not applied")

    def item(self, table: str, index: int) -> Json:
        """An entry of a list of the file, as 'meshes'."""
        if table not in self._tables:
            self._tables[table] = self.json.objects(table)
        if index >= len(self._tables[table]):
            raise Malformed(f"it names {table}[{index}], and has {len(self._tables[table])}")
        return self._tables[table][index]

    def view(self, index: int) -> bytes:
        """The bytes of a buffer view, decompressed."""
        if index not in self._views:
            view = self.item("bufferViews", index)
            packed = next((found for name in MESHOPT if (found := view.extension(name)) is not None), None)
            if packed is None or self.has_plain(packed, "meshopt"):
                self._views[index] = self._slice(view)
            else:
                self._views[index] = self._unpacked(packed)
        return self._views[index]

    def has_plain(self, packed: Json, package: str) -> bool:
        """Whether a plain copy must do: a file that does not require an extension has one, for want of its package."""
        extension = packed.where.rpartition(".")[2]
        is_required = extension in self.json.texts("extensionsRequired")
        return not is_required and importlib.util.find_spec(package) is None

    def stride(self, index: int, default: int) -> int:
        """Bytes from one element of a buffer view to the next."""
        return self.item("bufferViews", index).count("byteStride", default)

    def uri(self, uri: str, *, where: str) -> bytes | None:
        """The bytes that a URI names; None, and a fault, if it is a file that is missing."""
        if uri.startswith("data:"):
            return _data_uri(uri, where)
        if "://" in uri:
            raise Unusable(f"it names a file on the network ('{uri[:80]}'): put it beside the mesh")
        plain = urllib.parse.unquote(uri)
        # A file whose name has percent signs of its own may be named as it is.
        return self.reading.contents(uri if self.reading.find(plain) is None and self.reading.find(uri) else plain)

    def _slice(self, view: Json) -> bytes:
        start, size = view.count("byteOffset", 0), view.count("byteLength")
        buffer = self._buffer(view.count("buffer"))
        if start + size > len(buffer):
            raise Malformed(f"{view.where} ends at byte {start + size} of a buffer of {len(buffer)}")
        return buffer[start : start + size]

    def _buffer(self, index: int) -> bytes:
        if index not in self._buffers:
            buffer = self.item("buffers", index)
            if "uri" in buffer:
                data = self.uri(buffer.text("uri", ""), where=buffer.where)
                if data is None:
                    raise Unusable(self.reading.faults[-1])
            elif index == 0 and self._binary is not None:
                data = self._binary
            else:
                raise Malformed(f"{buffer.where} has no bytes")
            size = buffer.count("byteLength")
            if len(data) < size:
                raise Malformed(f"{buffer.where} should have {size} bytes, and has {len(data)}")
            self._buffers[index] = data[:size]
        return self._buffers[index]

    def _unpacked(self, packed: Json) -> bytes:
        """A buffer view that meshoptimizer compressed."""
        require("meshopt", "glTF compressed by meshoptimizer is read")
        import meshopt

        mode, kind = packed.text("mode", ""), packed.text("filter", "NONE")
        count, stride = packed.count("count"), packed.count("byteStride")
        sizes = range(4, 257, 4) if mode == "ATTRIBUTES" else (2, 4)
        if mode not in _MODES or kind not in _FILTERS or stride not in sizes or count > 2**31:
            raise Malformed(f"{packed.where} has a mode, filter or stride that meshoptimizer lacks")
        try:
            rows = meshopt.decode_gltf_buffer(self._slice(packed), count, stride, mode, kind)
        except (ValueError, RuntimeError, TypeError, MemoryError, OverflowError) as error:
            raise Malformed(f"{packed.where} cannot be decoded ({error})") from error
        data = np.ascontiguousarray(rows).tobytes()
        if len(data) == count * stride:
            return data
        return np.ascontiguousarray(rows).astype(f"<u{stride}").tobytes()


def require(package: str, what: str) -> None:
    """Refuses a file without the package that decodes it.

    Raises:
      Unusable: it is not installed.
    """
    try:
        check_installed(package, what=what, extra="compressed-meshes")
    except UserError as error:
        raise Unusable(f"it cannot be decoded: {error}") from error


def _chunks(data: bytes) -> tuple[bytes, bytes | None]:
    """JSON and binary chunk of a GLB."""
    header: UInt8[np.ndarray, "12"] = np.frombuffer(data[:12].ljust(12, b"\0"), np.uint8)
    _, version, length = header.view("<u4").tolist()
    if version == 1:
        raise Unusable("it is glTF of version 1; 2.0 is read: convert it")
    if version != 2:
        raise Malformed(f"its header has the version {version}")
    if length > len(data):
        raise Malformed(f"it should have {length} bytes, and has {len(data)}")
    chunks: dict[int, bytes] = {}
    place = 12
    while place + 8 <= length:
        size, kind = np.frombuffer(data[place : place + 8], "<u4").tolist()
        if place + 8 + size > length:
            raise Malformed("a chunk of it ends after the file")
        chunks.setdefault(kind, data[place + 8 : place + 8 + size])
        place += 8 + size
    if _JSON_CHUNK not in chunks:
        raise Malformed("it has no JSON")
    return chunks[_JSON_CHUNK], chunks.get(_BIN_CHUNK)


def _data_uri(uri: str, where: str) -> bytes:
    head, comma, content = uri.partition(",")
    if not comma:
        raise Malformed(f"{where} has a data URI without data")
    if not head.endswith(";base64"):
        return urllib.parse.unquote_to_bytes(content)
    content = urllib.parse.unquote(content)
    try:
        return base64.b64decode(content + "=" * (-len(content) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"{where} has a damaged data URI ({error})") from error
