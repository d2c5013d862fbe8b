"""Foreign checkpoints to converted weights, and the model's parameters back to a TripoSR file."""

import dataclasses
import os
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.numpy

from real3d_jax.errors import UserError
from real3d_jax.weights import alex, clip, dinov2, efficientnet, inception, openlrm, tsr, vgg, vit
from real3d_jax.weights.converted import Weights
from real3d_jax.weights.files import find_file, import_torch, read_tensors
from real3d_jax.weights.hf_config import TowerConfig, read_tower_config
from real3d_jax.weights.mapping import Imported, Table, export_tensors, import_tensors, matches

_OF_ONE_SIZE = (vgg.TABLE, alex.TABLE, inception.TABLE, efficientnet.TABLE)
_TABLES = (tsr.TABLE, openlrm.TABLE, vit.TABLE, dinov2.TABLE, clip.TABLE, clip.UNPREFIXED_TABLE, *_OF_ONE_SIZE)
_TOLD_BY_SHAPES = {
    "lrm": tsr.architecture,
    "conditioned": openlrm.architecture,
}


@dataclasses.dataclass(frozen=True)
class Conversion:
    """The result of reading a foreign checkpoint.

    Attributes:
      weights: converted.
      source: what the file was found to be.
      upcast: how many of its tensors had half precision.
    """

    weights: Weights
    source: str
    upcast: int


def convert_checkpoint(path: str | os.PathLike, *, allow_other_depth: bool = False) -> Conversion:
    """Converts a foreign checkpoint; what it is, is found from the names of its tensors.

    Args:
      path: a file, or a folder that holds one: TripoSR's `model.ckpt`, Real3D's checkpoints, OpenLRM v1.1's
        `model.safetensors`, transformers' ViT (DINO), DINOv2 or CLIP, with `config.json` beside it (which tells the
        attention heads; CLIP is refused without), torchvision's or timm's VGG16, torchvision's AlexNet,
        pytorch-fid's InceptionV3, EfficientNet-Lite0 by efficientnet-pytorch's names.
      allow_other_depth: accepts a file that has TripoSR's triplane tokens but fewer layers than TripoSR.

    Raises:
      UserError: it cannot be read, is of no known kind, or is not whole.
    """
    path = pathlib.Path(path)
    file = find_file(path)
    if file is None:
        raise UserError(f"The folder '{path}' holds no checkpoint: name the file.")
    where = f"'{file}'"
    tensors = read_tensors(file)
    table = identify(tensors, where=where)
    tower = _tower_config(file, table)
    if table is openlrm.TABLE:
        tensors = openlrm.as_table(tensors, where=where)
    if table is dinov2.TABLE:
        tensors = dinov2.as_table(tensors)
    imported = import_tensors(
        table, tensors, where=where, depths=_known_depths(table, tensors, tower, allow_other_depth)
    )
    # An image tokenizer's unused tensors have the names that they will have in a TripoSR file.
    prefix = tsr.VIT_PREFIX if table.kind == "vit" else ""
    unused = {prefix + name: tensor for name, tensor in imported.unused.items()}
    weights = Weights(table.kind, _architecture(table, imported, tower, where), imported.params, unused)
    return Conversion(weights, table.title, imported.upcast)


def identify(tensors: Mapping[str, np.ndarray], *, where: str) -> Table:
    """The format that most of the tensors' names fit. Raises UserError if none fits any."""
    best = max(_TABLES, key=lambda table: matches(table, tensors))
    if matches(best, tensors) == 0:
        names = ", ".join(list(tensors)[:3])
        titles = ", ".join(dict.fromkeys(table.title for table in _TABLES))
        raise UserError(f"{where} holds none of the tensors of a known format ({titles}); it begins with {names}.")
    return best


