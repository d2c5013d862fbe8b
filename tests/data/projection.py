"""Renders of known 3D points, and where a record's camera says that they are.

Nothing here comes from `real3d_jax`. A picture is drawn from a camera that is a position and three axes; a record is
checked with its matrix. Positions are in pixels, the upper left corner of the image is (0, 0).
"""

import dataclasses

import numpy as np

# Corners of the colour cube, so that a pixel names its disc even where alpha is 1 and its colour is rounded.
COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 255, 255]], np.uint8)
POINTS = np.array([[0.4, 0.05, -0.1], [-0.25, 0.35, 0.1], [0.05, -0.3, 0.35], [-0.3, -0.25, -0.3], [0.1, 0.2, 0.4]])


@dataclasses.dataclass(frozen=True)
class Camera:
    """A camera in world coordinates; its axes are orthonormal. Fields of view in radians."""

    position: np.ndarray
    right: np.ndarray
    up: np.ndarray
    forward: np.ndarray
    x_fov: float
    y_fov: float

    def project(self, points: np.ndarray, size: int) -> np.ndarray:
        """Pixel positions `(n, 2)` of points `(n, 3)` in a square image."""
        offsets = points - self.position
        depth = offsets @ self.forward
        assert (depth > 0).all()
        across = offsets @ self.right / depth / np.tan(self.x_fov / 2)
        above = offsets @ self.up / depth / np.tan(self.y_fov / 2)
        return np.stack([size / 2 * (1 + across), size / 2 * (1 - above)], -1)


def cameras(count: int, *, seed: int, x_fov: float, y_fov: float, size: int) -> list[Camera]:
    """Cameras that look at the origin, rolled at random, in whose images the discs of POINTS stand apart."""
    rng, found = np.random.default_rng(seed), []
    while len(found) < count:
        forward = rng.normal(size=3)
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, rng.normal(size=3))
        right /= np.linalg.norm(right)
        camera = Camera(-rng.uniform(1.6, 2.0) * forward, right, np.cross(right, forward), forward, x_fov, y_fov)
        places = camera.project(POINTS, size)
        gaps = np.linalg.norm(places[:, None] - places, axis=-1) + size * np.eye(len(places))
        if gaps.min() > size / 6 and places.min() > size / 12 and places.max() < size * 11 / 12:
            found.append(camera)
    return found


def draw(camera: Camera, size: int) -> np.ndarray:
    """RGBA, uint8: an antialiased disc at each point, in its colour, nothing elsewhere."""
    image = np.zeros((size, size, 4), np.uint8)
    centres = np.arange(size) + 0.5
    for (x, y), colour in zip(camera.project(POINTS, size), COLOURS, strict=True):
        distance = np.hypot(centres - x, centres[:, None] - y)
        alpha = np.round(255 * np.clip(size / 32 + 0.5 - distance, 0, 1)).astype(np.uint8)
        image[alpha > 0, :3] = colour
        image[..., 3] = np.maximum(image[..., 3], alpha)
    return image


def seen(rgba: np.ndarray) -> np.ndarray:
    """Pixel positions `(n, 2)` of the discs in an image: the centroids of their alpha."""
    size = len(rgba)
    centres = np.arange(size) + 0.5
    places = []
    for colour in COLOURS:
        weight = rgba[..., 3] * ((rgba[..., :3] > 127) == (colour > 127)).all(-1).astype(np.float64)
        places.append([(weight.sum(0) @ centres), (weight.sum(1) @ centres)] / weight.sum())
    return np.array(places)


def projected(c2w: np.ndarray, intrinsics: np.ndarray, points: np.ndarray, size: int) -> np.ndarray:
    """Pixel positions `(n, 2)` of points under a record's camera, as `docs/conventions.md` defines it."""
    local = (np.linalg.inv(c2w) @ np.concatenate([points, np.ones((len(points), 1))], -1).T)[:3]
    fx, fy, cx, cy = intrinsics
    assert (local[2] < 0).all(), "the points are behind the camera"
    return size * np.stack([cx + fx * local[0] / -local[2], cy - fy * local[1] / -local[2]], -1)


def in_input_frame(c2w: np.ndarray, points: np.ndarray, distance: float) -> np.ndarray:
    """Points of the source's world in the frame in which the camera `c2w` is at `(distance, 0, 0)`, up is z."""
    right, up, back, position = c2w[:3].T
    scale = distance / np.linalg.norm(position)
    offsets = scale * (points - position)
    return np.stack([distance + offsets @ back, offsets @ right, offsets @ up], -1)
