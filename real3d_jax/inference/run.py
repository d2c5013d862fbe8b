"""Reconstructs all photographs of an input: for each a folder with the model's input, views around it and a mesh."""

import json
import math
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np
from jaxtyping import UInt8
from PIL import Image
from tqdm import tqdm

from real3d_jax.checkpoints.trained_model import Checkpoint, TrainedModel, as_trained, load_checkpoint
from real3d_jax.config import files as config_files
from real3d_jax.config.reconstruction import ReconstructionConfig
from real3d_jax.data import photograph_files
from real3d_jax.data.photograph_files import PhotographFile
from real3d_jax.data.records import Unusable
from real3d_jax.errors import UserError
from real3d_jax.export.mesh_files import save_mesh
from real3d_jax.inference.checks import check
from real3d_jax.inference.model import Model
from real3d_jax.inference.preprocess import CutOut, load_rembg
from real3d_jax.inference.views import save_animation, save_strip
from real3d_jax.runtime import folders
from real3d_jax.runtime.cli import USER_ERROR
from real3d_jax.runtime.console import say
from real3d_jax.runtime.stopping import StopRequest

SETTINGS, INPUT, ORBIT, VIEWS, MESH = "settings.json", "input.png", "orbit.gif", "views.png", "mesh"
_UNFINISHED = ".unfinished-"
_MAY_DIFFER = ("config.orbit.frames_at_once", "checkpoint.path")


def reconstruct_all(
    config: ReconstructionConfig, trained: TrainedModel, source: str, out: Path, *, cut_out: str = ""
) -> int:
    """Reconstructs photographs, or goes on where a stopped run stood.

    Args:
      config: sizes; its model is that of foreign weights.
      trained: as `find_model` gives it.
      source: a photograph, a folder of them, or a glob pattern.
      out: folder of the results: `NAME/` for each photograph.
      cut_out: the network of rembg that finds the object where the background is not transparent; '' for none.

    Returns:
      The exit code: 0; 2 if a photograph could not be used; 143 (SIGTERM) or 130 (Ctrl-C) when stopped early.

    Raises:
      UserError: something has to be put right first.
    """
    with StopRequest() as stop:
        check(config)
        folder, found = photograph_files.find(source)
        config = as_trained(trained, config)
        loaded = load_checkpoint(trained, config)
        find_object = load_rembg(cut_out) if cut_out else None
        _begin(out, config, loaded, cut_out=cut_out)
        model = Model(config, loaded)
        _describe(config, trained, loaded, found, out)
        stop.begin()
        todo = [photograph for photograph in found if not (out / photograph.key / INPUT).exists()]
        failed: dict[str, str] = {}
        with tqdm(total=len(found), initial=len(found) - len(todo), unit="photograph", dynamic_ncols=True) as bar:
            for number, photograph in enumerate(todo, 1):
                try:
                    _reconstruct_one(model, folder, photograph, out, find_object)
                except Unusable as error:
                    failed[photograph.file] = str(error)
                    say(f"left out   {photograph.file}: {error}")
                except OSError as error:
                    raise _not_written(out, error) from error
                bar.update()
                if stop.requested(number) and number < len(todo):
                    say(f"stopped by {stop.name} after {number} of {len(todo)}; the same command goes on")
                    return stop.exit_code
    say(f"finished   {len(found) - len(failed)} of {len(found)} photographs, in {out}")
    return USER_ERROR if failed else 0


def _reconstruct_one(
    model: Model, folder: Path, photograph: PhotographFile, out: Path, find_object: CutOut | None
) -> None:
    """One photograph's folder, whole or not at all.

    Raises:
      Unusable: it is damaged, or shows no object.
    """
    result = model.reconstruct(photograph_files.open_upright(folder, photograph), find_object)
    surface = model.config.surface
    views = result.orbit()
    goal = out / photograph.key
    goal.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=out) as temporary:
        made = Path(temporary) / "made"
        made.mkdir()
        _save_views(made, views.rgb, views.frames_per_second)
        if surface.format:
            try:
                save_mesh(made / f"{MESH}.{surface.format}", result.mesh())
            except UserError as error:
                say(f"no mesh    {photograph.file}: {error}")
        Image.fromarray(result.image).save(made / INPUT)
        if goal.exists():
            # Other photographs lie below this one's folder. What tells that it is finished comes last.
            for path in sorted(made.iterdir(), key=lambda path: path.name == INPUT):
                path.replace(goal / path.name)
        else:
            made.rename(goal)


def _save_views(folder: Path, frames: UInt8[np.ndarray, "F r r 3"], frames_per_second: float) -> None:
    save_animation(folder / ORBIT, frames, frames_per_second)
    save_strip(folder / VIEWS, frames)


def _begin(out: Path, config: ReconstructionConfig, checkpoint: Checkpoint, *, cut_out: str) -> None:
    """Makes the folder of results, or makes sure that what is there is of the same settings."""
    settings = {"checkpoint": checkpoint.about, "cut_out": cut_out, "config": config_files.to_tree(config)}
    path = out / SETTINGS
    try:
        if path.exists():
            folders.check_same(
                folders.read_json(path, remedy="choose another --out"),
                settings,
                lambda change: f"'{out}' has results of other settings ({change}): choose another --out.",
                may_differ=_MAY_DIFFER,
            )
        elif not folders.is_unbegun(out):
            raise UserError(f"'{out}' is not empty and holds no reconstructions: choose another --out.")
        for leftover in out.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(leftover)
        folders.replace_text(path, json.dumps(settings, indent=1) + "\n")
    except OSError as error:
        raise _not_written(out, error) from error


def _not_written(out: Path, error: OSError) -> UserError:
    return UserError(f"'{out}' cannot be written ({error.strerror or error}): make room, or choose another --out.")


def _describe(
    config: ReconstructionConfig,
    model: TrainedModel,
    checkpoint: Checkpoint,
    found: Sequence[PhotographFile],
    out: Path,
) -> None:
    say(f"devices    {jax.devices()[0].device_kind}")
    say(f"checkpoint {checkpoint.title}")
    chosen = {
        "orbit.distance": config.orbit.distance,
        "orbit.fov_y": config.orbit.fov_y,
        "input.crop_ratio": config.input.crop_ratio,
    }
    for key, value in chosen.items():
        trained = model.input_camera.get(key.rpartition(".")[2], value)
        if not math.isclose(trained, value, rel_tol=1e-3):
            say(f"note       config.{key} is {value:g}; these weights were trained with {trained:g}")
    say(f"input      {len(found)} photographs")
    say(f"results    {out}")
