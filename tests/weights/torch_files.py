"""Writes files in PyTorch's format without PyTorch, true ones and ones that no program writes."""

import io
import pickle
import zipfile

import numpy as np


class Name:
    """Pickled as a call of the global of this name."""

    def __init__(self, module, name, *arguments):
        self.module, self.name, self.arguments = module, name, arguments


class _Kind(Name):
    """A kind of storage, which is named and not called."""


class Stored:
    """A storage, pickled as its persistent id."""

    def __init__(self, *pid):
        self.pid = pid


class _Pickler(pickle._Pickler):  # the one in Python, whose globals can be any
    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, Name):
            self.write(f"c{obj.module}\n{obj.name}\n".encode())
            if not isinstance(obj, _Kind):
                self.save(obj.arguments)
                self.write(pickle.REDUCE)
        elif isinstance(obj, Stored):
            self.save(obj.pid)
            self.write(pickle.BINPERSID)
        else:
            super().save(obj, save_persistent_id)


def _pickled(content) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, 2).dump(content)
    return buffer.getvalue()


def stored(count=6, key="0", kind="FloatStorage"):
    return Stored("storage", _Kind("torch", kind), key, "cpu", count)


def tensor(storage, offset=0, shape=(6,), strides=(1,)):
    return Name("torch._utils", "_rebuild_tensor_v2", storage, offset, shape, strides, False, {})


def write(path, content, *, order=None, data=None, compression=zipfile.ZIP_STORED):
    data = {"0": np.arange(6, dtype="<f4").tobytes()} if data is None else data
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", content if isinstance(content, bytes) else _pickled(content))
        archive.writestr("archive/version", "3\n")
        if order is not None:
            archive.writestr("archive/byteorder", order)
        for key, value in data.items():
            archive.writestr(f"archive/data/{key}", value)
    return path


def save(path, tensors, wrap=dict):
    """Writes float32 tensors as `torch.save` does; `wrap` may put the dictionary of them into another one."""
    state = {}
    for number, (name, value) in enumerate(tensors.items()):
        strides = [int(np.prod(value.shape[axis + 1 :])) for axis in range(value.ndim)]
        state[name] = tensor(stored(value.size, str(number)), shape=value.shape, strides=tuple(strides))
    data = {str(number): value.astype("<f4").tobytes() for number, value in enumerate(tensors.values())}
    return write(path, wrap(state), order="little", data=data)
