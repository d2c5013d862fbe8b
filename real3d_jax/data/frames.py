"""Camera mathematics of the pipeline's reader processes, in numpy: they must not start an accelerator."""

import numpy as np
from jaxtyping import Float


def to_input_frame(
    input_c2w: Float[np.ndarray, "4 4"], view_c2w: Float[np.ndarray, "views 4 4"], distance: float
) -> Float[np.ndarray, "views 4 4"]:
    """`real3d_jax.cameras.to_input_frame` for one object."""
    input_c2w, view_c2w = np.asarray(input_c2w, np.float64), np.array(view_c2w, np.float64)
    scale = distance / np.linalg.norm(input_c2w[:3, 3])
    rotation = input_c2w[:3, :3]
    world_to_input = np.eye(4)
    world_to_input[:3, :3] = rotation.T
    world_to_input[:3, 3] = -rotation.T @ (scale * input_c2w[:3, 3])
    view_c2w[:, :3, 3] *= scale
    return (canonical_c2w(distance) @ world_to_input @ view_c2w).astype(np.float32)


def canonical_c2w(distance: float) -> Float[np.ndarray, "4 4"]:
    """`real3d_jax.cameras.canonical_c2w`: at (+distance, 0, 0), looking at the origin, z up."""
    return np.array([[0, 0, 1, distance], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]], np.float32)


def spherical_c2w(
    azimuth: Float[np.ndarray, "views"], elevation: Float[np.ndarray, "views"], distance: Float[np.ndarray, "views"]
) -> Float[np.ndarray, "views 4 4"]:
    """`real3d_jax.cameras.spherical_c2w` in float64: looking at the origin, z up. Angles in radians."""
    sin_az, cos_az, sin_el, cos_el = np.sin(azimuth), np.cos(azimuth), np.sin(elevation), np.cos(elevation)
    c2w = np.zeros((len(azimuth), 4, 4))
    c2w[:, :3, 0] = np.stack([-sin_az, cos_az, np.zeros_like(sin_az)], -1)
    c2w[:, :3, 1] = np.stack([-sin_el * cos_az, -sin_el * sin_az, cos_el], -1)
    c2w[:, :3, 2] = np.stack([cos_el * cos_az, cos_el * sin_az, sin_el], -1)
    c2w[:, :3, 3] = distance[:, None] * c2w[:, :3, 2]
    c2w[:, 3, 3] = 1
    return c2w


def centred_intrinsics(fov_y: float) -> Float[np.ndarray, "4"]:
    """Normalised intrinsics of a square, centred camera; `fov_y` in degrees."""
    focal = 0.5 / np.tan(np.radians(fov_y) / 2)
    return np.array([focal, focal, 0.5, 0.5], np.float32)


def is_pose(c2w: Float[np.ndarray, "4 4"], tolerance: float = 1e-3) -> bool:
    """Whether a matrix is finite, a proper rotation and a translation away from the origin."""
    if not np.isfinite(c2w).all():
        return False
    rotation = c2w[:3, :3]
    orthonormal = np.allclose(rotation.T @ rotation, np.eye(3), atol=tolerance)
    bottom = np.allclose(c2w[3], [0, 0, 0, 1], atol=tolerance)
    return bool(orthonormal and bottom and np.linalg.det(rotation) > 0 and np.linalg.norm(c2w[:3, 3]) > 0)
