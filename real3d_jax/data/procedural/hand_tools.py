"""Flat and long tools that lie, lean or stand, and dishes; about a unit in size."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick, whole
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    any_colour,
    ceramic,
    glass,
    matching,
    metal,
    neutral,
    painted,
    plain,
    rubber,
    steel,
    vivid,
    wood,
)
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import (
    FORWARDS,
    LYING,
    OVER,
    UPRIGHT,
    Paint,
    box,
    cylinder,
    ellipsoid,
    frame,
    profile,
    torus,
    towards,
    tube,
    turn,
)


def _grip(rng: np.random.Generator) -> Paint:
    return pick(rng, (wood, painted, rubber, lambda r: plain(vivid(r))))(rng)


def scissors(rng: np.random.Generator) -> ProceduralObject:
    """Two crossed halves, lying or upright: scissors, shears, pliers, tongs or a pair of compasses."""
    a = Assembly()
    iron, grip = steel(rng) if maybe(rng, 0.8) else metal(rng), _grip(rng)
    posed = pick(rng, (UPRIGHT, UPRIGHT, turn("y", -90), LYING))
    spread = np.radians(between(rng, 2, 35))
    blade, handle = between(rng, 0.2, 0.6), between(rng, 0.15, 0.4)
    thin, wide = between(rng, 0.006, 0.02), between(rng, 0.015, 0.04)
    bow, narrow, ring = between(rng, 0.05, 0.11), between(rng, 0.4, 1.0), between(rng, 0.012, 0.028)
    arm = iron if maybe(rng, 0.5) else grip
    kind = pick(rng, ("scissors", "scissors", "scissors", "pliers", "compasses"))
    # Flat in the plane of x and y, half above half, and then turned as a whole.
    if kind == "scissors":
        part = box(thin, wide, blade / 2, edge=0.3 * thin, taper=(0.3, between(rng, 0.4, 0.9)))
    elif kind == "pliers":
        part = box(1.8 * thin, 1.5 * wide, 0.2 * blade, edge=0.3 * thin, taper=(0.2, 0.6))
    else:
        part = cylinder(0.8 * wide, blade / 2, taper=0.8)
    for side in (1, -1):
        ahead = np.array([np.cos(spread), side * np.sin(spread), 0])
        behind = np.array([-np.cos(spread + 0.1), side * np.sin(spread + 0.1), 0])
        level = np.array([0, 0, side * thin])
        a.add(part, posed @ (part.half[2] * ahead + level), iron, turned=posed @ towards(ahead))
        end = handle * behind
        if kind == "scissors":
            a.rod(posed @ level, posed @ (end + level), ring, arm)
            loop = frame(bow, narrow * bow, 1.3 * ring, 2 * ring, corner=bow)
            around = turn("z", np.degrees(np.arctan2(behind[1], behind[0])))
            a.add(loop, posed @ (end + bow * behind + level), grip, turned=posed @ around)
        else:
            knee = 0.4 * end + (0, side * 0.35 * handle * np.sin(spread + 0.2), 0)
            a.rod(posed @ level, posed @ (knee + level), 1.2 * ring, iron)
            a.rod(posed @ (knee + level), posed @ (end + level), 1.4 * ring, grip)
    a.add(cylinder(0.6 * wide + 0.006, 2.5 * thin), posed @ np.zeros(3), iron, turned=posed)
    return a.build(sample_light(rng), blend=0.003)


def long_tool(rng: np.random.Generator) -> ProceduralObject:
    """A tool on a long handle, standing, leaning or lying: shovel, rake, hoe, pickaxe, broom, oar, club or sword."""
    a = Assembly()
    posed = pick(rng, (UPRIGHT, FORWARDS, turn("y", -90), FORWARDS, turn("y", between(rng, 5, 40))))
    shaft, iron = wood(rng) if maybe(rng, 0.65) else _grip(rng), steel(rng) if maybe(rng, 0.6) else painted(rng)
    long, thick = between(rng, 0.55, 1.0), between(rng, 0.009, 0.022)
    a.rod(posed @ (0, 0, 0), posed @ (0, 0, long), thick, shaft)
    end = rng.random()
    if end < 0.3:
        half = between(rng, 0.04, 0.07)
        a.rod(posed @ (0, -half, long), posed @ (0, half, long), 1.2 * thick, shaft)
    elif end < 0.55:
        loop = frame(0.05, 0.065, 1.1 * thick, 1.8 * thick, corner=0.04)
        a.add(loop, posed @ (0, 0, long + 0.045), shaft, turned=posed @ FORWARDS)
    elif end < 0.7:
        a.rod(posed @ (0, 0, 0.85 * long), posed @ (0, 0, long), 1.5 * thick, rubber(rng))
    pick(rng, (_shovel, _shovel, _shovel, _rake, _fork, _pickaxe, _broom, _blade))(a, rng, posed, iron, thick)
    return a.build(sample_light(rng), blend=0.004)


def _shovel(a: Assembly, rng: np.random.Generator, posed: np.ndarray, iron: Paint, thick: float) -> None:
    """A blade, flat or with borders, square or pointed, bent towards the front; or a hoe's."""
    wide, half = between(rng, 0.07, 0.15), between(rng, 0.08, 0.17)
    bend = pick(rng, (between(rng, 0, 12), between(rng, 10, 35), between(rng, 60, 100)))
    down = np.radians(bend)
    along = np.array([np.sin(down), 0, -np.cos(down)])
    turned = posed @ turn("y", 180 - bend)
    point = pick(rng, (0.0, 0.0, between(rng, 0.2, 0.7)))
    a.add(box(0.006, wide, half, edge=0.003, taper=(0.0, 0.15 * point)), posed @ (half * along), iron, turned=turned)
    if point:
        tip = box(0.006, wide * (1 - 0.15 * point), 0.35 * half, edge=0.003, taper=(0.0, 0.9))
        a.add(tip, posed @ (2.35 * half * along), iron, turned=turned)
    if maybe(rng, 0.5):  # borders
        deep = between(rng, 0.01, 0.035)
        face = np.array([np.cos(down), 0, np.sin(down)])
        for side in (1, -1):
            at = half * along + deep * face + (0, side * wide, 0)
            a.add(box(deep, 0.005, half, edge=0.003), posed @ at, iron, turned=turned)
    a.rod(posed @ (0, 0, 0.13), posed @ (0.3 * half * along), 1.4 * thick, iron)


