"""What a training run knows of its weights beyond their shapes; converted weights carry it in their `config.json`."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from real3d_jax.weights.converted import Weights

# What a field means to a renderer; the other numbers of a training render may differ.
FIELD = ("radius", "density_bias", "background")
# The input camera, and how much of the picture the object fills. Synthetic views tell the distance alone.
INPUT = ("distance", "fov_y", "crop_ratio")


def of_run(config: Mapping[str, Any], *, step: int, inputs: Mapping[str, float | None]) -> dict[str, Any]:
    """The groups 'render' and 'input', and the step, of a run.

    Args:
      config: the run's configuration as a tree (`config.files.to_tree`).
      step: of the weights.
      inputs: of `INPUT`, what to write in place of what the run's data say; None leaves that.

    Returns:
      'render' has the fields of `RenderConfig` in `FIELD`; 'input' those of `INPUT` that are known: distance in world
      units, field of view in degrees, and the side of the square crop relative to the longer side of the object's box.
    """
    said = camera_of_photographs(config)
    said |= {name: value for name, value in inputs.items() if value is not None}
    return {
        "step": step,
        "render": {name: config["render"][name] for name in FIELD},
        "input": said,
    }


def camera_of_photographs(config: Mapping[str, Any]) -> dict[str, float]:
    """The group 'input' of a run as its photographs have it, which may be seen from farther away than its renders.

    Where it has none it is that of its renders; `config` as of `of_run`.
    """
    kinds = ("real", "streamed", "synthetic")
    sources = [source for kind in kinds for source in config["data"].get(kind, {}).values()]
    said = {name: next((x[name] for x in sources if name in x), None) for name in INPUT}
    if said["crop_ratio"] is not None:
        said["crop_ratio"] = sum(said["crop_ratio"]) / 2
    return {name: value for name, value in said.items() if value is not None}


def with_training(weights: Weights, config: Mapping[str, Any], trained: Mapping[str, Any]) -> Weights:
    """Weights of a run with its whole architecture, which shapes tell in part only, and with `of_run`'s groups."""
    return dataclasses.replace(weights, architecture=config["model"], trained=trained)
