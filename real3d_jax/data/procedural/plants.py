"""Trees, potted plants, cacti, flowers and mushrooms; about a unit tall."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick, whole
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    ceramic,
    colour,
    foliage,
    matching,
    patterned,
    plain,
    tinted,
    vivid,
)
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import OVER, Paint, capsule, cylinder, ellipsoid, profile, torus, turn


def _bark(rng: np.random.Generator) -> Paint:
    base = colour(between(rng, 0.05, 0.09), between(rng, 0.25, 0.6), between(rng, 0.3, 0.55))
    return patterned(rng, base, tinted(base, 0.65), "grain", 60, 90)


def tree(rng: np.random.Generator) -> ProceduralObject:
    """A fir of stacked cones, a leafy tree with a crown of balls, a poplar, or a palm."""
    a = Assembly()
    kind = pick(rng, ("fir", "leafy", "leafy", "palm", "poplar"))
    bark, leaves = _bark(rng), foliage(rng)
    trunk, fold = between(rng, 0.035, 0.06), 1
    if kind == "fir":
        foot, count = between(rng, 0.08, 0.2), whole(rng, 2, 4)
        a.rod((0, 0, 0), (0, 0, foot + 0.2), trunk, bark, flat=True)
        wide, tier = between(rng, 0.24, 0.36), between(rng, 0.8, 1.0) / count
        for i in range(count):
            radius = wide * (1 - 0.7 * i / count)
            cone = cylinder(radius, 0.72 * tier, taper=0.93, edge=0.01)
            a.add(cone, (0, 0, foot + (i + 0.72) * tier * (1 - 0.05 * i)), leaves)
    elif kind == "leafy":
        tall, crown = between(rng, 0.3, 0.5), between(rng, 0.2, 0.28)
        a.rod((0, 0, 0), (0, 0, tall + 0.1), 1.2 * trunk, bark, flat=True, taper=0.35)
        fold = whole(rng, 3, 6)
        a.add(ellipsoid(crown, crown, crown), (0, 0, tall + 1.1 * crown), leaves)
        ball, out = crown * between(rng, 0.6, 0.85), crown * between(rng, 0.65, 0.95)
        a.add(ellipsoid(ball, ball, 0.9 * ball), (out, 0, tall + between(rng, 0.55, 1.0) * crown), leaves, radial=True)
        if maybe(rng, 0.6):
            a.add(ellipsoid(0.8 * ball, 0.8 * ball, 0.8 * ball), (0, 0, tall + 2.0 * crown), leaves)
        if maybe(rng, 0.25):  # apples or oranges
            dot = plain(pick(rng, ((0.85, 0.1, 0.1), (0.95, 0.55, 0.1), (0.95, 0.85, 0.2))))
            for z in (0.3, 0.75):
                a.add(
                    ellipsoid(0.03, 0.03, 0.03), (out + 0.9 * ball, 0.12 - 0.2 * z, tall + z * crown), dot, radial=True
                )
        if maybe(rng, 0.5):
            a.rod((0, 0, 0.7 * tall), (0.8 * out, 0, tall + 0.5 * crown), 0.4 * trunk, bark, radial=True)
    elif kind == "poplar":
        tall, crown = between(rng, 0.12, 0.25), between(rng, 0.35, 0.45)
        a.rod((0, 0, 0), (0, 0, tall + 0.2), trunk, bark, flat=True)
        wide = between(rng, 0.12, 0.24)
        a.add(ellipsoid(wide, wide, crown), (0, 0, tall + 0.95 * crown), leaves)
    else:
        tall, fold = between(rng, 0.55, 0.75), whole(rng, 5, 8)
        a.rod((0, 0, 0), (0, 0, tall), trunk, bark, flat=True, taper=0.4)
        _fronds(a, rng, tall, leaves)
        nut = plain((0.35, 0.22, 0.12))
        a.add(ellipsoid(0.04, 0.04, 0.045), (0.06, 0, tall - 0.03), nut, radial=True)
    return a.build(sample_light(rng), blend=0.015, fold=fold)


def _fronds(a: Assembly, rng: np.random.Generator, tall: float, leaves: Paint) -> None:
    """A ring of leaves that rise and then hang."""
    rise, hang, long = between(rng, 5, 30), between(rng, 30, 60), between(rng, 0.13, 0.18)
    up, down = np.radians(rise), np.radians(hang)
    first = np.array([long * np.cos(up), 0, tall + 0.02 + long * np.sin(up)])
    elbow = first + (long - 0.04) * np.array([np.cos(up), 0, np.sin(up)])
    a.add(ellipsoid(long, 0.05, 0.018), first, leaves, turned=turn("y", -rise), radial=True)
    second = elbow + 0.8 * long * np.array([np.cos(down), 0, -np.sin(down)])
    a.add(ellipsoid(long, 0.06, 0.018), second, leaves, turned=turn("y", hang), radial=True)


def _pot(a: Assembly, rng: np.random.Generator, radius: float, tall: float) -> float:
    """A hollow pot with soil in it; returns the level of the soil."""
    terracotta = plain(colour(between(rng, 0.03, 0.06), 0.6, between(rng, 0.6, 0.8)))
    clay = terracotta if maybe(rng, 0.5) else ceramic(rng)
    foot = between(rng, 0.6, 1.0)
    a.turn_body(profile(foot * radius, radius), tall, (0, 0, tall), clay, wall=0.035)
    a.add(cylinder(foot * radius - 0.01, 0.02), (0, 0, 0.02), clay)
    if maybe(rng, 0.5):
        a.add(torus(radius + 0.02, 0.028), (0, 0, 2 * tall - 0.02), clay)
    level = 1.75 * tall
    a.add(cylinder(radius * (foot + (1 - foot) * 0.85) - 0.02, 0.02), (0, 0, level), plain((0.25, 0.17, 0.11)))
    return level


def potted_plant(rng: np.random.Generator) -> ProceduralObject:
    """A pot with rings of leaves, upright blades, a bush or a little tree."""
    a = Assembly()
    radius, tall = between(rng, 0.14, 0.2), between(rng, 0.1, 0.18)
    soil = _pot(a, rng, radius, tall)
    leaves, kind = foliage(rng), pick(rng, ("rosette", "blades", "bush", "broad"))
    fold = whole(rng, 5, 8)
    if kind == "rosette":
        for elevation, long in (
            (between(rng, 8, 25), 0.24),
            (between(rng, 35, 50), 0.25),
            (between(rng, 62, 75), 0.24),
        ):
            long, up = long * between(rng, 0.85, 1.15), np.radians(elevation)
            at = np.array([(long + 0.02) * np.cos(up), 0, soil + long * np.sin(up) + 0.03])
            a.add(ellipsoid(long, 0.065, 0.018), at, leaves, turned=turn("y", -elevation), radial=True)
    elif kind == "blades":
        for share in (0.15, 0.55):
            high, lean = between(rng, 0.22, 0.36), between(rng, 4, 24)
            out = share * radius + np.sin(np.radians(lean)) * high + 0.02
            a.add(
                ellipsoid(0.016, 0.04, high), (out, 0, soil + 0.95 * high), leaves, turned=turn("y", lean), radial=True
            )
    elif kind == "bush":
        ball = between(rng, 0.17, 0.26)
        stem = between(rng, 0.0, 0.25)
        a.rod((0, 0, soil), (0, 0, soil + stem + ball), 0.022, plain((0.35, 0.24, 0.14)))
        a.add(ellipsoid(ball, ball, between(rng, 0.85, 1.2) * ball), (0, 0, soil + stem + ball), leaves)
        a.add(
            ellipsoid(0.5 * ball, 0.5 * ball, 0.5 * ball),
            (0.7 * ball, 0, soil + stem + 0.8 * ball),
            leaves,
            radial=True,
        )
    else:
        for high, out in ((between(rng, 0.15, 0.25), 0.24), (between(rng, 0.32, 0.45), 0.16)):
            tip = (out, 0, soil + high)
            a.rod((0.02, 0, soil), tip, 0.012, leaves, radial=True)
            tilt = between(rng, -10, 40)
            a.add(
                ellipsoid(0.13, 0.08, 0.014),
                (out + 0.09, 0, soil + high - 0.02),
                leaves,
                turned=turn("y", tilt),
                radial=True,
            )
    if maybe(rng, 0.25):
        blossom = plain(vivid(rng))
        a.add(ellipsoid(0.05, 0.05, 0.05), (0.1, 0, soil + 0.42), blossom, radial=True)
        a.rod((0.02, 0, soil), (0.1, 0, soil + 0.42), 0.01, leaves, radial=True)
    return a.build(sample_light(rng), blend=0.006, fold=fold)


def cactus(rng: np.random.Generator) -> ProceduralObject:
    """A cactus, a column with bent arms or a ball, in a pot or in sand, sometimes in blossom."""
    a = Assembly()
    green = colour(between(rng, 0.26, 0.42), between(rng, 0.4, 0.75), between(rng, 0.35, 0.65))
    skin = plain(green) if maybe(rng, 0.3) else patterned(rng, green, tinted(green, 0.65), "grain", 60, 110)
    if maybe(rng, 0.6):
        level = _pot(a, rng, between(rng, 0.15, 0.2), between(rng, 0.09, 0.15))
    else:
        sand = colour(0.1, 0.4, between(rng, 0.7, 0.85))
        a.add(ellipsoid(between(rng, 0.2, 0.3), 0.25, 0.07), (0, 0, 0.0), plain(sand))
        level = 0.02
    ball = maybe(rng, 0.25)
    radius = between(rng, 0.13, 0.17) if ball else between(rng, 0.065, 0.1)
    tall = radius * between(rng, 0.9, 1.4) if ball else between(rng, 0.26, 0.36)
    top = level + 2 * tall
    if ball:
        a.add(ellipsoid(radius, radius, tall), (0, 0, level + tall * 0.9), skin)
    else:
        a.add(capsule(radius, tall + 0.03), (0, 0, level + tall - 0.03), skin)
        for side in (1, -1)[: whole(rng, 1, 2)]:
            z, out = level + tall * between(rng, 0.6, 1.3), radius + between(rng, 0.09, 0.14)
            elbow, tip = (0, side * out, z), (0, side * out, z + between(rng, 0.1, 0.24))
            a.chain(((0, 0, z - 0.03), elbow, tip), radius * between(rng, 0.55, 0.7), skin)
    if maybe(rng, 0.45):
        blossom = plain(vivid(rng, between(rng, 0.85, 1.15)))
        a.add(ellipsoid(0.05, 0.05, 0.035), (0, 0, top + (-0.03 if ball else 0.02)), blossom)
        if ball:
            a.add(ellipsoid(0.03, 0.03, 0.03), (0.7 * radius, 0, level + 1.65 * tall), blossom, radial=True)
    return a.build(sample_light(rng), blend=0.015, fold=whole(rng, 3, 6))


def flower(rng: np.random.Generator) -> ProceduralObject:
    """One big flower on a stem: petals around a heart, two leaves; a daisy, a sunflower or a tulip."""
    a = Assembly()
    green = foliage(rng)
    tall, fold = between(rng, 0.45, 0.7), whole(rng, 5, 9)
    a.rod((0, 0, 0), (0, 0, tall), 0.022, green, flat=True)
    petal = plain(pick(rng, (vivid(rng), (0.96, 0.95, 0.92), vivid(rng))))
    heart = plain(pick(rng, ((0.95, 0.75, 0.15), (0.35, 0.2, 0.1), matching(rng, petal.colours[0]))))
    if maybe(rng, 0.7):
        tilt, long, core = between(rng, -5, 45), between(rng, 0.13, 0.19), between(rng, 0.06, 0.11)
        up = np.radians(tilt)
        at = np.array([0.7 * core + long * np.cos(up), 0, tall + long * np.sin(up)])
        wide = min(0.5 * (core + long) * np.tan(np.pi / fold) * 1.6, 0.09)
        a.add(ellipsoid(long, wide, 0.02), at, petal, turned=turn("y", -tilt), radial=True)
        a.add(ellipsoid(core, core, 0.5 * core), (0, 0, tall + 0.02), heart)
    else:
        fold = whole(rng, 3, 5)
        high = between(rng, 0.13, 0.18)
        a.add(ellipsoid(0.045, 0.09, high), (0.06, 0, tall + 0.75 * high), petal, turned=turn("y", 8), radial=True)
        a.add(ellipsoid(0.08, 0.08, 0.6 * high), (0, 0, tall + 0.5 * high), petal)
    leaf, level = between(rng, 0.13, 0.2), between(rng, 0.08, 0.3)
    lift = between(rng, 25, 60)
    up = np.radians(lift)
    at = (0, (leaf + 0.01) * np.cos(up), level + leaf * np.sin(up))
    a.add(ellipsoid(0.05, leaf, 0.016), at, green, turned=turn("x", lift), mirror="y")
    if maybe(rng, 0.3):
        level = _pot(a, rng, between(rng, 0.13, 0.17), between(rng, 0.07, 0.12))
    return a.build(sample_light(rng), blend=0.006, fold=fold)


def mushroom(rng: np.random.Generator) -> ProceduralObject:
    """A mushroom: a stem, a cap with or without dots, a ring, sometimes a small one beside it."""
    a = Assembly()
    cap_colour = pick(rng, ((0.8, 0.12, 0.1), (0.55, 0.35, 0.2), (0.85, 0.65, 0.35), vivid(rng), (0.9, 0.85, 0.75)))
    cap = patterned(rng, cap_colour, (0.96, 0.94, 0.88), "dots", 22, 38) if maybe(rng, 0.5) else plain(cap_colour)
    flesh = plain(colour(0.11, between(rng, 0.05, 0.25), between(rng, 0.8, 0.95)))
    tall, thick = between(rng, 0.18, 0.34), between(rng, 0.07, 0.12)
    wide, high = between(rng, 0.26, 0.42), between(rng, 0.13, 0.26)
    a.turn_body(profile(1.3 * thick, thick, 0.85 * thick, 0.9 * thick), tall, (0, 0, tall), flesh)
    # A cap turned upside down: a dome by an ellipsoid, closed below by a disc.
    a.add(ellipsoid(wide, wide, high), (0, 0, 2 * tall), cap)
    a.add(
        cylinder(0.96 * wide, 0.35 * high, taper=0.35, edge=0.02),
        (0, 0, 2 * tall - 0.32 * high),
        flesh,
        turned=OVER,
    )
    if maybe(rng, 0.4):
        a.add(cylinder(1.6 * thick, 0.025, taper=0.5), (0, 0, 1.35 * tall), flesh)
    if maybe(rng, 0.45):
        small, side = between(rng, 0.4, 0.6), pick(rng, (-1, 1))
        y = side * (0.7 * wide + 0.3 * small * wide)
        a.rod((0.05, y, 0), (0.05, y, 2 * small * tall), small * thick, flesh, flat=True)
        a.add(ellipsoid(small * wide, small * wide, small * high), (0.05, y, 2 * small * tall), cap)
    if maybe(rng, 0.4):
        grass = plain(colour(between(rng, 0.22, 0.35), 0.6, between(rng, 0.4, 0.6)))
        a.add(ellipsoid(0.3, 0.3, 0.05), (0, 0, 0), grass)
    return a.build(sample_light(rng), blend=0.008)
