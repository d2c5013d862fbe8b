"""A trained model, found once: a run's step, converted weights, a foreign file, the package's own or the hub's."""

import dataclasses
import functools
import logging
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import jax
import numpy as np

from real3d_jax.checkpoints.run_folder import read_config_tree, read_params, step_folder
from real3d_jax.config import files as config_files
from real3d_jax.config.conditioned import (
    AnyModelConfig,
    AnyRenderConfig,
    ConditionedModelConfig,
    MetricRenderConfig,
)
from real3d_jax.config.model import ComputeConfig, ModelConfig
from real3d_jax.errors import UserError
from real3d_jax.models.choice import abstract_any_params, make_any_model
from real3d_jax.models.presets import CONDITIONED_PRESETS, PRESETS
from real3d_jax.runtime import stores
from real3d_jax.runtime.console import say
from real3d_jax.runtime.stores import Folder
from real3d_jax.weights import hub, openlrm, published
from real3d_jax.weights.boxed import NAMES, find_checkpoint
from real3d_jax.weights.convert import convert_checkpoint
from real3d_jax.weights.converted import CONFIG, PARAMS, Weights, is_converted, load_trained, load_weights
from real3d_jax.weights.files import UNUSED, find_file
from real3d_jax.weights.loading import check_finite, check_shapes, params_for
from real3d_jax.weights.trained import FIELD, camera_of_photographs

# What a repository of the hub may hold: converted weights, or a foreign file.
_HUB_FILES = ((CONFIG, PARAMS), ("model.safetensors",), ("model.ckpt",), ("pytorch_model.bin",))


@runtime_checkable
class Described(Protocol):
    """A configuration that says what a model is, such as `Config`, `EvaluationConfig` or `ReconstructionConfig`."""

    @property
    def model(self) -> AnyModelConfig: ...

    @property
    def compute(self) -> ComputeConfig: ...

    @property
    def render(self) -> AnyRenderConfig: ...


_DescribedT = TypeVar("_DescribedT", bound=Described)


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """A model's weights, found but not read.

    Attributes:
      source: what was given: a path, or a name.
      folder: where they lie: the folder of a run's step, or of converted weights, or the place of a foreign file.
      step: of training; None where they are not a run's.
      config: what their training knew, as a tree: its groups `model` and `render` at least. Empty for foreign files,
        which do not tell all of it.
      read: gives the parameters, numpy arrays, checked against a model's tree of shapes.
    """

    source: Folder
    folder: Folder
    step: int | None
    config: Mapping[str, Any]
    read: Callable[[Mapping], dict[str, Any]]

    @property
    def input_camera(self) -> Mapping[str, float]:
        """What is known of the input camera of a run, or of weights converted from one: `weights.trained.INPUT`."""
        if self.step is None or "data" not in self.config:
            return self.config.get("input", {})
        return camera_of_photographs(self.config)

    @property
    def unused(self) -> Folder | None:
        """The file of tensors that came with foreign weights and have no place in the model, kept for the way back."""
        folder = stores.absolute(self.folder)
        beside = (folder,) if self.step is None else (folder, *folder.parents[:2])  # a step lies two below its workdir
        return next((place / UNUSED for place in beside if (place / UNUSED).is_file()), None)


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """Parameters and where they are from.

    Attributes:
      params: numpy arrays.
      path: that was given.
      step: of training; None for weights that are not a run's.
      crc32: of all parameters, to know them again.
    """

    params: dict[str, Any]
    path: Folder
    step: int | None
    crc32: str

    @property
    def about(self) -> dict[str, Any]:
        """What settings files keep of it."""
        return {"path": str(self.path), "step": self.step, "crc32": self.crc32}

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.path}" if self.step is None else f"{self.path}, step {self.step}"


def find_model(source: Folder | str, *, ema: bool = False) -> TrainedModel:
    """The model that a path or a name stands for.

    Args:
      source: a training workdir (its latest step), its `best`, one step, converted weights, a foreign file or its
        folder, the name of boxed weights, or that of a repository of the hub, whose owner is no folder here.
      ema: takes the averaged parameters of a run.

    Raises:
      UserError: there is none, or it has no averaged parameters.
    """
    path = find_checkpoint(source)
    if not path.exists() and not stores.is_address(path):
        path = _from_hub(str(source))
    step = step_folder(path)
    if step is None and stores.is_address(path):
        raise UserError(f"There is no checkpoint in '{path}': give a training workdir or one of its steps.")
    if step is not None:
        read = functools.partial(_read_step, step, ema, f"The checkpoint '{path}'")
        return TrainedModel(stores.place(source), step, int(stores.absolute(step).name), read_config_tree(step), read)
    if is_converted(path):
        kind, config, read = "converted", load_trained(path), functools.partial(_read_converted, path)
    elif find_file(path) is not None:
        kind, config, read = "foreign", {}, functools.partial(_read_foreign, path)
    else:
        raise UserError(
            f"'{path}' is neither a training workdir nor a folder of converted weights, and holds no other program's "
            f"checkpoint: give one of these, or {_boxed_names()}."
        )
    if ema:
        raise UserError(f"'{source}' holds {kind} weights, which have no averaged ones: leave out --ema.")
    return TrainedModel(Path(source), path, None, config, read)


