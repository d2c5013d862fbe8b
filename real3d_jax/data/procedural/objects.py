"""What a procedural object is made of: solids and a turned body, their paint, the light; and how one is put together.

Objects are arrays of fixed size, so that a batch of them is drawn by one program. Families (`abstract.py`,
`furniture.py`, ...) put them together with an `Assembly`, in units of their own, with z up and the front towards +x.
"""

import functools
import math
from collections.abc import Sequence
from itertools import pairwise
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

    zero = np.float32(0)
    nothing = Turned(
        np.eye(3, dtype=np.float32), np.zeros(3, np.float32), np.zeros(PROFILE, np.float32), zero, zero, zero
    )
    return o._replace(
        solids=jax.tree.map(pad, o.solids),
        turned=o.turned or nothing,
        textures=jax.tree.map(before_last, o.textures),
        fold=np.float32(1) if o.fold is None else o.fold,
    )


class Solid(NamedTuple):
    """One solid before it is placed; the fields of `Solids`."""

    half: tuple[float, float, float]
    corner: float = 0.0
    edge: float = 0.01
    shell: float = 0.0
    taper: tuple[float, float] = (0.0, 0.0)
    ellipsoid: float = 0.0


def box(x: float, y: float, z: float, *, corner: float = 0.0, edge: float = 0.01, taper=(0.0, 0.0)) -> Solid:
    """A box of half-sizes x, y, z; `taper` (1, 0) makes a gable roof with its ridge along y, (1, 1) a pyramid."""
    edge = min(edge, 0.9 * z)
    return Solid((x, y, z), max(min(corner, x, y), min(edge, x, y)), edge, taper=taper)


def cylinder(radius: float, z: float, *, edge: float = 0.01, taper: float = 0.0) -> Solid:
    """A cylinder, or with `taper` a truncated cone, of half-height z."""
    return Solid((radius, radius, z), radius, min(edge, 0.9 * z, 0.9 * radius), taper=(taper, taper))


def capsule(radius: float, z: float) -> Solid:
    """A rod with round ends, of half-length z with them."""
    return Solid((radius, radius, max(z, radius)), radius, radius)


def tube(radius: float, z: float, wall: float, *, taper: float = 0.0) -> Solid:
    """An open tube with a wall of thickness `wall`."""
    return Solid((radius, radius, z), radius, min(0.4 * wall, 0.4 * z), wall / 2, (taper, taper))


def torus(radius: float, thickness: float) -> Solid:
    """A ring about z of outer radius `radius`, whose rod has the radius `thickness`."""
    return Solid((radius, radius, thickness), radius, thickness, thickness)


def ellipsoid(x: float, y: float, z: float) -> Solid:
    """An ellipsoid of half-axes x, y, z."""
    return Solid((x, y, z), ellipsoid=1.0)


class Paint(NamedTuple):
    """What a part is painted with; `frequency` in radians per unit of the assembly."""

    colours: np.ndarray  # (2, 3) in [0, 1]
    pattern: str = "plain"
    frequency: float = 1.0
    warp: tuple[float, float, float] = (0.0, 0.0, 0.0)


def hsv(h: np.ndarray | float, s: np.ndarray | float, v: np.ndarray | float) -> np.ndarray:
    """Hue, saturation and value, all in [0, 1], as (..., 3) colours."""
    k = (np.asarray(h)[..., None] * 6 + np.array([5.0, 3.0, 1.0])) % 6
    return np.asarray(v)[..., None] * (1 - np.asarray(s)[..., None] * np.clip(np.minimum(k, 4 - k), 0, 1))


def turn(axis: str, degrees: float) -> np.ndarray:
    """A rotation of a part about 'x', 'y' or 'z' of the assembly, counter-clockwise; products combine, left last."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[i, i], matrix[i, j], matrix[j, i], matrix[j, j] = c, -s, s, c
    return matrix


def towards(direction: Sequence[float]) -> np.ndarray:
    """The rotation that turns a part's z axis to a direction; its y axis stays level."""
    dx, dy, dz = direction
    level, length = math.hypot(dx, dy), math.hypot(dx, dy, dz)
    if level < 1e-9 * length:
        return UPRIGHT if dz > 0 else turn("x", 180)
    c, s = dx / level, dy / level
    up, out = dz / length, level / length
    return np.array([[c * up, -s, c * out], [s * up, c, s * out], [-out, 0.0, up]])


def profile(*radii: float) -> list[float]:
    """Radii at equal distances from the bottom to the top, however many, as the `PROFILE` of a turned body."""
    return np.interp(np.linspace(0, len(radii) - 1, PROFILE), np.arange(len(radii)), radii).tolist()


UPRIGHT = np.eye(3)


