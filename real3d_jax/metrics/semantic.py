"""How much the views around a reconstruction look like the input image."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from real3d_jax.perceptual.image_encoder import ImageEncoder, embed
from real3d_jax.perceptual.lpips import lpips_between, lpips_features


def clip_similarity(views: Float[Array, "B V D"], inputs: Float[Array, "B D"]) -> Float[Array, "B V"]:
    """The cosine between each view's CLIP embedding and the input's, in [-1, 1].

    Args:
      views: embeddings of each object's views, of unit length (`perceptual.image_encoder.embed`).
      inputs: those of their inputs.
    """
    return jnp.einsum("bvd,bd->bv", views, inputs, precision="highest")


def clip_similarity_of_images(
    clip: ImageEncoder, views: Float[Array, "B V h w 3"], inputs: Float[Array, "B H W 3"]
) -> Float[Array, "B V"]:
    """`clip_similarity` of images in [0, 1] on white; the two may differ in size."""
    return clip_similarity(_embed_views(clip, views), embed(clip, inputs))


def lpips_to_input(
    params: dict, views: Float[Array, "B V h w 3"], inputs: Float[Array, "B h w 3"]
) -> Float[Array, "B V"]:
    """LPIPS of each view to the input, images in [0, 1] on white; one view at a time, which bounds the memory."""
    of_inputs = lpips_features(params, inputs)  # once for all views

    def to_input(view):
        return lpips_between(params, lpips_features(params, view), of_inputs)

    return jnp.moveaxis(jax.lax.map(to_input, jnp.moveaxis(views, 1, 0)), 0, 1)


def _embed_views(clip: ImageEncoder, views: Float[Array, "B V h w 3"]) -> Float[Array, "B V D"]:
    embeddings = embed(clip, views.reshape(-1, *views.shape[2:]))
    return embeddings.reshape(*views.shape[:2], -1)
