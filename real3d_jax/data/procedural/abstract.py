"""The two abstract families: compositions of textured solids, in the spirit of LRM-Zero's Zeroverse.

Family 'a' looks built: boxes, frames, tubes and cylinders, mostly upright, with crisp patterns, in cool daylight.
Family 'b' looks grown: ellipsoids, capsules, tori and cones in any direction, blended into each other, with soft
patterns, in warm low light.
"""

from collections.abc import Callable

import jax
import numpy as np

from real3d_jax.data.procedural.extent import normalised
from real3d_jax.data.procedural.objects import Light, ProceduralObject, Solids, Textures
from real3d_jax.data.procedural.parts import Solid, hsv

ABSTRACT = ("a", "b")
SOLIDS = 6
_DIRECTIONS = 1024


def sample(family: str, seed: int, index: int) -> ProceduralObject:
    """Object `index` of family 'a' or 'b'; equal arguments give equal objects, whatever else is made."""
    rng = np.random.default_rng([seed, ABSTRACT.index(family), index])
    built = family == "a"
    mirror = float(rng.uniform() < 0.5)
    solids = _compose(rng, _BUILT if built else _GROWN, upright=0.75 if built else 0.2, mirror=mirror)
    blend = 0.005 if built else float(rng.uniform(0.03, 0.14))
    o = ProceduralObject(
        solids=solids,
        turned=None,
        textures=_paint(rng, built),
        light=_light(rng, built),
        fold=None,
        blend=np.array(blend),
    )
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), normalised(o, directions=_DIRECTIONS)[0])


def _box(rng: np.random.Generator) -> Solid:
    half = rng.uniform(0.12, 0.45, 3)
    corner = rng.choice([0.01, 0.3]) * half[:2].min()
    return Solid(tuple(half), corner, edge=min(0.02, 0.3 * half[2]))


def _slab(rng: np.random.Generator) -> Solid:
    half = (rng.uniform(0.3, 0.5), rng.uniform(0.2, 0.5), rng.uniform(0.03, 0.08))
    return Solid(half, rng.uniform(0.02, 0.2), edge=0.01)


def _cylinder(rng: np.random.Generator) -> Solid:
    r = rng.uniform(0.1, 0.35)
    return Solid((r, r, rng.uniform(0.1, 0.5)), r, edge=rng.uniform(0.005, 0.04))


def _tube(rng: np.random.Generator) -> Solid:
    r = rng.uniform(0.2, 0.4)
    return Solid((r, r, rng.uniform(0.08, 0.4)), r, edge=0.01, shell=rng.uniform(0.025, 0.06))


def _frame(rng: np.random.Generator) -> Solid:
    half = (rng.uniform(0.25, 0.5), rng.uniform(0.2, 0.4), rng.uniform(0.05, 0.3))
    return Solid(half, 0.03, edge=0.01, shell=rng.uniform(0.025, 0.05))


def _pyramid(rng: np.random.Generator) -> Solid:
    half = rng.uniform(0.2, 0.4, 3)
    return Solid(tuple(half), 0.02, edge=0.01, taper=(t := rng.uniform(0.4, 0.8), t))


def _ellipsoid(rng: np.random.Generator) -> Solid:
    return Solid(tuple(rng.uniform(0.14, 0.42, 3)), ellipsoid=1.0)


def _capsule(rng: np.random.Generator) -> Solid:
    r = rng.uniform(0.06, 0.16)
    return Solid((r, r, rng.uniform(0.25, 0.55)), r, edge=r)


def _torus(rng: np.random.Generator) -> Solid:
    r = rng.uniform(0.05, 0.12)
    outer = rng.uniform(0.22, 0.4)
    return Solid((outer, outer, r), outer, edge=r, shell=r)


def _cone(rng: np.random.Generator) -> Solid:
    r = rng.uniform(0.15, 0.35)
    return Solid((r, r, rng.uniform(0.2, 0.5)), r, edge=0.03, taper=(t := rng.uniform(0.5, 0.85), t))


