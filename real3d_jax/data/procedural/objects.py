"""What a procedural object is made of: solids and a turned body, their paint, the light.

Objects are arrays of fixed size, so that a batch of them is drawn by one program. Families (`abstract.py`,
`furniture.py`, ...) put them together of `parts` with an `assembly.Assembly`, in units of their own, with z up and the
front towards +x.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

PATTERNS = ("plain", "stripes", "checker", "dots", "marble", "gradient", "grain", "bricks")
PROFILE = 8  # radii of a turned body
MAX_SOLIDS = 16  # of the named families

# A camera at distance 1.54 or more with a field of view of 39.6 degrees sees a sphere of this radius whole. Mapped to
# an input camera at 2.4 the sphere reaches 0.79, inside the box of half-size 0.87 however the object is turned.
BOUNDING_RADIUS = 0.52


class Solids(NamedTuple):
    """Solids of one object, K of them; an unused slot has `active` 0.

    A solid is a rectangle with rounded corners in its own xy plane, swept along z, or an ellipsoid. `half` has the
    half-sizes, `corner` the radius in xy, `edge` the radius of the rims, `shell` half the thickness of the wall
    (0 = filled, otherwise open at both ends), `taper` how much narrower the top is than the bottom (0 to 1) in x and in
    y. Boxes, cylinders, capsules, tori, cones, tubes, frames, pyramids and gables are all such sweeps.
    """

    rotation: Float[Array | np.ndarray, "*batch K 3 3"]  # object to local axes: its rows are the local axes
    centre: Float[Array | np.ndarray, "*batch K 3"]
    half: Float[Array | np.ndarray, "*batch K 3"]
    corner: Float[Array | np.ndarray, "*batch K"]
    edge: Float[Array | np.ndarray, "*batch K"]
    shell: Float[Array | np.ndarray, "*batch K"]
    taper: Float[Array | np.ndarray, "*batch K 2"]
    ellipsoid: Float[Array | np.ndarray, "*batch K"]
    mirror: Float[Array | np.ndarray, "*batch K 2"]  # 1: what is at x > 0 (y > 0) stands at x < 0 (y < 0), too
    radial: Float[Array | np.ndarray, "*batch K"]  # 1: repeated `fold` times around the z axis
    active: Float[Array | np.ndarray, "*batch K"]


class Turned(NamedTuple):
    """A body of revolution about its own z axis, at most one an object.

    Its radius along the axis is a quadratic B-spline of `PROFILE` radii at equal distances from -`half` to `half`.
    `shell` is half the thickness of its wall (0 = filled, otherwise open at both ends).
    """

    rotation: Float[Array | np.ndarray, "*batch 3 3"]
    centre: Float[Array | np.ndarray, "*batch 3"]
    radii: Float[Array | np.ndarray, "*batch P"]
    half: Float[Array | np.ndarray, "*batch"]
    shell: Float[Array | np.ndarray, "*batch"]
    active: Float[Array | np.ndarray, "*batch"]


class Textures(NamedTuple):
    """What the solids, and after them the turned body, are painted with: two colours in [0, 1] mixed by a pattern in
    local coordinates."""

    colours: Float[Array | np.ndarray, "*batch T 2 3"]
    pattern: Float[Array | np.ndarray, "*batch T"]  # a number of PATTERNS
    frequency: Float[Array | np.ndarray, "*batch T"]  # radians per world unit
    warp: Float[Array | np.ndarray, "*batch T 3"]  # phase of the pattern along each axis


class Light(NamedTuple):
    """A distant lamp and the sky, fixed to the object."""

    direction: Float[Array | np.ndarray, "*batch 3"]  # unit, towards the lamp
    lamp: Float[Array | np.ndarray, "*batch 3"]
    sky: Float[Array | np.ndarray, "*batch 3"]
    ground: Float[Array | np.ndarray, "*batch 3"]
    gloss: Float[Array | np.ndarray, "*batch"]


class ProceduralObject(NamedTuple):
    """An object within the cube of half-size 0.5 and within `BOUNDING_RADIUS` of the origin."""

    solids: Solids
    turned: Turned | None  # None for families that have no such bodies
    textures: Textures
    light: Light
    fold: (
        Float[Array | np.ndarray, "*batch"] | None
    )  # copies around z of solids that are `radial`; None: no family's are
    blend: Float[Array | np.ndarray, "*batch"]  # width over which solids melt into each other, world units


def stack(objects: Sequence[ProceduralObject]) -> ProceduralObject:
    """Objects as one batch of arrays."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *objects)


def padded(o: ProceduralObject, solids: int) -> ProceduralObject:
    """The same object with more slots for solids, and slots for a turned body and copies around z; all unused."""
    more = solids - len(o.solids.active)

    def pad(leaf: np.ndarray) -> np.ndarray:
        return np.concatenate([leaf, np.zeros((more, *leaf.shape[1:]), leaf.dtype)])

    def before_last(leaf: np.ndarray) -> np.ndarray:
        return np.concatenate([pad(leaf[:-1]), leaf[-1:]])

    zero = np.zeros((), np.float32)
    nothing = Turned(
        np.eye(3, dtype=np.float32), np.zeros(3, np.float32), np.zeros(PROFILE, np.float32), zero, zero, zero
    )
    return o._replace(
        solids=jax.tree.map(pad, o.solids),
        turned=o.turned or nothing,
        textures=jax.tree.map(before_last, o.textures),
        fold=np.ones((), np.float32) if o.fold is None else o.fold,
    )
