"""A trained model: a training run's checkpoint, converted weights, or those that come with the package."""

import dataclasses
import logging
import zlib
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import jax
import numpy as np

from real3d_jax.checkpoints.run_folder import is_training_folder, load_config_tree, load_params, step_folder
from real3d_jax.config import files as config_files
from real3d_jax.config.model import ComputeConfig, ModelConfig, RenderConfig
from real3d_jax.errors import UserError
from real3d_jax.models.lrm import abstract_params, make_model
from real3d_jax.models.presets import PRESETS
from real3d_jax.weights.boxed import NAMES, find_checkpoint
from real3d_jax.weights.converted import is_converted, load_trained
from real3d_jax.weights.loading import check_shapes, load_params_for
from real3d_jax.weights.trained import FIELD


@runtime_checkable
class Described(Protocol):
    """A configuration that says what a model is, such as `Config`, `EvaluationConfig` or `ReconstructionConfig`."""

    @property
    def model(self) -> ModelConfig: ...

    @property
    def compute(self) -> ComputeConfig: ...

    @property
    def render(self) -> RenderConfig: ...


_DescribedT = TypeVar("_DescribedT", bound=Described)


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """Parameters and where they are from.

    Attributes:
      params: numpy arrays.
      path: that was given.
      step: of training; None for converted weights.
      crc32: of all parameters, to know them again.
    """

    params: dict[str, Any]
    path: Path
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


def load_checkpoint(path: Path | str, config: Described, *, ema: bool) -> Checkpoint:
    """The parameters at `path`, checked against the configuration.

    Args:
      path: a training workdir (its latest step), its `best`, one step, converted weights, or the name of boxed ones.
      config: says which architecture is wanted.
      ema: takes the averaged parameters of a run.

    Raises:
      UserError: there are none, they cannot be read, or they belong to another model or renderer.
    """
    given, path = Path(path), find_checkpoint(path)
    if not path.exists():
        raise UserError(
            f"There is no checkpoint '{path}': give a training workdir, a folder of converted weights, or "
            f"{' or '.join(map(repr, NAMES))}."
        )
    logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax warns about items that are not read
    expected = abstract_params(make_model(config.model, config.compute))
    step = None
    if is_training_folder(path):
        _check_config(path, config)
        params = load_params(path, ema=ema)
        check_shapes(params, expected, where=f"The checkpoint '{path}'")
        folder = step_folder(path)
        step = int(folder.resolve().name) if folder is not None else None
    elif is_converted(path):
        if ema:
            raise UserError(f"'{given}' holds converted weights, which have no averaged ones: leave out --ema.")
        _check_config(path, config)
        params, _ = load_params_for(path, expected)
        if set(params) != set(expected):
            raise UserError(f"'{path}' holds an image tokenizer alone: give the weights of a whole model.")
    else:
        raise UserError(
            f"'{path}' is neither a training workdir nor a folder of converted weights: convert a foreign file with "
            "`python launch/convert_weights.py --input FILE --output FOLDER` first."
        )
    crc = 0
    for leaf in jax.tree.leaves(params):
        crc = zlib.crc32(np.asarray(leaf).tobytes(), crc)
    return Checkpoint(params, given, step, f"{crc:08x}")


def as_trained(path: Path | str, config: _DescribedT) -> _DescribedT:
    """The configuration (a dataclass) with the model of the training run at `path`, and with its field's meaning.

    Weights converted from a training run tell both, too. For those of foreign files, which do not tell all of it, and
    where nothing is, the configuration is left as it is.
    """
    tree = _training_tree(find_checkpoint(path))
    if not tree:
        return config
    render = dataclasses.replace(config.render, **{name: tree["render"][name] for name in FIELD})
    model = config_files.build(ModelConfig, tree["model"], f"the model of '{path}'")
    return dataclasses.replace(config, model=model, render=render)  # type: ignore[type-var]


def input_camera(path: Path | str) -> dict[str, float]:
    """What is known of the input camera of weights converted from a training run: `weights.trained.INPUT`."""
    folder = find_checkpoint(path)
    return load_trained(folder).get("input", {}) if is_converted(folder) else {}


def _training_tree(folder: Path) -> dict[str, Any]:
    """What a run's configuration says, its groups `model` and `render` at least; empty if it is not known."""
    if is_converted(folder):
        return load_trained(folder)
    return load_config_tree(folder) if folder.exists() and is_training_folder(folder) else {}


def _check_config(path: Path, config: Described) -> None:
    tree = _training_tree(path)
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
        sizes = [name for name, model in PRESETS.items() if config_files.to_tree(model) == tree["model"]]
        hint = (
            f"its size is '{sizes[0]}', so write --config FILE.py:{sizes[0]}" if sizes else "use a config of its size"
        )
        raise UserError(
            f"The checkpoint '{path}' was trained as another model than the config describes "
            f"({'; '.join(found[:2])}): {hint}."
        )