def _pillow(rng: np.random.Generator) -> Solid:
    half = (rng.uniform(0.25, 0.45), rng.uniform(0.2, 0.4), rng.uniform(0.1, 0.2))
    return Solid(half, 0.8 * min(half[:2]), edge=0.9 * half[2])


_Shape = Callable[[np.random.Generator], Solid]
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


def _compose(rng: np.random.Generator, shapes: tuple[_Shape, ...], upright: float, mirror: float) -> Solids:
    """Puts solids together one by one, each centred near the skin of an earlier one, so that they touch."""
    count = rng.integers(2, SOLIDS + 1)
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
        return np.concatenate([values, np.zeros((SOLIDS - count, *values.shape[1:]))])

    return Solids(
        rotation=padded(np.array(rotations)),
        centre=padded(centres),
        half=padded(half),
        corner=padded(sizes * [s.corner for s in solids]),
        edge=padded(sizes * [s.edge for s in solids]),
        shell=padded(sizes * [s.shell for s in solids]),
        taper=padded(np.array([s.taper for s in solids])),
        ellipsoid=padded(np.array([s.ellipsoid for s in solids])),
        mirror=padded(np.tile([mirror, 0.0], (int(count), 1))),
        radial=np.zeros(SOLIDS),
        active=padded(np.ones(count)),
    )


def _paint(rng: np.random.Generator, built: bool) -> Textures:
    k = SOLIDS
    if built:  # saturated paint beside white, grey or black
        vivid = hsv(rng.uniform(size=k), rng.uniform(0.55, 0.95, k), rng.uniform(0.5, 0.95, k))
        second = np.where(
            rng.uniform(size=(k, 1)) < 0.6,
            rng.choice([0.1, 0.45, 0.9], size=(k, 1)),
            hsv(rng.uniform(size=k), rng.uniform(0.4, 0.9, k), rng.uniform(0.4, 0.9, k)),
        )
        chances, lowest, highest = [0.3, 0.3, 0.3, 0.1, 0.0, 0.0], 14.0, 40.0
    else:  # neighbouring earthy or pastel hues
        hue = rng.uniform() + rng.normal(scale=0.06, size=k)
        vivid = hsv(hue % 1, rng.uniform(0.2, 0.65, k), rng.uniform(0.6, 0.95, k))
        second = hsv((hue + rng.normal(scale=0.12, size=k)) % 1, rng.uniform(0.1, 0.6, k), rng.uniform(0.35, 1, k))
        chances, lowest, highest = [0.1, 0.0, 0.0, 0.25, 0.4, 0.25], 12.0, 30.0
    textures = Textures(
        colours=np.stack([vivid, np.broadcast_to(second, vivid.shape)], 1),
        pattern=rng.choice(len(chances), size=k, p=chances),
        frequency=rng.uniform(lowest, highest, k),
        warp=rng.uniform(0, 2 * np.pi, (k, 3)),
    )
    return jax.tree.map(lambda leaf: np.concatenate([leaf, np.zeros_like(leaf[:1])]), textures)  # no turned body


def _light(rng: np.random.Generator, built: bool) -> Light:
    azimuth = rng.uniform(0, 2 * np.pi)
    elevation = np.radians(rng.uniform(45, 75) if built else rng.uniform(15, 40))
    direction = [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
    if built:
        lamp, sky, ground, gloss = [0.75, 0.75, 0.72], [0.42, 0.46, 0.52], [0.25, 0.25, 0.27], rng.uniform(0.0, 0.35)
    else:
        lamp, sky, ground, gloss = [0.85, 0.68, 0.47], [0.6, 0.57, 0.6], [0.42, 0.34, 0.3], rng.uniform(0.0, 0.15)
    return Light(*(np.array(v) for v in (direction, lamp, sky, ground, gloss)))
