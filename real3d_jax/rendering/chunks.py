"""Rays rendered a few at a time, so that the memory hardly grows with their number."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from real3d_jax.kernels.ray_groups import GROUP


def map_rays(
    render_chunk: Callable[..., tuple[Float[Array, "B N _"], ...]],
    rays: Sequence[Float[Array, "B *rays _"]],
    *,
    chunk: int,
    policy: Callable[..., Any] | None,
) -> tuple[Float[Array, "B *rays _"], ...]:
    """What `render_chunk` gives for all rays.

    Args:
      render_chunk: takes arrays (B, N, channels), one for each of `rays`, and gives such.
      rays: of one leading shape; the last rays of the last chunk are padding, all zeros.
      chunk: rays of each of the B at a time, at most.
      policy: of `jax.checkpoint`, which computes a chunk again in the backward pass; with None nothing is.
    """
    batch, *shape, _ = rays[0].shape
    count = rays[0][0, ..., 0].size
    chunks = -(-count // chunk)
    chunk = min(chunk, -(-count // (chunks * GROUP)) * GROUP)  # equal ones, of whole groups

    def split(values):
        values = jnp.pad(values.reshape(batch, count, -1), ((0, 0), (0, chunks * chunk - count), (0, 0)))
        return jnp.moveaxis(values.reshape(batch, chunks, chunk, -1), 1, 0)

    def join(values):
        values = jnp.moveaxis(values, 0, 1).reshape(batch, chunks * chunk, -1)
        return values[:, :count].reshape(batch, *shape, -1)

    def render(rays):
        return render_chunk(*rays)

    if policy is not None:
        render = jax.checkpoint(render, policy=policy)
    return jax.tree.map(join, jax.lax.map(render, tuple(map(split, rays))))
