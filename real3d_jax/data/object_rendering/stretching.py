"""Other objects made of a mesh: stretched along its axes, evenly or not, mirrored or not, in its colours or others."""

import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from real3d_jax.data import names
from real3d_jax.data.object_rendering.meshes import QUARTERS
from real3d_jax.data.object_rendering.object_list import MeshFile

SUFFIX = "_stretched"
MOST_UNEVEN = 1.7  # below the root of 3, from which on the curve through the lengths may stand still at an end


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
    rng = names.generator(name, purpose=f"stretched/{seed}")
    factors = np.exp(rng.uniform(*np.log(between), size=3))
    factors[0] *= rng.choice((-1.0, 1.0))
    return np.diag(factors)


def lengths(name: str, *, seed: int, uneven: float) -> Float[np.ndarray, "3 4"]:
    """How long each quarter of a variant's axes becomes: follows from the seed and its name alone.

    Args:
      name: of the variant.
      seed: of all.
      uneven: the largest factor of a quarter before the whole is brought to its length again, and the inverse of the
        least; their logarithms are uniform. At most MOST_UNEVEN.

    Returns:
      Shares of each axis, which sum to 1, in a world in which +z is up. The same left as right and before as behind,
      so that what is symmetric stays so.
    """
    rng = names.generator(name, purpose=f"uneven/{seed}")
    drawn = np.exp(np.log(uneven) * rng.uniform(-1, 1, size=(3, QUARTERS)))
    drawn[:2, QUARTERS // 2 :] = drawn[:2, QUARTERS // 2 - 1 :: -1]
    return drawn / drawn.sum(1, keepdims=True)


def channels(name: str, *, seed: int, recoloured: float) -> tuple[int, ...]:
    """Which of a picture's channels a variant shows as red, green and blue: follows from the seed and its name alone.

    The light is white, so that exchanged channels are those of an object of other materials in the same light.

    Args:
      name: of the variant.
      seed: of all.
      recoloured: share of the variants that show others than 0, 1, 2.
    """
    rng = names.generator(name, purpose=f"recoloured/{seed}")
    if rng.random() >= recoloured:
        return (0, 1, 2)
    return list(itertools.permutations(range(3)))[rng.integers(1, 6)]
