"""The mesh of a field, as a configuration wants it: cleaned, decimated, and with colours or a texture."""

import contextlib
import dataclasses

import numpy as np
from jaxtyping import Float

from real3d_jax.config.conditioned import AnyRenderConfig
from real3d_jax.config.reconstruction import SurfaceConfig
from real3d_jax.export.cleaning import decimated, smoothed, without_floaters
from real3d_jax.export.isosurface import extract_mesh, query_colours
from real3d_jax.export.mesh import Mesh
from real3d_jax.export.stages import Stage
from real3d_jax.export.texture import textured
from real3d_jax.rendering import TriplaneField


def make_surface(
    field: TriplaneField,
    render: AnyRenderConfig,
    surface: SurfaceConfig,
    *,
    stage: Stage = contextlib.nullcontext,
) -> Mesh:
    """The mesh of one field in world coordinates, its colours asked for where its vertices and texels are in the end.

    Args:
      field: a batch of one.
      render: of the field.
      surface: what is wanted.
      stage: called with the name of each step, entered before it and left after it; for clocks. The densities of the
        grid are waited for within the step 'marching', and UVs and texels' colours are found within 'texture'.

    Raises:
      UserError: the field is empty or broken.
    """

    def colours_at(points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
        with stage("colours"):
            return query_colours(field, render, np.clip(points, -render.radius, render.radius))

    with stage("marching"):
        mesh = extract_mesh(
            field,
            render,
            resolution=surface.resolution,
            threshold=surface.threshold,
            colours=False,
            skip_empty=surface.skip_empty,
            stage=stage,
        )
    with stage("floaters"):
        mesh = smoothed(without_floaters(mesh, surface.least_share), surface.smoothing)
    with stage("decimation"):
        mesh = decimated(mesh, surface.faces or (surface.textured_faces if surface.texture else 0))
    mesh = dataclasses.replace(mesh, colours=colours_at(mesh.vertices))
    if not surface.texture:
        return mesh
    with stage("texture"):
        texture = textured(mesh.vertices, mesh.faces, colours_at, size=surface.texture, stage=stage)
    return dataclasses.replace(mesh, texture=texture)
