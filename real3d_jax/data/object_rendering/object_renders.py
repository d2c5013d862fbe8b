"""Renders one object, in a worker process."""

import contextlib
import functools
import json
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from real3d_jax.data import names
from real3d_jax.data.object_rendering import mesh_files, object_notes, stretching
from real3d_jax.data.object_rendering.meshes import Mesh, is_plain
from real3d_jax.data.object_rendering.object_list import MeshFile
from real3d_jax.data.object_rendering.rasterizer import Rasterizer
from real3d_jax.data.object_rendering.settings import RenderSettings
from real3d_jax.data.object_rendering.view_files import write_view
from real3d_jax.data.records import Unusable
from real3d_jax.data.sources.layout import RENDERS, check_mask


@runtime_checkable
class ColourRenderer(Protocol):
    """Makes the RGBA pictures of a mesh."""

    def loaded(self, mesh: Mesh) -> contextlib.AbstractContextManager[None]:
        """Holds a mesh for `colour`."""
        ...

    def colour(self, c2w: Float[np.ndarray, "4 4"], fov_y: float) -> UInt8[np.ndarray, "H W 4"]:
        """Straight-alpha RGBA, sRGB. `fov_y` in degrees."""
        ...


def render_object(mesh_file: MeshFile, folder: pathlib.Path, settings: RenderSettings) -> str | None:
    """Makes `folder/NAME`, which appears when it is whole.

    Returns:
      None, or why the object cannot be used.

    Raises:
      OSError: the folder cannot be written.
    """
    partial = partial_folder(folder, mesh_file.name)
    try:
        mesh = mesh_files.load(
            mesh_file.path,
            up_axis=settings.up_axis,
            fit=settings.fit,
            **_proportions(settings, mesh_file.name),
            allow_missing_files=settings.allow_missing_files,
        )
        if is_plain(mesh.parts):
            if settings.require_colour:
                raise Unusable(object_notes.PLAIN)
            mesh = mesh._replace(notes=(*mesh.notes, object_notes.PLAIN))
        partial.mkdir()
        _render(mesh, mesh_file, partial, settings)
    except Unusable as error:
        shutil.rmtree(partial, ignore_errors=True)
        return str(error)
    os.rename(partial, folder / mesh_file.name)
    return None


def _proportions(settings: RenderSettings, name: str) -> dict[str, np.ndarray]:
    """The options of `mesh_files.load` that make a mesh another object."""
    if not settings.stretched:
        return {}
    proportions = {"stretch": stretching.matrix(name, seed=settings.seed, between=settings.stretch)}
    if settings.uneven > 1:
        proportions["shares"] = stretching.lengths(name, seed=settings.seed, uneven=settings.uneven)
    return proportions


def partial_folder(folder: pathlib.Path, name: str) -> pathlib.Path:
    """Where an object is made. Hidden, so that no reader takes it for an object."""
    return folder / f".{name}.partial"


def poses(settings: RenderSettings, name: str) -> Float[np.ndarray, "cameras 4 4"]:
    """The cameras of an object, and spare ones. They follow from the settings and its name alone."""
    count = settings.views * (1 + settings.cameras.spares)
    return settings.cameras.poses(names.generator(name, purpose=str(settings.seed)), count)


def _next_picture(
    cameras: Iterator[Float[np.ndarray, "4 4"]], colours: ColourRenderer, fov_y: float, *, where: str
) -> tuple[Float[np.ndarray, "4 4"], UInt8[np.ndarray, "H W 4"]]:
    """The next camera whose picture shows the object and some background, and that picture.

    Raises:
      Unusable: there is none.
    """
    fault = Unusable(f"{where} has no camera left")
    for c2w in cameras:
        rgba = colours.colour(c2w, fov_y)
        try:
            check_mask(rgba, threshold=RENDERS, where=where)
            return c2w, rgba
        except Unusable as error:
            fault = error
    raise fault


@functools.cache
def renderers(settings: RenderSettings) -> tuple[ColourRenderer, Rasterizer]:
    """What makes the colours, and what makes depth and normals: one for all objects of this process.

    Raises:
      UserError: something that they need is not installed.
    """
    rasterizer = Rasterizer(size=settings.image_size, supersample=settings.supersample, lit=settings.lit)
    if settings.renderer == "rasterizer":
        return rasterizer, rasterizer
    from real3d_jax.data.object_rendering.path_tracer import PathTracer  # bpy takes seconds and is an extra

    return PathTracer(size=settings.image_size, samples=settings.samples), rasterizer


def _render(mesh: Mesh, mesh_file: MeshFile, folder: pathlib.Path, settings: RenderSettings) -> None:
    colours, rasterizer = renderers(settings)
    with contextlib.ExitStack() as loaded:
        for renderer in {id(r): r for r in (colours, rasterizer)}.values():
            loaded.enter_context(renderer.loaded(mesh))
        cameras = iter(poses(settings, mesh_file.name))
        shown = [*stretching.channels(mesh_file.name, seed=settings.seed, recoloured=settings.recoloured), 3]
        for number in range(settings.views):
            name = f"{number:05d}"
            c2w, rgba = _next_picture(cameras, colours, settings.fov_y, where=f"view '{name}'")
            surfaces = rasterizer.surfaces(c2w, settings.fov_y)
            write_view(folder, name, rgba=rgba[..., shown], surfaces=surfaces, c2w=c2w, fov_y=settings.fov_y)
    (folder / "mesh").mkdir()
    origin = {
        "file": mesh_file.path.name,
        "file_to_world": mesh.file_to_world.tolist(),
        object_notes.KEY: list(mesh.notes),
    }
    (folder / object_notes.ORIGIN).write_text(json.dumps(origin))
