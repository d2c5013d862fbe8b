"""Objects whose silhouettes are known in closed form, seen by known cameras."""

import numpy as np

from real3d_jax.data.frames import centred_intrinsics
from real3d_jax.data.inspection.silhouettes import Silhouettes, silhouettes
from real3d_jax.data.records import View

FOV_Y = 39.6
SIZE = 96
OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])

SPHERE = [((0.0, 0.0, 0.0), 0.45)]
# Without any symmetry, so that no wrong reading of its cameras fits.
UNEVEN = [((0.05, 0.0, -0.05), 0.28), ((0.3, 0.1, 0.15), 0.16), ((-0.1, 0.33, 0.12), 0.12), ((-0.2, -0.1, 0.35), 0.1)]


def cameras(views: int, seed: int = 0) -> np.ndarray:
    """Poses at random on a shell around the origin, looking at it with z up."""
    rng = np.random.default_rng(seed)
    azimuth, elevation = rng.uniform(0, 2 * np.pi, views), np.radians(rng.uniform(-20, 60, views))
    back = np.stack([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], -1)
    right = np.stack([-np.sin(azimuth), np.cos(azimuth), np.zeros(views)], -1)
    c2w = np.tile(np.eye(4), (views, 1, 1))
    c2w[:, :3, :3] = np.stack([right, np.cross(back, right), back], -1)
    c2w[:, :3, 3] = rng.uniform(1.6, 1.7, (views, 1)) * back
    return c2w


def intrinsics(views: int, fov_y: float = FOV_Y) -> np.ndarray:
    """Of centred cameras."""
    return np.tile(centred_intrinsics(fov_y), (views, 1))


def rays(c2w: np.ndarray, size: int, fov_y: float = FOV_Y) -> tuple[np.ndarray, np.ndarray]:
    """Origin and unit directions (size, size, 3) of a view's pixels, written apart from the code under test."""
    half = np.tan(np.radians(fov_y) / 2)
    x = (np.arange(size) + 0.5) / size * 2 - 1
    local = np.stack([*np.meshgrid(x * half, -x * half), -np.ones((size, size))], -1)
    directions = local @ c2w[:3, :3].T
    return c2w[:3, 3], directions / np.linalg.norm(directions, axis=-1, keepdims=True)


def spheres(balls, size: int = SIZE):
    """A function from a pose to the mask of balls `(centre, radius)`."""

    def mask(c2w):
        origin, directions = rays(c2w, size)
        found = np.zeros((size, size), bool)
        for centre, radius in balls:
            offset = np.array(centre) - origin
            along = directions @ offset
            found |= (offset @ offset - along**2 < radius**2) & (along > 0)
        return found

    return mask


def cube(half: float, size: int = SIZE):
    """A function from a pose to the mask of a cube around the origin."""

    def mask(c2w):
        origin, directions = rays(c2w, size)
        a, b = (-half - origin) / directions, (half - origin) / directions
        return np.minimum(a, b).max(-1) < np.maximum(a, b).min(-1)

    return mask


def outlines(mask, c2w: np.ndarray) -> Silhouettes:
    """The silhouettes of a shape."""
    return silhouettes([mask(pose).astype(np.uint8) * 255 for pose in c2w])


def shots(key: str, mask, seen_from: np.ndarray, stored: np.ndarray, change=lambda image: image) -> tuple[View, ...]:
    """Records of a shape that was seen from some poses, with other poses stored, and its images changed."""
    views = []
    for number, (true, pose) in enumerate(zip(seen_from, stored, strict=True)):
        alpha = mask(true).astype(np.uint8) * 255
        image = np.stack([np.full_like(alpha, 200), np.full_like(alpha, 90), np.full_like(alpha, 40), alpha], -1)
        lens = centred_intrinsics(FOV_Y)
        views.append(View(key, f"{number:05d}", np.ascontiguousarray(change(image)), pose.astype(np.float32), lens))
    return tuple(views)
