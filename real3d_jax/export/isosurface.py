"""The surface of a field as a mesh: marching cubes on its density."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse.csgraph
import skimage.measure
from jaxtyping import Float, Int

from real3d_jax.config.conditioned import AnyRenderConfig
from real3d_jax.errors import UserError
from real3d_jax.export.mesh import Mesh
from real3d_jax.rendering.field import TriplaneField, query_field
from real3d_jax.rendering.grid import density_grid

RESOLUTION = 256
THRESHOLD = 25.0
_POINTS_AT_ONCE = 2**17
_ON_SURFACE = 1e-4  # relative to the threshold; it moves the surface by less than that part of a cell

_density_grid = jax.jit(density_grid, static_argnums=(1, 2))
_query_field = jax.jit(query_field, static_argnums=2)


def extract_mesh(
    field: TriplaneField,
    config: AnyRenderConfig,
    *,
    resolution: int = RESOLUTION,
    threshold: float = THRESHOLD,
    colours: bool = True,
) -> Mesh:
    """The surface on which the activated density is `threshold`, with the field's colours.

    Args:
      field: one field (a batch of one).
      config: box, bias and implementation.
      resolution: grid points per side, a multiple of 4; the outermost lie on the faces of the box.
      threshold: activated density of the surface; the published model's is 25.
      colours: whether to query them.

    Raises:
      UserError: the field is empty at this threshold, or broken.
    """
    if field.planes.shape[0] != 1:
        raise ValueError(f"a mesh is made of one field, not of {field.planes.shape[0]}")
    density = np.asarray(_density_grid(field, resolution, config)[0])
    mesh = isosurface(density, radius=config.radius, threshold=threshold)
    if colours:
        mesh = dataclasses.replace(mesh, colours=_vertex_colours(field, config, mesh.vertices))
    return mesh


def isosurface(density: Float[np.ndarray, "x y z"], *, radius: float, threshold: float = THRESHOLD) -> Mesh:
    """Marching cubes of a density sampled at the points of a grid that spans [-radius, radius]^3.

    Outside the box there is nothing, so what the box cuts is closed by its faces and the mesh has no holes.

    Raises:
      UserError: no density is above the threshold, the threshold is not positive, or a density is not a number.
    """
    if threshold <= 0:
        raise UserError(f"The density threshold {threshold:g} is not above 0, the density of nothing: raise it.")
    highest = density.max()
    if np.isnan(highest):
        raise UserError("The field's density is not a number at some points: its weights or its input are broken.")
    if highest <= threshold:
        remedy = f"look at its renders, and set the threshold below that, to {highest / 2:.2g} say"
        if not float(f"{highest / 2:.2g}") > 0:
            remedy = "no threshold shows a surface, so look at the input and the weights"
        raise UserError(
            f"The field is empty: its highest density is {highest:.3g}, not above the threshold {threshold:g}: {remedy}"
            "."
        )
    closed = np.pad(np.asarray(density, np.float32), 1)
    # A point that lies on the surface would be a corner of many surfaces, which then do not close.
    closed[np.abs(closed - threshold) <= _ON_SURFACE * threshold] = threshold * (1 + _ON_SURFACE)
    vertices, faces, _, _ = skimage.measure.marching_cubes(closed, threshold, gradient_direction="ascent")
    spacing = 2 * radius / (np.array(density.shape) - 1)
    vertices = np.clip((vertices - 1) * spacing - radius, -radius, radius)
    return _without_flat_faces(vertices.astype(np.float32), faces.astype(np.int32))


def _without_flat_faces(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> Mesh:
    """The same surface without edges of length 0 and the faces that they leave without area.

    The edges and corners of the box have such, since all beyond it is moved onto its faces. Corners in one place are
    joined only where an edge joins them already, so that what is closed stays closed.
    """
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = edges[(vertices[edges[:, 0]] == vertices[edges[:, 1]]).all(1)]
    links = scipy.sparse.coo_array((np.ones(len(edges), bool), edges.T), (len(vertices),) * 2)
    count, joined = scipy.sparse.csgraph.connected_components(links, directed=False)
    if count == len(vertices):
        return Mesh(vertices, faces)
    faces = joined[faces]
    faces = faces[(faces != np.roll(faces, 1, axis=1)).all(1)]
    faces = _without_pairs(faces)
    used, faces = np.unique(faces, return_inverse=True)
    first = np.zeros(count, np.int64)
    first[joined[::-1]] = np.arange(len(vertices))[::-1]
    return Mesh(vertices[first[used]], faces.reshape(-1, 3).astype(np.int32))


def _without_pairs(faces: Int[np.ndarray, "F 3"]) -> Int[np.ndarray, "G 3"]:
    """Faces but for those that lie back to back with another one: a fold without volume."""
    turned = np.take_along_axis(faces, (faces.argmin(1)[:, None] + np.arange(3)) % 3, axis=1)
    sign = np.where(turned[:, 1] < turned[:, 2], 1, -1)
    _, group = np.unique(np.sort(faces, axis=1), axis=0, return_inverse=True)
    group = group.ravel()
    return faces[np.bincount(group, weights=sign)[group] * sign > 0]


def _vertex_colours(
    field: TriplaneField, config: AnyRenderConfig, vertices: Float[np.ndarray, "V 3"]
) -> Float[np.ndarray, "V 3"]:
    """The field's colour at each vertex; always as many points at once, so that it is compiled once."""
    chunks = -(-len(vertices) // _POINTS_AT_ONCE)
    padded = np.pad(vertices, ((0, chunks * _POINTS_AT_ONCE - len(vertices)), (0, 0)))
    rgb = [
        np.asarray(_query_field(field, jnp.asarray(points)[None], config)[1][0]) for points in np.split(padded, chunks)
    ]
    return np.concatenate(rgb)[: len(vertices)]
