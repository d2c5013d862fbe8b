"""CLIP's vision tower: images to normalised embeddings."""

import flax.linen as nn
import flax.struct
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from real3d_jax.config import VitConfig
from real3d_jax.images import resize_bilinear
from real3d_jax.models.vit import ViT

_MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
_STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


class ClipVision(nn.Module):
    """The tower and its projection.

    CLIP normalises the class token only (`post_layernorm`); the ViT's final norm acts on each token alone, so that
    taking the class token afterwards is the same.

    Attributes:
      vit: sizes of the tower, with `pre_norm` and without `patch_bias`.
      projection: channels of the embedding.
    """

    vit: VitConfig
    projection: int

    @nn.compact
    def __call__(self, images: Float[Array, "B S S 3"]) -> Float[Array, "B D"]:
        tokens = ViT(self.vit, name="vit")(images)
        return nn.Dense(self.projection, use_bias=False, name="projection")(tokens[:, 0])


@flax.struct.dataclass
class Clip:
    """A CLIP vision tower with its parameters, which are the only leaves.

    Attributes:
      params: `{'vit': ..., 'projection': {'kernel': (W, D)}}`.
      module: the tower.
      image_size: pixels per side that it was trained at.
    """

    params: dict
    module: ClipVision = flax.struct.field(pytree_node=False)
    image_size: int = flax.struct.field(pytree_node=False)


def clip_embed(clip: Clip, images: Float[Array, "B H W 3"]) -> Float[Array, "B D"]:
    """Embeddings of unit length, so that the scalar product of two is their cosine similarity.

    Args:
      clip: the tower.
      images: in [0, 1], of any size; resized bilinearly without antialiasing, as the released code does.
    """
    images = resize_bilinear(images, clip.image_size, clip.image_size)
    embeddings = clip.module.apply({"params": clip.params}, (images - _MEAN) / _STD)
    assert not isinstance(embeddings, tuple)
    return embeddings / jnp.linalg.norm(embeddings, axis=-1, keepdims=True)
