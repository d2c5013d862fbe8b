"""CLIP's vision tower."""

import flax.linen as nn
from jaxtyping import Array, Float

from real3d_jax.config.model import VitConfig
from real3d_jax.models.vit import ViT

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


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
