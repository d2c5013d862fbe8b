"""Burgers, fruit, cakes, ice cream and doughnuts; about a unit in size."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick, whole
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    Colour,
    any_colour,
    ceramic,
    colour,
    matching,
    painted,
    pastel,
    patterned,
    plain,
    tinted,
    vivid,
)
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import (
    FORWARDS,
    OVER,
    Paint,
    box,
    capsule,
    cylinder,
    ellipsoid,
    profile,
    torus,
    turn,
)

_FLAVOURS = (
    (0.95, 0.88, 0.7),
    (0.4, 0.24, 0.15),
    (0.93, 0.6, 0.65),
    (0.65, 0.85, 0.6),
    (0.95, 0.75, 0.35),
    (0.6, 0.4, 0.65),
)


def burger(rng: np.random.Generator) -> ProceduralObject:
    """A bun with layers: meat, cheese, lettuce, tomatoes, in any order."""
    a = Assembly()
    crust = colour(between(rng, 0.07, 0.1), between(rng, 0.55, 0.75), between(rng, 0.65, 0.85))
    bun = plain(crust) if maybe(rng, 0.4) else patterned(rng, crust, (0.96, 0.9, 0.75), "dots", 45, 60)
    radius, z = between(rng, 0.36, 0.44), 0.0
    base = between(rng, 0.06, 0.1)
    a.add(cylinder(radius, base, edge=0.7 * base), (0, 0, base), plain(crust))
    z += 2 * base
    layers = [_meat, _cheese, _lettuce, _tomatoes, _meat]
    for i in range(whole(rng, 2, 5)):
        layer = _meat if i == 0 else pick(rng, layers)
        z += layer(a, rng, radius, z)
    dome = between(rng, 0.16, 0.28)
    # The upper bun: a dome that the layer below hides from beneath.
    a.add(ellipsoid(radius * 1.02, radius * 1.02, dome), (0, 0, z + 0.02), bun)
    if maybe(rng, 0.2):
        a.rod((0, 0, z), (0, 0, z + dome + 0.16), 0.012, plain((0.85, 0.7, 0.5)))
        a.add(ellipsoid(0.05, 0.04, 0.04), (0, 0, z + dome + 0.1), plain((0.45, 0.6, 0.2)))
    if maybe(rng, 0.25):
        a.add(cylinder(radius * 1.4, 0.02), (0, 0, -0.02), ceramic(rng))
    return a.build(sample_light(rng), blend=0.006)


def _meat(a: Assembly, rng: np.random.Generator, radius: float, z: float) -> float:
    half, brown = between(rng, 0.04, 0.07), (0.36, 0.2, 0.12)
    patty = patterned(rng, brown, tinted(brown, 0.65), "marble", 40, 70)
    a.add(cylinder(radius * between(rng, 1.0, 1.08), half, edge=0.8 * half), (0, 0, z + half), patty)
    return 1.8 * half


def _cheese(a: Assembly, rng: np.random.Generator, radius: float, z: float) -> float:
    slice_ = box(0.82 * radius, 0.82 * radius, 0.016, edge=0.012)
    yellow = plain((0.97, between(rng, 0.65, 0.8), 0.2))
    a.add(slice_, (0, 0, z + 0.012), yellow, turned=turn("z", between(rng, 0, 90)))
    return 0.024


def _lettuce(a: Assembly, rng: np.random.Generator, radius: float, z: float) -> float:
    green = colour(between(rng, 0.24, 0.33), between(rng, 0.55, 0.8), between(rng, 0.55, 0.8))
    leaf = patterned(rng, green, tinted(green, 1.4), "marble", 30, 50)
    a.add(cylinder(radius * between(rng, 1.06, 1.16), 0.028, edge=0.026), (0, 0, z + 0.022), leaf)
    return 0.044


def _tomatoes(a: Assembly, rng: np.random.Generator, radius: float, z: float) -> float:
    red = plain((0.85, between(rng, 0.12, 0.25), 0.12))
    a.add(cylinder(0.52 * radius, 0.024, edge=0.015), (0.46 * radius, 0.46 * radius, z + 0.02), red, mirror="xy")
    return 0.04


def fruit(rng: np.random.Generator) -> ProceduralObject:
    """An apple, pear, orange, pumpkin, pineapple or lemon, often with a stalk and a leaf."""
    a = Assembly()
    kind, fold = pick(rng, ("apple", "apple", "pear", "pumpkin", "pineapple", "orange")), 8
    green, stalk = plain(colour(between(rng, 0.25, 0.36), 0.7, between(rng, 0.4, 0.6))), plain((0.35, 0.24, 0.14))
    radius = between(rng, 0.33, 0.42)
    top = 2 * radius
    if kind in ("apple", "orange"):
        hue = pick(rng, (0.0, 0.98, 0.25, 0.15)) if kind == "apple" else between(rng, 0.06, 0.1)
        skin = colour(hue + between(rng, -0.02, 0.02), between(rng, 0.65, 0.85), between(rng, 0.65, 0.9))
        paint = (
            patterned(rng, skin, colour(hue + 0.1, 0.7, 0.85), "gradient", 12, 22) if maybe(rng, 0.4) else plain(skin)
        )
        foot, shoulder = (0.45, 0.55) if kind == "apple" else (0.35, 0.35)
        tall = radius * between(rng, 0.85, 0.97)
        shares = (foot, 0.8, 0.97, 1.02, 1.0, 0.9, 0.66, shoulder - 0.3)
        a.turn_body([radius * s for s in shares], tall, (0, 0, tall), paint)
        top = 2 * tall
    elif kind == "pear":
        skin = colour(between(rng, 0.15, 0.24), between(rng, 0.5, 0.75), between(rng, 0.65, 0.85))
        tall, waist = radius * between(rng, 1.2, 1.5), between(rng, 0.42, 0.6)
        a.turn_body(
            [radius * s for s in (0.4, 0.85, 1.0, 0.93, 0.72, waist, 0.8 * waist, 0.08)],
            tall,
            (0, 0, tall),
            plain(skin),
        )
        top = 2 * tall
    elif kind == "pumpkin":
        fold = whole(rng, 7, 10)
        skin = plain(colour(between(rng, 0.05, 0.1), between(rng, 0.75, 0.9), between(rng, 0.75, 0.95)))
        tall = radius * between(rng, 0.65, 0.95)
        a.add(ellipsoid(0.5 * radius, 0.3 * radius, tall), (0.55 * radius, 0, tall), skin, radial=True)
        a.add(ellipsoid(0.7 * radius, 0.7 * radius, 0.85 * tall), (0, 0, tall), skin)
        top = 1.85 * tall
    else:
        base = colour(between(rng, 0.09, 0.13), 0.7, between(rng, 0.65, 0.85))
        rind = patterned(rng, base, tinted(base, 0.6), "checker", 22, 34)
        wide, tall = 0.8 * radius, between(rng, 0.34, 0.44)
        a.add(ellipsoid(wide, wide, tall), (0, 0, tall), rind)
        top, fold = 1.9 * tall, whole(rng, 5, 7)
        for tilt, long in ((between(rng, 20, 40), 0.17), (between(rng, 45, 62), 0.15), (between(rng, 0, 12), 0.2)):
            up = np.radians(90 - tilt)
            at = np.array([0.03 + 0.9 * long * np.cos(up), 0, top + 0.9 * long * np.sin(up)])
            a.add(ellipsoid(0.014, 0.035, long), at, green, turned=turn("y", tilt), radial=True)
        return a.build(sample_light(rng), blend=0.004, fold=fold)
    high, lean = between(rng, 0.08, 0.18), between(rng, -0.07, 0.07)
    thick = 0.045 if kind == "pumpkin" else 0.02
    a.rod((0, 0, top - 0.1), (lean, 0, top + high), thick, green if kind == "pumpkin" else stalk)
    if maybe(rng, 0.65) and kind != "pumpkin":
        tilt = between(rng, -35, 0)
        a.add(ellipsoid(0.13, 0.06, 0.014), (0.13, 0, top + 0.06), green, turned=turn("y", tilt))
    return a.build(sample_light(rng), blend=0.012 if kind == "pumpkin" else 0.006, fold=fold)


def cake(rng: np.random.Generator) -> ProceduralObject:
    """A cake of one to three tiers or a cupcake, with icing, candles, cherries, on a plate or a stand."""
    a = Assembly()
    dough, icing = plain(pick(rng, _FLAVOURS)), plain(pick(rng, _FLAVOURS) if maybe(rng, 0.6) else pastel(rng))
    berry = plain(pick(rng, ((0.8, 0.08, 0.12), vivid(rng))))
    fold = whole(rng, 5, 9)
    if maybe(rng, 0.25):
        _cupcake(a, rng, dough, icing, berry)
        return a.build(sample_light(rng), blend=0.008, fold=fold)
    radius, z = between(rng, 0.34, 0.44), 0.0
    if maybe(rng, 0.7):
        plate = ceramic(rng)
        if maybe(rng, 0.4):
            z = between(rng, 0.12, 0.22)
            a.rod((0, 0, 0), (0, 0, z), 0.045, plate, flat=True)
            a.add(cylinder(0.18, 0.02, edge=0.015), (0, 0, 0.02), plate)
        a.add(cylinder(radius + 0.09, 0.018), (0, 0, z + 0.018), plate)
        z += 0.036
    tiers = pick(rng, (1, 1, 2, 3))
    for i in range(tiers):
        half = between(rng, 0.07, 0.12)
        a.add(cylinder(radius, half, edge=0.015), (0, 0, z + half), dough)
        z += 2 * half
        cover = between(rng, 0.025, 0.06)
        a.add(cylinder(radius + 0.014, cover, edge=0.02), (0, 0, z - 0.8 * cover), icing)
        if maybe(rng, 0.5):
            ball = between(rng, 0.025, 0.04)
            a.add(ellipsoid(ball, ball, ball), (radius - 0.045, 0, z + 0.5 * ball), berry, radial=True)
        radius *= between(rng, 0.6, 0.75) if i < tiers - 1 else 1.0
    if maybe(rng, 0.6):  # candles
        ring, high = radius * between(rng, 0.35, 0.65), between(rng, 0.06, 0.1)
        wax = patterned(rng, vivid(rng), (0.95, 0.95, 0.95), "stripes", 60, 90)
        a.add(cylinder(0.017, high), (ring, 0, z + high), wax, radial=True)
        a.add(ellipsoid(0.014, 0.014, 0.03), (ring, 0, z + 2 * high + 0.025), plain((1.0, 0.75, 0.2)), radial=True)
    elif maybe(rng, 0.6):
        a.add(ellipsoid(0.06, 0.06, 0.06), (0, 0, z + 0.045), berry)
    return a.build(sample_light(rng), blend=0.004, fold=fold)


def _cupcake(a: Assembly, rng: np.random.Generator, dough: Paint, icing: Paint, berry: Paint) -> None:
    first = any_colour(rng)
    paper = patterned(rng, first, tinted(first, 0.75), "grain", 50, 80) if maybe(rng, 0.5) else plain(first)
    radius, tall = between(rng, 0.28, 0.34), between(rng, 0.14, 0.2)
    a.add(cylinder(radius, tall, taper=between(rng, 0.2, 0.35), edge=0.01), (0, 0, tall), paper, turned=OVER)
    a.add(ellipsoid(1.02 * radius, 1.02 * radius, 0.1), (0, 0, 2 * tall), dough)
    z, wide = 2 * tall + 0.05, radius * between(rng, 0.85, 1.0)
    for _ in range(whole(rng, 2, 3)):
        a.add(torus(wide, min(0.075, 0.45 * wide)), (0, 0, z), icing)
        a.add(cylinder(0.8 * wide, 0.07), (0, 0, z), icing)
        z, wide = z + 0.09, 0.68 * wide
    a.add(ellipsoid(wide, wide, 0.08), (0, 0, z - 0.02), icing)
    if maybe(rng, 0.7):
        a.add(ellipsoid(0.055, 0.055, 0.055), (0, 0, z + 0.08), berry)


def ice_cream(rng: np.random.Generator) -> ProceduralObject:
    """Scoops in a cone or a cup, or an ice lolly on a stick."""
    a = Assembly()
    kind = pick(rng, ("cone", "cone", "cup", "lolly"))
    flavours = [_scoop(rng, pick(rng, _FLAVOURS)) for _ in range(3)]
    if kind == "lolly":
        wide, tall, thick = between(rng, 0.14, 0.2), between(rng, 0.26, 0.36), between(rng, 0.05, 0.075)
        stick = between(rng, 0.12, 0.18)
        a.add(box(0.014, between(rng, 0.03, 0.045), stick, corner=0.01), (0, 0, stick), plain((0.87, 0.72, 0.5)))
        bar = box(tall, wide, thick, corner=between(rng, 0.5, 1.0) * wide, edge=between(rng, 0.3, 0.9) * thick)
        a.add(bar, (0, 0, 1.7 * stick + tall), flavours[0], turned=FORWARDS)
        if maybe(rng, 0.5):
            share = between(rng, 0.4, 0.65)
            cap = box(share * tall, wide + 0.012, thick + 0.012, corner=0.9 * wide, edge=0.8 * thick)
            a.add(cap, (0, 0, 1.7 * stick + (2 - share) * tall + 0.012), flavours[1], turned=FORWARDS)
        return a.build(sample_light(rng), blend=0.004)
    waffle = patterned(rng, (0.87, 0.65, 0.36), (0.68, 0.45, 0.2), "checker", 30, 45)
    scoop = between(rng, 0.15, 0.2)
    if kind == "cone":
        tall, tip = between(rng, 0.26, 0.36), between(rng, 0.8, 0.93)
        a.add(cylinder(0.98 * scoop, tall, taper=tip, edge=0.01), (0, 0, tall), waffle, turned=OVER)
        level = 2 * tall
        if maybe(rng, 0.4):
            a.add(cylinder(1.05 * scoop, 0.04, edge=0.01), (0, 0, level - 0.03), waffle)
    else:
        tall, flare = between(rng, 0.12, 0.18), between(rng, 1.4, 1.65)
        a.turn_body(
            profile(0.9 * scoop, between(rng, 1.1, 1.3) * scoop, flare * scoop),
            tall,
            (0, 0, tall),
            painted(rng),
            wall=0.03,
        )
        a.add(cylinder(0.92 * scoop, 0.02), (0, 0, 0.02), painted(rng))
        level = 1.75 * tall
        a.add(ellipsoid(0.88 * scoop, 0.8 * scoop, 0.85 * scoop), (0, 0.72 * scoop, level), flavours[2], mirror="y")
        level += 0.6 * scoop
    z = level + 0.55 * scoop
    for i in range(whole(rng, 1, 3) if kind == "cone" else 1):
        a.add(ellipsoid(scoop, scoop, 0.93 * scoop), (0, 0, z), flavours[i])
        a.add(torus(1.06 * scoop, 0.2 * scoop), (0, 0, z - 0.5 * scoop), flavours[i])
        z, scoop = z + 1.25 * scoop, 0.88 * scoop
    if maybe(rng, 0.4):
        a.add(ellipsoid(0.055, 0.055, 0.055), (0, 0, z - 0.15 * scoop), plain((0.8, 0.08, 0.12)))
    if maybe(rng, 0.35):
        wafer = cylinder(0.03, 0.17)
        a.add(
            wafer,
            (-0.1, 0.0, z),
            patterned(rng, (0.85, 0.65, 0.4), (0.5, 0.3, 0.15), "stripes", 40, 60),
            turned=turn("y", -22),
        )
    return a.build(sample_light(rng), blend=0.01)


def _scoop(rng: np.random.Generator, base: Colour) -> Paint:
    if maybe(rng, 0.5):
        return plain(base)
    return patterned(rng, base, matching(rng, base), pick(rng, ("marble", "dots")), 25, 45)


def doughnut(rng: np.random.Generator) -> ProceduralObject:
    """A ring of dough with icing and sprinkles, flat on the table or on a plate, or a stack of two."""
    a = Assembly()
    dough = plain(colour(0.085, between(rng, 0.5, 0.65), between(rng, 0.7, 0.88)))
    radius, thick = between(rng, 0.38, 0.46), between(rng, 0.11, 0.17)
    z = 0.0
    if maybe(rng, 0.4):
        plate = ceramic(rng)
        a.add(cylinder(radius + 0.1, 0.016), (0, 0, 0.016), plate)
        a.add(torus(radius + 0.14, 0.022), (0, 0, 0.035), plate)
        z = 0.025
    fold = whole(rng, 6, 11)
    for _ in range(pick(rng, (1, 1, 2))):
        icing = pick(rng, _FLAVOURS) if maybe(rng, 0.6) else vivid(rng)
        second = matching(rng, icing)
        cover = (
            plain(icing) if maybe(rng, 0.4) else patterned(rng, icing, second, pick(rng, ("dots", "marble")), 45, 70)
        )
        radius, thick = radius * between(rng, 0.94, 1.0), thick * between(rng, 0.9, 1.0)
        a.add(torus(radius, thick), (0, 0, z + thick), dough)
        # Icing: a slightly smaller ring that stands out above.
        a.add(torus(radius - 0.006, thick - 0.012), (0, 0, z + thick + between(rng, 0.025, 0.045)), cover)
        z += 1.75 * thick
        grain = capsule(between(rng, 0.011, 0.018), between(rng, 0.03, 0.05))
        if maybe(rng, 0.6):
            for ring, tilt, lift in ((0.5, 40, 0.9), (0.0, 110, 1.06)):
                x = radius - thick + ring * thick
                turned = turn("z", tilt) @ FORWARDS
                a.add(grain, (x, 0, z + (lift - 0.83) * thick + 0.045), plain(vivid(rng)), turned=turned, radial=True)
    return a.build(sample_light(rng), blend=0.004, fold=fold)
