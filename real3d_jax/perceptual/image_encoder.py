"""Images to embeddings, whose scalar products say how alike the images are: by CLIP, or by what stands in for it."""

from typing import no_type_check

import flax.linen as nn
import flax.struct
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from real3d_jax.images import resize_bilinear


@no_type_check  # JAX rebuilds it around placeholders
@flax.struct.dataclass
class ImageEncoder:
    """A frozen network with its parameters, which are the only leaves.

    Attributes:
      params: of `network`.
      network: from normalised images to embeddings of any length.
      image_size: pixels per side that it was trained at.
      mean: of each colour, which the network expects to be taken away.
      std: by which it expects the rest to be divided.
    """

    params: dict
    network: nn.Module = flax.struct.field(pytree_node=False)
    image_size: int = flax.struct.field(pytree_node=False)
    mean: tuple[float, float, float] = flax.struct.field(pytree_node=False)
    std: tuple[float, float, float] = flax.struct.field(pytree_node=False)


def embed(encoder: ImageEncoder, images: Float[Array, "B H W 3"]) -> Float[Array, "B D"]:
    """Embeddings of unit length, so that the scalar product of two is their cosine similarity.

    Args:
      encoder: the network.
      images: in [0, 1], of any size; resized bilinearly without antialiasing, as the released code does.
    """
    images = resize_bilinear(images, encoder.image_size, encoder.image_size)
    normalised = (images - np.array(encoder.mean, np.float32)) / np.array(encoder.std, np.float32)
    embeddings = encoder.network.apply({"params": encoder.params}, normalised)
    assert not isinstance(embeddings, tuple)
    return embeddings / jnp.linalg.norm(embeddings, axis=-1, keepdims=True)
