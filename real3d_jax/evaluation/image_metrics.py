"""Metrics between a rendered view and the true one."""

import jax.numpy as jnp
from jaxtyping import Array, Float

_LEAST_MSE = 1e-10


def psnr(prediction: Float[Array, "*views h w 3"], target: Float[Array, "*#views h w 3"]) -> Float[Array, "*views"]:
    """Peak signal-to-noise ratio of each view in dB, colours in [0, 1]; identical views have 100 dB."""
    return psnr_from_mse(jnp.mean(jnp.square(prediction - target), axis=(-3, -2, -1)))


def psnr_from_mse(mse: Float[Array, "*views"]) -> Float[Array, "*views"]:
    """PSNR in dB of a mean squared error between colours in [0, 1]; at most 100 dB, so that means stay finite."""
    return -10.0 * jnp.log10(jnp.maximum(mse, _LEAST_MSE))
