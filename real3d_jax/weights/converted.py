"""Our own format of weights: a folder with `params.safetensors`, `config.json` and perhaps `unused.safetensors`."""

import dataclasses
import json
import os
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.numpy
from flax import traverse_util

from real3d_jax.errors import UserError
from real3d_jax.weights.files import read_safetensors
from real3d_jax.weights.mapping import flatten

PARAMS, CONFIG, UNUSED = "params.safetensors", "config.json", "unused.safetensors"
_FORMAT = 1
_KINDS = ("lrm", "vit", "clip", "vgg", "alex", "inception", "efficientnet")


@dataclasses.dataclass(frozen=True)
class Weights:
    """Converted weights.

    Attributes:
      kind: 'lrm' (the whole model), 'vit' (an image tokenizer), 'clip', 'vgg', 'alex', 'inception' or 'efficientnet'.
      architecture: what is known of the sizes: for 'lrm' the fields of `config.model.ModelConfig` that shapes tell,
        for 'vit' those of `VitConfig`, for 'clip' `vit`, `projection` and `image_size`, for the others nothing.
      params: the nested parameter tree, float32.
      unused: tensors that a foreign file held and its format needs, but we do not; by TripoSR's names.
    """

    kind: str
    architecture: Mapping[str, Any]
    params: dict
    unused: Mapping[str, np.ndarray]


def is_converted(path: pathlib.Path) -> bool:
    """Whether `path` is a folder in this format."""
    return (path / PARAMS).is_file() and (path / CONFIG).is_file()


def save_weights(path: str | os.PathLike, weights: Weights) -> None:
    """Writes the folder `path`, whole or not at all. Converted weights that are there already are replaced.

    Raises:
      UserError: something else is there, or the place cannot be written.
    """
    path = pathlib.Path(path)
    if path.exists() and not is_converted(path) and not (path.is_dir() and not any(path.iterdir())):
        raise UserError(f"'{path}' exists and holds no converted weights: choose another output.")
    config = {"format": _FORMAT, "kind": weights.kind, "architecture": dict(weights.architecture)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as temporary:
            new = pathlib.Path(temporary) / "new"
            new.mkdir()
            flat = {path: np.ascontiguousarray(array) for path, array in flatten(weights.params).items()}
            safetensors.numpy.save_file(flat, new / PARAMS)
            save_unused(new, weights.unused)
            (new / CONFIG).write_text(json.dumps(config, indent=2) + "\n")
            if path.exists():
                path.rename(pathlib.Path(temporary) / "old")
            new.rename(path)
    except OSError as error:
        raise UserError(f"'{path}' cannot be written: {error.strerror or error}.") from error


def load_weights(path: str | os.PathLike) -> Weights:
    """Reads a folder that `save_weights` wrote.

    Raises:
      UserError: there is none, or it is damaged.
    """
    path = pathlib.Path(path)
    if not is_converted(path):
        raise UserError(
            f"'{path}' holds no converted weights: make them with `python launch/convert_weights.py --input FILE "
            "--output FOLDER`."
        )
    try:
        config = json.loads((path / CONFIG).read_text())
        if config["format"] != _FORMAT or config["kind"] not in _KINDS:
            raise UserError(f"'{path / CONFIG}' is of another format or kind: convert the weights again.")
        architecture = dict(config["architecture"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"'{path / CONFIG}' is damaged: convert the weights again.") from error
    params = traverse_util.unflatten_dict(dict(read_safetensors(path / PARAMS)), sep="/")
    return Weights(config["kind"], architecture, params, load_unused(path))


def save_unused(folder: str | os.PathLike, unused: Mapping[str, np.ndarray]) -> None:
    """Writes `unused.safetensors` into a folder; nothing if there are no such tensors."""
    if unused:
        safetensors.numpy.save_file(dict(unused), pathlib.Path(folder) / UNUSED)


def load_unused(folder: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads a folder's `unused.safetensors`; empty if there is none."""
    path = pathlib.Path(folder) / UNUSED
    return dict(read_safetensors(path)) if path.is_file() else {}