class Assembly:
    """Collects the parts of one object, in any units, and makes it a `ProceduralObject`."""

    def __init__(self) -> None:
        self._parts: list[tuple] = []
        self._turned: tuple | None = None

    def add(
        self,
        solid: Solid,
        at: tuple[float, float, float],
        paint: Paint,
        *,
        turned: np.ndarray = UPRIGHT,
        mirror: str = "",
        radial: bool = False,
    ) -> None:
        """Adds a solid.

        Args:
          solid: its shape.
          at: its centre.
          paint: its colours.
          turned: (3, 3), turns the solid before it is put there.
          mirror: 'x', 'y' or 'xy': repeats it on the other side. It must lie at positive x (y).
          radial: repeats it around the z axis, as often as `build` is told; it must lie near the +x axis.
        """
        self._parts.append((solid, np.asarray(at, float), paint, turned.T, ("x" in mirror, "y" in mirror), radial))

    def rod(
        self,
        start: Sequence[float],
        end: Sequence[float],
        radius: float,
        paint: Paint,
        *,
        flat: bool = False,
        taper: float = 0.0,
        mirror: str = "",
        radial: bool = False,
    ) -> None:
        """Adds a rod whose axis runs from start to end; its round ends, if it is not `flat`, reach beyond them."""
        span = np.subtract(end, start)
        half = math.sqrt(span @ span) / 2
        solid = cylinder(radius, half) if flat else capsule(radius, half + radius)
        at = (start[0] + span[0] / 2, start[1] + span[1] / 2, start[2] + span[2] / 2)
        solid = solid._replace(taper=(taper, taper))
        self.add(solid, at, paint, turned=towards(span), mirror=mirror, radial=radial)

    def chain(
        self, points: Sequence[Sequence[float]], radius: float, paint: Paint, *, end: float = 1.0, mirror: str = ""
    ) -> None:
        """Adds a bent rod through points, `end` times as thick at its end as at its start: points - 1 solids."""
        count = len(points) - 1
        for i, (p, q) in enumerate(pairwise(points)):
            here = radius * (1 + (end - 1) * i / count)
            there = radius * (1 + (end - 1) * (i + 1) / count)
            self.rod(p, q, here, paint, taper=1 - there / here, mirror=mirror)

    def turn_body(
        self,
        radii: Sequence[float],
        half: float,
        at: tuple[float, float, float],
        paint: Paint,
        *,
        turned: np.ndarray = UPRIGHT,
        wall: float = 0.0,
    ) -> None:
        """Sets the turned body: `PROFILE` radii from the bottom to the top, half its height, its centre, the thickness
        of its wall if it is hollow (open at both ends)."""
        assert len(radii) == PROFILE
        self._turned = (np.asarray(radii, float), half, np.asarray(at, float), paint, turned.T, wall / 2)

    def build(
        self, light: Light, *, blend: float, fold: int = 1, slots: int = MAX_SOLIDS, directions: int = 128
    ) -> ProceduralObject:
        """The object, moved to the origin and scaled to fill its bounds.

        Args:
          light: on it.
          blend: width over which solids melt into each other, in the assembly's units.
          fold: copies around z of radial parts.
          slots: for solids; the assembly has at most so many.
          directions: in which its extent is measured.
        """
        count = len(self._parts)
        assert count <= slots, f"{count} solids do not fit into {slots}"
        solids, at, paints, rotations, mirrors, radial = zip(*self._parts, strict=True) if count else ((),) * 6

        def filled(values, *shape: int) -> np.ndarray:
            out = np.zeros((slots, *shape))
            out[:count] = np.array(values, float).reshape(count, *shape)
            return out

        k = Solids(
            rotation=filled(rotations, 3, 3),
            centre=filled(at, 3),
            half=filled([s.half for s in solids], 3),
            corner=filled([s.corner for s in solids]),
            edge=filled([s.edge for s in solids]),
            shell=filled([s.shell for s in solids]),
            taper=filled([s.taper for s in solids], 2),
            ellipsoid=filled([s.ellipsoid for s in solids]),
            mirror=filled(mirrors, 2),
            radial=filled(radial),
            active=filled(np.ones(count)),
        )
        nothing = Paint(np.zeros((2, 3)))
        radii, half, centre, body_paint, rotation, shell = self._turned or (
            np.zeros(PROFILE),
            0.0,
            np.zeros(3),
            nothing,
            UPRIGHT,
            0.0,
        )
        paint = [*paints, *[nothing] * (slots - count), body_paint]
        o = ProceduralObject(
            solids=k,
            turned=Turned(rotation, centre, radii, np.array(half), np.array(shell), np.array(self._turned is not None)),
            textures=Textures(
                colours=np.array([p.colours for p in paint]),
                pattern=np.array([PATTERNS.index(p.pattern) for p in paint]),
                frequency=np.array([p.frequency for p in paint]),
                warp=np.array([p.warp for p in paint]),
            ),
            light=light,
            fold=np.array(fold),
            blend=np.array(blend),
        )
        o, factor = normalised(o, directions=directions, tapers=True)
        o = o._replace(textures=o.textures._replace(frequency=o.textures.frequency / factor))
        return jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), o)


