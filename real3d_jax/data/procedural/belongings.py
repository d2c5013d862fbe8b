"""Shoes, hats, guitars and umbrellas; about a unit in size."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick, whole
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    WHITE,
    any_colour,
    colour,
    concrete,
    fabric,
    leather,
    matching,
    metal,
    neutral,
    painted,
    patterned,
    plain,
    rubber,
    steel,
    tinted,
    vivid,
    wood,
)
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import FORWARDS, box, cylinder, ellipsoid, profile, torus, tube, turn

_DOME = (1.0, 1.0, 0.99, 0.96, 0.9, 0.79, 0.6, 0.2)  # radii of a half ball, from its foot to its top


def shoe(rng: np.random.Generator) -> ProceduralObject:
    """A pair of trainers, boots or slippers, mirror images of each other."""
    a = Assembly()
    kind = pick(rng, ("trainer", "trainer", "boot", "slipper"))
    upper = leather(rng) if maybe(rng, 0.4) else painted(rng)
    second = plain(matching(rng, upper.colours[0]))
    sole = pick(rng, (WHITE, rubber(rng), painted(rng)))
    gap, thick, wide = between(rng, 0.17, 0.22), between(rng, 0.028, 0.05), between(rng, 0.125, 0.145)
    shape = box(0.42, wide, thick, corner=0.95 * wide, edge=0.02)
    a.add(shape, (0, gap, thick), sole, mirror="y")
    floor = 2 * thick
    toe = between(rng, 0.09, 0.13)
    a.add(ellipsoid(0.2, 0.93 * wide, toe), (0.2, gap, floor + 0.25 * toe), upper, mirror="y")
    a.add(ellipsoid(0.33, 0.9 * wide, 0.12), (-0.03, gap, floor + 0.04), upper, turned=turn("y", 10), mirror="y")
    if kind == "slipper":
        a.add(torus(0.12, 0.03), (-0.12, gap, floor + 0.1), fabric(rng), turned=turn("y", 12), mirror="y")
        if maybe(rng, 0.5):
            a.add(ellipsoid(0.05, 0.05, 0.05), (0.12, gap, floor + 0.16), second, mirror="y")
    else:
        shaft = between(rng, 0.28, 0.42) if kind == "boot" else between(rng, 0.1, 0.17)
        lean = between(rng, -4, 6)
        ankle = tube(0.88 * wide, shaft / 2 + 0.03, 0.035)
        at = (-0.21, gap, floor + shaft / 2 + 0.05)
        a.add(ankle, at, upper, turned=turn("y", -lean), mirror="y")
        a.add(ellipsoid(0.18, 0.88 * wide, 0.14), (-0.2, gap, floor + 0.08), upper, mirror="y")
        if maybe(rng, 0.6):
            a.add(torus(0.93 * wide, 0.022), (-0.21 + 0.01, gap, floor + shaft + 0.06), second, mirror="y")
        for i in range(whole(rng, 1, 3)):  # laces
            x, z = 0.07 - 0.07 * i, floor + 0.135 + 0.035 * i
            a.rod((x, gap - 0.05, z), (x, gap + 0.05, z), 0.014, second, mirror="y")
        if maybe(rng, 0.4):
            a.add(ellipsoid(0.05, 0.95 * wide, 0.045), (0.33, gap, floor + 0.03), second, mirror="y")
        if maybe(rng, 0.4) and kind == "trainer":  # a stripe on the sides
            a.add(
                box(0.02, 0.93 * wide, 0.07, edge=0.01),
                (-0.03, gap, floor + 0.06),
                second,
                turned=turn("y", 25),
                mirror="y",
            )
        elif kind == "boot":
            a.add(box(0.1, 0.9 * wide, 0.03, corner=0.08, edge=0.01), (-0.28, gap, 0.03), sole, mirror="y")
    return a.build(sample_light(rng), blend=0.03)


def hat(rng: np.random.Generator) -> ProceduralObject:
    """A top hat, bowler, straw hat, cowboy hat, wizard's hat or cap."""
    a = Assembly()
    kind = pick(rng, ("top", "bowler", "straw", "cowboy", "wizard", "cap"))
    first = pick(rng, (neutral(rng), vivid(rng), any_colour(rng), leather(rng).colours[0]))
    straw = colour(0.115, between(rng, 0.4, 0.6), between(rng, 0.75, 0.9))
    felt = patterned(rng, straw, tinted(straw, 0.8), "checker", 50, 70) if kind == "straw" else plain(first)
    band = plain(matching(rng, felt.colours[0]) if maybe(rng, 0.5) else vivid(rng))
    head, brim = between(rng, 0.2, 0.25), between(rng, 0.34, 0.5)
    if kind == "cap":
        panels = plain(first)
        a.turn_body([head * r for r in _DOME], 0.5 * head, (0, 0, 0.5 * head), panels)
        peak = box(0.16, 0.82 * head, 0.014, corner=0.13, edge=0.012)
        a.add(
            peak,
            (1.1 * head + 0.08, 0, 0.04),
            band if maybe(rng, 0.5) else panels,
            turned=turn("y", between(rng, 4, 14)),
        )
        a.add(ellipsoid(0.03, 0.03, 0.02), (0, 0, 0.98 * head), band)
        if maybe(rng, 0.5):
            a.add(ellipsoid(0.02, 0.07, 0.055), (0.97 * head, 0, 0.45 * head), WHITE)
        return a.build(sample_light(rng), blend=0.02)
    thin = 0.014
    if kind == "cowboy":
        wide = head + between(rng, 0.1, 0.14)
        a.add(box(between(rng, 0.38, 0.46), wide, thin, corner=0.97 * wide), (0, 0, 0.07), felt)
        a.add(ellipsoid(0.27, 0.035, between(rng, 0.05, 0.09)), (0, wide - 0.02, 0.1), felt, mirror="y")  # rolled up
        tall = between(rng, 0.12, 0.17)
        crown = box(1.1 * head, 0.92 * head, tall, corner=0.85 * head, edge=0.07, taper=(0.15, 0.3))
        a.add(crown, (0, 0, 0.07 + tall), felt)
        ring = box(1.12 * head, 0.94 * head, 0.025, corner=0.86 * head, edge=0.01, taper=(0.02, 0.04))
        a.add(ring, (0, 0, 0.115), band)
        return a.build(sample_light(rng), blend=0.012)
    a.add(cylinder(brim, thin), (0, 0, thin), felt)
    if kind == "top":
        tall, flare = between(rng, 0.17, 0.3), between(rng, 0.0, 0.2)
        a.add(
            cylinder(head / (1 - flare), tall, taper=flare), (0, 0, tall), felt, turned=turn("x", pick(rng, (0, 180)))
        )
    elif kind == "bowler":
        tall = between(rng, 0.5, 0.65) * head
        a.turn_body([head * r for r in _DOME], tall, (0, 0, tall), felt)
        a.add(torus(brim + 0.01, 0.024), (0, 0, 0.025), felt)
    elif kind == "straw":
        tall = between(rng, 0.08, 0.12)
        a.add(cylinder(head, tall, edge=0.03), (0, 0, tall), felt)
    else:
        tall, lean = between(rng, 0.3, 0.42), between(rng, -6, 12)
        spotted = patterned(rng, felt.colours[0], (0.95, 0.85, 0.3), "dots", 20, 32) if maybe(rng, 0.4) else felt
        a.add(cylinder(head + 0.02, tall, taper=0.95, edge=0.01), (0, 0, tall), spotted, turned=turn("y", -lean))
    ring = between(rng, 0.02, 0.045)
    wide = {"bowler": 1.0, "wizard": 1.07}.get(kind, 1.04) * head
    a.add(cylinder(wide + 0.006, ring, edge=0.008), (0, 0, 0.03 + ring), band)
    if maybe(rng, 0.25):
        buckle = plain((0.85, 0.68, 0.25))
        a.add(box(0.012, 0.04, 1.1 * ring, edge=0.005), (wide, 0, 0.03 + ring), buckle)
    return a.build(sample_light(rng), blend=0.008)


