"""Rays as the kernels that march take them: groups of neighbouring ones, and the order of their samples.

A group is sixteen rays. Its samples lie one after another, four neighbouring ones of each ray at a time: a tile.
"""

from typing import NamedTuple

import jax.numpy as jnp

GROUP = 16  # rays
RUN = 4  # samples of a ray that lie in a tile
TILE = GROUP * RUN


class March(NamedTuple):
    """Numbers that the kernels are compiled for.

    Attributes:
      samples: of a ray.
      density_bias: added to the raw density before the exponential.
      dtype: of the decoder.
      keep: whether the decoder's first pre-activations are kept for the backward pass, which else interpolates again.
      interpret: runs the kernels as plain JAX.
    """

    samples: int
    density_bias: float
    dtype: jnp.dtype
    keep: bool
    interpret: bool

    @property
    def runs(self) -> int:
        """Tiles of a group."""
        return self.samples // RUN


def marchable(samples: int) -> bool:
    """Whether so many samples of a ray divide into what is summed at a time."""
    return samples % 16 == 0