def _rake(a: Assembly, rng: np.random.Generator, posed: np.ndarray, iron: Paint, thick: float) -> None:
    half, teeth, count = between(rng, 0.1, 0.22), between(rng, 0.03, 0.09), whole(rng, 5, 9)
    a.rod(posed @ (0, -half, 0), posed @ (0, half, 0), 0.9 * thick, iron)
    drop = between(rng, -1.0, 0.1)
    for y in np.linspace(-half, half, count):
        a.rod(posed @ (0, y, 0), posed @ (teeth, y, drop * teeth), 0.006, iron, taper=0.4)


def _fork(a: Assembly, rng: np.random.Generator, posed: np.ndarray, iron: Paint, thick: float) -> None:
    half, tines, count = between(rng, 0.06, 0.12), between(rng, 0.15, 0.3), whole(rng, 3, 5)
    a.rod(posed @ (0, -half, 0), posed @ (0, half, 0), 0.01, iron)
    bow = between(rng, 0.0, 0.06)
    for y in np.linspace(-half, half, count):
        elbow = (-bow, y, -0.5 * tines)
        a.rod(posed @ (0, y, 0), posed @ elbow, 0.007, iron)
        a.rod(posed @ elbow, posed @ (0, y, -tines), 0.007, iron, taper=0.5)


def _pickaxe(a: Assembly, rng: np.random.Generator, posed: np.ndarray, iron: Paint, thick: float) -> None:
    reach, sag, wide = between(rng, 0.12, 0.24), between(rng, 0.0, 0.07), between(rng, 0.012, 0.022)
    a.rod(posed @ (0, 0, 0), posed @ (reach, 0, sag), wide, iron, taper=0.7)
    kind = rng.random()
    if kind < 0.5:
        a.rod(posed @ (0, 0, 0), posed @ (-reach, 0, sag), wide, iron, taper=0.7)
    elif kind < 0.8:
        a.add(
            box(0.1, between(rng, 0.02, 0.05), 0.007), posed @ (-0.12, 0, 0.4 * sag), iron, turned=posed @ turn("y", 10)
        )
    else:  # an axe
        blade = box(0.008, 0.05, 0.05, edge=0.003, taper=(0.0, 0.4))
        a.add(blade, posed @ (0.06, 0, 0), iron, turned=posed @ turn("y", -90) @ turn("z", 90))
    a.add(box(0.03, 1.8 * thick, 0.035), posed @ np.zeros(3), iron, turned=posed)


