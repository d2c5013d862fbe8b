"""Lamps on walls and ceilings; about a unit in size."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick, whole
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    any_colour,
    concrete,
    fabric,
    glass,
    metal,
    painted,
    pastel,
    plain,
    steel,
    varnished,
    wood,
)
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import (
    FORWARDS,
    OVER,
    Paint,
    Place,
    box,
    cylinder,
    ellipsoid,
    frame,
    profile,
    torus,
    tube,
    turn,
)

_BULB = plain((1.0, 0.95, 0.75))


def _spot(
    a: Assembly, rng: np.random.Generator, at: Place, aim: np.ndarray, size: float, paint: Paint, mirror: str = ""
) -> None:
    """A lamp head around a point that shines along the z axis of `aim`: a can, a cone or a ball, with its bulb."""
    down = aim[:, 2]
    long = size * between(rng, 0.7, 1.5)
    kind = rng.random()
    if kind < 0.45:
        a.add(cylinder(size, long, edge=0.2 * size), at, paint, turned=aim, mirror=mirror)
        a.add(cylinder(0.8 * size, 0.1 * size), np.add(at, long * down), _BULB, turned=aim, mirror=mirror)
    elif kind < 0.8:
        a.add(tube(size, long, 0.15 * size, taper=between(rng, 0.4, 0.75)), at, paint, turned=aim @ OVER, mirror=mirror)
        a.add(ellipsoid(0.4 * size, 0.4 * size, 0.6 * size), at, _BULB, turned=aim, mirror=mirror)
    else:
        a.add(ellipsoid(size, size, 1.1 * size), at, paint, turned=aim, mirror=mirror)
        a.add(cylinder(0.7 * size, 0.15 * size), np.add(at, size * down), _BULB, turned=aim, mirror=mirror)


def wall_lamp(rng: np.random.Generator) -> ProceduralObject:
    """A lamp on a wall: a plate with a spot, two spots, a goose neck, an up-and-down can, a lantern or a shade."""
    a = Assembly()
    arm = pick(rng, (metal, steel, painted, wood))(rng)
    paint = arm if maybe(rng, 0.6) else painted(rng)
    high, wide, thick = between(rng, 0.04, 0.2), between(rng, 0.04, 0.16), between(rng, 0.006, 0.03)
    plate = pick(rng, ("round", "box", "bar"))
    if plate == "round":
        a.add(cylinder(high, thick), (0, 0, 0), arm, turned=FORWARDS)
    elif plate == "box":
        a.add(box(thick, wide, high, edge=0.005), (0, 0, 0), arm)
    else:
        wide = between(rng, 0.2, 0.6)
        a.add(box(thick, wide, between(rng, 0.015, 0.05), edge=0.005), (0, 0, 0), arm)
    bar, out = between(rng, 0.006, 0.02), between(rng, 0.08, 0.35)
    size = between(rng, 0.03, 0.08)
    kind = pick(rng, ("spot", "spot", "spots", "neck", "can", "lantern", "shade", "half"))
    aim = turn("z", between(rng, -40, 40)) @ turn("y", between(rng, 30, 150))
    if kind == "spot":
        tip = (out, 0, between(rng, -0.2, 0.2))
        a.chain(((0, 0, 0), (0.5 * out, 0, 0), tip), bar, arm)
        _spot(a, rng, tip, aim, size, paint)
    elif kind == "spots":
        y = max(wide * 0.75, size * 2)
        a.rod((0, y, 0), (0.6 * out, y, 0), bar, arm, mirror="y")
        a.rod((0, -y, 0), (0, y, 0), bar, arm)
        _spot(a, rng, (0.6 * out + 0.5 * size, y, 0), turn("y", between(rng, 30, 150)), size, paint, mirror="y")
    elif kind == "neck":
        rise, reach = between(rng, 0.08, 0.3), between(rng, 0.2, 0.45)
        turns = np.linspace(0, np.pi, 6)
        points = [(0.5 * reach * (1 - np.cos(t)) + thick, 0, rise * np.sin(t)) for t in turns]
        a.chain(points, bar, arm)
        _spot(a, rng, (points[-1][0], 0, -size), turn("y", between(rng, 140, 180)), size, paint)
    elif kind == "can":
        long = between(rng, 0.12, 0.3)
        out += size
        a.rod((0, 0, 0), (0.7 * out, 0, 0), 1.5 * bar, arm)
        shape = cylinder(size, long) if maybe(rng, 0.6) else box(size, size, long)
        a.add(shape, (0.7 * out, 0, 0), paint)
        a.add(cylinder(0.8 * size, 0.006), (0.7 * out, 0, long), _BULB)
        a.add(cylinder(0.8 * size, 0.006), (0.7 * out, 0, -long), _BULB)
    elif kind == "lantern":
        box_half = between(rng, 0.1, 0.18)
        side, hang = 0.6 * box_half, maybe(rng, 0.5)
        z = -box_half - 0.06 if hang else box_half + 0.06
        a.chain(((0, 0, 0.1), (out, 0, 0.08 if hang else 0.0), (out, 0, z)), bar, arm)
        a.add(box(side, side, box_half, taper=(0.0, 0.0)), (out, 0, z), glass(rng))
        a.add(box(1.3 * side, 1.3 * side, 0.4 * side, taper=(0.85, 0.85)), (out, 0, z + box_half + 0.3 * side), arm)
        a.add(box(1.1 * side, 1.1 * side, 0.015), (out, 0, z - box_half), arm)
        a.add(frame(1.05 * side, 1.05 * side, 0.01, 0.015), (out, 0, z), arm)
    elif kind == "shade":
        a.chain(((0, 0, 0), (out, 0, 0), (out, 0, 0.1)), bar, arm)
        cloth = plain(pick(rng, ((0.95, 0.9, 0.78), pastel(rng), any_colour(rng))))
        wide, tall = between(rng, 0.1, 0.2), between(rng, 0.07, 0.14)
        a.add(tube(wide, tall, 0.012, taper=between(rng, 0, 0.5)), (out, 0, 0.1 + 0.5 * tall), cloth)
        a.add(ellipsoid(0.035, 0.035, 0.05), (out, 0, 0.15), _BULB)
        if maybe(rng, 0.4):
            a.rod((0, 0, 0), (0, 0, -between(rng, 0.15, 0.4)), bar, arm)
    else:  # a bowl against the wall
        radius, tall = between(rng, 0.1, 0.25), between(rng, 0.05, 0.2)
        a.turn_body(profile(0.15 * radius, 0.7 * radius, radius), tall, (0.3 * radius, 0, tall), paint, wall=0.02)
        a.add(cylinder(0.3 * radius, 0.02), (0.3 * radius, 0, 0.3 * tall), paint)
    return a.build(sample_light(rng), blend=0.003)


def ceiling_light(rng: np.random.Generator) -> ProceduralObject:
    """A rail of spots, a chandelier, a pendant or several, rings, a box, a fan, a lying tube."""
    kind = pick(rng, (_track, _track, _chandelier, _chandelier, _pendants, _fan, _flat))
    a = Assembly()
    kind(a, rng)
    return a.build(sample_light(rng), blend=0.003, fold=whole(rng, 3, 8))


def _track(a: Assembly, rng: np.random.Generator) -> None:
    arm = pick(rng, (metal, steel, concrete))(rng)
    paint = arm if maybe(rng, 0.6) else painted(rng)
    half, bar, size = between(rng, 0.35, 0.7), between(rng, 0.008, 0.025), between(rng, 0.035, 0.09)
    drop = size * between(rng, 1.2, 2.2)
    bend = between(rng, -0.08, 0.08) if maybe(rng, 0.3) else 0.0
    a.add(box(bar, half, bar, edge=0.3 * bar), (0, 0, 0), arm)
    count = whole(rng, 2, 4)
    alike, mirrored = turn("y", between(rng, 100, 200)), maybe(rng, 0.3)
    if maybe(rng, 0.3):
        a.add(cylinder(2.5 * size, 0.012), (0, 0, bar), arm)
    for i in range(1 if mirrored else count):
        y = 0.8 * half if mirrored else half * (2 * (i + 0.5) / count - 1)
        x = bend * np.cos(3 * y)
        aim = alike if maybe(rng, 0.3) else turn("z", between(rng, 0, 360)) @ turn("y", between(rng, 100, 180))
        mirror = "y" if mirrored else ""
        a.rod((0, y, 0), (x, y, -drop), 0.6 * bar, arm, mirror=mirror)
        _spot(a, rng, (x, y, -drop), aim, size, paint, mirror)


def _chandelier(a: Assembly, rng: np.random.Generator) -> None:
    arm = pick(rng, (metal, metal, varnished, painted))(rng)
    reach, bar = between(rng, 0.2, 0.5), between(rng, 0.007, 0.02)
    hang, sag = between(rng, 0.15, 0.6), between(rng, -0.1, 0.2)
    a.rod((0, 0, -0.05), (0, 0, hang), bar, arm)
    a.add(cylinder(between(rng, 0.05, 0.12), 0.015, taper=0.3), (0, 0, hang), arm)
    if maybe(rng, 0.6):
        a.turn_body(profile(0.01, 0.05, 0.02, 0.045, 0.015), 0.13, (0, 0, 0), arm)
    elbow = (0.6 * reach, 0, -sag)
    tip = (reach, 0, between(rng, -0.05, 0.12))
    a.rod((0.02, 0, 0), elbow, bar, arm, radial=True)
    a.rod(elbow, tip, bar, arm, radial=True)
    size = between(rng, 0.03, 0.09)
    kind, at = rng.random(), np.array(tip)
    if kind < 0.35:  # candles
        a.add(cylinder(1.5 * bar + 0.01, size), np.add(at, (0, 0, size)), plain((0.95, 0.93, 0.85)), radial=True)
        a.add(cylinder(0.045, 0.006), at, arm, radial=True)
        a.add(ellipsoid(0.014, 0.014, 0.03), np.add(at, (0, 0, 2 * size + 0.02)), _BULB, radial=True)
    elif kind < 0.7:  # shades up or down
        up = maybe(rng, 0.5)
        shade = tube(size, 0.8 * size, 0.01, taper=between(rng, 0.2, 0.6))
        cloth = fabric(rng) if maybe(rng, 0.4) else plain((0.95, 0.93, 0.85))
        z = 0.8 * size if up else -0.6 * size
        a.add(shade, np.add(at, (0, 0, z)), cloth, turned=OVER if up else turn("x", 0), radial=True)
        a.add(ellipsoid(0.02, 0.02, 0.03), np.add(at, (0, 0, z)), _BULB, radial=True)
    else:
        a.add(ellipsoid(size, size, size), at, plain((0.97, 0.95, 0.86)), radial=True)
    if maybe(rng, 0.35):
        a.add(torus(reach, bar), (0, 0, tip[2]), arm)
    if maybe(rng, 0.3):
        drop = plain((0.85, 0.9, 0.95))
        a.add(ellipsoid(0.012, 0.012, 0.04), (0.6 * reach, 0, -sag - 0.06), drop, radial=True)


def _pendants(a: Assembly, rng: np.random.Generator) -> None:
    cord, count = plain((0.1, 0.1, 0.1)) if maybe(rng, 0.6) else metal(rng), whole(rng, 1, 3)
    size, tall, hang = between(rng, 0.08, 0.25), between(rng, 0.05, 0.2), between(rng, 0.3, 0.8)
    paint = pick(rng, (painted, metal, fabric, glass))(rng)
    if count == 1 and maybe(rng, 0.6):
        shares = pick(rng, ((1, 0.9, 0.5, 0.15), (0.6, 1, 0.7, 0.1), (1, 0.3, 0.15), (0.3, 1, 0.3)))
        a.turn_body(profile(*(1.6 * size * s for s in shares)), tall, (0, 0, 0), paint, wall=0.015)
        a.rod((0, 0, 0), (0, 0, hang), 0.006, cord)
        a.add(cylinder(0.12, 0.02, taper=0.3), (0, 0, hang), cord)
        a.add(ellipsoid(0.04, 0.04, 0.06), (0, 0, 0), _BULB)
        return
    pitch = 2.4 * size
    for i in range(count):
        y, z = pitch * (i - (count - 1) / 2), between(rng, -0.15, 0.15) if maybe(rng, 0.5) else 0.0
        a.add(tube(size, tall, 0.012, taper=between(rng, 0, 0.8)), (0, y, z), paint)
        a.add(ellipsoid(0.03, 0.03, 0.045), (0, y, z), _BULB)
        a.rod((0, y, z), (0, y, hang), 0.006, cord)
    a.add(box(0.03, max(pitch * count / 2, 0.08), 0.015), (0, 0, hang), cord)


def _fan(a: Assembly, rng: np.random.Generator) -> None:
    body, blade = metal(rng), varnished(rng)
    reach, root = between(rng, 0.4, 0.6), between(rng, 0.1, 0.15)
    a.add(cylinder(0.1, between(rng, 0.03, 0.08)), (0, 0, 0), body)
    a.rod((0, 0, 0), (0, 0, between(rng, 0.1, 0.4)), 0.012, body)
    half = (reach - root) / 2
    wing = box(half, between(rng, 0.04, 0.07), 0.006, corner=0.03)
    a.add(wing, (root + half, 0, 0), blade, turned=turn("x", between(rng, 5, 20)), radial=True)
    a.rod((0.05, 0, 0), (root + 0.05, 0, 0), 0.01, body, radial=True)
    if maybe(rng, 0.6):
        a.add(ellipsoid(0.1, 0.1, 0.08), (0, 0, -0.07), _BULB)


def _flat(a: Assembly, rng: np.random.Generator) -> None:
    """A disc, rings, a square or a tube that hangs or lies close to the ceiling."""
    arm, hang = pick(rng, (metal, steel, concrete))(rng), between(rng, 0.05, 0.5)
    size, thin = between(rng, 0.2, 0.4), between(rng, 0.012, 0.05)
    kind = rng.random()
    if kind < 0.3:
        a.add(torus(size, thin), (0, 0, 0), _BULB)
        if maybe(rng, 0.5):
            a.add(torus(0.6 * size, thin), (0, 0, 0.3 * hang), _BULB)
        a.rod((0.8 * size, 0, 0), (0, 0, hang), 0.004, arm, radial=True)
    elif kind < 0.55:
        a.add(box(thin, 1.6 * size, thin), (0, 0, 0), arm)
        a.add(box(0.8 * thin, 1.55 * size, 0.5 * thin), (0, 0, -thin), _BULB)
        a.rod((0, size, 0), (0, size, hang), 0.005, arm, mirror="y")
        return
    elif kind < 0.8:
        wide = size * between(rng, 0.4, 1.0)
        a.add(box(size, wide, thin), (0, 0, 0), _BULB)
        a.add(frame(1.03 * size, wide + 0.03 * size, 1.1 * thin, 0.1 * wide), (0, 0, 0), arm)
        a.rod((0.8 * size, 0.8 * wide, 0), (0, 0, hang), 0.004, arm, mirror="xy")
    else:
        a.turn_body(profile(0.05 * size, 0.7 * size, size, size), 1.5 * thin, (0, 0, 0), _BULB)
        a.add(cylinder(1.05 * size, 0.3 * thin), (0, 0, 1.5 * thin), arm)
    a.add(cylinder(0.3 * size, 0.02), (0, 0, hang), arm)