def guitar(rng: np.random.Generator) -> ProceduralObject:
    """A guitar, bass or ukulele: a waisted body, a sound hole or pickups, a long neck, a head with pegs."""
    a = Assembly()
    electric = maybe(rng, 0.35)
    body = plain(vivid(rng)) if electric or maybe(rng, 0.2) else wood(rng)
    dark, brass = plain((0.16, 0.11, 0.08)), steel(rng)
    thick = 0.03 if electric else between(rng, 0.045, 0.065)
    low, high = between(rng, 0.17, 0.21), between(rng, 0.12, 0.155)
    gap = between(rng, 0.22, 0.26)
    top = low + gap
    rim = 0.012 if not electric else 0.02
    side = tinted(body.colours[0], 0.65)
    edges = plain(side) if not electric and maybe(rng, 0.6) else body
    for radius, z in ((low, low), (high, top)):
        a.add(cylinder(radius, thick, edge=rim), (0, 0, z), edges, turned=FORWARDS)
    waist = 0.78 * high
    a.add(box(0.5 * gap, waist, thick, edge=rim), (0, 0, low + 0.45 * gap), edges, turned=FORWARDS)
    if edges is not body:  # the lighter front
        for radius, z in ((low - 0.012, low), (high - 0.012, top)):
            a.add(cylinder(radius, 0.012, edge=0.004), (thick - 0.006, 0, z), body, turned=FORWARDS)
        a.add(
            box(0.5 * gap, waist - 0.012, 0.012, edge=0.004),
            (thick - 0.006, 0, low + 0.45 * gap),
            body,
            turned=FORWARDS,
        )
    neck = top + between(rng, 0.4, 0.56)
    a.add(box(0.016, 0.026, (neck - top) / 2 + 0.05, edge=0.008), (thick, 0, (neck + top) / 2), dark)
    head = between(rng, 0.06, 0.08)
    a.add(
        box(0.012, 0.042, head, edge=0.008),
        (thick - 0.012, 0, neck + head),
        body if electric else dark,
        turned=turn("y", -9),
    )
    for i in range(2):
        peg = ellipsoid(0.012, 0.02, 0.014)
        a.add(peg, (thick - 0.012, 0.056, neck + (0.5 + 0.8 * i) * head), brass, mirror="y")
    if electric:
        for z in (low + 0.04, low + 0.13):
            a.add(box(0.012, 0.06, 0.02, edge=0.005), (thick, 0, z), plain((0.12, 0.12, 0.12)))
        horn = pick(rng, (0.0, between(rng, 0.09, 0.14)))
        if horn:
            a.rod((0, 0.75 * high, top), (0, 0.85 * high, top + horn), 0.03, body, taper=0.3, mirror="y")
    else:
        a.add(
            cylinder(0.055, 0.01, edge=0.003),
            (thick + 0.001, 0, top - 0.08),
            plain((0.08, 0.06, 0.05)),
            turned=FORWARDS,
        )
    a.add(box(0.012, 0.07, 0.012, edge=0.005), (thick + 0.006, 0, 0.75 * low), dark)
    return a.build(sample_light(rng), blend=0.008)


