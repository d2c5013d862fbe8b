"""PyTorch3D's cameras, as CO3D's annotations hold them.

`X_camera = X_world @ R + T` with row vectors; a camera's x points to the left, y up, z forward. Focal lengths and
principal points are in normalised device coordinates, which also grow to the left and up from the picture's middle.
(https://github.com/facebookresearch/pytorch3d/blob/main/docs/notes/cameras.md)
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from real3d_jax.data.records import Unusable
from real3d_jax.data.sources.renders import numbers


def camera_to_world(viewpoint: Mapping[str, Any], *, where: str) -> Float[np.ndarray, "4 4"]:
    """The pose of a `ViewpointAnnotation`, OpenGL axes.

    Raises:
      Unusable: `R` or `T` is missing or has another shape.
    """
    rotation, translation = (numbers(viewpoint, key, shape, where=where) for key, shape in (("R", (3, 3)), ("T", (3,))))
    c2w = np.eye(4)
    c2w[:3, :3] = rotation * [-1, 1, -1]  # its columns are the camera's axes in the world
    c2w[:3, 3] = -rotation @ translation
    return c2w


def pixel_intrinsics(viewpoint: Mapping[str, Any], size: tuple[int, int], *, where: str) -> Float[np.ndarray, "4"]:
    """`fx, fy, cx, cy` in pixels of a `ViewpointAnnotation`, for a picture `size` wide and high.

    Raises:
      Unusable: a number is missing, or the format is unknown.
    """
    half = np.array(size) / 2
    kind = viewpoint.get("intrinsics_format", "ndc_norm_image_bounds")  # the default of the data set's own code
    if kind == "ndc_norm_image_bounds":
        unit = half
    elif kind == "ndc_isotropic":
        unit = np.full(2, half.min())
    else:
        raise Unusable(f"{where} has intrinsics of the unknown format '{kind}'")
    focal = numbers(viewpoint, "focal_length", (2,), where=where)
    principal = numbers(viewpoint, "principal_point", (2,), where=where)
    return np.concatenate([unit * focal, half - unit * principal])
