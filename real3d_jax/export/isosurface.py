"""The surface of a field as a mesh: marching cubes on its density, a slab of the grid at a time."""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from real3d_jax.config.conditioned import AnyRenderConfig
from real3d_jax.errors import UserError
from real3d_jax.export.density_slabs import all_slabs, slabs_near_surface
from real3d_jax.export.marching import march
from real3d_jax.export.mesh import Mesh
from real3d_jax.export.stages import Stage, each_within
from real3d_jax.export.topology import without_flat_faces
from real3d_jax.rendering.field import TriplaneField, query_field

RESOLUTION = 256
THRESHOLD = 25.0
_BROKEN = "The field's density is not a number at some points: its weights or its input are broken."
_POINTS_AT_ONCE = {"cpu": 2**14}  # on which points cost alike in any number, those that fill up a chunk, too
_POINTS_AT_ONCE_ON_ACCELERATORS = 2**17

_query_field = jax.jit(query_field, static_argnums=2)


def extract_mesh(
    field: TriplaneField,
    config: AnyRenderConfig,
    *,
    resolution: int = RESOLUTION,
    threshold: float = THRESHOLD,
    colours: bool = True,
    skip_empty: bool = False,
    stage: Stage = contextlib.nullcontext,
) -> Mesh:
    """The surface on which the activated density is `threshold`, with the field's colours.

    Host and device hold slabs of 2^24 points of the grid, not all of it (`density_slabs.all_slabs`).

    Args:
      field: one field (a batch of one).
      config: box, bias and implementation.
      resolution: grid points per side, a multiple of 4; the outermost lie on the faces of the box.
      threshold: activated density of the surface; the published model's is 25.
      colours: whether to query them.
      skip_empty: asks for every fourth point along each side first, and for all points only near a surface that these
        show: several times as fast, but parts that are thinner than four steps and stand alone may be missed.
      stage: entered as 'grid' whenever densities are waited for.

    Raises:
      UserError: the field is empty at this threshold, or broken.
    """
    if field.planes.shape[0] != 1:
        raise ValueError(f"a mesh is made of one field, not of {field.planes.shape[0]}")
    slabs = (
        slabs_near_surface(field, config, resolution, threshold) if skip_empty else all_slabs(field, config, resolution)
    )
    shape = (resolution, resolution, resolution)
    slabs = each_within(stage, "grid", slabs)
    mesh = isosurface_of_slabs(slabs, shape, radius=config.radius, threshold=threshold)
    if colours:
        mesh = dataclasses.replace(mesh, colours=query_colours(field, config, mesh.vertices))
    return mesh


def isosurface(density: Float[np.ndarray, "x y z"], *, radius: float, threshold: float = THRESHOLD) -> Mesh:
    """Marching cubes of a density sampled at the points of a grid that spans [-radius, radius]^3.

    Outside the box there is nothing, so what the box cuts is closed by its faces and the mesh has no holes.

    Raises:
      UserError: no density is above the threshold, the threshold is not positive, or a density is not a number.
    """
    x, y, z = density.shape
    return isosurface_of_slabs([density], (x, y, z), radius=radius, threshold=threshold)


def isosurface_of_slabs(
    slabs: Iterable[Float[np.ndarray, "_ _ _"]],
    shape: tuple[int, int, int],
    *,
    radius: float,
    threshold: float = THRESHOLD,
) -> Mesh:
    """`isosurface` of a grid that comes in slabs; the same mesh, however it is cut.

    Args:
      slabs: consecutive layers along x, one or more each.
      shape: of the whole grid.
      radius: half the side of the box.
      threshold: density of the surface.

    Raises:
      UserError: as `isosurface`.
    """
    if threshold <= 0:
        raise UserError(f"The density threshold {threshold:g} is not above 0, the density of nothing: raise it.")
    highest = -np.inf

    def checked() -> Iterator[Float[np.ndarray, "_ _ _"]]:
        nonlocal highest
        for slab in slabs:
            if np.isnan(slab.max()):
                raise UserError(_BROKEN)
            highest = max(highest, float(slab.max()))
            yield slab

    vertices, faces = march(checked(), shape, threshold=threshold)
    if highest <= threshold:
        remedy = f"look at its renders, and set the threshold below that, to {highest / 2:.2g} say"
        if not float(f"{highest / 2:.2g}") > 0:
            remedy = "no threshold shows a surface, so look at the input and the weights"
        raise UserError(
            f"The field is empty: its highest density is {highest:.3g}, not above the threshold {threshold:g}: {remedy}"
            "."
        )
    spacing = 2 * radius / (np.array(shape) - 1)
    vertices = np.clip(vertices * spacing - radius, -radius, radius)
    return Mesh(*without_flat_faces(vertices.astype(np.float32), faces))


def query_colours(
    field: TriplaneField, config: AnyRenderConfig, points: Float[np.ndarray, "N 3"]
) -> Float[np.ndarray, "N 3"]:
    """The colour of one field at points; always as many at once, so that it is compiled once."""
    at_once = _POINTS_AT_ONCE.get(jax.default_backend(), _POINTS_AT_ONCE_ON_ACCELERATORS)
    chunks = -(-len(points) // at_once)
    padded = np.pad(points.astype(np.float32), ((0, chunks * at_once - len(points)), (0, 0)))
    rgb = [np.asarray(_query_field(field, jnp.asarray(part)[None], config)[1][0]) for part in np.split(padded, chunks)]
    return np.concatenate(rgb)[: len(points)]
