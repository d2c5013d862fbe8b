"""Our own format of weights: a folder with `params.safetensors`, `config.json` and perhaps `unused.safetensors`.

It may store parameters with fewer bits (`precision.py`); what is read is float32 always.
"""

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
from real3d_jax.weights.files import PARAMS, UNUSED, read_safetensors
from real3d_jax.weights.mapping import flatten
from real3d_jax.weights.precision import PRECISIONS, decode, encode, relative_error

CONFIG = "config.json"
_CARD = "README.md"  # about the model, by hand; it stays when the weights are replaced
_FORMAT = 1
_KINDS = ("lrm", "conditioned", "vit", "dinov2", "clip", "vgg", "alex", "inception", "efficientnet")


@dataclasses.dataclass(frozen=True)
class Weights:
    """Converted weights.

    Attributes:
      kind: 'lrm' (the whole model), 'conditioned' (the camera-conditioned one), 'vit' or 'dinov2' (the image
        tokenizer of one or the other), 'clip', 'vgg', 'alex', 'inception' or 'efficientnet'.
      architecture: what is known of the sizes: for 'lrm' the fields of `config.model.ModelConfig` that shapes tell, for
        'conditioned' those of `config.conditioned.ConditionedModelConfig`, for 'vit' those of `VitConfig`, for
        'dinov2' those of `config.conditioned.DinoV2Config` (without `heads` where nothing tells them), for 'clip'
        `vit`, `projection` and `image_size`, for the others nothing.
      params: the nested parameter tree, float32.
      unused: tensors that a foreign file held and its format needs, but we do not; by TripoSR's names.
      trained: what a training run knew beyond the shapes (`trained.of_run`); empty for foreign files. `architecture` is
        then the whole of `ModelConfig`.
    """

    kind: str
    architecture: Mapping[str, Any]
    params: dict
    unused: Mapping[str, np.ndarray]
    trained: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def is_converted(path: pathlib.Path) -> bool:
    """Whether `path` is a folder in this format."""
    return (path / PARAMS).is_file() and (path / CONFIG).is_file()


def save_weights(path: str | os.PathLike, weights: Weights, *, precision: str = "float32") -> float:
    """Writes the folder `path`, whole or not at all. Converted weights that are there already are replaced.

    Args:
      path: a folder; those above it are made.
      weights: what to write.
      precision: of the parameters, one of `precision.PRECISIONS`.

    Returns:
      The relative error (root mean square) of what is stored; 0 for float32.

    Raises:
      UserError: something else is there, the place cannot be written, or the precision cannot hold the parameters.
    """
    path = pathlib.Path(path)
    if path.exists() and not is_converted(path) and not _is_free(path):
        raise UserError(f"'{path}' exists and holds no converted weights: choose another output.")
    params = flatten(weights.params)
    stored = encode(params, precision)
    config = {
        "format": _FORMAT,
        "kind": weights.kind,
        "precision": precision,
        "architecture": dict(weights.architecture),
        "trained": dict(weights.trained),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as temporary:
            new = pathlib.Path(temporary) / "new"
            new.mkdir()
            safetensors.numpy.save_file(stored, new / PARAMS)
            save_unused(new, weights.unused)
            (new / CONFIG).write_text(json.dumps(config, indent=2) + "\n")
            if (path / _CARD).is_file():
                shutil.copy(path / _CARD, new)
            if path.exists():
                path.rename(pathlib.Path(temporary) / "old")
            new.rename(path)
    except OSError as error:
        raise UserError(f"'{path}' cannot be written: {error.strerror or error}.") from error
    return 0.0 if precision == "float32" else relative_error(params, stored)


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
    config = _read_config(path / CONFIG)
    try:
        params = decode(dict(read_safetensors(path / PARAMS)))
    except ValueError as error:
        raise UserError(f"'{path / PARAMS}' is damaged ({error}): convert the weights again.") from error
    params = traverse_util.unflatten_dict(params, sep="/")
    return Weights(config["kind"], config["architecture"], params, load_unused(path), config["trained"])


def load_architecture(path: str | os.PathLike) -> dict[str, Any]:
    """What a folder that `save_weights` wrote knows of its sizes (`Weights.architecture`).

    Raises:
      UserError: it is damaged.
    """
    return _read_config(pathlib.Path(path) / CONFIG)["architecture"]


def load_trained(path: str | os.PathLike) -> dict[str, Any]:
    """What a folder that `save_weights` wrote knows of its training beside the `model`; empty for a foreign model.

    Raises:
      UserError: it is damaged.
    """
    config = _read_config(pathlib.Path(path) / CONFIG)
    return {"model": config["architecture"], **config["trained"]} if config["trained"] else {}


def _is_free(path: pathlib.Path) -> bool:
    return path.is_dir() and all(file.name == _CARD for file in path.iterdir())


def _read_config(path: pathlib.Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text())
        known = config["format"] == _FORMAT and config["kind"] in _KINDS
        if not known or config.get("precision", "float32") not in PRECISIONS:
            raise UserError(f"'{path}' is of another format or kind: convert the weights again.")
        # Folders of earlier versions do not say what their training knew.
        groups = {"architecture": dict(config["architecture"]), "trained": dict(config.get("trained", {}))}
        if groups["trained"] and not {"step", "render", "input"} <= groups["trained"].keys():
            raise ValueError("its group 'trained' is not whole")
        return config | groups
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"'{path}' is damaged: convert the weights again.") from error


def save_unused(folder: str | os.PathLike, unused: Mapping[str, np.ndarray]) -> None:
    """Writes `unused.safetensors` into a folder; nothing if there are no such tensors."""
    if unused:
        safetensors.numpy.save_file(dict(unused), pathlib.Path(folder) / UNUSED)


def load_unused(folder: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads a folder's `unused.safetensors`; empty if there is none."""
    path = pathlib.Path(folder) / UNUSED
    return dict(read_safetensors(path)) if path.is_file() else {}
