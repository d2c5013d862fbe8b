"""Reconstructs all photographs of an input: for each a folder with the model's input, views around it and a mesh."""

import collections
import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from PIL import Image
from tqdm import tqdm

from real3d_jax.checkpoints.trained_model import Checkpoint, TrainedModel, as_trained, load_checkpoint
from real3d_jax.config import files as config_files
from real3d_jax.config.reconstruction import OrbitConfig, ReconstructionConfig
from real3d_jax.data import photograph_files
from real3d_jax.data.photograph_files import PhotographFile
from real3d_jax.data.records import Unusable
from real3d_jax.errors import UserError
from real3d_jax.export.mesh import save_mesh
from real3d_jax.images import DEPTH_UNIT
from real3d_jax.inference import result_folders as results
from real3d_jax.inference.checks import ORBIT_FORMATS, check, words
from real3d_jax.inference.model import Model
from real3d_jax.inference.preprocess import CutOut, load_rembg
from real3d_jax.inference.result_folders import INPUT, MESH, ORBIT, SETTINGS, VIEWS
from real3d_jax.inference.sheet import SHEET, Sheet
from real3d_jax.inference.views import DEPTH, MAPS, Views
from real3d_jax.runtime.cli import USER_ERROR
from real3d_jax.runtime.console import say
from real3d_jax.runtime.stopping import StopRequest

_NAMED = 5  # of a kind, that are told line by line before the rest is counted


@dataclasses.dataclass(frozen=True)
class _Run:
    """What all photographs of a run share."""

    model: Model
    folder: Path
    out: Path
    settings: Mapping[str, Any]
    find_object: CutOut | None
    always: bool
    redo: bool


def reconstruct_all(
    config: ReconstructionConfig,
    trained: TrainedModel,
    source: str,
    out: Path,
    *,
    cut_out: str = "",
    always: bool = False,
    redo: bool = False,
) -> int:
    """Reconstructs photographs, or goes on where a stopped run stood. Several processes may share one `out`.

    Args:
      config: sizes; its model is that of foreign weights.
      trained: as `find_model` gives it.
      source: a photograph, a folder of them, or a glob pattern.
      out: folder of the results: `NAME/` for each photograph.
      cut_out: the network of rembg that finds the object where the background is not transparent; '' for none.
      always: lets it find the object of all photographs.
      redo: makes results of other settings, or of another picture, anew.

    Returns:
      The exit code: 0; 2 if a photograph could not be used or has no mesh; 143 (SIGTERM) or 130 (Ctrl-C) when stopped
      early.

    Raises:
      UserError: something has to be put right first.
    """
    with StopRequest() as stop:
        check(config)
        folder, found = _find(source, out)
        config = as_trained(trained, config)
        loaded = load_checkpoint(trained, config)
        find_object = load_rembg(cut_out) if cut_out else None
        told = f"{cut_out}, always" if always else cut_out
        settings = results.settings_of(loaded.about, config_files.to_tree(config), cut_out=told)
        try:
            results.begin(out, settings, redo=redo)
        except OSError as error:
            raise _not_written(out, error) from error
        model = Model(config, loaded, input_camera=trained.input_camera)
        run = _Run(model, folder, out, settings, find_object, always, redo)
        _describe(config, trained, loaded, found, out)
        states = {photograph: _state(run, photograph) for photograph in found}
        _check_settings(states, out)
        stop.begin()
        todo = [photograph for photograph, state in states.items() if state.kind != results.DONE]
        sheet = Sheet(out, [photograph.key for photograph in found], config.sheet)
        counts: collections.Counter[str] = collections.Counter(kept=len(found) - len(todo))
        try:
            sheet.add(*(photograph.key for photograph in found if states[photograph].kind == results.DONE))
        except OSError as error:
            raise _not_written(out, error) from error
        with tqdm(total=len(found), initial=len(found) - len(todo), unit="photograph", dynamic_ncols=True) as bar:
            for number, photograph in enumerate(todo, 1):
                try:
                    counts[_reconstruct_one(run, photograph)] += 1
                    sheet.add(photograph.key)
                except Unusable as error:
                    counts["left out"] += 1
                    say(f"left out   {photograph.file}: {error}")
                except OSError as error:
                    raise _not_written(out, error) from error
                bar.update()
                if stop.requested(number) and number < len(todo):
                    say(f"stopped by {stop.name} after {number} of {len(todo)}; the same command goes on")
                    return stop.exit_code
    failed = counts["left out"] + counts["without a mesh"]
    say(f"finished   {len(found) - failed} of {len(found)} photographs, in {out}")
    say(f"           {', '.join(f'{count} {kind}' for kind, count in counts.items() if count)}")
    return USER_ERROR if failed else 0


