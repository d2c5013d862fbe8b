"""Random objects: compositions of textured primitives, in the spirit of LRM-Zero's Zeroverse, in two families.

Family 'a' looks built: boxes, frames, tubes and cylinders, mostly upright, with crisp patterns, in cool daylight.
Family 'b' looks grown: ellipsoids, capsules, tori and cones in any direction, blended into each other, with soft
patterns, in warm low light. Objects are arrays of fixed size, so that a batch of them is rendered by one program.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from real3d_jax.errors import UserError

FAMILIES = ("a", "b")
MAX_PRIMITIVES = 6
PATTERNS = ("plain", "stripes", "checker", "dots", "marble", "gradient")

# A camera at distance 1.54 or more with a field of view of 39.6 degrees sees a sphere of this radius whole. Mapped to
# an input camera at 2.4 the sphere reaches 0.79, inside the box of half-size 0.87 however the object is turned.
BOUNDING_RADIUS = 0.52


class Primitives(NamedTuple):
    """Solids of one object, K of them; an unused slot has `active` 0.

    A solid is a rectangle with rounded corners in its own xy plane, swept along z, or an ellipsoid. `half` has the
    half-sizes, `corner` the radius in xy, `edge` the radius of the rims, `shell` half the thickness of the wall
    (0 = filled), `taper` how much narrower the top is than the bottom (0 to 1). Boxes, cylinders, capsules, tori,
    cones, tubes and frames are all such sweeps.
    """

    rotation: Float[Array | np.ndarray, "*batch K 3 3"]  # object to local axes
    centre: Float[Array | np.ndarray, "*batch K 3"]
    half: Float[Array | np.ndarray, "*batch K 3"]
    corner: Float[Array | np.ndarray, "*batch K"]
    edge: Float[Array | np.ndarray, "*batch K"]
    shell: Float[Array | np.ndarray, "*batch K"]
    taper: Float[Array | np.ndarray, "*batch K"]
    ellipsoid: Float[Array | np.ndarray, "*batch K"]
    active: Float[Array | np.ndarray, "*batch K"]


class Textures(NamedTuple):
    """What the solids are painted with: two colours in [0, 1] mixed by a pattern in local coordinates."""

    colours: Float[Array | np.ndarray, "*batch K 2 3"]
    pattern: Float[Array | np.ndarray, "*batch K"]  # a number of PATTERNS
    frequency: Float[Array | np.ndarray, "*batch K"]  # radians per world unit
    warp: Float[Array | np.ndarray, "*batch K 3"]  # phase of the pattern along each axis


class Light(NamedTuple):
    """A distant lamp and the sky, fixed to the object."""

    direction: Float[Array | np.ndarray, "*batch 3"]  # unit, towards the lamp
    lamp: Float[Array | np.ndarray, "*batch 3"]
    sky: Float[Array | np.ndarray, "*batch 3"]
    ground: Float[Array | np.ndarray, "*batch 3"]
    gloss: Float[Array | np.ndarray, "*batch"]


class ProceduralObject(NamedTuple):
    """An object within the cube of half-size 0.5 and within `BOUNDING_RADIUS` of the origin."""

    primitives: Primitives
    textures: Textures
    light: Light
    mirror: Float[Array | np.ndarray, "*batch"]  # 1 where the half with x > 0 is repeated at x < 0
    blend: Float[Array | np.ndarray, "*batch"]  # width over which solids melt into each other, world units


def sample_object(family: str, seed: int, index: int) -> ProceduralObject:
    """Object `index` of a family; equal arguments give equal objects, whatever else is made.

    Raises:
      UserError: no such family.
    """
    if family not in FAMILIES:
        raise UserError(f"'{family}' is no family of procedural objects: choose 'a' or 'b'.")
    rng = np.random.default_rng([seed, FAMILIES.index(family), index])
    built = family == "a"
    mirror = float(rng.uniform() < 0.5)
    primitives = _compose(rng, _BUILT if built else _GROWN, upright=0.75 if built else 0.2, mirror=mirror)
    blend = 0.005 if built else float(rng.uniform(0.03, 0.14))
    primitives, factor = _normalised(primitives, mirror=mirror, margin=blend / 4)
    fields = ProceduralObject(
        primitives=primitives,
        textures=_paint(rng, built),
        light=_light(rng, built),
        mirror=np.array(mirror),
        blend=np.array(blend * factor),
    )
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), fields)


def stack(objects: list[ProceduralObject]) -> ProceduralObject:
    """Objects as one batch of arrays."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *objects)


class _Solid(NamedTuple):
    half: tuple[float, float, float]
    corner: float = 0.0
    edge: float = 0.01
    shell: float = 0.0
    taper: float = 0.0
    ellipsoid: float = 0.0


def _box(rng: np.random.Generator) -> _Solid:
    half = rng.uniform(0.12, 0.45, 3)
    corner = rng.choice([0.01, 0.3]) * half[:2].min()
    return _Solid(tuple(half), corner, edge=min(0.02, 0.3 * half[2]))


