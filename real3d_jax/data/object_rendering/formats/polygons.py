"""Polygons as triangles."""

import mapbox_earcut
import numpy as np
from jaxtyping import Float, Int


def triangulate(
    points: Float[np.ndarray, "corners 3"], counts: Int[np.ndarray, "polygons"]
) -> Int[np.ndarray, "triangles 3"]:
    """Splits polygons, which may be concave and not quite flat.

    Convex ones become fans and quadrilaterals are split along the diagonal inside them; others go through ear clipping
    (mapbox_earcut) in the plane of their Newell normal.

    Args:
      points: the corners of all polygons, one after the other.
      counts: how many corners each has; those with fewer than three are passed over.

    Returns:
      Triangles as positions in `points`, in the order of their polygons.
    """
    starts = np.cumsum(counts) - counts
    triangles, owners = [np.zeros((0, 3), np.int64)], [np.zeros(0, np.int64)]
    for count in np.unique(counts[counts >= 3]):
        chosen = np.flatnonzero(counts == count)
        corners = starts[chosen, None] + np.arange(count)
        for polygons, cut in _cuts(points, corners):
            triangles.append(cut.reshape(-1, 3))
            owners.append(np.repeat(chosen[polygons], cut.shape[1]))
    order = np.argsort(np.concatenate(owners), kind="stable")
    return np.concatenate(triangles)[order]


def _cuts(
    points: Float[np.ndarray, "corners 3"], corners: Int[np.ndarray, "polygons n"]
) -> list[tuple[Int[np.ndarray, "some"], Int[np.ndarray, "some triangles 3"]]]:
    """Which polygons of one size, and their triangles."""
    count = corners.shape[1]
    fan = np.stack([np.zeros(count - 2, np.int64), np.arange(1, count - 1), np.arange(2, count)], -1)
    everything = np.arange(len(corners))
    if count == 3:
        return [(everything, corners[:, fan])]
    with np.errstate(over="ignore", invalid="ignore"):
        normals = _newell(points[corners])
        turns = _turns(points[corners], normals)
    # Not all convex if numbers are not finite; a polygon that winds twice turns one way at every corner, but its fan
    # then covers more than itself.
    convex = (turns >= -1e-9 * np.abs(turns).max(1, keepdims=True)).all(1) & _simple(points[corners], normals)
    cuts = [(everything[convex], corners[convex][:, fan])]
    others = everything[~convex]
    if count == 4:  # the diagonal that starts at the corner that turns back
        first = turns[others].argmin(1) if len(others) else np.zeros(0, np.int64)
        turned = (first[:, None] + np.arange(4)) % 4
        return [*cuts, (others, np.take_along_axis(corners[others], turned, 1)[:, fan])]
    for polygon in others:
        cut = _ears(points[corners[polygon]], normals[polygon])
        cuts.append((np.array([polygon]), corners[polygon][fan if cut is None else cut][None]))
    return cuts


def _newell(polygons: Float[np.ndarray, "polygons n 3"]) -> Float[np.ndarray, "polygons 3"]:
    """Normals as long as twice the area."""
    near = polygons - polygons[:, :1]  # to lose no digits far from the origin
    return np.cross(near, np.roll(near, -1, 1)).sum(1)


def _turns(
    polygons: Float[np.ndarray, "polygons n 3"], normals: Float[np.ndarray, "polygons 3"]
) -> Float[np.ndarray, "polygons n"]:
    """At each corner, above 0 where the polygon turns with its normal and below where it turns back."""
    before, after = polygons - np.roll(polygons, 1, 1), np.roll(polygons, -1, 1) - polygons
    return np.einsum("pnc,pc->pn", np.cross(before, after), normals)


def _simple(polygons: Float[np.ndarray, "polygons n 3"], normals: Float[np.ndarray, "polygons 3"]) -> np.ndarray:
    """Whether the first corner sees the others in order, all within half a turn."""
    rays = polygons[:, 1:] - polygons[:, :1]
    with np.errstate(over="ignore", invalid="ignore"):
        signed = np.einsum("pnc,pc->pn", np.cross(rays[:, :-1], rays[:, 1:]), normals)
        ends = np.einsum("pc,pc->p", np.cross(rays[:, 0], rays[:, -1]), normals)
    return (signed >= -1e-9 * np.abs(signed).max(1, keepdims=True)).all(1) & (ends >= 0)


def _ears(polygon: Float[np.ndarray, "n 3"], normal: Float[np.ndarray, "3"]) -> Int[np.ndarray, "triangles 3"] | None:
    """Triangles of one polygon; None where ear clipping finds none."""
    if not (np.isfinite(polygon).all() and np.isfinite(normal).all() and normal.any()):
        return None
    drop = np.abs(normal).argmax()
    flat = np.delete(polygon - polygon[0], drop, 1)
    cut = mapbox_earcut.triangulate_float64(np.ascontiguousarray(flat), np.array([len(flat)], np.uint32))
    return cut.reshape(-1, 3).astype(np.int64) if len(cut) else None
