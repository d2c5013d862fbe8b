"""The visual hull as a small coloured mesh, to be looked at."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from scipy import ndimage
from skimage import measure

from real3d_jax.data.inspection.hull import projections, searched_ball
from real3d_jax.data.inspection.silhouettes import Silhouettes

_CELLS = 36  # of the grid, along a side
_FACING = 4  # power of the cosine by which views that face a surface colour it


@dataclasses.dataclass(frozen=True)
class HullMesh:
    """Triangles of the hull's surface, in the world of the cameras.

    Attributes:
      vertices: world positions.
      faces: three vertices of each triangle.
      colors: of vertices, from the views that face them.
    """

    vertices: Float[np.ndarray, "n 3"]
    faces: Int[np.ndarray, "m 3"]
    colors: UInt8[np.ndarray, "n 3"]


def hull_mesh(
    outlines: Silhouettes,
    c2w: Float[np.ndarray, "views 4 4"],
    intrinsics: Float[np.ndarray, "views 4"],
    images: Sequence[UInt8[np.ndarray, "h w 3"]],
) -> HullMesh | None:
    """The hull of two or more views, coloured by their `images` (of any size); None where it is empty."""
    centre, radius = searched_ball(outlines, c2w, intrinsics)
    to_views = projections(c2w, intrinsics)
    line = np.linspace(-radius, radius, _CELLS)
    grid = centre + np.stack(np.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
    outside = _outside(outlines.distance, to_views, grid).reshape(_CELLS, _CELLS, _CELLS)
    field = np.pad(outside, 1, constant_values=np.abs(outside).max() + 1)
    if not field.min() < 0:
        return None
    vertices, faces, inward, _ = measure.marching_cubes(field, 0.0, spacing=(line[1] - line[0],) * 3)
    vertices = vertices + centre - radius - (line[1] - line[0])
    facing = c2w[:, None, :3, 3] - vertices
    facing /= np.linalg.norm(facing, axis=-1, keepdims=True)
    weights = np.clip((facing * -inward).sum(-1), 1e-3, 1) ** _FACING
    colours = np.stack([_looked_up(image, view, vertices) for image, view in zip(images, to_views, strict=True)])
    mean = (weights[..., None] * colours).sum(0) / weights.sum(0)[:, None]
    return HullMesh(vertices, faces, mean.astype(np.uint8))


def _outside(distance, to_views, points) -> Float[np.ndarray, "n"]:
    """Signed distance in pixels to the mask that is farthest; negative in the hull."""
    result = np.full(len(points), -np.inf)
    for away, view in zip(distance, to_views, strict=True):
        signed = away - ndimage.distance_transform_edt(away == 0)
        column, row, before = _pixels(view, points, away.shape)
        looked_up = ndimage.map_coordinates(signed, [row - 0.5, column - 0.5], order=1, mode="nearest")
        result = np.maximum(result, np.where(before, looked_up, max(away.shape)))
    return result


def _looked_up(image, view, points) -> Float[np.ndarray, "n 3"]:
    column, row, _ = _pixels(view, points, image.shape[:2])
    height, width = image.shape[:2]
    return image[np.clip(row, 0, height - 1).astype(int), np.clip(column, 0, width - 1).astype(int)].astype(np.float64)


def _pixels(view, points, size) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"], Bool[np.ndarray, "n"]]:
    u, v, depth = view[:, :3] @ points.T + view[:, 3:]
    before = depth > 1e-6
    depth = np.where(before, depth, 1.0)
    return u / depth * size[1], v / depth * size[0], before