def _broom(a: Assembly, rng: np.random.Generator, posed: np.ndarray, iron: Paint, thick: float) -> None:
    half, deep, tall = between(rng, 0.08, 0.26), between(rng, 0.015, 0.04), between(rng, 0.02, 0.09)
    a.add(box(deep, half, 0.02, edge=0.01), posed @ np.zeros(3), wood(rng) if maybe(rng, 0.5) else iron, turned=posed)
    bristles = plain(any_colour(rng))
    widen = between(rng, 0, 0.3)
    brush = box(1.2 * deep, 1.1 * half, tall, taper=(widen, 0.6 * widen))
    a.add(brush, posed @ (0, 0, -0.01 - tall), bristles, turned=posed)


def _blade(a: Assembly, rng: np.random.Generator, posed: np.ndarray, iron: Paint, thick: float) -> None:
    """An oar, a bat, a club or a sword."""
    kind, half = rng.random(), between(rng, 0.12, 0.35)
    if kind < 0.35:
        wide = between(rng, 0.03, 0.08)
        a.add(box(half, wide, 0.01, corner=0.9 * wide), posed @ (0, 0, -0.8 * half), iron, turned=posed @ FORWARDS)
    elif kind < 0.65:
        a.add(
            cylinder(between(rng, 0.025, 0.04), half, taper=0.5, edge=0.015), posed @ (0, 0, -half), iron, turned=posed
        )
    else:
        a.add(
            box(0.008, between(rng, 0.015, 0.03), half, taper=(0.5, 0.6)),
            posed @ (0, 0, -half),
            iron,
            turned=posed @ OVER,
        )
        a.rod(posed @ (0, -0.07, 0), posed @ (0, 0.07, 0), 1.2 * thick, iron)