def umbrella(rng: np.random.Generator) -> ProceduralObject:
    """An open umbrella or parasol: a canopy of panels, a pole, a crook or a foot."""
    a = Assembly()
    first = any_colour(rng)
    second = WHITE.colours[0] if maybe(rng, 0.5) else matching(rng, first)
    cloth = (
        plain(first)
        if maybe(rng, 0.4)
        else patterned(rng, first, second, pick(rng, ("stripes", "dots", "checker")), 15, 35)
    )
    radius, rise = between(rng, 0.4, 0.52), between(rng, 0.08, 0.16)
    top, pole = between(rng, 0.72, 0.9), wood(rng) if maybe(rng, 0.5) else steel(rng)
    thin = between(rng, 0.014, 0.02)
    fold = whole(rng, 6, 9)
    # A shallow cone: hollow, by the turned body's wall.
    a.turn_body(
        profile(radius, 0.86 * radius, 0.6 * radius, 0.3 * radius, 0.02), rise, (0, 0, top - rise), cloth, wall=0.03
    )
    a.rod((0, 0, 0.06), (0, 0, top + 0.02), thin, pole)
    a.add(ellipsoid(0.02, 0.02, 0.05), (0, 0, top + 0.03), pole)
    rib = plain(tinted(first, 0.5))
    a.rod((0.02, 0, top - 1.2 * rise), (0.92 * radius, 0, top - 2 * rise + 0.02), 0.008, rib, radial=True)
    if maybe(rng, 0.5):
        a.chain(((0, 0, 0.07), (0.012, 0, 0.02), (0.05, 0, 0.0), (0.085, 0, 0.02), (0.09, 0, 0.06)), 1.5 * thin, pole)
    else:
        a.add(cylinder(between(rng, 0.11, 0.17), 0.03, edge=0.015), (0, 0, 0.03), pick(rng, (concrete, metal))(rng))
    return a.build(sample_light(rng), blend=0.003, fold=fold)
