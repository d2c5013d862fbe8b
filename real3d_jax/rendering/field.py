"""A triplane with its decoder: density and colour anywhere in the box."""

from typing import no_type_check

import flax.struct
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from real3d_jax.config import RenderConfig
from real3d_jax.models.decoder import Decoder
from real3d_jax.rendering.plane_query import query_planes

# exp(80) is 5e34: densities stay finite, so that their gradients do.
_LARGEST_EXPONENT = 80.0


@no_type_check  # JAX rebuilds it around placeholders
@flax.struct.dataclass
class TriplaneField:
    """A batch of fields that share one decoder.

    Attributes:
      planes: (B, 3, h, w, K), from the model.
      decoder_params: the model's `params["decoder"]`.
      decoder: the module they belong to.
    """

    planes: jax.Array
    decoder_params: dict
    decoder: Decoder = flax.struct.field(pytree_node=False)


def query_field(
    field: TriplaneField, points: Float[Array, "B N 3"], config: RenderConfig
) -> tuple[Float[Array, "B N"], Float[Array, "B N 3"]]:
    """Activated density and colour in [0, 1] at points in world coordinates.

    density = exp(raw + `density_bias`), colour = sigmoid(raw).
    """
    features = query_planes(field.planes, points / config.radius, implementation=config.plane_query)
    raw = field.decoder.apply({"params": field.decoder_params}, features)
    assert isinstance(raw, jax.Array)
    density = jnp.exp(jnp.minimum(raw[..., 0] + config.density_bias, _LARGEST_EXPONENT))
    return density, jax.nn.sigmoid(raw[..., 1:])
