"""Machines of house and garden: mowers, drills, staplers, sewing machines; about a unit in size."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    BLACK,
    any_colour,
    glass,
    matching,
    metal,
    neutral,
    patterned,
    plain,
    rubber,
    steel,
    vivid,
)
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import (
    FORWARDS,
    LYING,
    SIDEWAYS,
    Paint,
    box,
    cylinder,
    ellipsoid,
    torus,
    tube,
    turn,
)


def _body(rng: np.random.Generator) -> Paint:
    return plain(pick(rng, (vivid, vivid, neutral, any_colour))(rng))


def mower(rng: np.random.Generator) -> ProceduralObject:
    """A lawn mower with an engine or a reel, or a vacuum cleaner: a low body on wheels with a long bent handle."""
    a = Assembly()
    body, dark, bars = _body(rng), plain((0.13, 0.13, 0.14)), metal(rng)
    long, wide = between(rng, 0.2, 0.34), between(rng, 0.14, 0.24)
    wheel, thick = between(rng, 0.05, 0.11), between(rng, 0.015, 0.03)
    deck, bar = between(rng, 0.03, 0.07), between(rng, 0.008, 0.018)
    back, high = between(rng, 0.35, 0.75), between(rng, 0.5, 0.85)
    kind = pick(rng, ("engine", "engine", "reel", "vacuum"))
    if kind == "engine":
        rear = wheel * pick(rng, (1.0, between(rng, 1.0, 1.7)))
        a.add(
            box(long, wide, deck, corner=between(rng, 0.02, 0.8) * wide, edge=0.02, taper=(0.15, 0.15)),
            (0, 0, wheel + deck),
            body,
        )
        a.add(
            cylinder(wheel, thick, edge=0.3 * thick),
            (0.8 * long, wide + thick, wheel),
            rubber(rng),
            turned=SIDEWAYS,
            mirror="y",
        )
        a.add(
            cylinder(rear, thick, edge=0.3 * thick),
            (-0.85 * long, wide + thick, rear),
            rubber(rng),
            turned=SIDEWAYS,
            mirror="y",
        )
        a.add(
            cylinder(0.5 * wheel, thick + 0.006),
            (0.8 * long, wide + thick, wheel),
            plain(neutral(rng)),
            turned=SIDEWAYS,
            mirror="y",
        )
        top = wheel + 2 * deck
        motor = between(rng, 0.04, 0.09)
        if maybe(rng, 0.5):
            a.add(cylinder(0.55 * wide, motor), (0.1 * long, 0, top + motor), dark)
        else:
            a.add(box(0.5 * long, 0.55 * wide, motor, edge=0.02), (0, 0, top + motor), dark)
        a.add(ellipsoid(0.05, 0.05, 0.03), (0.1 * long, 0.05, top + 2 * motor), plain(vivid(rng)))
        if maybe(rng, 0.6):
            bag, tall = between(rng, 0.12, 0.2), between(rng, 0.09, 0.15)
            a.add(
                box(bag, 0.8 * wide, tall, corner=0.05, edge=0.04),
                (-long - 0.7 * bag, 0, wheel + tall),
                plain(any_colour(rng)),
            )
    elif kind == "reel":
        a.add(
            cylinder(0.75 * wheel, wide),
            (0, 0, wheel),
            patterned(rng, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2), "stripes", 20, 60),
            turned=SIDEWAYS,
        )
        a.add(cylinder(1.3 * wheel, thick), (0, wide, 1.3 * wheel), rubber(rng), turned=SIDEWAYS, mirror="y")
        a.add(cylinder(0.4 * wheel, wide), (-0.13, 0, 0.4 * wheel), bars, turned=SIDEWAYS)
        a.rod((-0.13, wide, 0.4 * wheel), (0.02, wide, 1.3 * wheel), 0.014, body, mirror="y")
        a.rod((0, -wide, 2.2 * wheel), (0, wide, 2.2 * wheel), 0.012, body)
        long = 0.1
    else:
        a.add(box(0.07, wide, 0.03, corner=0.02, edge=0.015), (0.1, 0, 0.03), dark)
        a.rod((0.1, 0, 0.04), (-0.3 * back, 0, 0.3 * high), 0.02, body)
        a.rod((-0.3 * back, 0, 0.35 * high), (-0.65 * back, 0, 0.7 * high), between(rng, 0.06, 0.09), body)
        a.rod((-0.5 * back, 0, 0.5 * high), (-back, 0, high), 0.014, bars)
        a.rod((-back, 0, high), (-back - 0.08, 0, high - 0.01), 0.02, dark)
        a.add(cylinder(0.05, 0.02), (0.0, 0.08, 0.05), dark, turned=SIDEWAYS, mirror="y")
        return a.build(sample_light(rng), blend=0.008)
    grip = 0.75 * wide
    foot = (-0.8 * long, grip, wheel + deck)
    a.rod(foot, (-0.6 * back - long, grip, 0.7 * high), bar, bars, mirror="y")
    a.rod((-0.6 * back - long, grip, 0.7 * high), (-back - long, grip, high), bar, bars, mirror="y")
    a.rod((-back - long, -grip, high), (-back - long, grip, high), 1.3 * bar, dark)
    if maybe(rng, 0.6):
        a.rod((-0.6 * back - long, -grip, 0.7 * high), (-0.6 * back - long, grip, 0.7 * high), 0.8 * bar, bars)
    return a.build(sample_light(rng), blend=0.006)


def small_machine(rng: np.random.Generator) -> ProceduralObject:
    """A drill, a hair dryer, a stapler, a roll or dispenser of tape, a sewing machine, an iron or a coffee maker."""
    a = Assembly()
    kind = pick(rng, (_drill, _drill, _stapler, _tape, _sewing, _sewing, _iron, _coffee))
    kind(a, rng)
    return a.build(sample_light(rng), blend=0.006)


def _drill(a: Assembly, rng: np.random.Generator) -> None:
    """A pistol: a body with a chuck and a bit, or a mouth, in front, a leaning grip and a battery or a cord below."""
    body, dark, iron = _body(rng), plain((0.13, 0.13, 0.14)), steel(rng)
    half, thick = between(rng, 0.12, 0.22), between(rng, 0.04, 0.07)
    round_ = maybe(rng, 0.5)
    shape = cylinder(thick, half, edge=0.02) if round_ else box(1.1 * thick, 0.8 * thick, half, corner=0.03, edge=0.02)
    a.add(shape, (0, 0, 0), body, turned=FORWARDS)
    lean, low = between(rng, -0.12, 0.02), between(rng, 0.18, 0.3)
    root, foot = (-0.5 * half, 0, -0.5 * thick), (-0.5 * half + lean, 0, -low)
    a.rod(root, foot, between(rng, 0.028, 0.042), dark if maybe(rng, 0.4) else body)
    if maybe(rng, 0.6):
        size = between(rng, 0.05, 0.09)
        a.add(box(size, 0.7 * size, 0.03, edge=0.01), (foot[0] + 0.02, 0, -low - 0.02), dark)
    elif maybe(rng, 0.6):
        a.chain((foot, (foot[0] - 0.05, 0, -low - 0.1), (foot[0] - 0.2, 0.05, -low - 0.12)), 0.01, dark)
    if maybe(rng, 0.75):
        a.add(cylinder(0.6 * thick, 0.05, taper=0.5), (half + 0.05, 0, 0), dark, turned=FORWARDS)
        a.rod((half, 0, 0), (half + between(rng, 0.12, 0.3), 0, 0), between(rng, 0.006, 0.014), iron)
        if maybe(rng, 0.3):
            a.rod((0.8 * half, 0, 0), (0.8 * half, 0.2, 0), 0.022, dark)
    else:
        a.add(tube(0.9 * thick, 0.09, 0.012, taper=0.2), (half + 0.07, 0, 0), dark, turned=FORWARDS)
    a.rod((-0.38 * half, 0, -thick - 0.02), (-0.4 * half, 0, -thick - 0.05), 0.014, plain(vivid(rng)))
    if maybe(rng, 0.5):
        a.add(box(0.5 * half, 1.02 * thick, 0.012), (0, 0, 0), plain(matching(rng, body.colours[0])))


def _stapler(a: Assembly, rng: np.random.Generator) -> None:
    body, dark = _body(rng), metal(rng)
    half, wide, open_ = between(rng, 0.25, 0.45), between(rng, 0.03, 0.07), between(rng, 2, 25)
    a.add(box(half, 1.1 * wide, 0.014, corner=0.8 * wide), (0, 0, 0.014), dark)
    up = turn("y", -open_)
    hinge = np.array([-0.85 * half, 0, 0.05])
    tall = between(rng, 0.02, 0.05)
    along, above = up[:, 0], up[:, 2]
    a.add(box(0.92 * half, 0.8 * wide, 0.016), hinge + 0.9 * half * along, dark, turned=up)
    a.add(
        box(0.92 * half, wide, tall, corner=0.9 * wide, edge=0.8 * tall),
        hinge + 0.92 * half * along + (0.016 + tall) * above,
        body,
        turned=up,
    )
    a.add(box(0.1, 0.9 * wide, 0.04), np.add(hinge, (0.06, 0, 0)), body)


def _tape(a: Assembly, rng: np.random.Generator) -> None:
    """Rings that lie or stand, alone, on each other or on a foot with a tooth; or a reel."""
    radius, tall = between(rng, 0.15, 0.3), between(rng, 0.03, 0.2)
    wall, paint = between(rng, 0.1, 0.5) * radius, _body(rng)
    inner = plain((0.75, 0.62, 0.45))
    posed = pick(rng, (turn("x", 0), turn("x", 0), SIDEWAYS, FORWARDS))
    z = tall if posed[2, 2] > 0.9 else radius
    a.add(tube(radius, tall, wall), (0, 0, z), paint, turned=posed)
    a.add(tube(radius - wall, 1.02 * tall, 0.02), (0, 0, z), inner, turned=posed)
    if posed[2, 2] > 0.9:
        if maybe(rng, 0.4):
            a.add(tube(0.9 * radius, 0.8 * tall, 0.8 * wall), (0.03, 0.02, 2.8 * tall), _body(rng))
        if maybe(rng, 0.4):
            a.add(box(0.08, 0.003, 0.95 * tall), (radius + 0.05, radius * 0.3, tall), paint, turned=turn("z", 30))
    elif posed is SIDEWAYS and maybe(rng, 0.7):
        foot = _body(rng)
        a.add(box(1.5 * radius, 1.3 * tall + 0.03, 0.06, edge=0.015), (0.4 * radius, 0, -0.02), foot)
        a.add(box(0.05, tall, 0.1), (1.6 * radius, 0, 0.08), foot)
        a.add(cylinder(radius - wall, 1.3 * tall), (0, 0, radius), foot, turned=SIDEWAYS)


def _sewing(a: Assembly, rng: np.random.Generator) -> None:
    body, dark, iron = _body(rng), plain(neutral(rng)), steel(rng)
    half, deep, high = between(rng, 0.26, 0.4), between(rng, 0.07, 0.12), between(rng, 0.2, 0.32)
    foot = between(rng, 0.02, 0.05)
    a.add(box(deep * 1.2, half, foot, edge=0.01), (0, 0, foot), dark if maybe(rng, 0.5) else body)
    pillar = between(rng, 0.05, 0.08)
    a.add(box(0.7 * deep, pillar, high / 2, corner=0.03, edge=0.02), (0, half - pillar, foot + high / 2), body)
    arm = between(rng, 0.045, 0.07)
    a.add(box(0.65 * deep, half - 0.03, arm, edge=0.6 * arm), (0, 0, foot + high), body)
    a.add(box(0.6 * deep, 0.05, 0.5 * high - 0.02, edge=0.02), (0, 0.07 - half, foot + 0.72 * high), body)
    a.rod((0, 0.07 - half, 0.5 * high), (0, 0.07 - half, 1.8 * foot), 0.008, iron)
    wheel = between(rng, 0.05, 0.1)
    a.add(cylinder(wheel, 0.018), (0, half + 0.02, foot + 0.95 * high), dark, turned=SIDEWAYS)
    if maybe(rng, 0.6):
        a.rod((0, 0.3 * half, foot + high), (0, 0.3 * half, foot + high + 0.16), 0.006, iron)
        a.add(cylinder(0.025, 0.035), (0, 0.3 * half, foot + high + arm + 0.04), plain(vivid(rng)))
    if maybe(rng, 0.35):  # on a table with an iron frame
        a.add(box(0.2, half + 0.12, 0.012), (0, 0, -0.012), plain((0.5, 0.32, 0.18)))
        a.rod((0.12, half, -0.02), (0.15, half + 0.05, -0.5), 0.014, BLACK, mirror="xy")
        a.rod((0.1, 0, -0.4), (-0.1, 0, -0.4), 0.05, BLACK)
        a.rod((0, -half, -0.42), (0, half, -0.42), 0.012, BLACK)


def _iron(a: Assembly, rng: np.random.Generator) -> None:
    body, iron = _body(rng), steel(rng)
    half, wide = between(rng, 0.2, 0.3), between(rng, 0.09, 0.13)
    a.add(box(wide, 0.014, half, edge=0.005, taper=(0.85, 0.0)), (0, 0, 0.014), iron, turned=FORWARDS @ turn("z", 90))
    a.add(
        box(0.8 * wide, 0.05, 0.85 * half, edge=0.02, taper=(0.8, 0.3)),
        (-0.02, 0, 0.07),
        body,
        turned=FORWARDS @ turn("z", 90),
    )
    top = between(rng, 0.16, 0.24)
    a.chain(((-0.7 * half, 0, 0.08), (-0.7 * half, 0, top), (0.35 * half, 0, top), (0.5 * half, 0, 0.08)), 0.024, body)
    a.add(cylinder(0.03, 0.012), (0.1 * half, 0, 0.13), plain(vivid(rng)))
    if maybe(rng, 0.5):
        a.chain(((-0.7 * half, 0, top), (-half - 0.1, 0.05, top + 0.02), (-half - 0.2, 0.1, 0.02)), 0.009, BLACK)


def _coffee(a: Assembly, rng: np.random.Generator) -> None:
    body, dark = _body(rng), plain(neutral(rng))
    deep, wide, high = between(rng, 0.13, 0.2), between(rng, 0.1, 0.2), between(rng, 0.2, 0.32)
    a.add(box(deep, wide, 0.03, edge=0.01), (0, 0, 0.03), body)
    a.add(box(0.35 * deep, wide, high, edge=0.015), (-0.65 * deep, 0, high), body)
    a.add(box(deep, wide, 0.3 * high, edge=0.02), (0, 0, 1.75 * high), body)
    if maybe(rng, 0.6):
        a.turn_body(
            [0.09, 0.1, 0.11, 0.11, 0.1, 0.09, 0.07, 0.07], 0.3 * high, (0.35 * deep, 0, 0.06 + 0.3 * high), glass(rng)
        )
        a.add(torus(0.07, 0.012), (0.35 * deep + 0.13, 0, 0.06 + 0.3 * high), dark, turned=LYING)
    else:
        a.rod((0.4 * deep, 0, 1.5 * high), (0.4 * deep, 0, 1.2 * high), 0.03, dark)
        a.rod((0.4 * deep, 0, 1.3 * high), (deep + 0.15, 0, 1.3 * high), 0.018, dark)
        a.add(tube(0.045, 0.05, 0.01), (0.4 * deep, 0, 0.11), plain((0.95, 0.93, 0.88)))
    a.add(cylinder(0.02, 0.01), (deep, 0.4 * wide, 1.75 * high), dark, turned=FORWARDS, mirror="y")
    a.add(box(0.8 * deep, 0.8 * wide, 0.02), (0, 0, 2.07 * high), dark)
