"""Frames of other methods, and the similarity that maps each to ours.

Ours has z up, and the input camera at (+distance, 0, 0). A similarity is a 4 x 4 matrix: three orthogonal columns of
one length (the scale), and a translation. The scales below make an object look as large in the method's own front
camera as in ours (3.0 away, 39.6 degrees: half-extent 1.080 at the origin). They are nominal: methods guess the scale
of what they see, so it is to be fitted on the input view.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from real3d_jax.errors import UserError, did_you_mean

_OURS = 3.0 * math.tan(math.radians(39.6) / 2)

# Rows: our x (towards the input camera), y (to its right) and z (up) in the method's axes.
_Z_UP_FRONT_X = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
_Z_UP_FRONT_MINUS_Y = ((0, -1, 0), (1, 0, 0), (0, 0, 1))
_Y_UP_FRONT_Z = ((0, 0, 1), (1, 0, 0), (0, 1, 0))


def _similarity(axes: Sequence[Sequence[int]], half_extent: float) -> Float[np.ndarray, "4 4"]:
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(axes) * (_OURS / half_extent)
    return matrix


# Of each method: distance and field of view of its own front camera.
SIMILARITIES: Mapping[str, Float[np.ndarray, "4 4"]] = {
    "real3d": np.eye(4),
    "triposr": _similarity(_Z_UP_FRONT_X, 1.9 * math.tan(math.radians(40.0) / 2)),
    "openlrm": _similarity(_Z_UP_FRONT_MINUS_Y, 2.0 * 0.5 / 0.75),
    "lgm": _similarity(_Y_UP_FRONT_Z, 1.5 * math.tan(math.radians(49.1) / 2)),
}


def read_similarity(value: object, where: str) -> Float[np.ndarray, "4 4"]:
    """A similarity from JSON: a method's name, a 4 x 4 matrix, or `scale`, `rotation` (3 x 3) and `translation`.

    Raises:
      UserError: it is none of these, or no similarity (uneven scales, shear, or a mirror).
    """
    if isinstance(value, str):
        if value not in SIMILARITIES:
            raise UserError(f"{where} knows no method '{value}': {did_you_mean(value, SIMILARITIES)}")
        return SIMILARITIES[value].copy()
    matrix = np.eye(4)
    try:
        if isinstance(value, Mapping):
            unknown = sorted(set(value) - {"scale", "rotation", "translation"})
            if unknown:
                raise UserError(f"{where} has no key '{unknown[0]}': it takes scale, rotation and translation.")
            rotation = np.array(value.get("rotation", np.eye(3)), np.float64).reshape(3, 3)
            matrix[:3, :3] = float(value.get("scale", 1.0)) * rotation
            matrix[:3, 3] = np.array(value.get("translation", np.zeros(3)), np.float64).reshape(3)
        else:
            matrix = np.array(value, np.float64).reshape(4, 4)
    except (TypeError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(
            f"{where} must be a method's name, a 4 x 4 matrix, or an object of scale, rotation (3 x 3) and translation."
        ) from error
    linear = matrix[:3, :3]
    scale = np.cbrt(np.linalg.det(linear)) if np.isfinite(matrix).all() else 0.0
    if not (scale > 0 and np.allclose(linear.T @ linear, scale**2 * np.eye(3), atol=1e-3 * scale**2)):
        raise UserError(
            f"{where} is no similarity: its upper left 3 x 3 must be a rotation times a scale above 0, without mirror."
        )
    return matrix


def map_camera(similarity: Float[np.ndarray, "4 4"], c2w: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "4 4"]:
    """A camera of the method's frame (OpenGL axes) in ours: turned and moved, its own axes not scaled."""
    scale = np.cbrt(np.linalg.det(similarity[:3, :3]))
    mapped = similarity @ c2w
    mapped[:3, :3] /= scale
    return mapped