def normalised(o: ProceduralObject, *, directions: int, tapers: bool = False) -> tuple[ProceduralObject, float]:
    """The object with its box centred at the origin, scaled to fill the cube or the bounding sphere; and the scale.

    The centre stays on the z axis where parts are repeated around it, and off mirrors. Without `tapers` room is left
    for solids as if they were as wide above as below.
    """
    reach = _reach(o, directions, tapers)
    high, low = reach[-6:-3], -reach[-3:]
    shift = (high + low) / 2
    on = o.solids.active > 0
    if (o.solids.radial[on] > 0).any():
        shift[:2] = 0
    shift[:2][(o.solids.mirror[on] > 0).any(0)] = 0
    reach = reach - _directions(directions) @ shift + o.blend / 4
    factor = min(0.5 / reach[-6:].max(), BOUNDING_RADIUS / reach.max())
    s, t = o.solids, o.turned
    lengths = {name: getattr(s, name) * factor for name in ("half", "corner", "edge", "shell")}
    if t is not None:
        t = t._replace(
            centre=(t.centre - shift) * factor, radii=t.radii * factor, half=t.half * factor, shell=t.shell * factor
        )
    s = s._replace(centre=(s.centre - shift * s.active[:, None]) * factor, **lengths)
    return o._replace(solids=s, turned=t, blend=o.blend * factor), factor


def _directions(count: int) -> np.ndarray:
    """Unit vectors spread over the sphere, and after them the axes and their opposites."""
    if count not in _SPHERES:
        k = np.arange(count) + 0.5
        z = 1 - 2 * k / count
        around = np.pi * (1 + 5**0.5) * k
        sphere = np.stack([np.cos(around) * np.sqrt(1 - z * z), np.sin(around) * np.sqrt(1 - z * z), z], -1)
        _SPHERES[count] = np.concatenate([sphere, np.eye(3), -np.eye(3)])
    return _SPHERES[count]


_SPHERES: dict[int, np.ndarray] = {}


def _reach(o: ProceduralObject, count: int, tapers: bool) -> np.ndarray:
    """How far the object reaches in each direction (its support function)."""
    d, s = _directions(count), o.solids
    reach = np.full(len(d), -np.inf)
    if s.active.any():
        which, copies = _copies(s, int(o.fold or 1))
        # A copy reaches as far along d as the original does along d carried back.
        rotation = s.rotation[which] @ copies.swapaxes(1, 2)
        centre = (copies @ s.centre[which][..., None])[..., 0]
        reach = _support(s if tapers else s._replace(taper=np.zeros_like(s.taper)), which, rotation, centre, d)
    t = o.turned
    if t is not None and t.active:
        local = d @ t.rotation.T
        levels = np.linspace(-t.half, t.half, PROFILE)
        ring = np.hypot(local[:, 0], local[:, 1])
        body = (ring[:, None] * t.radii + local[:, 2:] * levels).max(1)
        reach = np.maximum(reach, d @ t.centre + body)
    return reach


def _copies(s: Solids, turns: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the solids, each as often as it stands there, and the matrices that carry it there."""
    which, matrices = [], []
    around = _around(turns)
    for k in np.flatnonzero(s.active).tolist():
        x, y = s.mirror[k].tolist()
        flips = _FLIPS[bool(x), bool(y)]
        carried = (around[:, None] @ flips).reshape(-1, 3, 3) if s.radial[k] else flips
        which += [k] * len(carried)
        matrices.append(carried)
    return np.array(which), np.concatenate(matrices)


_FLIPS = {
    (x, y): np.array([np.diag([i, j, 1.0]) for i in ((1, -1) if x else (1,)) for j in ((1, -1) if y else (1,))])
    for x in (False, True)
    for y in (False, True)
}


@functools.cache
def _around(turns: int) -> np.ndarray:
    return np.array([turn("z", 360 * j / turns) for j in range(turns)])


def _support(
    s: Solids, which: np.ndarray, rotation: np.ndarray, centre: np.ndarray, directions: np.ndarray
) -> np.ndarray:
    """How far the farthest of some copies of solids reaches in each direction."""
    local = (rotation.reshape(-1, 3) @ directions.T).reshape(*rotation.shape[:2], -1)
    half, corner, edge, top = s.half[which], s.corner[which, None], s.edge[which, None], 1 - s.taper[which]
    flat = np.square(local[:, 0]) + np.square(local[:, 1])
    length = np.sqrt(flat)
    side = np.abs(local[:, :2])
    # The xy outline is a rectangle plus a disc, narrower at the top (+z) than at the bottom.
    below = ((half[:, None, :2] - corner[..., None]) @ side)[:, 0] + corner * length
    above, up = below, (half[:, 2:] - edge) * local[:, 2]
    narrow = np.flatnonzero((top < 1).any(-1))
    if len(narrow):
        shrunk = top[narrow].min(-1, keepdims=True) * corner[narrow]
        inner = (top * half[:, :2])[narrow] - shrunk
        above = below.copy()
        above[narrow] = (inner[:, None] @ side[narrow])[:, 0] + shrunk * length[narrow]
    # The rim's rounding replaces the corner of outline and height.
    reach = np.maximum(above + up, below - up) + edge * (np.sqrt(flat + np.square(local[:, 2])) - length)
    round_ = np.flatnonzero(s.ellipsoid[which])
    if len(round_):
        reach[round_] = np.sqrt(np.square(half[round_, :, None] * local[round_]).sum(1))
    return (centre @ directions.T + reach).max(0)
