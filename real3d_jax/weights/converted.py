"""Our own format of weights: a folder with `params.safetensors`, `config.json` and perhaps `unused.safetensors`."""

import dataclasses
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.numpy
from flax import traverse_util

from real3d_jax.errors import UserError
from real3d_jax.weights.files import read_safetensors
from real3d_jax.weights.tsr import VIT_PREFIX

PARAMS, CONFIG, UNUSED = "params.safetensors", "config.json", "unused.safetensors"
_FORMAT = 1
_KINDS = ("lrm", "vit", "clip", "vgg")
_NAMED = 3  # names that an error message spells out


@dataclasses.dataclass(frozen=True)
class Weights:
    """Converted weights.

    Attributes:
      kind: 'lrm' (the whole model), 'vit' (an image tokenizer), 'clip' or 'vgg'.
      architecture: what is known of the sizes: for 'lrm' the fields of `config.ModelConfig` that shapes tell, for
        'vit' those of `config.VitConfig`, for 'clip' `vit`, `projection` and `image_size`, for 'vgg' nothing.
      params: the nested parameter tree, float32.
      unused: tensors that a foreign file held and its format needs, but we do not; by foreign name.
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
            flat = traverse_util.flatten_dict(weights.params, sep="/")
            safetensors.numpy.save_file({name: np.ascontiguousarray(x) for name, x in flat.items()}, new / PARAMS)
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


def load_params_for(path: str | os.PathLike, expected: Mapping) -> tuple[dict, dict[str, np.ndarray]]:
    """Converted weights to start a model from, checked against its shapes.

    Args:
      path: a converted folder of kind 'lrm', or 'vit' for the image tokenizer alone.
      expected: the model's parameter tree; its leaves need a `shape` only.

    Returns:
      The parameters, float32, and the unused tensors by their names in TripoSR's file (to be kept with what is
      trained). Of kind 'vit' the tree has the key `image_tokenizer` alone; the caller keeps the rest of its own.

    Raises:
      UserError: there are no such weights, or they belong to a model of another size.
    """
    weights = load_weights(path)
    if weights.kind not in ("lrm", "vit"):
        raise UserError(f"'{path}' holds weights of kind '{weights.kind}', which no model starts from: give an lrm.")
    params, unused, expected = weights.params, dict(weights.unused), dict(expected)
    if weights.kind == "vit":
        params = {"image_tokenizer": params}
        unused = {VIT_PREFIX + name: tensor for name, tensor in unused.items()}
        expected = {"image_tokenizer": expected["image_tokenizer"]}
    check_shapes(params, expected, where=f"'{path}'")
    return params, unused


def check_shapes(params: Mapping, expected: Mapping, *, where: str) -> None:
    """Raises UserError, naming what is missing, surplus and mis-shaped, unless the trees have the same shapes."""
    have, want = (traverse_util.flatten_dict(dict(tree), sep="/") for tree in (params, expected))
    shared = have.keys() & want.keys()
    found = {
        "missing": sorted(want.keys() - have.keys()),
        "surplus": sorted(have.keys() - want.keys()),
        "mis-shaped": [
            f"{name} is {tuple(have[name].shape)} instead of {tuple(want[name].shape)}"
            for name in sorted(shared)
            if tuple(have[name].shape) != tuple(want[name].shape)
        ],
    }
    parts = [
        f"{len(names)} {what} ({', '.join(names[:_NAMED])}{', ...' if len(names) > _NAMED else ''})"
        for what, names in found.items()
        if names
    ]
    if parts:
        raise UserError(
            f"{where} belongs to a model of another size, with parameters {'; '.join(parts)}: "
            "match config.model to it, or give other weights."
        )