def _slab(rng: np.random.Generator) -> _Solid:
    half = (rng.uniform(0.3, 0.5), rng.uniform(0.2, 0.5), rng.uniform(0.03, 0.08))
    return _Solid(half, rng.uniform(0.02, 0.2), edge=0.01)


def _cylinder(rng: np.random.Generator) -> _Solid:
    r = rng.uniform(0.1, 0.35)
    return _Solid((r, r, rng.uniform(0.1, 0.5)), r, edge=rng.uniform(0.005, 0.04))


def _tube(rng: np.random.Generator) -> _Solid:
    r = rng.uniform(0.2, 0.4)
    return _Solid((r, r, rng.uniform(0.08, 0.4)), r, edge=0.01, shell=rng.uniform(0.025, 0.06))


def _frame(rng: np.random.Generator) -> _Solid:
    half = (rng.uniform(0.25, 0.5), rng.uniform(0.2, 0.4), rng.uniform(0.05, 0.3))
    return _Solid(half, 0.03, edge=0.01, shell=rng.uniform(0.025, 0.05))


def _pyramid(rng: np.random.Generator) -> _Solid:
    half = rng.uniform(0.2, 0.4, 3)
    return _Solid(tuple(half), 0.02, edge=0.01, taper=rng.uniform(0.4, 0.8))


def _ellipsoid(rng: np.random.Generator) -> _Solid:
    return _Solid(tuple(rng.uniform(0.14, 0.42, 3)), ellipsoid=1.0)


def _capsule(rng: np.random.Generator) -> _Solid:
    r = rng.uniform(0.06, 0.16)
    return _Solid((r, r, rng.uniform(0.25, 0.55)), r, edge=r)


def _torus(rng: np.random.Generator) -> _Solid:
    r = rng.uniform(0.05, 0.12)
    outer = rng.uniform(0.22, 0.4)
    return _Solid((outer, outer, r), outer, edge=r, shell=r)


def _cone(rng: np.random.Generator) -> _Solid:
    r = rng.uniform(0.15, 0.35)
    return _Solid((r, r, rng.uniform(0.2, 0.5)), r, edge=0.03, taper=rng.uniform(0.5, 0.85))


def _pillow(rng: np.random.Generator) -> _Solid:
    half = (rng.uniform(0.25, 0.45), rng.uniform(0.2, 0.4), rng.uniform(0.1, 0.2))
    return _Solid(half, 0.8 * min(half[:2]), edge=0.9 * half[2])


_Shape = Callable[[np.random.Generator], _Solid]
_BUILT: tuple[_Shape, ...] = (_box, _slab, _cylinder, _tube, _frame, _pyramid)
_GROWN: tuple[_Shape, ...] = (_ellipsoid, _ellipsoid, _capsule, _torus, _cone, _pillow)


