"""Objects of other proportions: a mesh stretched along its axes, and mirrored or not."""

import hashlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from real3d_jax.data.object_rendering.object_list import MeshFile

SUFFIX = "_stretched"


def variants(meshes: Sequence[MeshFile], count: int) -> list[MeshFile]:
    """The objects that are made of meshes: `chair_stretched1`, `table_stretched1`, `chair_stretched2`, ..."""
    numbers = range(1, count + 1)
    return [MeshFile(f"{mesh.name}{SUFFIX}{number}", mesh.path) for number in numbers for mesh in meshes]


def matrix(name: str, *, seed: int, between: tuple[float, float]) -> Float[np.ndarray, "3 3"]:
    """How a variant is stretched: follows from the seed and its name alone.

    Args:
      name: of the variant.
      seed: of all.
      between: the least and the largest factor of an axis; their logarithms are uniform.

    Returns:
      A diagonal matrix for a world in which +z is up. Its determinant is negative for every other variant or so, which
      then is also mirrored, left to right.
    """
    rng = np.random.default_rng(list(hashlib.sha256(f"stretched/{seed}/{name}".encode()).digest()))
    factors = np.exp(rng.uniform(*np.log(between), size=3))
    factors[0] *= rng.choice((-1.0, 1.0))
    return np.diag(factors)
