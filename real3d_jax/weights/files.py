"""Reads other programs' checkpoints: safetensors, PyTorch's files without running what is in them, Keras's VGG16."""

import contextlib
import functools
import json
import pathlib
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
import safetensors

from real3d_jax.errors import UserError
from real3d_jax.runtime.folders import is_litter
from real3d_jax.weights import keras_vgg, torch_zip

# What a folder is searched for: these names first, then whatever else has one of the endings.
_USUAL_NAMES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "model.ckpt",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
_ENDINGS = (".safetensors", ".ckpt", ".pth", ".pth.tar", ".pt", ".bin")
_INDEX = ".index.json"  # names the parts of a checkpoint and what is in each
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.")
# What wraps a model leaves its name among those of the tensors; the first does so at their beginning alone.
_PARALLEL, _WRAPPERS = "module.", ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
# Types of safetensors that numpy has, and how files of other programs begin.
_TYPES = ("F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL")
_TORCH_TYPES = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")
_OTHERS = {
    b"GGUF": "a GGUF file, whose numbers are quantised: get the original weights",
    b"\x93NUMPY": "an array of NumPy: get the file that it was taken from",
    b"\x1f\x8b": "compressed: unpack it with gunzip",
    b"7z\xbc\xaf": "compressed: unpack it with 7z",
    b"\x28\xb5\x2f\xfd": "compressed: unpack it with zstd",
}
# What to do about what a PyTorch file asks for, by a part of its name.
_REFUSALS = {
    "TorchScript": "a TorchScript program, not weights: save torch.jit.load(FILE).state_dict()",
    "torch.export": "a program of torch.export, not weights: save the model's state_dict",
    "NumPy": "arrays of NumPy: save them as safetensors",
    "Keras": "a whole model of Keras: save its weights as safetensors",
    "_rebuild_qtensor": "quantised tensors, whose scales are not applied: save tensor.dequantize() of each",
    "QInt": "quantised tensors, whose scales are not applied: save tensor.dequantize() of each",
    "_rebuild_sparse": "sparse tensors: save tensor.to_dense() of each",
    "_rebuild_nested": "nested tensors: save them one by one",
    "_rebuild_meta": "tensors without numbers (of the device 'meta'): save the model once its weights are loaded",
    "_rebuild_tensor_v3": "tensors of a type such as float8: save them as float32",
    "torch.Complex": "complex numbers: save real ones",
    "negated": "tensors that are negated or conjugated as they are read: save tensor.resolve_neg().resolve_conj()",
}
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
        if file.name.endswith((*_ENDINGS, _INDEX))
        and file.name not in (PARAMS, UNUSED)
        and not is_litter(file.name)
        and file.is_file()
    )
    indices = [file for file in found if file.name.endswith(_INDEX)]
    found = indices + [file for file in found if file not in indices and not (indices and _PART.search(file.name))]
    if len(found) > 1 and all(_PART.search(file.name) for file in found):
        raise UserError(
            f"The folder '{path}' holds parts of a checkpoint without the {_INDEX} that names them: get it."
        )
    if len(found) > 1:
        names = ", ".join(file.name for file in found[:4])
        raise UserError(f"The folder '{path}' holds several checkpoints ({names}): name the one to read.")
    return found[0] if found else None


def read_tensors(path: pathlib.Path) -> Tensors:
    """The tensors of a checkpoint file, whatever its name.

    A PyTorch file may hold the tensors themselves or, among other things, a `state_dict`. What wrappers add to names
    is taken off: `module.` (data parallel training), `_orig_mod.` (torch.compile) and others. An `.index.json` stands
    for the parts that it names.

    Raises:
      UserError: the file is empty, cut short, of no known format, one part of several, or would run code when read; or
        its tensors are quantised, sparse, or of another type that is not read.
    """
    if path.name.endswith(_INDEX):
        return _plainly_named(path, _read_parts(path))
    part = _PART.search(path.name)
    if part and int(part[2]) > 1:
        raise UserError(f"'{path}' is one part of {int(part[2])}: give the folder of all, or their {_INDEX}.")
    return _plainly_named(path, _read_file(path))