def _find(source: str, out: Path) -> tuple[Path, list[PhotographFile]]:
    """The photographs, without what was made of others."""
    skipped: list[Path] = []

    def skip(folder: Path) -> bool:
        if not results.holds_results(folder):
            return False
        skipped.append(folder)
        return True

    try:
        folder, found = photograph_files.find(
            source, skip=skip, same_names=True, reserved=(SETTINGS, SHEET, *results.OWN)
        )
    finally:
        for one in skipped[:_NAMED]:
            say(f"note       '{one}' holds results, which are not taken for photographs")
    alike = [photograph.file for photograph in found if photograph.key == photograph.file]
    if alike:
        more = f" and {len(alike) - _NAMED} more" if len(alike) > _NAMED else ""
        say(f"note       names with their endings, to keep results apart: {', '.join(alike[:_NAMED])}{more}")
    return folder, found


def _state(run: _Run, photograph: PhotographFile) -> results.State:
    picture = results.identity(run.folder, photograph)
    return results.state(run.out / photograph.key, picture, run.settings, redo=run.redo)


def _check_settings(states: Mapping[PhotographFile, results.State], out: Path) -> None:
    other = [state.about for state in states.values() if state.kind == results.OTHER]
    if other:
        raise UserError(
            f"'{out}' has {len(other)} results of other settings ({other[0]}): choose another --out, or add --redo to "
            "make them anew."
        )


def _reconstruct_one(run: _Run, photograph: PhotographFile) -> str:
    """One photograph's folder, whole or not at all. Returns how it ended, as the summary counts it.

    Raises:
      Unusable: it is damaged, or shows no object, or its folder is another one's.
    """
    goal = run.out / photograph.key
    picture = results.identity(run.folder, photograph)
    state = results.state(goal, picture, run.settings, redo=run.redo)  # another process may have made it meanwhile
    if state.kind == results.DONE:
        return "kept"
    if state.kind == results.EMPTY:
        say(f"no mesh    {photograph.file}: {state.about}")
        return "without a mesh"
    if state.kind == results.FOREIGN:
        raise Unusable(f"'{goal}' has the result of '{state.about}': choose another --out, or add --redo to replace it")
    if state.kind == results.OTHER:
        raise Unusable(f"'{goal}' was made with other settings meanwhile ({state.about}): choose another --out")
    image = photograph_files.open_upright(run.folder, photograph)
    result = run.model.reconstruct(image, run.find_object, always=run.always)
    result = result.refine(run.model.config.refine.steps)
    for note in result.notes:
        say(f"note       {photograph.file}: {note}")
    surface, orbit, no_mesh = run.model.config.surface, run.model.config.orbit, ""
    views = result.orbit(geometry=bool(orbit.maps))
    with results.making(run.out, goal) as made:
        _save_views(made, views, orbit)
        if surface.format:
            try:
                mesh, path = result.mesh(), made / f"{MESH}.{surface.format}"
                save_mesh(path, mesh, axes=surface.axes)
                stands = f", upright for a camera at {result.elevation:.4g} degrees" if result.elevation else ""
                say(f"mesh       {photograph.file}: {mesh.summary}, {_size(path)}{stands}")
            except UserError as error:
                no_mesh = str(error)
                say(f"no mesh    {photograph.file}: {error}")
        Image.fromarray(result.image).save(made / INPUT)
        found = {"depth_unit": DEPTH_UNIT} if DEPTH in orbit.maps else {}
        if result.fov_y is not None:
            found["fov_y"] = round(result.fov_y, 3)
        if result.elevation:
            found["elevation"] = round(result.elevation, 3)
        results.write_record(made, picture, run.settings, no_mesh=no_mesh, notes=result.notes, found=found)
    if no_mesh:
        return "without a mesh"
    return "made anew" if state.kind in (results.EDITED, results.ANEW) else "made"


def _save_views(folder: Path, views: Views, orbit: OrbitConfig) -> None:
    for suffix in words(orbit.format, ORBIT_FORMATS, "config.orbit.format"):
        views.save(folder / f"{ORBIT}.{suffix}")
    views.save(folder / VIEWS)
    for kind in words(orbit.maps, MAPS, "config.orbit.maps"):
        views.save(folder / f"{kind}.png", of=kind)


def _size(path: Path) -> str:
    """Of a mesh and the files beside it, for people."""
    return f"{sum(file.stat().st_size for file in path.parent.glob(f'{MESH}.*')) / 1e6:.1f} MB"


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
    say_other_camera(config, model)
    say(f"input      {len(found)} photographs")
    say(f"results    {out}")


def say_other_camera(config: ReconstructionConfig, model: TrainedModel) -> None:
    """Tells which of the camera's numbers are others than those that a model was trained with."""
    chosen = {
        "orbit.distance": config.orbit.distance,
        "orbit.fov_y": config.orbit.fov_y,
        "input.crop_ratio": config.input.crop_ratio,
    }
    if config.refine.steps:
        chosen |= {"refine.distance": config.refine.distance, "refine.fov_y": config.refine.fov_y}
    for key, value in chosen.items():
        trained = model.input_camera.get(key.rpartition(".")[2], value)
        if not math.isclose(trained, value, rel_tol=1e-3):
            say(f"note       config.{key} is {value:g}; these weights were trained with {trained:g}")