def as_trained(model: TrainedModel, config: _DescribedT) -> _DescribedT:
    """The configuration (a dataclass) with the architecture that a model was trained with, and its field's meaning.

    Foreign files do not tell all of it: for them the configuration is left as it is.
    """
    if not model.config:
        return config
    render = dataclasses.replace(config.render, **{name: model.config["render"][name] for name in FIELD})
    where = f"the model of '{model.source}'"
    architecture = config_files.build_nearest((ModelConfig, ConditionedModelConfig), model.config["model"], where)
    if isinstance(architecture, ConditionedModelConfig) != isinstance(config.render, MetricRenderConfig):
        kind, others = ("camera-conditioned", "canonical")[:: -1 if isinstance(architecture, ModelConfig) else 1]
        raise UserError(
            f"'{model.source}' is a {kind} model, and the config is for a {others} one: take a variant of its kind "
            f"({', '.join(sorted(CONDITIONED_PRESETS if kind == 'camera-conditioned' else PRESETS))})."
        )
    return dataclasses.replace(config, model=architecture, render=render)  # type: ignore[type-var]


def load_checkpoint(model: TrainedModel, config: Described) -> Checkpoint:
    """The model's parameters, checked against the configuration.

    Raises:
      UserError: they cannot be read, or belong to another model or renderer.
    """
    logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax warns about items that are not read
    expected = abstract_any_params(make_any_model(config.model, config.compute))
    _check_config(model, config)
    params = model.read(expected)
    if set(params) != set(expected):
        raise UserError(f"'{model.folder}' holds an image tokenizer alone: give the weights of a whole model.")
    crc = 0
    for leaf in jax.tree.leaves(params):
        crc = zlib.crc32(np.asarray(leaf).tobytes(), crc)
    return Checkpoint(params, model.source, model.step, f"{crc:08x}")


def _read_step(folder: Folder, ema: bool, where: str, expected: Mapping) -> dict[str, Any]:
    params = read_params(folder, ema=ema)
    check_shapes(params, expected, where=where)
    check_finite(params, where=where)
    return params


def _read_converted(folder: Path, expected: Mapping) -> dict[str, Any]:
    return _params(load_weights(folder), expected, folder)


def _read_foreign(path: Path, expected: Mapping) -> dict[str, Any]:
    return _params(convert_checkpoint(path).weights, expected, path)


def _params(weights: Weights, expected: Mapping, path: Path) -> dict[str, Any]:
    params = params_for(weights, expected, where=f"'{path}'")
    if weights.kind == openlrm.TABLE.kind and not weights.trained:
        say(f"note       {openlrm.LICENCE}")
    return params


def _from_hub(source: str) -> Path:
    """The folder of what a name of the hub stands for. A path whose first folder is there is not taken for one."""
    reason = ""
    if hub.is_hub_name(source) and not Path(source).parent.exists():
        if source in published.PUBLISHED:
            return published.fetch(source)
        try:
            return hub.fetch(source, _HUB_FILES)
        except hub.HubError as error:
            reason = f", nor does the hub give one of that name ({error})"
    raise UserError(
        f"There is no checkpoint '{source}'{reason}: give a training workdir, a folder of converted weights, or "
        f"{_boxed_names()}."
    )


def _boxed_names() -> str:
    return " or ".join(map(repr, NAMES))


def _check_config(model: TrainedModel, config: Described) -> None:
    tree = model.config
    if not tree:
        return
    same = config_files.to_tree(config.render)
    found = [
        *config_files.differences(tree["model"], config_files.to_tree(config.model), "config.model"),
        *config_files.differences(
            {name: tree["render"][name] for name in FIELD},
            {name: same[name] for name in FIELD},
            "config.render",
        ),
    ]
    if found:
        sizes = [name for name, preset in PRESETS.items() if config_files.to_tree(preset) == tree["model"]]
        hint = (
            f"its size is '{sizes[0]}', so write --config FILE.py:{sizes[0]}" if sizes else "use a config of its size"
        )
        raise UserError(
            f"The checkpoint '{model.source}' was trained as another model than the config describes "
            f"({'; '.join(found[:2])}): {hint}."
        )
