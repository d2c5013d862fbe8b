"""Reads other programs' checkpoints: safetensors, PyTorch's files without running what is in them, Keras's VGG16."""

import contextlib
import functools
import pathlib
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
import safetensors

from real3d_jax.errors import UserError
from real3d_jax.weights import keras_vgg, torch_zip

# What a folder is searched for: these names first, then whatever else has one of the endings.
_USUAL_NAMES = ("model.safetensors", "model.ckpt", "pytorch_model.bin")
_ENDINGS = (".safetensors", ".ckpt", ".pth", ".pth.tar", ".pt", ".bin")
_NESTED = 4  # how often a state_dict may lie in a state_dict
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
    elif start[:2] == b"PK":
        tensors = _read_torch_zip(path)
    elif start[0] == 0x80:
        tensors = _read_torch_pickle(path)
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


def _read_torch_zip(path: pathlib.Path) -> Tensors:
    try:
        content = torch_zip.read(path)
    except torch_zip.Refused as error:
        raise _refusal(path, str(error)) from error
    except torch_zip.Damaged as error:
        raise _damage(path, str(error)) from error
    return Tensors(_named(path, content, torch_zip.Tensor), lambda tensor: tensor.array())


def _read_torch_pickle(path: pathlib.Path) -> Tensors:
    """Files of PyTorch before 1.6, which only PyTorch reads."""
    torch = import_torch(f"'{path}' is in PyTorch's format from before version 1.6, which only PyTorch reads,")
    try:
        with _numpy_scalars(torch), path.open("rb") as file:  # torch.load believes the ending of a named file
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can fail in any way
        refused = str(error).partition("GLOBAL ")[2].split(" ")[0]
        if refused:
            raise _refusal(path, refused) from error
        raise _damage(path, (str(error) or type(error).__name__).splitlines()[0]) from error
    return Tensors(_named(path, content, torch.Tensor), functools.partial(_to_numpy, torch))


def _named(path: pathlib.Path, content: Any, kind: type) -> Mapping[str, Any]:
    """The tensors by name in what a PyTorch file holds. Raises UserError if something else is among them."""
    for _ in range(_NESTED):
        if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
            content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise UserError(f"'{path}' holds a {type(content).__name__}, not tensors by name: save the state_dict.")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, kind):
            raise UserError(f"'{path}' holds '{name}', which is no tensor: save the model's state_dict alone.")
    return content


def _refusal(path: pathlib.Path, name: str) -> UserError:
    return UserError(f"'{path}' holds {name}, which could run code when read: save its tensors alone, as safetensors.")


def _damage(path: pathlib.Path, reason: str) -> UserError:
    reason = reason.split(". ")[0].rstrip(".")
    return UserError(f"'{path}' is damaged or cut short ({reason}): get the file again.")


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
