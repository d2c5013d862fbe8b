"""The loss between rendered views and known ones (Eq. 1)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from real3d_jax.config.losses import OverlapViewLossConfig, ViewLossConfig
from real3d_jax.perceptual.lpips import lpips


class View(NamedTuple):
    """Pictures with their coverage, rendered or given, of any leading shape.

    Attributes:
      rgb: (..., h, w, 3), over white, in [0, 1].
      opacity: (..., h, w, 1), in [0, 1]; of a given picture, its mask.
    """

    rgb: Float[Array, "*views h w 3"]
    opacity: Float[Array, "*views h w 1"]


def example_mean(values: Float[Array, "B *rest"], weight: Float[Array, "B"] | None) -> Float[Array, ""]:
    """The mean over everything, each example with its weight; None is 1 for all."""
    if weight is None:
        return jnp.mean(values)
    return jnp.mean(values * weight.reshape(-1, *(1,) * (values.ndim - 1)))


def mse(
    prediction: Float[Array, "B *shape"], target: Float[Array, "B *shape"], weight: Float[Array, "B"] | None = None
) -> Float[Array, ""]:
    """L_MSE: mean squared error over everything; `weight` as in `example_mean`."""
    return example_mean(jnp.square(prediction - target), weight)


def overlap_loss(
    opacity: Float[Array, "B *views h w 1"],
    mask: Float[Array, "B *views h w 1"],
    weight: Float[Array, "B"] | None = None,
) -> Float[Array, ""]:
    """The mean over views of 1 - intersection / union, both of soft outlines; `weight` as in `example_mean`.

    A pixel's worth is added to both, so that an empty view asks for emptiness. Unlike a mean over pixels, a thin thing
    counts as much as a large one.
    """
    pixels = (-3, -2, -1)
    both = jnp.sum(opacity * mask, pixels)
    either = jnp.sum(opacity + mask - opacity * mask, pixels)
    return example_mean(1 - (both + 1) / (either + 1), weight)


def reconstruction_loss(
    rendered: View,
    target: View,
    *,
    weights: ViewLossConfig,
    lpips_params: dict | None,
    weight: Float[Array, "B"] | None = None,
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """L_RECON (Eq. 1): the mean over views of L_MSE + lambda L_LPIPS, and a mask term where the config gives it weight.

    A term whose weight is zero is not computed; `lpips_params` may be None when LPIPS has none. `weight` is that of
    each example, as in `example_mean`.

    Returns:
      The weighted sum, and each term before weighting, by name.
    """
    terms: dict[str, jax.Array] = {}
    if weights.mse:
        terms["mse"] = mse(rendered.rgb, target.rgb, weight)
    if weights.lpips:
        assert lpips_params is not None, "the LPIPS term needs its network"
        images = [view.rgb.reshape(-1, *view.rgb.shape[-3:]) for view in (rendered, target)]
        distances = lpips(lpips_params, *images)
        terms["lpips"] = example_mean(distances.reshape(rendered.rgb.shape[:-3]), weight)
    if weights.mask:
        terms["mask"] = mse(rendered.opacity, target.opacity, weight)
    if isinstance(weights, OverlapViewLossConfig) and weights.overlap:
        terms["overlap"] = overlap_loss(rendered.opacity, target.opacity, weight)
    return sum((getattr(weights, name) * term for name, term in terms.items()), jnp.zeros(())), terms
