"""The visual hull of an object's masks, and how far it fills them.

The hull is every point that all views see inside their masks. It is never wider than a mask, so if the masks and the
cameras agree it fills each mask, and if they do not it leaves parts of them empty. It is found along the rays of
pixels, not on a grid of voxels, so that thin parts are not lost.
"""

import numpy as np
from jaxtyping import Float

from real3d_jax.data.inspection.silhouettes import FAR, Silhouettes

TOLERANCE = 1.0  # pixels that a point may lie outside a mask: masks are sampled
_STEPS = 64  # points on a ray
_FINE = 8  # more of them around the best one
_MARGIN = 1.5  # the ball that is searched, in half-widths of the object
_TO_ORIGIN = 1e-3  # how strongly the search is drawn to the world's origin


def hull_iou(misfit: Float[np.ndarray, "views pixels"]) -> Float[np.ndarray, "views"]:
    """Intersection over union of each mask with the hull's: the share of the mask that the hull fills."""
    return (misfit <= TOLERANCE).mean(-1)


def misfits(
    outlines: Silhouettes,
    c2w: Float[np.ndarray, "views 4 4"],
    intrinsics: Float[np.ndarray, "views 4"],
    steps: int = _STEPS,
) -> Float[np.ndarray, "views pixels"]:
    """How far each pixel of an object is from belonging to the hull, in pixels; 0 is in it.

    A pixel belongs if some point on its ray lies in the masks of all other views. The number is the least distance,
    over the points of its ray, to the mask that is farthest. Beyond an edge that the mask touches nothing is known,
    so points there count as inside.

    Args:
      outlines: the masks and the pixels to test.
      c2w: poses; any regular matrices with OpenGL axes.
      intrinsics: normalised `fx, fy, cx, cy`; a negative `fx` mirrors the image.
      steps: points tested on each ray.
    """
    origins, directions = _rays(outlines.pixels, c2w, intrinsics)
    centre, radius = searched_ball(outlines, c2w, intrinsics)
    to_views = projections(c2w, intrinsics)
    if not (to_views[:, 2, :3] @ centre + to_views[:, 2, 3] > 0).all():
        return np.full(directions.shape[:2], FAR, np.float32)  # nothing lies before all cameras
    near, span = _chords(origins, directions, centre, radius)
    result = np.empty(directions.shape[:2], np.float32)
    for view in range(len(c2w)):
        others = np.delete(np.arange(len(c2w)), view)
        seen = outlines.distance[others], to_views[others]

        def along(t, view=view, seen=seen):
            points = origins[view] + t[..., None] * directions[view][:, None]
            return _worst(points.reshape(-1, 3), *seen).reshape(t.shape)

        coarse = near[view][:, None] + span[view][:, None] * (np.arange(steps, dtype=np.float32) + 0.5) / steps
        found = along(coarse)
        best = found.argmin(1)[:, None]
        offsets = np.linspace(-1, 1, _FINE, dtype=np.float32) * span[view][:, None] / steps
        finer = along(np.take_along_axis(coarse, best, 1) + offsets)
        result[view] = np.minimum(finer.min(1), found.min(1))
    return result


def _worst(
    points: Float[np.ndarray, "n 3"], distance: Float[np.ndarray, "views h w"], to_views: Float[np.ndarray, "views 3 4"]
) -> Float[np.ndarray, "n"]:
    """The distance of points to the mask that is farthest."""
    views, height, width = distance.shape
    first = (np.arange(views) * height * width)[:, None]
    u, v, depth = np.moveaxis(to_views[..., :3] @ points.T + to_views[..., 3:], 1, 0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        column = np.clip(u / depth * width, 0, width - 1)
        row = np.clip(v / depth * height, 0, height - 1)
    before = depth > 0
    at = first + np.where(before, row, 0).astype(np.int32) * width + np.where(before, column, 0).astype(np.int32)
    return np.where(before, distance.reshape(-1)[at], FAR).max(0)


def projections(c2w, intrinsics) -> Float[np.ndarray, "views 3 4"]:
    """Matrices from world points to `u * depth, v * depth, depth`."""
    w2c = np.linalg.inv(c2w)
    fx, fy, cx, cy = intrinsics.T[..., None]
    x, y, depth = w2c[:, 0], -w2c[:, 1], -w2c[:, 2]
    return np.stack([fx * x + cx * depth, fy * y + cy * depth, depth], 1).astype(np.float32)


def _rays(pixels, c2w, intrinsics):
    """Origins (views, 3) and unit directions (views, pixels, 3)."""
    x = (pixels - intrinsics[:, None, 2:]) / intrinsics[:, None, :2]
    local = np.stack([x[..., 0], -x[..., 1], -np.ones_like(x[..., 0])], -1)
    directions = local @ np.swapaxes(c2w[:, :3, :3], 1, 2)
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    return c2w[:, :3, 3].astype(np.float32), directions.astype(np.float32)


def searched_ball(outlines: Silhouettes, c2w, intrinsics) -> tuple[Float[np.ndarray, "3"], float]:
    """Where the rays through the middles of the masks meet, and how far from there the object may reach."""
    boxes = outlines.boxes.reshape(-1, 2, 2)
    origins, middle = _rays(boxes.mean(1, keepdims=True), c2w, intrinsics)
    across = np.eye(3) - middle[:, 0, :, None] * middle[:, 0, None, :]
    weight = _TO_ORIGIN * len(c2w) * np.eye(3)
    centre = np.linalg.solve(across.sum(0) + weight, (across @ origins[..., None]).sum(0)[:, 0])
    distance = np.linalg.norm(origins - centre, axis=-1)
    half = np.abs((boxes[:, 1] - boxes[:, 0]) / intrinsics[:, :2]).max(-1) / 2
    return centre.astype(np.float32), float(min(_MARGIN * np.sqrt(2) * (half * distance).max(), 0.98 * distance.min()))


def _chords(origins, directions, centre, radius):
    """Where rays enter the ball, and how long they stay in it; rays that miss get their nearest point."""
    nearest = ((centre - origins)[:, None] * directions).sum(-1)
    miss = ((origins[:, None] + nearest[..., None] * directions - centre) ** 2).sum(-1)
    half = np.sqrt(np.clip(radius**2 - miss, 0, None))
    return np.maximum(nearest - half, 1e-3 * radius), 2 * half
