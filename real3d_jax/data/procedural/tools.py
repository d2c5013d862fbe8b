"""Hammers, screwdrivers, spades, brushes, and kitchen tools, upright with the handle below; about a unit long."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick, whole
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    colour,
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
from real3d_jax.data.procedural.parts import FORWARDS, LYING, OVER, Paint, box, cylinder, ellipsoid, profile, turn


def _handle_paint(rng: np.random.Generator) -> Paint:
    return wood(rng) if maybe(rng, 0.5) else plain(pick(rng, (vivid, vivid, neutral))(rng))


def hammer(rng: np.random.Generator) -> ProceduralObject:
    """A claw hammer, sledgehammer, mallet or axe."""
    a = Assembly()
    kind, iron = pick(rng, ("claw", "claw", "sledge", "mallet", "axe")), steel(rng) if maybe(rng, 0.7) else metal(rng)
    grip = _handle_paint(rng)
    long, thick = between(rng, 0.34, 0.45), between(rng, 0.025, 0.038)
    swell = between(rng, 1.0, 1.5)
    a.turn_body(profile(swell * thick, 1.15 * swell * thick, thick, 0.9 * thick, 0.9 * thick), long, (0, 0, long), grip)
    if maybe(rng, 0.5) and kind != "mallet":
        a.add(cylinder(1.25 * swell * thick, 0.26 * long, edge=0.015), (0, 0, 0.28 * long), rubber(rng))
    top = 2 * long
    if kind == "claw":
        head, face = between(rng, 0.045, 0.06), between(rng, 0.07, 0.11)
        a.add(box(0.055, 0.85 * head, head, edge=0.012), (0, 0, top), iron)
        a.rod((0, 0, top), (face + 0.05, 0, top), 0.75 * head, iron)
        a.add(cylinder(head, 0.035, edge=0.01), (face + 0.07, 0, top), iron, turned=FORWARDS)
        claw, drop = between(rng, 0.1, 0.15), between(rng, 0.03, 0.08)
        a.rod((-0.02, 0.018, top), (-0.06 - 0.5 * claw, 0.028, top + 0.01), 0.026, iron, mirror="y")
        a.rod(
            (-0.06 - 0.5 * claw, 0.028, top + 0.01),
            (-0.06 - claw, 0.038, top - drop),
            0.024,
            iron,
            taper=0.4,
            mirror="y",
        )
    elif kind == "axe":
        blade, depth = between(rng, 0.1, 0.16), between(rng, 0.08, 0.12)
        a.add(box(0.05, 0.035, 0.06, edge=0.01), (0, 0, top - 0.04), iron)
        # A wedge on its side: its edge, the narrow end, points forwards; then its cheek widens towards the edge.
        cheek = box(blade, 0.032, depth, edge=0.003, taper=(0.5, 0.0))
        a.add(cheek, (depth + 0.02, 0, top - 0.04), iron, turned=turn("y", -90))
        a.add(
            box(blade, 0.03, 0.02, edge=0.003, taper=(0.0, 0.8)),
            (2 * depth + 0.03, 0, top - 0.04),
            steel(rng),
            turned=FORWARDS,
        )
    else:
        block, half = between(rng, 0.06, 0.09), between(rng, 0.12, 0.17)
        paint = iron if kind == "sledge" else pick(rng, (wood, rubber))(rng)
        shape = box(block, block, half, edge=0.015) if maybe(rng, 0.5) else cylinder(block, half, edge=0.015)
        a.add(shape, (0, 0, top - 0.2 * block), paint, turned=FORWARDS)
        a.add(cylinder(0.9 * thick, 0.02), (0, 0, top + block * 0.8), grip)
    return a.build(sample_light(rng), blend=0.01)


def screwdriver(rng: np.random.Generator) -> ProceduralObject:
    """A screwdriver or chisel: a thick handle with a collar and a thin shaft with a flat or pointed end."""
    a = Assembly()
    first = vivid(rng) if maybe(rng, 0.8) else neutral(rng)
    second = matching(rng, first)
    grip = plain(first) if maybe(rng, 0.5) else patterned(rng, first, second, "stripes", 15, 30)
    long, thick = between(rng, 0.17, 0.23), between(rng, 0.065, 0.095)
    waist = between(rng, 0.6, 0.9)
    a.turn_body(profile(0.75 * thick, thick, thick, waist * thick, 0.8 * thick, 0.55 * thick), long, (0, 0, long), grip)
    fold = whole(rng, 5, 8)
    if maybe(rng, 0.5):
        rib = between(rng, 0.4, 0.7) * long
        a.rod((0.97 * thick, 0, 0.25 * long), (0.97 * thick, 0, 0.25 * long + rib), 0.014, plain(second), radial=True)
    a.add(cylinder(0.55 * thick, 0.03), (0, 0, 2 * long), steel(rng) if maybe(rng, 0.6) else plain(second))
    shaft, radius, blade = between(rng, 0.25, 0.45), between(rng, 0.02, 0.03), steel(rng)
    tip = 2 * long + shaft
    kind = rng.random()
    a.rod((0, 0, 2 * long), (0, 0, tip), radius, blade, flat=True)
    if kind < 0.5:
        a.add(box(1.9 * radius, radius, 0.055, edge=0.004, taper=(0.1, 0.75)), (0, 0, tip + 0.03), blade)
    elif kind < 0.8:
        a.add(cylinder(radius, 0.035, taper=0.85, edge=0.003), (0, 0, tip + 0.035), blade)
    else:
        chisel = box(between(rng, 0.04, 0.07), 0.016, 0.11, edge=0.004, taper=(0.0, 0.6))
        a.add(chisel, (0, 0, tip), blade)
    return a.build(sample_light(rng), blend=0.006, fold=fold)


def spade(rng: np.random.Generator) -> ProceduralObject:
    """A spade, shovel, rake, fork or broom, its long handle up with a T or D grip or a plain end."""
    a = Assembly()
    kind, shaft = pick(rng, ("spade", "spade", "rake", "fork", "broom")), _handle_paint(rng)
    iron = steel(rng) if maybe(rng, 0.6) else painted(rng)
    thick, low = between(rng, 0.017, 0.025), between(rng, 0.2, 0.28)
    top = between(rng, 0.9, 1.05)
    a.rod((0, 0, low), (0, 0, top), thick, shaft)
    if kind == "spade":
        wide, half = between(rng, 0.085, 0.13), between(rng, 0.12, 0.16)
        point = pick(rng, (0.0, between(rng, 0.3, 0.75)))
        blade = box(wide, 0.012, half, edge=0.008, taper=(0.1, 0.0))
        a.add(blade, (0.012, 0, half + 0.35 * half * point), iron, turned=turn("z", 90) @ OVER @ turn("x", 4))
        if point:
            a.add(
                box(0.9 * wide, 0.011, 0.35 * half, edge=0.006, taper=(0.9, 0)),
                (0.012, 0, 0.35 * half),
                iron,
                turned=turn("z", 90) @ OVER,
            )
        a.rod((0, 0, 2 * half + 0.1), (0.008, 0, 1.4 * half), 1.3 * thick, iron, taper=0.2)
    elif kind == "broom":
        hair = colour(between(rng, 0.08, 0.13), between(rng, 0.4, 0.7), between(rng, 0.6, 0.85))
        bristles = patterned(rng, hair, tinted(hair, 0.7), "grain", 90, 130)
        wide, deep = between(rng, 0.14, 0.24), between(rng, 0.035, 0.055)
        a.add(box(deep, wide, 0.5 * low, edge=0.01, taper=(0.3, 0.25)), (0, 0, 0.5 * low), bristles)
        a.add(box(0.75 * deep, 0.8 * wide, 0.025, edge=0.012), (0, 0, low), iron)
    else:
        wide = between(rng, 0.12, 0.2)
        teeth, reach = whole(rng, 2, 4), low - 0.02
        a.rod((0, -wide, reach), (0, wide, reach), 0.018, iron)
        bend = 0.06 if kind == "rake" else 0.0
        for i in range(teeth):
            y = wide * (i + 0.5) / (teeth - 0.5)
            foot = (bend, y, reach - 0.1 if kind == "rake" else 0.02)
            a.rod((0, y, reach), foot, 0.012, iron, taper=0.3, mirror="y")
        a.rod((0, 0, low - 0.03), (0, 0, low + 0.12), 1.3 * thick, iron)
    grip = rng.random()
    if grip < 0.3:
        a.rod((0, -0.085, top), (0, 0.085, top), 1.2 * thick, shaft)
    elif grip < 0.65 and kind in ("spade", "fork"):
        a.rod((0, -0.06, top + 0.09), (0, 0.06, top + 0.09), 1.1 * thick, shaft)
        a.rod((0, 0, top - 0.02), (0, 0.065, top + 0.085), 0.9 * thick, shaft, mirror="y")
    return a.build(sample_light(rng), blend=0.005)


def brush(rng: np.random.Generator) -> ProceduralObject:
    """A paint brush, flat or round, a tooth brush or a roller: handle below, bristles above."""
    a = Assembly()
    grip, hair = (
        _handle_paint(rng),
        colour(between(rng, 0.06, 0.12), between(rng, 0.2, 0.6), pick(rng, (0.25, 0.6, 0.85))),
    )
    bristles = patterned(rng, hair, tinted(hair, 0.7), "grain", 80, 120)
    kind = pick(rng, ("flat", "flat", "round", "tooth", "roller"))
    long, thick = between(rng, 0.18, 0.28), between(rng, 0.035, 0.05)
    paint = plain(vivid(rng))
    if kind == "tooth":
        wide, flat = between(rng, 0.03, 0.045), between(rng, 0.018, 0.026)
        head, tall = between(rng, 0.09, 0.15), between(rng, 0.035, 0.06)
        shaft = plain(vivid(rng))
        a.add(box(flat, wide, 1.25 * long, corner=flat, edge=flat), (0, 0, 1.25 * long), shaft)
        a.add(box(flat, 0.9 * wide, head, corner=flat), (0, 0, 2.5 * long + 0.5 * head), shaft)
        tuft = patterned(rng, (0.95, 0.95, 0.95), vivid(rng), "stripes", 40, 60)
        a.add(box(tall, 0.95 * wide, 0.8 * head, edge=0.01), (flat + 0.8 * tall, 0, 2.5 * long + 0.5 * head), tuft)
        a.add(box(flat + 0.004, 0.6 * wide, between(rng, 0.3, 0.6) * long, corner=0.015), (0, 0, long), rubber(rng))
        return a.build(sample_light(rng), blend=0.008)
    a.turn_body(profile(0.5 * thick, thick, 1.1 * thick, 0.6 * thick, 0.7 * thick), long, (0, 0, long), grip)
    top = 2 * long
    if kind == "roller":
        wide, radius = between(rng, 0.17, 0.26), between(rng, 0.05, 0.08)
        iron = steel(rng)
        side = wide + 0.04
        a.chain(((0, 0, top - 0.02), (0, 0, top + 0.1), (0, side, top + 0.16), (0, side, top + 0.3)), 0.014, iron)
        a.rod((0, side, top + 0.3), (0, 0, top + 0.3), 0.014, iron)
        nap = cylinder(radius, wide, edge=0.02)
        a.add(nap, (0, 0, top + 0.3), paint, turned=LYING)
        return a.build(sample_light(rng), blend=0.006)
    wide, deep = between(rng, 0.09, 0.17), between(rng, 0.03, 0.045)
    tall = between(rng, 0.1, 0.16)
    iron = steel(rng) if maybe(rng, 0.7) else metal(rng)
    if kind == "flat":
        a.add(box(deep, wide, 0.05, edge=0.01), (0, 0, top + 0.04), grip)
        a.add(box(deep + 0.006, wide + 0.006, 0.05, edge=0.01), (0, 0, top + 0.12), iron)
        a.add(box(deep, wide, tall, edge=0.012, taper=(0.5, 0.05)), (0, 0, top + 0.14 + tall), bristles)
        tip = box(0.62 * deep, 0.985 * wide, 0.35 * tall, edge=0.012, taper=(0.2, 0.0))
    else:
        a.add(cylinder(0.75 * thick + 0.01, 0.08, edge=0.01), (0, 0, top + 0.06), iron)
        a.add(ellipsoid(1.05 * thick, 1.05 * thick, 1.3 * tall), (0, 0, top + 0.14 + 0.6 * tall), bristles)
        tip = ellipsoid(0.9 * thick, 0.9 * thick, 0.8 * tall)
    if maybe(rng, 0.6):
        a.add(tip, (0, 0, top + 0.16 + 1.68 * tall if kind == "flat" else top + 0.14 + 1.15 * tall), paint)
    return a.build(sample_light(rng), blend=0.006)
