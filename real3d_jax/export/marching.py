"""Marching cubes a slab of the grid at a time: the mesh does not depend on how the grid is cut."""

from collections.abc import Iterable, Iterator

import numpy as np
import skimage.measure
from jaxtyping import Float, Float32, Int, Int64

_ON_SURFACE = 1e-4  # relative to the threshold; it moves the surface by less than that part of a cell
_HIGHEST = 1e6  # times the threshold: what is more counts as this where it is decided which corners a face joins
_AXES = np.eye(3, dtype=np.int64)
_CENTRE = 3  # stands for the axis of vertices that lie within a cube instead of on one of its edges
_CUBE = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), -1).reshape(8, 3)


def march(
    slabs: Iterable[Float[np.ndarray, "_ _ _"]], shape: tuple[int, int, int], *, threshold: float
) -> tuple[Float[np.ndarray, "V 3"], Int[np.ndarray, "F 3"]]:
    """The surface on which a density is `threshold`; around the grid there is nothing, so it is closed.

    Only one slab is held at a time. Every vertex is known by the edge of the grid that it lies on, and its place is
    computed from the two densities there alone; so parts meet exactly, and the arrays are the same for any slabs.

    Args:
      slabs: consecutive layers along x, one or more each.
      shape: of the whole grid.
      threshold: above 0.

    Returns:
      Vertices in units of the grid's step, counted from its first point, in float64, and faces, counter-clockwise seen
      from where the density is lower. Vertices around the grid lie up to one step outside it.
    """
    found = list(_parts(slabs, shape, threshold))
    if not found:
        return np.zeros((0, 3)), np.zeros((0, 3), np.int32)
    _, first, inverse = np.unique(np.concatenate([keys for keys, _, _ in found]), True, True)
    starts = np.cumsum([0, *(len(keys) for keys, _, _ in found)])
    faces = [inverse[starts[number] + faces].astype(np.int32) for number, (_, _, faces) in enumerate(found)]
    return np.concatenate([places for _, places, _ in found])[first], np.concatenate(faces)


def _parts(
    slabs: Iterable[Float[np.ndarray, "_ _ _"]], shape: tuple[int, int, int], threshold: float
) -> Iterator[tuple[Int64[np.ndarray, "V"], Float[np.ndarray, "V 3"], Int[np.ndarray, "F 3"]]]:
    """Of each slab with a surface, and the layer before it, its vertices' keys and places, and its faces."""
    size = np.array(shape) + 2
    before, layer = np.zeros((1, *shape[1:]), np.float32), 0
    for slab in slabs:
        slab = np.asarray(slab, np.float32)
        corner, cut = _around_surface(before, slab, threshold, ends=layer + len(slab) == shape[0])
        if cut.size:
            base, axis, faces = _cubes(cut, threshold)
            corner[0] += layer
            within = _within(cut, base, axis, threshold)
            base += corner
            places = (base - 1) + within  # whole numbers first, so that it is rounded alike in any slab
            yield ((base[:, 0] * size[1] + base[:, 1]) * size[2] + base[:, 2]) * 4 + axis, places, faces
        before, layer = slab[-1:].copy(), layer + len(slab)


def _around_surface(
    before: Float32[np.ndarray, "1 y z"], slab: Float32[np.ndarray, "x y z"], threshold: float, *, ends: bool
) -> tuple[Int64[np.ndarray, "3"], Float32[np.ndarray, "a b c"]]:
    """The smallest box of cubes that has all of the surface, and its first point; empty if there is no surface.

    Points are counted from the layer before the slab, and with the empty ones around the grid.

    Args:
      before: the layer before the slab.
      slab: layers of the grid.
      threshold: of the surface.
      ends: whether the grid ends with the slab.
    """
    layers = [before, slab] if not ends else [before, slab, np.zeros_like(before)]
    # A point that lies on the surface would be a corner of many surfaces, which then do not close: it counts as inside.
    inside = [part - threshold >= -_ON_SURFACE * threshold for part in layers]
    flat = inside[0][0] | inside[1].any(axis=0)
    reaches = (
        np.concatenate([part.any(axis=(1, 2)) for part in inside]),
        np.pad(flat.any(axis=1), 1),
        np.pad(flat.any(axis=0), 1),
    )
    if not flat.any():
        return np.zeros(3, np.int64), slab[:0]
    first, end = np.zeros(3, np.int64), np.zeros(3, np.int64)
    for axis, reached in enumerate(reaches):
        among = np.flatnonzero(reached)
        first[axis], end[axis] = max(int(among[0]) - 1, 0), min(int(among[-1]) + 2, len(reached))
    box = np.zeros(end - first, np.float32)
    rows, columns = (slice(max(first[axis] - 1, 0), end[axis] - 1) for axis in (1, 2))
    at = 0
    for part in layers:
        some = part[max(first[0] - at, 0) : max(end[0] - at, 0), rows, columns]
        start = (max(at - first[0], 0), rows.start + 1 - first[1], columns.start + 1 - first[2])
        box[tuple(slice(begin, begin + count) for begin, count in zip(start, some.shape, strict=True))] = some
        at += len(part)
    box[np.abs(box - threshold) <= _ON_SURFACE * threshold] = threshold * (1 + _ON_SURFACE)
    return first, box


def _cubes(
    density: Float32[np.ndarray, "x y z"], threshold: float
) -> tuple[Int64[np.ndarray, "V 3"], Int64[np.ndarray, "V"], Int[np.ndarray, "F 3"]]:
    """Which edges of the grid have vertices, each by its first point and its axis, and how faces join them.

    scikit-image tells vertices by their places, so these are kept away from the points of the grid: the differences
    from the threshold are made more alike, by a power, under which the four corners of a square are joined as before.
    """
    above = np.clip(density - np.float32(threshold), -_HIGHEST * threshold, _HIGHEST * threshold)
    above = np.copysign(np.sqrt(np.sqrt(np.abs(above))), above)
    vertices, faces, _, _ = skimage.measure.marching_cubes(above, 0.0, gradient_direction="ascent")
    base = np.floor(vertices).astype(np.int64)
    within = vertices - base
    axis = np.where((within > 0).all(1), _CENTRE, within.argmax(1))
    return base, axis, faces


def _within(
    density: Float32[np.ndarray, "x y z"],
    base: Int64[np.ndarray, "V 3"],
    axis: Int64[np.ndarray, "V"],
    threshold: float,
) -> Float[np.ndarray, "V 3"]:
    """How far from `base` vertices lie: on an edge by linear interpolation, in a cube at its weighted centre."""

    def above(points: Int64[np.ndarray, "... 3"]) -> Float[np.ndarray, "..."]:
        return density[tuple(np.moveaxis(points, -1, 0))].astype(np.float64) - threshold

    within = np.zeros(base.shape)
    on_edge = axis != _CENTRE
    start, along = base[on_edge], _AXES[axis[on_edge]]
    here, there = above(start), above(start + along)
    within[on_edge] = along * (here / (here - there))[:, None]
    weights = 1 / np.abs(above(base[~on_edge][:, None] + _CUBE))
    # A product of matrices would be rounded by how many rows it has, and so by how the grid is cut.
    within[~on_edge] = (weights[..., None] * _CUBE).sum(1) / weights.sum(1, keepdims=True)
    return within
