"""Reads PyTorch's files (a zip of a pickle and raw tensors) without PyTorch, running nothing of what is in them.

The pickle may name only what `_ALLOWED` has: tensors, their storages, ordered dictionaries and plain numbers. Each name
stands for a function of this module, so that a file gets at no code but this one. Tensors are maps into the file.
"""

import collections
import dataclasses
import math
import mmap
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import jax.numpy as jnp
import numpy as np

_BFLOAT16 = "bfloat16"
# How PyTorch calls its storages, and numpy the numbers in them.
_STORAGES = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "BFloat16Storage": _BFLOAT16,
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
_LARGEST_PICKLE = 2**28  # bytes; names and shapes take some hundred bytes a tensor
# Parts by which archives of other programs are known.
_FOREIGN = {
    ".npy": "arrays of NumPy",
    "archive_format": "a program of torch.export",
    "serialized_exported_program.json": "a program of torch.export",
    "model.weights.h5": "a model of Keras",
    "constants.pkl": "a TorchScript program",
}
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # of an entry: signature, lengths of its name and of its extra field
_ORDERS = {b"little": "<", b"big": ">"}


class Damaged(Exception):
    """The file is cut short, or its parts contradict one another; the message is the reason, in short."""


class Refused(Exception):
    """The file asks for something that is no tensor; the message is its name."""


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A tensor in the file.

    Attributes:
      numbers: those of its whole storage, in the file's byte order; bfloat16 as uint16.
      is_bfloat16: whether they are.
      offset: of its first number in the storage.
      shape: its sizes.
      strides: from one number to the next of each axis, in numbers.
    """

    numbers: np.ndarray
    is_bfloat16: bool
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self) -> np.ndarray:
        """Its numbers in the machine's byte order; a map into the file where that is the file's."""
        strides = [stride * self.numbers.itemsize for stride in self.strides]
        view = np.lib.stride_tricks.as_strided(self.numbers[self.offset :], self.shape, strides, writeable=False)
        native = view.dtype.newbyteorder("=")
        view = view if view.dtype == native else view.astype(native)
        return view.view(jnp.bfloat16) if self.is_bfloat16 else view


def read(path: Path) -> Any:
    """What `torch.save` wrote: dictionaries, lists and numbers, with a `Tensor` for each tensor or parameter.

    Raises:
      Damaged: it is cut short, no such archive, or its parts do not fit together.
      Refused: something in it is neither a tensor nor plain data.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            parts = _Parts(file, archive)
            return _Unpickler(parts.open("data.pkl"), parts).load()
    except (Damaged, Refused):
        raise
    except Exception as error:  # a damaged pickle or archive can fail in any way
        raise Damaged((str(error) or type(error).__name__).splitlines()[0]) from error


class _Parts:
    """The entries of an archive, and its storages as maps into the file."""

    def __init__(self, file: BinaryIO, archive: zipfile.ZipFile):
        names = archive.namelist()
        if len(set(names)) < len(names):
            raise Damaged("it has two parts of one name")
        foreign = next(
            (kind for ending, kind in _FOREIGN.items() if any(name.endswith(ending) for name in names)), None
        )
        if foreign:
            raise Refused(foreign)
        pickles = [name for name in names if name.rpartition("/")[2] == "data.pkl"]
        if len(pickles) != 1:
            raise Damaged("the archive is none of torch.save's")
        self._file, self._archive = file, archive
        self._folder = pickles[0].removesuffix("data.pkl")
        content = archive.getinfo(pickles[0])  # unpacked, a few bytes could become gigabytes
        if content.compress_type != zipfile.ZIP_STORED or content.file_size > _LARGEST_PICKLE:
            raise Damaged("its part data.pkl is compressed, which torch.save does not do, or too large")
        order = self.open("byteorder").read(20) if f"{self._folder}byteorder" in names else b"little"
        if order not in _ORDERS:
            raise Damaged(f"its byte order is {order[:20]!r}")
        self._order = _ORDERS[order]
        self._map = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
        self._found: dict[str, tuple[str, np.ndarray]] = {}

    def open(self, name: str) -> Any:
        return self._archive.open(self._folder + name)

    def storage(self, key: str, kind: str, count: int) -> tuple[str, np.ndarray]:
        """The kind of number and the numbers of a storage, each storage once."""
        if key not in self._found:
            dtype = np.dtype(self._order + ("u2" if kind == _BFLOAT16 else kind))
            content = self._bytes(f"{self._folder}data/{key}")
            if content.size // dtype.itemsize != count:
                raise Damaged(f"storage {key} has {content.size:,} bytes for {count:,} numbers of {dtype.itemsize}")
            self._found[key] = kind, content[: count * dtype.itemsize].view(dtype)
        found = self._found[key]
        if found[0] != kind or found[1].size != count:
            raise Damaged(f"storage {key} is of two kinds")
        return found

    def _bytes(self, name: str) -> np.ndarray:
        try:
            entry = self._archive.getinfo(name)
        except KeyError:
            raise Damaged(f"its part {name} is missing") from None
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise Damaged(f"its part {name} is compressed, which torch.save does not do")
        self._file.seek(entry.header_offset)
        signature, *lengths = _LOCAL_HEADER.unpack(self._file.read(_LOCAL_HEADER.size))
        start = entry.header_offset + _LOCAL_HEADER.size + sum(lengths)
        if signature != b"PK\x03\x04" or start + entry.file_size > self._map.size:
            raise Damaged(f"its part {name} lies outside of it")
        content = self._map[start : start + entry.file_size]
        if zlib.crc32(content.data) != entry.CRC:
            raise Damaged(f"its part {name} does not have its checksum")
        return content