def weights_from_params(params: Mapping, unused: Mapping[str, np.ndarray], *, where: str) -> Weights:
    """The model's parameters as converted weights, with the architecture that their shapes tell."""
    table = openlrm.TABLE if "camera_embedder" in params else tsr.TABLE
    imported = import_tensors(table, export_tensors(table, params, unused, where=where), where=where)
    told = _TOLD_BY_SHAPES[table.kind](imported.sizes, imported.depths)
    return Weights(table.kind, told, imported.params, dict(unused))


def write_openlrm(path: str | os.PathLike, params: Mapping) -> pathlib.Path:
    """Writes the camera-conditioned model's parameters by OpenLRM's names; `path` and errors as of `write_tsr`."""
    path = pathlib.Path(path)
    path = path / "model.safetensors" if path.is_dir() else path
    views = export_tensors(openlrm.TABLE, params, {}, where="the parameter tree")
    return _write(path, openlrm.as_published(views))


def write_tsr(path: str | os.PathLike, params: Mapping, unused: Mapping[str, np.ndarray]) -> pathlib.Path:
    """Writes the model's parameters as a flat TripoSR checkpoint, which its PyTorch program loads with `strict=True`.

    Args:
      path: the file; safetensors if its name says so, otherwise PyTorch's format (needs torch). In an existing folder,
        `model.ckpt`.
      params: the model's parameter tree.
      unused: what came with the foreign checkpoint; tensors of the format that never were are written as zeros.

    Returns:
      The file written.

    Raises:
      UserError: the place cannot be written, or `params` is not the model's tree.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        path = path / "model.ckpt"
    return _write(path, export_tensors(tsr.TABLE, params, unused, where="the parameter tree"))


def _write(path: pathlib.Path, views: Mapping[str, np.ndarray]) -> pathlib.Path:
    """A flat file of tensors: safetensors, or PyTorch's by another suffix."""
    tensors = {name: np.ascontiguousarray(view) for name, view in views.items()}
    torch = None if path.suffix == ".safetensors" else import_torch(f"'{path}' is to be a PyTorch file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as temporary:
            new = pathlib.Path(temporary) / "new"
            if torch is None:
                safetensors.numpy.save_file(tensors, new)
            else:
                torch.save({name: torch.from_numpy(tensor) for name, tensor in tensors.items()}, new)
            new.replace(path)
    except OSError as error:
        raise UserError(f"'{path}' cannot be written: {error.strerror or error}.") from error
    return path


def _tower_config(file: pathlib.Path, table: Table) -> TowerConfig | None:
    if table.kind not in ("vit", "dinov2", "clip"):
        return None
    config = file.parent / "config.json"
    if config.is_file():
        return read_tower_config(config, table.kind)
    if table.kind == "clip":
        raise UserError(
            f"'{file}' is a CLIP model without its config.json, which tells its heads: put it beside the file."
        )
    return None


def _known_depths(
    table: Table, tensors: Mapping[str, np.ndarray], tower: TowerConfig | None, allow_other_depth: bool
) -> dict[str, int]:
    if tower is not None:
        return {rule.group: tower.vit.layers for rule in table.rules if rule.group}
    return tsr.published_depths(tensors) if table.kind == "lrm" and not allow_other_depth else {}


def _architecture(table: Table, imported: Imported, tower: TowerConfig | None, where: str) -> dict[str, Any]:
    if table in _OF_ONE_SIZE:
        return {}
    if table.kind in _TOLD_BY_SHAPES:
        return _TOLD_BY_SHAPES[table.kind](imported.sizes, imported.depths)
    if table.kind == "dinov2":
        told = dinov2.architecture(imported.sizes, imported.depths)
    else:
        (layers,) = imported.depths.values()
        told = vit.sizes_to_vit(imported.sizes, layers)
    if tower is None:
        return dinov2.with_published_heads(told) if table.kind == "dinov2" else told
    said = dataclasses.asdict(tower.vit)
    for field, size in told.items():
        if said[field] != size:
            raise UserError(
                f"{where} has {field} {size}, but its config.json says {said[field]}: they do not belong together."
            )
    if table.kind != "clip":
        return said
    return {"vit": said, "projection": imported.sizes["E"], "image_size": tower.image_size}
