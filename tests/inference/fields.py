"""Fields of known shape."""

import jax.numpy as jnp
import numpy as np

from real3d_jax.models.decoder import Decoder
from real3d_jax.rendering import TriplaneField

RADIUS, BIAS = 0.87, -1.0  # of the configurations
_TEXELS, _STEEP, _INSIDE = 128, 2.0, 0.1


def box_seen_from(elevation, half=(0.35, 0.25, 0.3), density=10.0):
    """A box as the field of a photograph from this elevation (degrees) has it: `density` on its surface.

    Its half sides are those of the upright world (x, y, z); the sides across y are 0.05 farther out. One plane holds
    what depends on x and z, another one what depends on y.
    """
    place = ((np.arange(_TEXELS) + 0.5) / _TEXELS * 2 - 1) * RADIUS
    x, z = np.meshgrid(place, place)  # the plane's width and height
    sin, cos = np.sin(np.radians(elevation)), np.cos(np.radians(elevation))
    forth, up = x * cos - z * sin, x * sin + z * cos
    planes = np.zeros((1, 3, _TEXELS, _TEXELS, 1), np.float32)
    beyond = np.maximum(np.abs(forth) - half[0], np.abs(up) - half[2])
    planes[0, 1, ..., 0] = np.minimum(-_STEEP * beyond, _INSIDE)
    planes[0, 2, ..., 0] = np.minimum(-_STEEP * (np.abs(place) - half[1]), 0)
    kernel = np.zeros((3, 4), np.float32)
    kernel[:, 0] = 1
    bias = np.array([np.log(density) - BIAS, 9, -9, -9], np.float32)
    return TriplaneField(jnp.asarray(planes), {"layer_0": {"kernel": kernel, "bias": bias}}, Decoder(8, 0))