class _Unpickler(pickle.Unpickler):
    """Knows the names of `_ALLOWED` and of storages, and none else."""

    def __init__(self, file: Any, parts: _Parts):
        super().__init__(file)
        self._parts = parts

    def find_class(self, module_name: str, global_name: str) -> Any:
        name = f"{module_name}.{global_name}"
        if module_name == "torch" and global_name in _STORAGES:
            return _StorageKind(_STORAGES[global_name])
        if name not in _ALLOWED:
            raise Refused(name)
        return _ALLOWED[name]

    def persistent_load(self, pid: Any) -> Any:
        match pid:
            case ("storage", _StorageKind(kind), str(key), str(), int(count)) if count >= 0:
                return _Storage(*self._parts.storage(key, kind, count))
        raise Damaged("it has a storage of an unknown form")


@dataclasses.dataclass(frozen=True)
class _StorageKind:
    kind: str


@dataclasses.dataclass(frozen=True)
class _Storage:
    kind: str
    numbers: np.ndarray


@dataclasses.dataclass
class _NumpyKind:
    """A numpy dtype, of which a pickle tells the byte order afterwards."""

    code: str
    order: str = "="

    def __setstate__(self, state: tuple) -> None:
        self.order = {"<": "<", ">": ">", "|": "="}[state[1]]


def _tensor(
    storage: Any, offset: Any, shape: Any, strides: Any, requires_grad: Any, hooks: Any, metadata: Any = None
) -> Tensor:
    """PyTorch's `_rebuild_tensor_v2`: a view of a storage, which must lie within it."""
    if not isinstance(storage, _Storage):
        raise Damaged("a tensor has no storage")
    if isinstance(metadata, Mapping) and any(metadata.get(bit) for bit in ("conj", "neg")):
        raise Refused("a tensor that is negated as it is read")
    sizes = (offset, *shape, *strides)
    if len(shape) != len(strides) or not all(type(size) is int and 0 <= size < 2**62 for size in sizes):
        raise Damaged("a tensor has sizes that are none")
    count, available = math.prod(shape), storage.numbers.size
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if count and (last >= available or count > available):
        raise Damaged(f"a tensor of {count:,} numbers lies outside of its storage of {available:,}")
    return Tensor(storage.numbers, storage.kind == _BFLOAT16, offset if count else 0, tuple(shape), tuple(strides))


def _parameter(tensor: Any, requires_grad: Any, hooks: Any) -> Tensor:
    """PyTorch's `_rebuild_parameter`."""
    if not isinstance(tensor, Tensor):
        raise Damaged("a parameter is no tensor")
    return tensor


def _numpy_kind(code: str, align: bool = False, copy: bool = True) -> _NumpyKind:
    if code not in ("f2", "f4", "f8", "i4", "i8", "b1"):
        raise Refused(f"numpy.dtype('{code}')")
    return _NumpyKind(code)


def _numpy_scalar(kind: _NumpyKind, content: bytes) -> Any:
    """A numpy number, as training programs save beside the weights (best scores)."""
    return np.frombuffer(content, np.dtype(kind.order + kind.code), count=1)[0]


def _encode(text: str, encoding: str) -> bytes:
    """How pickles of PyTorch's protocol write bytes."""
    if encoding != "latin1":
        raise Refused(f"_codecs.encode to {encoding}")
    return text.encode("latin1")


_ALLOWED: Mapping[str, Callable] = {
    "collections.OrderedDict": collections.OrderedDict,
    "torch.Size": tuple,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "numpy.dtype": _numpy_kind,
    "numpy.core.multiarray.scalar": _numpy_scalar,
    "numpy._core.multiarray.scalar": _numpy_scalar,
    "_codecs.encode": _encode,
    "__builtin__.set": set,
    "builtins.set": set,
}
