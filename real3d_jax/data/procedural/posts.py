"""Columns and what stands on posts; a unit is about a metre."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick, whole
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import any_colour, concrete, metal, painted, plain, steel, vivid, wood
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import FORWARDS, OVER, box, cylinder, ellipsoid, profile, torus, tube, turn


def column(rng: np.random.Generator) -> ProceduralObject:
    """A column, fluted, square or turned; two with a beam or a roof, a ring of them, or an obelisk."""
    a = Assembly()
    stone = pick(rng, (concrete, concrete, wood, painted))(rng)
    radius, tall = between(rng, 0.03, 0.12), between(rng, 0.4, 0.6)
    kind = pick(rng, ("one", "one", "one", "two", "ring", "obelisk"))
    y, mirror = (between(rng, 0.2, 0.5), "y") if kind == "two" else (0.0, "")
    x, fold = (between(rng, 0.25, 0.5), whole(rng, 4, 7)) if kind == "ring" else (0.0, whole(rng, 6, 10))
    radial = kind == "ring"
    foot = radius * between(rng, 1.2, 2.0)
    if kind == "obelisk":
        a.add(box(1.5 * foot, 1.5 * foot, 0.06), (0, 0, 0.06), stone)
        a.add(box(foot, foot, tall, taper=(0.5, 0.5)), (0, 0, 0.12 + tall), stone)
        a.add(box(0.5 * foot, 0.5 * foot, 0.4 * foot, taper=(1, 1)), (0, 0, 0.12 + 2 * tall + 0.4 * foot), stone)
        return a.build(sample_light(rng), blend=0.004)
    narrow = between(rng, 0.0, 0.35)
    if kind == "one" and maybe(rng, 0.5):
        waist = pick(
            rng, ((1, 0.95, 0.85, 0.8), (1, 0.5, 0.9, 0.5, 1), (0.6, 1.0, 0.5, 0.45), (0.8, 1.0, 0.6, 1.0, 0.8))
        )
        a.turn_body(profile(*(radius * s for s in waist)), tall, (0, 0, tall), stone)
    elif maybe(rng, 0.35):
        a.add(box(radius, radius, tall, taper=(narrow, narrow)), (x, y, tall), stone, mirror=mirror, radial=radial)
    else:
        a.add(cylinder(radius, tall, taper=narrow), (x, y, tall), stone, mirror=mirror, radial=radial)
    if kind == "one" and maybe(rng, 0.4):
        a.rod((radius, 0, 0.08), ((1 - narrow) * radius, 0, 2 * tall - 0.05), 0.17 * radius, stone, radial=True)
    low = between(rng, 0.01, 0.06)
    for z, wide in ((low, foot), (2 * tall - low, between(rng, 1.1, 1.8) * radius)):
        square = box(wide, wide, low, edge=0.004) if maybe(rng, 0.6) else cylinder(wide, low)
        a.add(square, (x, y, z), stone, mirror=mirror, radial=radial)
        if maybe(rng, 0.5) and not radial:
            a.add(
                torus(0.9 * wide, 0.4 * low + 0.005),
                (x, y, z + (1.4 if z < tall else -1.4) * low),
                stone,
                mirror=mirror,
            )
    if kind == "two":
        a.add(box(1.2 * foot, y + 1.6 * foot, between(rng, 0.03, 0.09)), (0, 0, 2 * tall + 0.04), stone)
        if maybe(rng, 0.5):
            a.add(box(1.3 * foot, y + 1.8 * foot, 0.09, taper=(0, 1)), (0, 0, 2 * tall + 0.18), painted(rng))
        if maybe(rng, 0.4):
            a.add(box(1.5 * foot, y + 2 * foot, 0.03), (0, 0, -0.03), stone)
    elif kind == "ring":
        a.add(cylinder(x + 2 * foot, 0.03), (0, 0, -0.03), stone)
        if maybe(rng, 0.6):
            high = between(rng, 0.08, 0.25)
            a.add(cylinder(x + 2 * foot, high, taper=between(rng, 0.8, 1.0)), (0, 0, 2 * tall + high), painted(rng))
        else:
            a.add(tube(x + 1.5 * foot, 0.04, 3 * foot), (0, 0, 2 * tall + 0.03), stone)
    elif maybe(rng, 0.3):
        a.add(
            pick(rng, (ellipsoid(foot, foot, foot), cylinder(foot, 0.4 * foot, taper=0.5))),
            (0, 0, 2 * tall + foot),
            stone,
        )
    return a.build(sample_light(rng), blend=0.003, fold=fold)


def street_post(rng: np.random.Generator) -> ProceduralObject:
    """Something on a post: a road sign, a letter box, a street lamp, a traffic light, a parking meter, a bird house."""
    a = Assembly()
    post, paint = pick(rng, (steel, metal, wood))(rng), plain(pick(rng, (vivid, vivid, any_colour))(rng))
    bar, tall = between(rng, 0.012, 0.03), between(rng, 0.5, 1.0)
    kind = pick(rng, ("sign", "sign", "letters", "letters", "lamp", "lights", "board"))
    a.rod((0, 0, 0), (0, 0, tall), bar, post, flat=True)
    if maybe(rng, 0.4):
        a.add(cylinder(between(rng, 0.06, 0.14), 0.015), (0, 0, 0.015), concrete(rng))
    x, size = bar + 0.01, between(rng, 0.1, 0.2)
    if kind == "sign":
        white = plain((0.94, 0.94, 0.92))
        shape = pick(rng, (cylinder, cylinder, box))
        for k, (paint_, share, thin) in enumerate(((paint, 1.0, 0.006), (white, 0.78, 0.009))):
            if shape is box:
                corner = 45 if tall > 0.75 else 0
                solid = box(share * size, share * size, thin, corner=0.02)
                a.add(solid, (x, 0, tall), paint_, turned=FORWARDS @ turn("z", corner))
            else:
                a.add(cylinder(share * size, thin), (x, 0, tall), paint_, turned=FORWARDS)
            if k and maybe(rng, 0.5):
                a.add(box(0.011, 0.5 * size, 0.15 * size), (x, 0, tall), paint)
        if maybe(rng, 0.4):
            a.add(box(0.006, 0.9 * size, 0.3 * size), (x, 0, tall - 1.5 * size), white)
    elif kind == "letters":
        long, wide, high = between(rng, 0.12, 0.25), between(rng, 0.06, 0.12), between(rng, 0.04, 0.09)
        a.add(box(long, wide, high, edge=0.004), (0, 0, tall + high), paint)
        if maybe(rng, 0.6):
            a.add(cylinder(wide, long), (0, 0, tall + 2 * high), paint, turned=FORWARDS)
        else:
            a.add(
                box(long, 1.1 * wide, 0.5 * wide, taper=(0, 0.95)), (0, 0, tall + 2 * high + 0.5 * wide), painted(rng)
            )
        a.add(box(0.006, 0.8 * wide, 0.012), (long, 0, tall + 1.4 * high), plain((0.1, 0.1, 0.1)))
        if maybe(rng, 0.6):
            flag = plain(vivid(rng, 0.0))
            a.rod((0, wide + 0.01, tall + high), (0, wide + 0.01, tall + 3.5 * high), 0.007, flag)
            a.add(box(0.035, 0.005, 0.025), (0.03, wide + 0.01, tall + 3.5 * high), flag)
    elif kind == "lamp":
        reach, glow = between(rng, 0.0, 0.35), plain((0.97, 0.94, 0.82))
        if reach > 0.12:
            mirror = "x" if maybe(rng, 0.4) else ""
            a.chain(
                ((0, 0, tall), (0.4 * reach, 0, tall + 0.08), (reach, 0, tall + 0.08)), 0.8 * bar, post, mirror=mirror
            )
            a.add(box(0.08, 0.035, 0.02, corner=0.03), (reach + 0.05, 0, tall + 0.07), post, mirror=mirror)
            a.add(ellipsoid(0.05, 0.03, 0.02), (reach + 0.05, 0, tall + 0.055), glow, mirror=mirror)
        else:
            a.add(cylinder(0.05, 0.07, taper=0.3), (0, 0, tall + 0.07), glow, turned=OVER)
            a.add(cylinder(0.08, 0.03, taper=0.8), (0, 0, tall + 0.17), post)
            a.add(cylinder(0.03, 0.03), (0, 0, tall), post)
    elif kind == "lights":
        a.add(box(0.035, 0.055, 0.16, edge=0.01), (x + 0.03, 0, tall), plain((0.12, 0.12, 0.12)))
        for i, lit in enumerate(((0.2, 0.8, 0.3), (0.95, 0.75, 0.1), (0.9, 0.12, 0.1))):
            a.add(cylinder(0.036, 0.01), (x + 0.07, 0, tall + 0.1 * (i - 1)), plain(lit), turned=FORWARDS)
            if maybe(rng, 0.7):
                a.add(
                    tube(0.042, 0.025, 0.008),
                    (x + 0.085, 0, tall + 0.1 * (i - 1)),
                    plain((0.12, 0.12, 0.12)),
                    turned=FORWARDS,
                )
    else:
        wide = between(rng, 0.15, 0.4)
        for i in range(whole(rng, 1, 4)):
            z = tall - 0.02 - 0.13 * i
            spin = turn("z", between(rng, -60, 60)) if maybe(rng, 0.5) else turn("z", 0)
            arrow = paint if maybe(rng, 0.6) else painted(rng)
            a.add(
                box(0.008, wide, 0.05), spin @ np.array([x, 0.5 * wide * pick(rng, (-1, 0, 1)), z]), arrow, turned=spin
            )
        a.add(ellipsoid(1.5 * bar, 1.5 * bar, 1.5 * bar), (0, 0, tall), post)
    return a.build(sample_light(rng), blend=0.003)
