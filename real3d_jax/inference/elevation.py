"""The height of a photograph's camera above its object, and the world in which the object then stands upright.

The model takes every photograph to be seen by the canonical camera, at elevation 0: the z axis of its fields is the up
of the picture, so what is photographed from above comes out tilted towards the camera. In the upright world that camera
is at its elevation, still at azimuth 0. Both worlds share the origin and the y axis, the camera's right.
"""

import dataclasses
import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from real3d_jax.cameras import Cameras
from real3d_jax.errors import UserError
from real3d_jax.export.mesh import Mesh

ESTIMATE = "estimate"


def as_degrees(told: Any, where: str) -> float | None:
    """An elevation in degrees, from -90 to 90; None for 'estimate'.

    Args:
      told: a number, numpy's and JAX's too, or a word.
      where: begins the sentence.

    Raises:
      UserError: it is neither.
    """
    if isinstance(told, str) and told == ESTIMATE:
        return None
    try:
        degrees = math.nan if isinstance(told, bool) else float(told)
    except (TypeError, ValueError):
        degrees = math.nan
    if not abs(degrees) <= 90:
        raise UserError(f"{where} is {told!r}: set it to degrees from -90 to 90, or to '{ESTIMATE}'.")
    return degrees


def to_upright(elevation: float) -> Float[np.ndarray, "3 3"]:
    """The rotation from the canonical frame to the upright world; `elevation` in degrees, positive is above."""
    sin, cos = math.sin(math.radians(elevation)), math.cos(math.radians(elevation))
    return np.array([[cos, 0.0, -sin], [0.0, 1.0, 0.0], [sin, 0.0, cos]])


def in_canonical_frame(cameras: Cameras, elevation: float) -> Cameras:
    """Cameras of the upright world, in the frame of the field."""
    turned = np.eye(4)
    turned[:3, :3] = to_upright(elevation).T
    return dataclasses.replace(cameras, c2w=jnp.asarray(turned @ np.asarray(cameras.c2w, np.float64), jnp.float32))


def stood_up(mesh: Mesh, elevation: float) -> Mesh:
    """A mesh of the canonical frame, in the upright world."""
    return dataclasses.replace(mesh, vertices=turned(mesh.vertices, elevation))


def turned(vectors: Float[np.ndarray, "*n 3"], elevation: float) -> Float[np.ndarray, "*n 3"]:
    """Points or directions of the canonical frame, in the upright world."""
    return (vectors @ to_upright(elevation).T).astype(np.float32)