def dish(rng: np.random.Generator) -> ProceduralObject:
    """Something low and flat: an ashtray, a plate, a tray, a pan, a cup on a saucer, cutlery, a book or a cushion."""
    a = Assembly()
    fold = whole(rng, 2, 6)
    paint = pick(rng, (ceramic, glass, metal, painted, wood))(rng)
    radius, low, wall = between(rng, 0.2, 0.4), between(rng, 0.012, 0.14), between(rng, 0.01, 0.05)
    kind = pick(rng, ("ashtray", "ashtray", "plate", "tray", "pan", "cup", "cutlery", "book", "stand"))
    if kind == "ashtray":
        square = maybe(rng, 0.4)
        if square:
            y = radius * between(rng, 0.6, 1.0)
            a.add(frame(radius, y, low, wall, corner=between(rng, 0, 0.5) * y), (0, 0, low), paint)
            a.add(box(0.97 * radius, 0.97 * y, 0.2 * low), (0, 0, 0.2 * low), paint)
        else:
            narrow, over = between(rng, 0.0, 0.3), maybe(rng, 0.5)
            turned = OVER if over else UPRIGHT
            a.add(tube(radius, low, wall, taper=narrow), (0, 0, low), paint, turned=turned)
            floor = (1 - narrow if over else 1 - 0.2 * narrow) * radius - 0.4 * wall
            a.add(cylinder(floor, 0.2 * low), (0, 0, 0.2 * low), paint)
        ash = plain((0.3, 0.3, 0.3))
        if maybe(rng, 0.5):
            a.add(box(1.3 * wall, 0.03, 0.012), (radius - 0.5 * wall, 0, 2 * low), ash, radial=True)
        for _ in range(whole(rng, 0, 2)):
            spin = turn("z", between(rng, 0, 360))
            start = spin @ np.array([radius, 0, 2 * low + 0.015])
            a.rod(start, spin @ np.array([0.45 * radius, 0.05, 1.2 * low]), 0.014, plain((0.95, 0.93, 0.88)), flat=True)
    elif kind == "plate":
        shares = pick(rng, ((0.6, 0.65, 1.0), (0.7, 1.0), (0.5, 0.5, 0.95, 1.0)))
        low *= 0.6
        a.turn_body(profile(*(radius * s for s in shares)), low, (0, 0, low), paint, wall=0.35 * wall)
        a.add(cylinder(0.65 * radius, 0.006), (0, 0, 0.006), paint)
        for _ in range(whole(rng, 0, 3)):
            x, y, size = between(rng, -0.3, 0.3) * radius, between(rng, -0.3, 0.3) * radius, between(rng, 0.03, 0.09)
            a.add(ellipsoid(size, size, 0.7 * size), (x, y, 0.6 * size), plain(vivid(rng)))
    elif kind == "tray":
        y = radius * between(rng, 0.5, 0.9)
        a.add(box(radius, y, 0.008, corner=0.05), (0, 0, 0.008), paint)
        a.add(frame(radius, y, 0.4 * low, 0.02, corner=0.05), (0, 0, 0.4 * low), paint)
        if maybe(rng, 0.6):
            a.add(frame(0.03, 0.08, 0.012, 0.02, corner=0.03), (radius, 0, 0.8 * low), metal(rng), mirror="x")
        if maybe(rng, 0.5):
            a.add(tube(0.07, 0.06, 0.012), (0.1, 0.2 * y, 0.07), ceramic(rng))
    elif kind == "pan":
        iron, tall = metal(rng), between(rng, 0.02, 0.12)
        narrow = between(rng, 0, 0.2)
        a.add(tube(radius, tall, 0.018, taper=narrow), (0, 0, tall), iron, turned=OVER)
        a.add(cylinder((1 - narrow) * radius, 0.008), (0, 0, 0.008), iron)
        a.rod(
            (radius, 0, 1.7 * tall),
            (radius + between(rng, 0.2, 0.5), 0, 1.8 * tall + between(rng, 0, 0.08)),
            0.016,
            _grip(rng),
        )
    elif kind == "cup":
        a.add(cylinder(radius, 0.012, taper=0.0), (0, 0, 0.012), paint)
        a.add(torus(radius, 0.016), (0, 0, 0.024), paint)
        size, tall = between(rng, 0.4, 0.6) * radius, between(rng, 0.04, 0.12)
        narrow = between(rng, 0, 0.4)
        a.add(tube(size, tall, 0.016, taper=narrow), (0, 0, 0.02 + tall), paint, turned=OVER)
        coffee = cylinder((1 - 0.3 * narrow) * size - 0.008, 0.01)
        a.add(coffee, (0, 0, 0.02 + 1.5 * tall), plain((0.25, 0.14, 0.08)))
        a.add(torus(0.6 * tall, 0.012), (0, size, 0.02 + 1.1 * tall), paint, turned=FORWARDS)
        if maybe(rng, 0.5):
            a.rod((0.7 * radius, -0.2, 0.035), (0.7 * radius, 0.15, 0.035), 0.008, steel(rng))
    elif kind == "cutlery":
        iron = steel(rng)
        for i in range(whole(rng, 1, 3)):
            y, long = 0.13 * i, between(rng, 0.3, 0.5)
            a.rod((-long, y, 0.01), (0.4 * long, y, 0.014), between(rng, 0.007, 0.011), iron)
            if i == 0:
                wide = between(rng, 0.04, 0.06)
                a.add(ellipsoid(1.8 * wide, wide, 0.012), (0.4 * long + 0.08, y, 0.014), iron)
            elif i == 1:
                a.add(box(0.13, 0.022, 0.006, corner=0.02), (0.4 * long + 0.1, y, 0.014), iron)
            else:
                a.add(frame(0.09, 0.028, 0.007, 0.012), (0.4 * long + 0.08, y, 0.014), iron)
                a.add(box(0.07, 0.004, 0.007), (0.4 * long + 0.1, y, 0.014), iron)
    elif kind == "book":
        z = 0.0
        for _ in range(whole(rng, 1, 4)):
            half, cover = between(rng, 0.012, 0.05), plain(any_colour(rng))
            y, spin = radius * between(rng, 0.6, 0.8), turn("z", between(rng, -25, 25))
            a.add(box(radius, y, half, edge=0.003), (0, 0, z + half), cover, turned=spin)
            a.add(
                box(radius + 0.002, 0.93 * y, 0.8 * half, edge=0.002),
                (0, 0, z + half),
                plain(neutral(rng)),
                turned=spin,
            )
            z += 2 * half
    else:  # a stand for cakes or fruit
        tall = between(rng, 0.05, 0.2)
        a.turn_body(profile(0.5 * radius, 0.1 * radius, 0.1 * radius, 0.2 * radius), tall, (0, 0, tall), paint)
        a.add(cylinder(radius, 0.012), (0, 0, 2 * tall), paint)
        other = plain(matching(rng, paint.colours[0]))
        if maybe(rng, 0.5):
            a.add(torus(radius, 0.014), (0, 0, 2 * tall + 0.01), paint)
        if maybe(rng, 0.5):
            a.add(cylinder(0.7 * radius, 0.06), (0, 0, 2 * tall + 0.06), other)
        if maybe(rng, 0.5):
            a.add(ellipsoid(0.05, 0.05, 0.05), (0.5 * radius, 0, 2 * tall + 0.06), plain(vivid(rng)), radial=True)
    return a.build(sample_light(rng), blend=0.003, fold=fold)
