"""A field that was made of a picture with another field of view than the model takes all pictures to have.

The model puts what a pixel shows onto the ray of its own input camera. A photograph from farther away, with a narrower
field of view, has flatter perspective; taken for one from near by, what is behind becomes too large and what is in
front too small. Points of the world are therefore moved to where the model put them: onto the ray of the same pixel, at
the same depth beside the origin, whose plane stays as it is.
"""

from typing import no_type_check

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_BEFORE_THE_CAMERA = 0.05  # of its distance; nothing is nearer to it


@no_type_check  # JAX rebuilds it around placeholders
@flax.struct.dataclass
class Lens:
    """The two cameras, both on the positive x axis, which see the plane x = 0 at one size.

    Attributes:
      taken: distance of the camera that the model takes the input to be from, in world units.
      true: distance of the camera that it is from.
    """

    taken: jax.Array | float
    true: jax.Array | float


def make_lens(*, distance: float, fov_y: float, true_fov_y: float) -> Lens:
    """The lens of a picture.

    Args:
      distance: of the model's input camera.
      fov_y: its field of view, degrees.
      true_fov_y: of the picture that the model was given, degrees.
    """
    ratio = np.tan(np.radians(fov_y) / 2) / np.tan(np.radians(true_fov_y) / 2)
    return Lens(jnp.float32(distance), jnp.float32(distance * ratio))


def through_lens(points: Float[Array, "B N 3"], lens: Lens) -> Float[Array, "B N 3"]:
    """Where the model put what is at these points of the world."""
    x = points[..., :1]
    scale = (1 - x / lens.taken) / jnp.maximum(1 - x / lens.true, _BEFORE_THE_CAMERA)
    return jnp.concatenate([x, points[..., 1:] * scale], axis=-1)
