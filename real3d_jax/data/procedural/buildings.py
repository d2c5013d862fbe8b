"""Houses, churches, lighthouses, castles and windmills; about a unit in size."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick, whole
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    WHITE,
    brick,
    colour,
    glass,
    neutral,
    painted,
    pastel,
    patterned,
    plain,
    tinted,
    vivid,
    wood,
)
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import Paint, box, cylinder, ellipsoid, tube, turn

QUARTER = turn("z", 90)


def _walls(rng: np.random.Generator) -> Paint:
    """Brick, plaster or timber."""
    return pick(rng, (brick, lambda r: plain(pastel(r)), lambda r: plain(neutral(r)), brick))(rng)


def _tiles(rng: np.random.Generator) -> Paint:
    """Roof tiles or slates in rows."""
    base = colour(
        *pick(rng, ((0.02, 0.65, 0.55), (0.04, 0.55, 0.4), (0.6, 0.15, 0.35), (0.0, 0.0, 0.25), (0.3, 0.3, 0.4)))
    )
    return patterned(rng, base, tinted(base, 0.75), "stripes", 50, 80) if maybe(rng, 0.6) else plain(base)


def _gable(x: float, y: float, tall: float, *, hip: float = 0.0):
    """A roof whose ridge runs along y; with `hip` its ends lean, too."""
    return box(x, y, tall, edge=0.008, taper=(0.97, hip))


def house(rng: np.random.Generator) -> ProceduralObject:
    """A house of one or two floors with a gable or hipped roof, windows, a door, a chimney, sometimes a wing."""
    a = Assembly()
    wall, tiles = _walls(rng), _tiles(rng)
    floors = whole(rng, 1, 2)
    x, y = between(rng, 0.22, 0.32), between(rng, 0.26, 0.46)
    floor = between(rng, 0.1, 0.125)
    tall = floors * floor
    a.add(box(x, y, tall, edge=0.006), (0, 0, tall), wall)
    pitch, over, hip = between(rng, 0.09, 0.19), between(rng, 0.02, 0.05), pick(rng, (0.0, 0.0, between(rng, 0.3, 0.7)))
    front_gable = maybe(rng, 0.35) and not hip
    if front_gable:  # the ridge runs to the front
        a.add(_gable(y + over, x + over, pitch), (0, 0, 2 * tall + pitch), tiles, turned=QUARTER)
        a.add(_gable(0.9 * y, x + over + 0.006, 0.9 * pitch), (0, 0, 2 * tall + 0.88 * pitch), wall, turned=QUARTER)
    else:
        a.add(_gable(x + over, y + over, pitch, hip=hip), (0, 0, 2 * tall + pitch), tiles)
        if not hip:
            a.add(_gable(0.9 * x, y + over + 0.006, 0.9 * pitch), (0, 0, 2 * tall + 0.88 * pitch), wall)
    _openings(a, rng, x, y, floor, floors)
    if maybe(rng, 0.7):
        stack = brick(rng)
        where = (between(rng, -0.3, 0.1) * x, pick(rng, (-1, 1)) * between(rng, 0.2, 0.6) * y)
        top = 2 * tall + 2 * pitch + between(rng, 0.02, 0.09)
        a.add(box(0.035, 0.04, 0.5 * (top - 2 * tall)), (*where, (top + 2 * tall) / 2), stack)
        a.add(box(0.042, 0.047, 0.012), (*where, top), stack)
    extra = rng.random()
    if extra < 0.3:  # a garage or wing beside it
        side, wing, high = pick(rng, (-1, 1)), between(rng, 0.1, 0.16), between(rng, 0.7, 0.95) * floor
        back = -between(rng, 0.0, 0.2) * x
        a.add(box(0.8 * x, wing, high, edge=0.006), (back, side * (y + wing - 0.01), high), wall)
        roof = _gable(wing + 0.02, 0.8 * x + 0.02, 0.6 * pitch)
        a.add(roof, (back, side * (y + wing - 0.01), 2 * high + 0.6 * pitch), tiles, turned=QUARTER)
        gate = box(0.008, 0.75 * wing, 0.8 * high)
        a.add(gate, (back + 0.8 * x, side * (y + wing - 0.01), 0.8 * high), painted(rng))
    elif extra < 0.5:  # a porch
        post, deck = plain(WHITE.colours[0]) if maybe(rng, 0.5) else wood(rng), between(rng, 0.05, 0.09)
        a.add(box(deck, 0.5 * y, 0.012), (x + deck, 0, 2 * floor - 0.03), tiles, turned=turn("y", 10))
        a.add(box(0.01, 0.01, floor - 0.015), (x + 1.8 * deck, 0.45 * y, floor - 0.02), post, mirror="y")
    return a.build(sample_light(rng), blend=0.002)


def _openings(a: Assembly, rng: np.random.Generator, x: float, y: float, floor: float, floors: int) -> None:
    """Windows through the whole house, so that front and back, left and right have them, and a door in front."""
    panes, frame = glass(rng), WHITE if maybe(rng, 0.7) else painted(rng)
    wide, high = between(rng, 0.035, 0.05), between(rng, 0.035, 0.055)
    for i in range(floors):
        z = (2 * i + 1.1) * floor
        a.add(box(x + 0.006, wide + 0.01, high + 0.01, edge=0.003), (0, 0.62 * y, z), frame, mirror="y")
        a.add(box(x + 0.01, wide, high, edge=0.003), (0, 0.62 * y, z), panes, mirror="y")
        a.add(box(wide, y + 0.01, high, edge=0.003), (0.5 * x, 0, z), panes, mirror="x")
    door = wood(rng) if maybe(rng, 0.4) else plain(vivid(rng))
    a.add(box(0.012, between(rng, 0.04, 0.055), 0.75 * floor, edge=0.003), (x, 0, 0.75 * floor), door)


def church(rng: np.random.Generator) -> ProceduralObject:
    """A church or chapel: a nave, and in front of it a tower with a spire."""
    a = Assembly()
    wall, tiles, panes = _walls(rng), _tiles(rng), glass(rng)
    long, wide, tall = between(rng, 0.3, 0.44), between(rng, 0.15, 0.2), between(rng, 0.13, 0.19)
    pitch = between(rng, 0.08, 0.15)
    a.add(box(long, wide, tall, edge=0.005), (0, 0, tall), wall)
    a.add(_gable(wide + 0.025, long + 0.02, pitch), (0, 0, 2 * tall + pitch), tiles, turned=QUARTER)
    a.add(_gable(0.9 * wide, long + 0.024, 0.9 * pitch), (0, 0, 2 * tall + 0.88 * pitch), wall, turned=QUARTER)
    tower, high = between(rng, 0.085, 0.12), tall + pitch + between(rng, 0.02, 0.14)
    x = long + 0.4 * tower
    a.add(box(tower, tower, high, edge=0.005), (x, 0, high), wall)
    spire = between(rng, 0.1, 0.26)
    kind = rng.random()
    if kind < 0.7:
        a.add(box(tower + 0.012, tower + 0.012, spire, edge=0.004, taper=(0.97, 0.97)), (x, 0, 2 * high + spire), tiles)
    else:  # an onion dome
        a.add(ellipsoid(tower * 1.05, tower * 1.05, tower * 1.1), (x, 0, 2 * high + 0.5 * tower), tiles)
        spire = 0.9 * tower
        a.add(cylinder(0.5 * tower, 0.5 * spire, taper=0.9), (x, 0, 2 * high + 1.3 * spire + 0.5 * tower), tiles)
        spire = 1.1 * tower
    tip = 2 * high + 2 * spire
    gold = plain((0.85, 0.68, 0.25))
    a.add(box(0.01, 0.01, 0.05), (x, 0, tip + 0.03), gold)
    a.add(box(0.01, 0.03, 0.01), (x, 0, tip + 0.05), gold)
    window = box(0.03, wide + 0.008, 0.55 * tall, corner=0.03, edge=0.003)
    for i in range(whole(rng, 2, 3)):
        a.add(window, ((i - 0.9) * 0.45 * long, 0, tall), panes)
    a.add(
        box(tower + 0.008, 0.3 * tower, 0.4 * tower, edge=0.003),
        (x, 0, 2 * high - 0.7 * tower),
        plain((0.2, 0.17, 0.15)),
    )
    a.add(
        box(0.3 * tower, tower + 0.008, 0.4 * tower, edge=0.003),
        (x, 0, 2 * high - 0.7 * tower),
        plain((0.2, 0.17, 0.15)),
    )
    a.add(box(0.012, 0.04, 0.08, edge=0.003), (x + tower, 0, 0.08), wood(rng))
    if maybe(rng, 0.5):
        a.add(ellipsoid(0.035, 0.035, 0.035)._replace(half=(0.012, 0.045, 0.045)), (x + tower, 0, high + 0.05), WHITE)
    return a.build(sample_light(rng), blend=0.002)


def lighthouse(rng: np.random.Generator) -> ProceduralObject:
    """A lighthouse: a banded tower that narrows, a gallery, a lantern under a cap, sometimes a hut beside it."""
    a = Assembly()
    tall, foot = between(rng, 0.4, 0.6), between(rng, 0.13, 0.2)
    narrow = between(rng, 0.25, 0.5)
    band = vivid(rng, pick(rng, (0.0, 0.0, 0.58, rng.random())))
    bands = whole(rng, 2, 5)
    paint = Paint(np.array([(0.95, 0.95, 0.92), band]), "stripes", np.pi * bands / tall, (0.0, 0.0, 0.0))
    a.add(cylinder(foot, tall, taper=narrow, edge=0.004), (0, 0, tall), paint)
    top = foot * (1 - narrow)
    rail, cap = plain((0.2, 0.2, 0.22)), plain(band if maybe(rng, 0.6) else neutral(rng))
    a.add(cylinder(top + 0.045, 0.015), (0, 0, 2 * tall + 0.01), rail)
    a.add(tube(top + 0.045, 0.035, 0.012), (0, 0, 2 * tall + 0.05), rail)
    lantern = between(rng, 0.05, 0.08)
    a.add(cylinder(0.75 * top, lantern, edge=0.004), (0, 0, 2 * tall + lantern), plain((0.98, 0.9, 0.55)))
    roof = between(rng, 0.04, 0.07)
    if maybe(rng, 0.6):
        a.add(cylinder(0.95 * top, roof, taper=0.95, edge=0.004), (0, 0, 2 * tall + 2 * lantern + roof), cap)
    else:
        a.add(ellipsoid(0.9 * top, 0.9 * top, 1.2 * roof), (0, 0, 2 * tall + 2 * lantern), cap)
    a.add(ellipsoid(0.016, 0.016, 0.02), (0, 0, 2 * tall + 2 * lantern + 2 * roof), cap)
    a.add(box(0.02, 0.035, 0.075), (foot - 0.01, 0, 0.075), wood(rng))
    for z in (0.75, 1.3):
        r = foot * (1 - narrow * z / 2)
        a.add(box(0.012, 0.02, 0.03), (r, 0, z * tall), plain((0.2, 0.22, 0.26)))
    if maybe(rng, 0.5):
        stone = pick(rng, ((0.5, 0.48, 0.45), (0.35, 0.33, 0.32)))
        rock = patterned(rng, stone, tinted(stone, 0.7), "marble", 40, 60)
        a.add(ellipsoid(1.7 * foot, 1.6 * foot, 0.12), (0, 0, 0.0), rock)
    elif maybe(rng, 0.5):
        wall, side = _walls(rng), pick(rng, (-1, 1))
        a.add(box(0.09, 0.12, 0.06), (0.02, side * (foot + 0.1), 0.06), wall)
        a.add(_gable(0.11, 0.14, 0.05), (0.02, side * (foot + 0.1), 0.17), cap)
    return a.build(sample_light(rng), blend=0.003)


def castle(rng: np.random.Generator) -> ProceduralObject:
    """A castle: four round towers with cones or battlements, walls between them, a gate and a keep."""
    a = Assembly()
    stone = brick(rng) if maybe(rng, 0.4) else _stone(rng)
    tiles = plain(pick(rng, (vivid(rng), vivid(rng, 0.0), vivid(rng, 0.62), neutral(rng))))
    side, deep = between(rng, 0.26, 0.34), between(rng, 0.22, 0.32)
    wall, tower, radius = between(rng, 0.12, 0.17), between(rng, 0.19, 0.28), between(rng, 0.075, 0.11)
    a.add(box(deep, 0.025, wall, edge=0.003), (0, side, wall), stone, mirror="y")
    a.add(box(0.025, side, wall, edge=0.003), (deep, 0, wall), stone, mirror="x")
    a.add(cylinder(radius, tower, edge=0.004), (deep, side, tower), stone, mirror="xy")
    cones = maybe(rng, 0.65)
    roof = between(rng, 0.07, 0.14)
    if cones:
        a.add(cylinder(1.18 * radius, roof, taper=0.97, edge=0.003), (deep, side, 2 * tower + roof), tiles, mirror="xy")
    else:
        a.add(tube(1.15 * radius, 0.03, 0.03), (deep, side, 2 * tower + 0.01), stone, mirror="xy")
    for y in (0.2, 0.48, 0.76):  # battlements
        a.add(box(0.025, 0.05 * side + 0.01, 0.025, edge=0.003), (deep, y * side, 2 * wall + 0.02), stone, mirror="xy")
    a.add(box(0.034, 0.09, 0.1, edge=0.003), (deep, 0, 0.1), stone)
    a.add(box(0.038, 0.055, 0.075, corner=0.0, edge=0.003), (deep + 0.004, 0, 0.075), wood(rng))
    if maybe(rng, 0.8):
        keep, high = between(rng, 0.1, 0.14), tower * between(rng, 1.15, 1.5)
        a.add(box(keep, keep, high, edge=0.003), (-0.3 * deep, 0, high), stone)
        if cones:
            a.add(
                box(1.1 * keep, 1.1 * keep, roof, edge=0.003, taper=(0.97, 0.97)),
                (-0.3 * deep, 0, 2 * high + roof),
                tiles,
            )
        else:
            a.add(box(1.1 * keep, 1.1 * keep, 0.03, edge=0.003), (-0.3 * deep, 0, 2 * high), stone)
        a.add(box(keep + 0.006, 0.025, 0.035), (-0.3 * deep, 0, 2 * high - 0.1), plain((0.15, 0.13, 0.12)))
    return a.build(sample_light(rng), blend=0.002)


def _stone(rng: np.random.Generator) -> Paint:
    base = colour(between(rng, 0.06, 0.12), between(rng, 0.03, 0.25), between(rng, 0.5, 0.75))
    return patterned(rng, base, tinted(base, 0.75), "bricks", 70, 100)


def windmill(rng: np.random.Generator) -> ProceduralObject:
    """A windmill: a tower that narrows, a cap, and four sails in front."""
    a = Assembly()
    wall, cap = _walls(rng), _tiles(rng)
    tall, foot, narrow = between(rng, 0.3, 0.42), between(rng, 0.17, 0.24), between(rng, 0.25, 0.45)
    top = foot * (1 - narrow)
    if maybe(rng, 0.6):
        a.add(cylinder(foot, tall, taper=narrow, edge=0.004), (0, 0, tall), wall)
        dome = between(rng, 0.8, 1.3) * top
        a.add(ellipsoid(1.1 * top, 1.1 * top, dome), (0, 0, 2 * tall), cap)
    else:
        a.add(box(foot, foot, tall, taper=(narrow, narrow), edge=0.004), (0, 0, tall), wall)
        a.add(_gable(1.1 * top, 1.15 * top, 0.09), (0, 0, 2 * tall + 0.09), cap, turned=QUARTER)
    hub = np.array([top + 0.06, 0, 2 * tall + between(rng, -0.04, 0.02)])
    a.rod((0, 0, hub[2]), hub, 0.025, plain((0.3, 0.22, 0.15)))
    length, wide, phase = between(rng, 0.3, 0.42), between(rng, 0.035, 0.06), between(rng, 0, 90)
    beam, cloth = wood(rng), plain(pick(rng, (neutral(rng), vivid(rng), (0.9, 0.87, 0.8))))
    for i in range(2):
        turned = turn("x", phase + 90 * i)
        a.add(box(0.008, 0.012, length, edge=0.004), hub, beam, turned=turned)
        for side in (1, -1):
            sail = box(0.005, wide, 0.4 * length, edge=0.003)
            a.add(sail, hub + turned @ np.array([0.006, side * wide, side * 0.57 * length]), cloth, turned=turned)
    a.add(box(0.02, 0.04, 0.07), (foot - 0.01, 0, 0.07), wood(rng))
    a.add(box(0.014, 0.022, 0.028), (foot * (1 - narrow * 0.6), 0, 1.2 * tall), plain((0.2, 0.22, 0.26)))
    if maybe(rng, 0.4):
        a.add(cylinder(foot * (1 - narrow * 0.4) + 0.07, 0.012), (0, 0, 0.8 * tall), beam)
    return a.build(sample_light(rng), blend=0.003)
