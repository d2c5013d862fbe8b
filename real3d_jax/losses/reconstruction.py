"""The loss between rendered views and known ones (Eq. 1)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from real3d_jax.config.losses import ViewLossConfig
from real3d_jax.perceptual.lpips import lpips


class View(NamedTuple):
    """Pictures with their coverage, rendered or given, of any leading shape.

    Attributes:
      rgb: (..., h, w, 3), over white, in [0, 1].
      opacity: (..., h, w, 1), in [0, 1]; of a given picture, its mask.
    """

    rgb: Float[Array, "*views h w 3"]
    opacity: Float[Array, "*views h w 1"]


def mse(prediction: Float[Array, "*shape"], target: Float[Array, "*shape"]) -> Float[Array, ""]:
    """L_MSE: mean squared error over everything."""
    return jnp.mean(jnp.square(prediction - target))


def reconstruction_loss(
    rendered: View, target: View, *, weights: ViewLossConfig, lpips_params: dict | None
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """L_RECON (Eq. 1): the mean over views of L_MSE + lambda L_LPIPS, and a mask term where the config gives it weight.

    A term whose weight is zero is not computed; `lpips_params` may be None when LPIPS has none.

    Returns:
      The weighted sum, and each term before weighting, by name.
    """
    terms: dict[str, jax.Array] = {}
    if weights.mse:
        terms["mse"] = mse(rendered.rgb, target.rgb)
    if weights.lpips:
        assert lpips_params is not None, "the LPIPS term needs its network"
        images = [view.rgb.reshape(-1, *view.rgb.shape[-3:]) for view in (rendered, target)]
        terms["lpips"] = jnp.mean(lpips(lpips_params, *images))
    if weights.mask:
        terms["mask"] = mse(rendered.opacity, target.opacity)
    return sum((getattr(weights, name) * term for name, term in terms.items()), jnp.zeros(())), terms
