"""Reads other programs' checkpoints: safetensors, PyTorch's pickles without running what is in them, Keras's VGG16."""

import contextlib
import pathlib
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
import safetensors

from real3d_jax.errors import UserError
from real3d_jax.weights import keras_vgg

# What a folder is searched for: these names first, then whatever else has one of the endings.
_USUAL_NAMES = ("model.safetensors", "model.ckpt", "pytorch_model.bin")
_ENDINGS = (".safetensors", ".ckpt", ".pth", ".pth.tar", ".pt", ".bin")
# Files of our own format (`converted.py`). The second has what a model does not use, kept for the way back.
PARAMS, UNUSED = "params.safetensors", "unused.safetensors"


class Tensors(Mapping[str, np.ndarray]):
    """The tensors of a file by name, each read when asked for."""

    def __init__(self, names: Mapping[str, Any], read: Callable[[Any], np.ndarray]):
        """`names` gives each tensor's handle, `read` turns a handle into the array."""
        self._names = dict(names)
        self._read = read

    def __getitem__(self, name: str) -> np.ndarray:
        return self._read(self._names[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def find_file(path: pathlib.Path) -> pathlib.Path | None:
    """The checkpoint that `path` is or, if it is a folder, holds; None if the folder holds none.

    Raises:
      UserError: nothing is there, or the folder holds several.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise UserError(f"There is no file or folder '{path}': check the path.")
    for name in _USUAL_NAMES:
        if (path / name).is_file():
            return path / name
    found = sorted(
        file
        for file in path.iterdir()
        if file.name.endswith(_ENDINGS) and file.name not in (PARAMS, UNUSED) and file.is_file()
    )
    if len(found) > 1:
        names = ", ".join(file.name for file in found[:4])
        raise UserError(f"The folder '{path}' holds several checkpoints ({names}): name the one to read.")
    return found[0] if found else None


def read_tensors(path: pathlib.Path) -> Tensors:
    """The tensors of a checkpoint file, whatever its name.

    A PyTorch file may hold the tensors themselves or, among other things, a `state_dict`; the `module.` that data
    parallel training puts before every name is taken off.

    Raises:
      UserError: the file is empty, cut short, of no known format, or would run code when read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise UserError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    if not start:
        raise UserError(f"'{path}' is empty: get the file again.")
    if start[8:] == b"{":  # first, because the length before it may begin like the others
        tensors = read_safetensors(path)
    elif start[:2] == b"PK" or start[0] == 0x80:
        tensors = _read_torch(path)
    elif start.startswith(keras_vgg.MAGIC):
        names = keras_vgg.read_keras_vgg(path)
        tensors = Tensors({name: name for name in names}, names.__getitem__)
    elif start.startswith(b"version h"):
        raise UserError(f"'{path}' is a Git LFS pointer, not the weights: run `git lfs pull` where it came from.")
    else:
        raise UserError(f"'{path}' is neither a safetensors nor a PyTorch file, nor one of Keras: get the file again.")
    if not len(tensors):
        raise UserError(f"'{path}' holds no tensors: give a file of model weights.")
    if all(name.startswith("module.") for name in tensors):
        return Tensors({name.removeprefix("module."): name for name in tensors}, tensors.__getitem__)
    return tensors


def read_safetensors(path: pathlib.Path) -> Tensors:
    """The tensors of a safetensors file. Raises UserError if it is cut short or no such file."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            header = struct.unpack("<Q", file.read(8))[0]
        if header > size - 8:
            raise UserError(f"'{path}' is cut short: get the file again.")
        opened = safetensors.safe_open(str(path), framework="numpy")
        names = list(opened.keys())
    except (OSError, struct.error, safetensors.SafetensorError) as error:
        raise UserError(f"'{path}' is cut short or no safetensors file ({error}): get the file again.") from error
    return Tensors({name: name for name in names}, opened.get_tensor)


def _read_torch(path: pathlib.Path) -> Tensors:
    torch = import_torch(f"'{path}' is a PyTorch file")
    try:
        # torch.load believes the ending .safetensors, but not that of an open file; it can map only a named file.
        misnamed = path.suffix == ".safetensors"
        mapped = not misnamed and zipfile.is_zipfile(path)
        with _numpy_scalars(torch), path.open("rb") as file:
            content = torch.load(file if misnamed else path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # a damaged pickle can fail in any way
        refused = str(error).partition("GLOBAL ")[2].split(" ")[0]
        if refused:
            raise UserError(
                f"'{path}' holds {refused}, which could run code when read: save its tensors alone, as safetensors."
            ) from error
        reason = (str(error) or type(error).__name__).splitlines()[0].split(". ")[0].rstrip(".")
        raise UserError(f"'{path}' is damaged or cut short ({reason}): get the file again.") from error
    while isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise UserError(f"'{path}' holds a {type(content).__name__}, not tensors by name: save the state_dict.")
    for name, value in content.items():
        if not isinstance(value, torch.Tensor):
            raise UserError(f"'{path}' holds '{name}', which is no tensor: save the model's state_dict alone.")
    return Tensors(content, lambda tensor: _to_numpy(torch, tensor))


def import_torch(why: str) -> Any:
    """PyTorch, which is an optional extra. Raises UserError, beginning with `why`, if it is not installed."""
    try:
        import torch
    except ImportError as error:
        raise UserError(
            f"{why} and PyTorch is not installed: run `pip install 'real3d-jax[torch]'`, or use safetensors."
        ) from error
    return torch


def _to_numpy(torch: Any, tensor: Any) -> np.ndarray:
    tensor = tensor.detach().contiguous()
    if tensor.dtype == torch.bfloat16:  # numpy alone does not know it
        return tensor.view(torch.uint16).numpy().view(jnp.bfloat16)
    return tensor.numpy()


def _numpy_scalars(torch: Any) -> contextlib.AbstractContextManager:
    """Lets numpy numbers through, which training programs save beside the weights (best scores); they run nothing."""
    dtypes = [type(np.dtype(name)) for name in ("float16", "float32", "float64", "int32", "int64", "bool")]
    scalar = np.float32(0).__reduce__()[0]
    aliases = [(scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    return torch.serialization.safe_globals([*aliases, np.dtype, *dtypes])
