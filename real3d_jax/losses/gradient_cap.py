"""A bound on what the semantic loss may do to the pictures, measured by what the pixel losses do to them."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

_LEAST_NORM = 1e-30  # below it there is nothing to scale


@jax.custom_vjp
def cap_gradient(views: Float[Array, "B *rest"], limit: Float[Array, "B"]) -> Float[Array, "B *rest"]:
    """The views as they are, whose gradient is scaled down where its norm over an example exceeds `limit`.

    `limit` itself gets no gradient.
    """
    return views


def _forward(views, limit):
    return views, limit


def _backward(limit, gradient):
    scale = jnp.minimum(1.0, limit / jnp.maximum(_norms(gradient), _LEAST_NORM))
    scale = scale.reshape(-1, *(1,) * (gradient.ndim - 1))
    return (gradient * scale).astype(gradient.dtype), jnp.zeros_like(limit)


cap_gradient.defvjp(_forward, _backward)


def gradient_norms(loss: Callable[[PyTree], Float[Array, ""]], views: PyTree) -> Float[Array, "B"]:
    """The norm of the loss's gradient with respect to all views of each example, itself without gradient.

    Args:
      loss: of all examples at once, a mean or sum over them.
      views: arrays of leading shape (B,).
    """
    gradients = jax.tree.leaves(jax.grad(loss)(jax.lax.stop_gradient(views)))
    squares = [jnp.square(_norms(gradient)) for gradient in gradients]
    return jax.lax.stop_gradient(jnp.sqrt(jnp.sum(jnp.stack(squares), axis=0)))


def _norms(gradient: Float[Array, "B *rest"]) -> Float[Array, "B"]:
    return jnp.linalg.norm(gradient.reshape(len(gradient), -1).astype(jnp.float32), axis=1)
