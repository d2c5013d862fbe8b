"""The mesh of a field, as a configuration wants it: cleaned, decimated, and with colours or a texture."""

import dataclasses

import numpy as np
from jaxtyping import Float

from real3d_jax.config.conditioned import AnyRenderConfig
from real3d_jax.config.reconstruction import SurfaceConfig
from real3d_jax.export.cleaning import decimated, smoothed, without_floaters
from real3d_jax.export.isosurface import extract_mesh, query_colours
from real3d_jax.export.mesh import Mesh
from real3d_jax.export.texture import textured
from real3d_jax.rendering import TriplaneField


def make_surface(field: TriplaneField, render: AnyRenderConfig, surface: SurfaceConfig) -> Mesh:
    """The mesh of one field in world coordinates, its colours asked for where its vertices and texels are in the end.

    Raises:
      UserError: the field is empty or broken.
    """

    def colours_at(points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
        return query_colours(field, render, np.clip(points, -render.radius, render.radius))

    mesh = extract_mesh(
        field,
        render,
        resolution=surface.resolution,
        threshold=surface.threshold,
        colours=False,
        skip_empty=surface.skip_empty,
    )
    mesh = smoothed(without_floaters(mesh, surface.least_share), surface.smoothing)
    mesh = decimated(mesh, surface.faces or (surface.textured_faces if surface.texture else 0))
    mesh = dataclasses.replace(mesh, colours=colours_at(mesh.vertices))
    if not surface.texture:
        return mesh
    return dataclasses.replace(mesh, texture=textured(mesh.vertices, mesh.faces, colours_at, size=surface.texture))