def _rotation(rng: np.random.Generator, upright: float) -> np.ndarray:
    if rng.uniform() < upright:
        yaw = rng.choice([0.0, 0.0, rng.uniform(0, np.pi)])
        turn = np.array([[np.cos(yaw), np.sin(yaw), 0], [-np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
        return np.roll(np.eye(3), rng.integers(3), axis=0) @ turn if rng.uniform() < 0.4 else turn
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.sign(np.linalg.det(q))


def _compose(rng: np.random.Generator, shapes: tuple[_Shape, ...], upright: float, mirror: float) -> Primitives:
    """Puts solids together one by one, each centred near the skin of an earlier one, so that they touch."""
    count = rng.integers(2, MAX_PRIMITIVES + 1)
    solids = [rng.choice(np.array(shapes, object))(rng) for _ in range(count)]
    sizes = np.array([1.0] + [rng.uniform(0.35, 0.85) for _ in range(count - 1)])
    rotations = [_rotation(rng, upright) for _ in range(count)]
    half = sizes[:, None] * np.array([s.half for s in solids])
    centres = np.zeros((count, 3))
    for i in range(1, count):
        parent = rng.integers(i)
        direction = rng.normal(size=3)
        local = rotations[parent] @ direction
        reach = 1.0 / np.max(np.abs(local) / half[parent])
        centres[i] = centres[parent] + rng.uniform(0.6, 1.0) * reach * direction
        if mirror:
            centres[i, 0] = abs(centres[i, 0])

    def padded(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values, np.zeros((MAX_PRIMITIVES - count, *values.shape[1:]))])

    return Primitives(
        rotation=padded(np.array(rotations)),
        centre=padded(centres),
        half=padded(half),
        corner=padded(sizes * [s.corner for s in solids]),
        edge=padded(sizes * [s.edge for s in solids]),
        shell=padded(sizes * [s.shell for s in solids]),
        taper=padded(np.array([s.taper for s in solids])),
        ellipsoid=padded(np.array([s.ellipsoid for s in solids])),
        active=padded(np.ones(count)),
    )


def _sphere_of_directions(count: int) -> np.ndarray:
    k = np.arange(count) + 0.5
    z = 1 - 2 * k / count
    turn = np.pi * (1 + 5**0.5) * k
    return np.stack([np.cos(turn) * np.sqrt(1 - z * z), np.sin(turn) * np.sqrt(1 - z * z), z], -1)


_DIRECTIONS = np.concatenate([_sphere_of_directions(1024), np.eye(3), -np.eye(3)])


def _support(p: Primitives, directions: np.ndarray) -> np.ndarray:
    """How far the union of the solids reaches in each direction (its support function; tapers ignored)."""
    local = np.abs(np.einsum("kij,dj->kdi", p.rotation, directions))
    flat, centre = local[..., :2], np.einsum("ki,di->kd", p.centre, directions)
    inner = p.half[:, None] - np.stack([p.corner, p.corner, p.edge], -1)[:, None]
    # The xy outline is a rectangle plus a disc; the rim's rounding replaces the corner of outline and height.
    height = np.hypot(np.linalg.norm(flat, axis=-1), local[..., 2]) - np.linalg.norm(flat, axis=-1)
    sweep = (inner * local).sum(-1) + p.corner[:, None] * np.linalg.norm(flat, axis=-1) + p.edge[:, None] * height
    ellipsoid = np.linalg.norm(p.half[:, None] * local, axis=-1)
    reach = centre + np.where(p.ellipsoid[:, None] > 0, ellipsoid, sweep)
    return np.where(p.active[:, None] > 0, reach, -np.inf).max(0)


def _normalised(p: Primitives, mirror: float, margin: float) -> tuple[Primitives, float]:
    """Centres the object's box at the origin and scales it to fill the cube or the bounding sphere."""
    mirrored = _DIRECTIONS * [-1, 1, 1]

    def reach(solids: Primitives) -> np.ndarray:
        out = _support(solids, _DIRECTIONS)
        return np.maximum(out, _support(solids, mirrored)) if mirror else out

    high, low = reach(p)[-6:-3], -reach(p)[-3:]
    p = p._replace(centre=p.centre - (high + low) / 2)
    extent = reach(p) + margin
    factor = min(0.5 / extent[-6:].max(), BOUNDING_RADIUS / extent.max())
    lengths = {name: getattr(p, name) * factor for name in ("centre", "half", "corner", "edge", "shell")}
    return p._replace(**lengths), factor


def _hsv(h: np.ndarray, s: np.ndarray, v: np.ndarray) -> np.ndarray:
    k = (np.asarray(h)[..., None] * 6 + np.array([5.0, 3.0, 1.0])) % 6
    return np.asarray(v)[..., None] * (1 - np.asarray(s)[..., None] * np.clip(np.minimum(k, 4 - k), 0, 1))


def _paint(rng: np.random.Generator, built: bool) -> Textures:
    k = MAX_PRIMITIVES
    if built:  # saturated paint beside white, grey or black
        vivid = _hsv(rng.uniform(size=k), rng.uniform(0.55, 0.95, k), rng.uniform(0.5, 0.95, k))
        second = np.where(
            rng.uniform(size=(k, 1)) < 0.6,
            rng.choice([0.1, 0.45, 0.9], size=(k, 1)),
            _hsv(rng.uniform(size=k), rng.uniform(0.4, 0.9, k), rng.uniform(0.4, 0.9, k)),
        )
        chances, lowest, highest = [0.3, 0.3, 0.3, 0.1, 0.0, 0.0], 14.0, 40.0
    else:  # neighbouring earthy or pastel hues
        hue = rng.uniform() + rng.normal(scale=0.06, size=k)
        vivid = _hsv(hue % 1, rng.uniform(0.2, 0.65, k), rng.uniform(0.6, 0.95, k))
        second = _hsv((hue + rng.normal(scale=0.12, size=k)) % 1, rng.uniform(0.1, 0.6, k), rng.uniform(0.35, 1, k))
        chances, lowest, highest = [0.1, 0.0, 0.0, 0.25, 0.4, 0.25], 12.0, 30.0
    return Textures(
        colours=np.stack([vivid, np.broadcast_to(second, vivid.shape)], 1),
        pattern=rng.choice(len(PATTERNS), size=k, p=chances),
        frequency=rng.uniform(lowest, highest, k),
        warp=rng.uniform(0, 2 * np.pi, (k, 3)),
    )


def _light(rng: np.random.Generator, built: bool) -> Light:
    azimuth = rng.uniform(0, 2 * np.pi)
    elevation = np.radians(rng.uniform(45, 75) if built else rng.uniform(15, 40))
    direction = [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
    if built:
        lamp, sky, ground, gloss = [0.75, 0.75, 0.72], [0.42, 0.46, 0.52], [0.25, 0.25, 0.27], rng.uniform(0.0, 0.35)
    else:
        lamp, sky, ground, gloss = [0.85, 0.68, 0.47], [0.6, 0.57, 0.6], [0.42, 0.34, 0.3], rng.uniform(0.0, 0.15)
    return Light(*(np.array(v) for v in (direction, lamp, sky, ground, gloss)))
