"""How high a camera stood above its object, read from the object's shape: things stand upright.

The surface of a field is turned about the camera's right axis, a degree at a time, and three things are asked of it at
each elevation: whether its faces are level or vertical, whether it stands on a facet of its convex hull, and whether a
vertical plane mirrors it. Their weights were fitted on held-out procedural objects; docs/reconstruction.md says how far
off the estimates are on others. What has no upright of its own (a ball, a stone) gets some elevation, too.
"""

import dataclasses

import numpy as np
import scipy.ndimage
from jaxtyping import Bool, Float
from scipy.spatial import ConvexHull, QhullError

from real3d_jax.config.conditioned import AnyRenderConfig
from real3d_jax.errors import UserError
from real3d_jax.export.density_slabs import all_slabs
from real3d_jax.export.isosurface import isosurface
from real3d_jax.export.mesh import Mesh
from real3d_jax.inference.elevation import to_upright
from real3d_jax.rendering import TriplaneField

ELEVATIONS = np.arange(-20.0, 61.0)  # degrees, of which one is chosen
RESOLUTION = 64  # points per side of the grid of densities
CRITERIA = ("level", "stands", "mirrored")
WEIGHTS = np.array([30.0, 30.0, 100.0])  # of the three
_NEAR = 8.0  # degrees
_SURE = 0.5  # chance, from which an estimate is not told to be doubtful
_FACET = 8.0  # degrees by which what it stands on may be off
_YAWS = np.arange(-72.0, 73.0, 4.0)  # degrees of a mirror about the vertical; left and right are no news at about 90
_POINTS = 400  # that are mirrored
_POOLED = 2  # grid points per side that are one of the mirrored solid
_FAR = 0.3  # distance in world units from which on a mirrored point counts no worse


@dataclasses.dataclass(frozen=True)
class Estimate:
    """How high a camera stood.

    Attributes:
      elevation: degrees, one of `ELEVATIONS`.
      chance: that it is within 8 degrees of that, in [0, 1], as the scores' fit has it.
    """

    elevation: float
    chance: float

    @property
    def doubt(self) -> str:
        """What a note says of it: '' if it is sure."""
        if self.elevation in (ELEVATIONS[0], ELEVATIONS[-1]):
            return f", but may well be {'above' if self.elevation > 0 else 'below'} that, where none is looked for"
        return "" if self.chance > _SURE else ", but may well be at another"


def estimate_elevation(field: TriplaneField, render: AnyRenderConfig, *, threshold: float) -> Estimate:
    """The elevation of the camera that the field's photograph was taken by.

    Args:
      field: a batch of one, in the frame where that camera is canonical.
      render: its box.
      threshold: density of its surface.

    Raises:
      UserError: it has no surface.
    """
    scores = WEIGHTS @ field_scores(field, render, threshold=threshold)
    best, share = np.argmax(scores), np.exp(scores - scores.max())
    near = np.abs(ELEVATIONS - ELEVATIONS[best]) <= _NEAR
    return Estimate(float(ELEVATIONS[best]), float(share[near].sum() / share.sum()))


def field_scores(field: TriplaneField, render: AnyRenderConfig, *, threshold: float) -> Float[np.ndarray, "3 E"]:
    """`upright_scores` of a field; arguments and errors as of `estimate_elevation`."""
    density = np.concatenate(list(all_slabs(field, render, RESOLUTION)))
    return upright_scores(density, radius=render.radius, threshold=threshold)


def upright_scores(density: Float[np.ndarray, "n n n"], *, radius: float, threshold: float) -> Float[np.ndarray, "3 E"]:
    """How upright an object would be if its camera stood at each of `ELEVATIONS`, by each of `CRITERIA`.

    Times `WEIGHTS` their sum is the logarithm of a chance, up to a constant.

    Args:
      density: at the points of a grid that spans [-radius, radius]^3.
      radius: half the side of the box.
      threshold: density of the surface.

    Raises:
      UserError: no density is above the threshold.
    """
    mesh = isosurface(density, radius=radius, threshold=threshold)
    up = np.stack([to_upright(elevation)[2] for elevation in ELEVATIONS])
    mirrored = mirror_scores(density > threshold, radius=radius)
    return np.stack([level_scores(mesh, up), standing_scores(mesh, up), mirrored])


def level_scores(mesh: Mesh, up: Float[np.ndarray, "E 3"]) -> Float[np.ndarray, "E"]:
    """Of each direction, how much of the surface is level or vertical, in [0.5, 1]."""
    normals, areas = _facets(mesh.vertices[mesh.faces])
    squared = (normals @ up.T) ** 2
    return areas @ (squared**2 + (1 - squared) ** 2)


def standing_scores(mesh: Mesh, up: Float[np.ndarray, "E 3"]) -> Float[np.ndarray, "E"]:
    """Of each direction, the share of the convex hull's surface that is its bottom, in [0, 1]."""
    try:
        hull = ConvexHull(mesh.vertices.astype(np.float64))
    except QhullError as error:
        raise UserError("The surface is flat, so that nothing tells how it stands: say the elevation.") from error
    _, areas = _facets(hull.points[hull.simplices])
    off = np.degrees(np.arccos(np.clip(-hull.equations[:, :3] @ up.T, -1, 1)))
    return areas @ np.exp(-0.5 * (off / _FACET) ** 2)


def mirror_scores(solid: Bool[np.ndarray, "n n n"], *, radius: float) -> Float[np.ndarray, "E"]:
    """Of each of `ELEVATIONS`, how near to itself the best vertical mirror takes the object: minus a distance."""
    side = len(solid) // _POOLED
    pooled = np.asarray(solid.reshape(side, _POOLED, side, _POOLED, side, _POOLED).any(axis=(1, 3, 5)))
    step = 2 * radius / side
    away = np.minimum(np.asarray(scipy.ndimage.distance_transform_edt(~pooled)) * step, _FAR)
    points = np.argwhere(pooled) * step
    centre, points = points.mean(0), points[:: max(1, len(points) // _POINTS)]
    yaw = np.radians(_YAWS)
    across = np.stack([np.cos(yaw), np.sin(yaw), np.zeros_like(yaw)], -1)  # mirrors' normals in the upright world
    found = []
    for elevation in ELEVATIONS:
        normals = across @ to_upright(elevation)
        beyond = (points - centre) @ normals.T
        images = points - 2 * beyond.T[..., None] * normals[:, None]
        places = np.rint(images / step).astype(int)
        inside = ((places >= 0) & (places < side)).all(-1)
        x, y, z = np.moveaxis(np.clip(places, 0, side - 1), -1, 0)
        found.append(-np.where(inside, away[x, y, z], _FAR).mean(-1).min())
    return np.array(found)


def _facets(corners: Float[np.ndarray, "F 3 3"]) -> tuple[Float[np.ndarray, "F 3"], Float[np.ndarray, "F"]]:
    """Unit normals of triangles, and their shares of the whole area."""
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).astype(np.float64)
    areas = np.linalg.norm(normals, axis=-1)
    return normals / np.maximum(areas, 1e-12)[:, None], areas / areas.sum()