def _read_parts(path: pathlib.Path) -> Tensors:
    """The tensors of the files that an index names."""
    try:
        places = dict(json.loads(path.read_bytes())["weight_map"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"'{path}' is no index of a checkpoint's parts (no 'weight_map'): get the file again."
        ) from error
    parts = {}
    for name in sorted(map(str, places.values())):
        if name in parts:
            continue
        if pathlib.PurePath(name).name != name:
            raise UserError(f"'{path}' names '{name}', which is no file beside it: get the files again.")
        if not (path.parent / name).is_file():
            raise UserError(f"'{path}' names '{name}', which is missing: get all parts.")
        parts[name] = _read_file(path.parent / name)
    held = {(part, name) for part, tensors in parts.items() for name in tensors}
    named = {(part, name) for name, part in places.items()}
    if held != named:
        part, name = min(named - held or held - named)
        said = "does not hold" if named - held else "holds beside what it says"
        raise UserError(f"'{path}' does not fit its parts ('{part}' {said} {name}): get all of one version.")
    return Tensors({name: (part, name) for name, part in places.items()}, lambda place: parts[place[0]][place[1]])


def _plainly_named(path: pathlib.Path, tensors: Tensors) -> Tensors:
    """The tensors under their names in the model, without those of what wrapped it."""
    names = {name: ".".join(part for part in name.split(".") if part not in _WRAPPERS) for name in tensors}
    while names and all(plain.startswith(_PARALLEL) for plain in names.values()):
        names = {name: plain.removeprefix(_PARALLEL) for name, plain in names.items()}
    by_plain = {plain: name for name, plain in names.items()}
    if len(by_plain) < len(names):
        twice = next(name for name, plain in names.items() if by_plain[plain] != name)
        raise UserError(f"'{path}' holds both '{twice}' and '{by_plain[names[twice]]}': save one model alone.")
    return tensors if names.keys() == by_plain.keys() else Tensors(by_plain, tensors.__getitem__)


def _read_file(path: pathlib.Path) -> Tensors:
    """The tensors of one file under the names that it has."""
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
    elif other := next((said for magic, said in _OTHERS.items() if start.startswith(magic)), None):
        raise UserError(f"'{path}' is {other}.")
    else:
        raise UserError(f"'{path}' is neither a safetensors nor a PyTorch file, nor one of Keras: get the file again.")
    if not len(tensors):
        raise UserError(f"'{path}' holds no tensors: give a file of model weights.")
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
        types = {name: str(opened.get_slice(name).get_dtype()) for name in opened.keys()}  # noqa: SIM118
    except (OSError, struct.error, safetensors.SafetensorError) as error:
        raise UserError(f"'{path}' is cut short or no safetensors file ({error}): get the file again.") from error
    for name, kind in types.items():
        if kind not in _TYPES:
            raise UserError(f"'{path}' holds {name} as {kind}, which is not read: save it as float32.")
    return Tensors({name: name for name in types}, opened.get_tensor)


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
    named = _named(path, content, torch.Tensor)
    for name, tensor in named.items():
        if tensor.is_quantized or tensor.layout != torch.strided or tensor.is_meta:
            kind = (
                "_rebuild_qtensor" if tensor.is_quantized else "_rebuild_meta" if tensor.is_meta else "_rebuild_sparse"
            )
            raise _refusal(path, kind)
        if str(tensor.dtype).removeprefix("torch.") not in _TORCH_TYPES:
            raise UserError(f"'{path}' holds {name} as {tensor.dtype}, which is not read: save it as float32.")
    return Tensors(named, functools.partial(_to_numpy, torch))


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
    known = next((said for part, said in _REFUSALS.items() if part in name), None)
    if known:
        return UserError(f"'{path}' holds {known}.")
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
    tensor = tensor.detach().resolve_neg().contiguous()
    if tensor.dtype == torch.bfloat16:  # numpy alone does not know it
        return tensor.view(torch.uint16).numpy().view(jnp.bfloat16)
    return tensor.numpy()


def _numpy_scalars(torch: Any) -> contextlib.AbstractContextManager:
    """Lets numpy numbers through, which training programs save beside the weights (best scores); they run nothing."""
    dtypes = [type(np.dtype(name)) for name in ("float16", "float32", "float64", "int32", "int64", "bool")]
    scalar = np.float32(0).__reduce__()[0]
    aliases = [(scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    return torch.serialization.safe_globals([*aliases, np.dtype, *dtypes])
