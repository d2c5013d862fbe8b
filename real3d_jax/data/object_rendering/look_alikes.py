"""Which meshes are worth rendering: not flat, not thin, and not one that is there already."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.spatial import KDTree

from real3d_jax.data.object_rendering.meshes import Part

# Shares of an object's largest side: rugs and pictures lie below the first with their smallest side, wires and pencils
# below the second with both others.
FLATTEST, THINNEST = 0.10, 0.15
# Two samples of one surface differ by about 0.015, in units of the largest side.
NEAREST = 0.02
_POINTS = 1024


class Shapes:
    """The shapes that were accepted so far."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._trees: list[KDTree] = []

    def fault(self, name: str, parts: Sequence[Part]) -> str | None:
        """Why an object is left out; None accepts it, and later ones that look like it are left out.

        Args:
          name: for the reasons.
          parts: in a cube whose side is the object's largest one, as `meshes.normalised` makes it.
        """
        triangles = np.concatenate([part.triangles for part in parts])
        smallest, middle, largest = np.sort(np.ptp(triangles, axis=(0, 1)))
        if smallest < FLATTEST * largest:
            return f"it is flat: its sides are as {smallest / largest:.2f} to 1"
        if middle < THINNEST * largest:
            return f"it is thin: its sides are as {middle / largest:.2f} to 1"
        tree = KDTree(surface_points(triangles))
        for other, there in zip(self._names, self._trees, strict=True):
            if np.abs(_spread(tree) - _spread(there)).max() < 0.05 and distance(tree, there) < NEAREST:
                return f"it has the shape of '{other}'"
        self._names.append(name)
        self._trees.append(tree)
        return None


def surface_points(triangles: Float[np.ndarray, "faces 3 3"]) -> Float[np.ndarray, "points 3"]:
    """Points spread evenly over a surface; the same triangles give the same points."""
    sides = triangles[:, 1:] - triangles[:, :1]
    area = np.cumsum(np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=-1))
    face = np.searchsorted(area, (np.arange(_POINTS) + 0.5) / _POINTS * area[-1])
    weights = np.random.default_rng(0).uniform(size=(_POINTS, 2))
    weights = np.where(weights.sum(-1, keepdims=True) > 1, 1 - weights, weights)
    return triangles[face, 0] + np.einsum("ps,psc->pc", weights, sides[face])


def distance(one: KDTree, other: KDTree) -> float:
    """How far the points of each are from the nearest of the other, on average."""
    return (one.query(other.data)[0].mean() + other.query(one.data)[0].mean()) / 2


def _spread(tree: KDTree) -> Float[np.ndarray, "3"]:
    return tree.maxes - tree.mins
