"""The light on named objects: daylight, a studio, a warm lamp or an overcast sky."""

import math

import numpy as np

from real3d_jax.data.procedural.chance import between, maybe, pick
from real3d_jax.data.procedural.objects import Light

# Lamp, sky and ground (red, green, blue), lowest and highest elevation of the lamp in degrees. Together lamp and sky
# are about 1, so that white stays below the brightest value; the ground's light keeps undersides readable.
_KINDS = (
    ((0.55, 0.53, 0.49), (0.54, 0.56, 0.60), (0.42, 0.41, 0.39), 30, 75),  # daylight
    ((0.46, 0.46, 0.46), (0.58, 0.58, 0.58), (0.50, 0.50, 0.50), 35, 80),  # studio
    ((0.60, 0.50, 0.38), (0.53, 0.48, 0.45), (0.45, 0.40, 0.36), 25, 70),  # warm lamp
    ((0.22, 0.22, 0.23), (0.76, 0.78, 0.80), (0.48, 0.47, 0.46), 50, 85),  # overcast
)


def sample_light(rng: np.random.Generator) -> Light:
    """A lamp above the object at any azimuth, and a sky that leaves no side dark."""
    lamp, sky, ground, lowest, highest = pick(rng, _KINDS)
    azimuth, elevation = between(rng, 0, 2 * math.pi), math.radians(between(rng, lowest, highest))
    level = math.cos(elevation)
    strength, fill = between(rng, 0.85, 1.1), between(rng, 0.9, 1.1)
    gloss = between(rng, 0.1, 0.4) if maybe(rng, 0.3) else between(rng, 0.0, 0.1)
    return Light(
        direction=np.array([level * math.cos(azimuth), level * math.sin(azimuth), math.sin(elevation)]),
        lamp=strength * np.array(lamp),
        sky=fill * np.array(sky),
        ground=fill * np.array(ground),
        gloss=np.array(gloss),
    )
