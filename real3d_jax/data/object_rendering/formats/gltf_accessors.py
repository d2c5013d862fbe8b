"""Arrays of glTF: accessors with strides, sparse ones, quantised ones, and those that Draco compressed."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from real3d_jax.data.object_rendering.formats.gltf_file import DRACO, GltfFile, require
from real3d_jax.data.object_rendering.formats.gltf_json import Json
from real3d_jax.data.object_rendering.formats.reading import Malformed

_COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_MOST_ZEROS = 10**7  # elements of an accessor that has no bytes; nothing else limits them


def floats(
    file: GltfFile, index: int, *, widths: Sequence[int], normalise: bool = False
) -> Float[np.ndarray, "n width"]:
    """Numbers of an accessor, those of whole numbers that stand for shares in [0, 1] or [-1, 1] divided.

    Args:
      index: of the accessor.
      widths: numbers that an element may have.
      normalise: takes whole numbers for shares also where the accessor does not say it.

    Raises:
      Malformed: it is damaged, or of another kind.
    """
    accessor = file.item("accessors", index)
    values = _values(file, accessor)
    if values.shape[1] not in widths:
        raise Malformed(f"{accessor.where} has {values.shape[1]} numbers an element")
    return _scaled(values, is_normalised=normalise or accessor.flag("normalized", False))


def integers(file: GltfFile, index: int, *, width: int = 1) -> Int[np.ndarray, "n width"]:
    """Whole numbers of an accessor.

    Raises:
      Malformed: it is damaged, or of another kind.
    """
    accessor = file.item("accessors", index)
    values = _values(file, accessor)
    if values.dtype.kind != "u" or values.shape[1] != width:
        raise Malformed(f"{accessor.where} has no unsigned whole numbers, {width} an element")
    return values.astype(np.int64)


class Draco:
    """A primitive that Draco compressed.

    Raises:
      Unusable: DracoPy is not installed.
      Malformed: it is damaged.
    """

    def __init__(self, file: GltfFile, extension: Json) -> None:
        require("DracoPy", "glTF compressed by Draco is read")
        import DracoPy

        self._file, self._names = file, extension.object("attributes")
        try:
            mesh = DracoPy.decode(file.view(extension.count("bufferView")))
            self.corners = np.asarray(mesh.faces, np.int64).ravel()
            self._attributes = {entry["unique_id"]: np.asarray(entry["data"]) for entry in mesh.attributes}
        except Malformed:
            raise
        except Exception as error:  # of the decoder
            raise Malformed(f"{extension.where} cannot be decoded by Draco ({error})") from error

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def floats(
        self, name: str, accessor: int, *, widths: Sequence[int], normalise: bool
    ) -> Float[np.ndarray, "n width"]:
        """As `floats`, of an attribute."""
        values = self._attributes.get(self._names.count(name))
        if values is None:
            raise Malformed(f"{self._names.where}.{name} names an attribute that {DRACO} does not have")
        values = values.reshape(len(values), -1)
        if values.shape[1] not in widths:
            raise Malformed(f"{self._names.where}.{name} has {values.shape[1]} numbers an element")
        flag = self._file.item("accessors", accessor).flag("normalized", False)
        return _scaled(values, is_normalised=normalise or flag)


def _values(file: GltfFile, accessor: Json) -> np.ndarray:
    """`(count, width)`, in the file's own type."""
    kind, width = accessor.count("componentType"), _WIDTHS.get(accessor.text("type", ""))
    if kind not in _COMPONENTS or width is None:
        raise Malformed(f"{accessor.where} is of a type that is not read")
    count, dtype = accessor.count("count"), np.dtype(_COMPONENTS[kind])
    view = accessor.index("bufferView")
    if view is None:
        if count > _MOST_ZEROS:
            raise Malformed(f"{accessor.where} has {count} elements and no bytes")
        values = np.zeros((count, width), dtype)
    else:
        size = dtype.itemsize * width
        stride = file.stride(view, size)
        values = _strided(file.view(view), accessor, count, width, dtype, stride)
    if "sparse" in accessor:
        return _replaced(file, accessor.object("sparse"), values)
    return values


def _strided(data: bytes, place: Json, count: int, width: int, dtype: np.dtype, stride: int) -> np.ndarray:
    start, size = place.count("byteOffset", 0), dtype.itemsize * width
    if stride < size:
        raise Malformed(f"{place.where} has elements that overlap")
    if count and start + (count - 1) * stride + size > len(data):
        raise Malformed(f"{place.where} goes on after the end of its bytes")
    if not count:
        return np.zeros((0, width), dtype)
    return np.ndarray((count, width), dtype, data, start, (stride, dtype.itemsize))


def _replaced(file: GltfFile, sparse: Json, values: np.ndarray) -> np.ndarray:
    """A sparse accessor: some elements have values of their own."""
    count, indices, given = sparse.count("count"), sparse.object("indices"), sparse.object("values")
    kind = _COMPONENTS.get(indices.count("componentType"), "")
    if "u" not in kind:
        raise Malformed(f"{indices.where} has no unsigned whole numbers")
    if count > len(values):
        raise Malformed(f"{sparse.where} has more elements than its accessor")
    place = np.dtype(kind)
    rows = _strided(file.view(indices.count("bufferView")), indices, count, 1, place, place.itemsize)[:, 0]
    size = values.dtype.itemsize * values.shape[1]
    new = _strided(file.view(given.count("bufferView")), given, count, values.shape[1], values.dtype, size)
    if count and rows.max() >= len(values):
        raise Malformed(f"{indices.where} names an element that is not there")
    replaced = values.copy()
    replaced[rows.astype(np.int64)] = new
    return replaced


def _scaled(values: np.ndarray, *, is_normalised: bool) -> Float[np.ndarray, "n width"]:
    if values.dtype.kind == "f" or not is_normalised:
        return values.astype(np.float64)
    return np.maximum(values / float(np.iinfo(values.dtype).max), -1.0)
