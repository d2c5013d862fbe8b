"""Planes, boats, trains and bicycles; about a unit long, going towards +x."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick, whole
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    WHITE,
    any_colour,
    glass,
    leather,
    matching,
    neutral,
    painted,
    pastel,
    patterned,
    plain,
    steel,
    tinted,
    vivid,
    wood,
)
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import (
    FORWARDS,
    LYING,
    OVER,
    SIDEWAYS,
    Paint,
    box,
    capsule,
    cylinder,
    ellipsoid,
    torus,
    turn,
)


def plane(rng: np.random.Generator) -> ProceduralObject:
    """An airliner with engines under its wings, or a light aircraft or biplane with a propeller."""
    a = Assembly()
    first = pick(rng, (WHITE.colours[0], neutral(rng), vivid(rng), pastel(rng)))
    body, accent = plain(first), plain(matching(rng, first) if maybe(rng, 0.4) else vivid(rng))
    jet = maybe(rng, 0.5)
    radius = between(rng, 0.055, 0.075) if jet else between(rng, 0.065, 0.09)
    long = 0.48 if jet else between(rng, 0.34, 0.42)
    if jet:
        a.add(capsule(radius, long)._replace(edge=radius), (0, 0, 0), body, turned=FORWARDS)
        a.add(ellipsoid(0.22, 0.98 * radius, 0.9 * radius), (-long + 0.14, 0, 0.1 * radius), body)
    else:
        a.add(ellipsoid(long, radius, 1.1 * radius), (-0.05, 0, 0), body)
        a.add(cylinder(0.85 * radius, 0.09, edge=0.03), (long - 0.14, 0, 0), accent, turned=FORWARDS)
    sweep = between(rng, 18, 34) if jet else between(rng, -3, 6)
    span, chord = between(rng, 0.38, 0.46), between(rng, 0.085, 0.12) if jet else between(rng, 0.08, 0.105)
    wing = box(chord, 0.014, span / 2, edge=0.01, taper=(between(rng, 0.4, 0.6) if jet else between(rng, 0, 0.4), 0.4))
    dihedral = between(rng, 2, 8)
    level = -0.5 * radius if jet else pick(rng, (-0.6, 0.95)) * radius
    biplane = not jet and maybe(rng, 0.35)
    wing_paint = body if maybe(rng, 0.5) else accent
    turned = turn("z", sweep) @ turn("x", dihedral) @ SIDEWAYS
    for z in (-0.7 * radius, 2.2 * radius) if biplane else (level,):
        centre = np.array([0.06, 0.0, z]) + turned @ np.array([0, 0, 0.5 * span])
        a.add(wing, centre, wing_paint, turned=turned, mirror="y")
    if biplane:
        a.rod((0.06, 0.6 * span, -0.7 * radius), (0.06, 0.6 * span, 2.4 * radius), 0.008, accent, mirror="y")
        a.rod((0.06, 0.25 * radius, 0), (0.06, 0.5 * radius, 2.2 * radius), 0.008, accent, mirror="y")
    tail, high = -long + (0.06 if jet else 0.0), between(rng, 0.075, 0.11)
    fin = box(0.065, 0.01, high, edge=0.007, taper=(0.45, 0.3))
    a.add(fin, (tail - 0.02, 0, 0.5 * radius + high), accent, turned=turn("y", -18))
    t_tail = jet and maybe(rng, 0.3)
    plane_level = 0.4 * radius + 2 * high if t_tail else 0.2 * radius
    small = box(0.05, 0.009, 0.085, edge=0.006, taper=(0.45, 0.3))
    turned = turn("z", 0.9 * sweep) @ SIDEWAYS
    stabiliser = np.array([tail - 0.05 * t_tail, 0, plane_level]) + turned @ np.array([0, 0, 0.08])
    a.add(small, stabiliser, wing_paint, turned=turned, mirror="y")
    if jet:
        _engines(a, rng, radius, chord, sweep, accent)
        a.add(ellipsoid(0.03, 0.75 * radius, 0.022), (long - 0.05, 0, 0.55 * radius), glass(rng))
        if maybe(rng, 0.7):
            a.add(box(0.36, 1.01 * radius, 0.012, edge=0.004), (-0.02, 0, 0.2 * radius), glass(rng))
    else:
        a.add(ellipsoid(0.09, 0.7 * radius, 0.75 * radius), (0.03, 0, 0.75 * radius), glass(rng))
        _propeller(a, rng, long - 0.04, accent)
        if maybe(rng, 0.8):
            legs = -1.9 * radius - 0.02
            a.rod((0.12, 0.4 * radius, -0.5 * radius), (0.13, 1.3 * radius, legs), 0.009, steel(rng), mirror="y")
            wheel = cylinder(0.034, 0.012)
            a.add(wheel, (0.13, 1.4 * radius, legs), plain((0.1, 0.1, 0.1)), turned=SIDEWAYS, mirror="y")
    return a.build(sample_light(rng), blend=0.012)


def _engines(a: Assembly, rng: np.random.Generator, radius: float, chord: float, sweep: float, paint: Paint) -> None:
    """Two or four under the wings, or two at the tail."""
    engine = cylinder(0.032, 0.06, edge=0.015)
    if maybe(rng, 0.25):
        a.add(engine, (-0.28, radius + 0.03, 0.3 * radius), paint, turned=FORWARDS, mirror="y")
        return
    for y in (0.17, 0.29)[: whole(rng, 1, 2)]:
        x = 0.06 - np.tan(np.radians(sweep)) * y + 0.7 * chord
        a.add(engine, (x, y, -0.5 * radius - 0.035), paint, turned=FORWARDS, mirror="y")


def _propeller(a: Assembly, rng: np.random.Generator, nose: float, paint: Paint) -> None:
    phase, blade = between(rng, 0, 180), between(rng, 0.11, 0.15)
    dark = plain((0.2, 0.2, 0.2))
    a.add(ellipsoid(0.05, 0.03, 0.03), (nose, 0, 0), paint)
    for i in range(pick(rng, (1, 2))):
        a.add(box(0.006, 0.014, blade, edge=0.004), (nose + 0.015, 0, 0), dark, turned=turn("x", phase + 90 * i))


def boat(rng: np.random.Generator) -> ProceduralObject:
    """A sailing boat, fishing boat, motor boat or steamer."""
    a = Assembly()
    kind = pick(rng, ("sail", "sail", "fishing", "steamer", "motor"))
    first = any_colour(rng)
    hull = wood(rng) if maybe(rng, 0.2) else plain(first)
    second = WHITE if maybe(rng, 0.5) else plain(matching(rng, first))
    wide, deep = between(rng, 0.1, 0.15), between(rng, 0.06, 0.09)
    stern, bow = between(rng, 0.2, 0.28), between(rng, 0.11, 0.16)
    flare, sheer = between(rng, 0.05, 0.18), between(rng, 0.0, 0.5)
    # Upside down, so that the narrow end of the taper is the keel; the bow is a wedge on its side.
    body = box(stern, wide, deep, edge=0.015, taper=(0.0, flare))
    a.add(body, (-bow, 0, deep), hull, turned=OVER)
    wedge = box(deep, wide, bow, edge=0.01, taper=(sheer * 0.4, 0.95))
    a.add(wedge, (stern - 0.005, 0, deep * (1 + sheer * 0.12)), hull, turned=FORWARDS @ turn("z", 180))
    rim = box(stern + 0.003, wide + 0.012, 0.012, edge=0.008)
    a.add(rim, (-bow, 0, 2 * deep), second)
    a.add(box(0.012, wide + 0.012, bow, edge=0.008, taper=(0, 0.95)), (stern, 0, 2 * deep), second, turned=FORWARDS)
    top = 2 * deep + 0.01
    {"sail": _sails, "fishing": _fishing, "steamer": _steamer, "motor": _cabin}[kind](a, rng, top, wide, stern, bow)
    return a.build(sample_light(rng), blend=0.003)


def _sails(a: Assembly, rng: np.random.Generator, top: float, wide: float, stern: float, bow: float) -> None:
    mast, tall = between(rng, 0.0, 0.1), between(rng, 0.5, 0.75)
    pole, cloth = wood(rng), plain(pick(rng, (WHITE.colours[0], vivid(rng), pastel(rng))))
    a.rod((mast, 0, top - 0.05), (mast, 0, top + tall), 0.011, pole)
    long, low = between(rng, 0.24, 0.34), top + between(rng, 0.05, 0.09)
    # A triangle that leans until its front edge stands along the mast.
    height = 0.46 * tall
    lean = np.degrees(np.arctan2(long / 2, 2 * height))
    sail = box(long / 2, 0.006, height, edge=0.004, taper=(0.97, 0.0))
    striped = patterned(rng, cloth.colours[0], vivid(rng), "stripes", 20, 35) if maybe(rng, 0.3) else cloth
    a.add(sail, (mast - 0.015 - 0.27 * long, 0, low + height), striped, turned=turn("y", 0.82 * lean))
    a.rod((mast, 0, low), (mast - long, 0, low), 0.008, pole)
    if maybe(rng, 0.7):
        reach = stern + bow - 0.02 - mast
        jib = box(0.5 * reach, 0.005, 0.36 * tall, edge=0.004, taper=(0.97, 0.0))
        lean = np.degrees(np.arctan2(reach / 2, 0.72 * tall))
        a.add(jib, (mast + 0.02 + 0.27 * reach, 0, top + 0.38 * tall), cloth, turned=turn("y", -0.82 * lean))
    if maybe(rng, 0.4):
        a.add(box(0.09, 0.5 * wide, 0.035, edge=0.015), (-0.12, 0, top + 0.02), WHITE)


def _cabin(a: Assembly, rng: np.random.Generator, top: float, wide: float, stern: float, bow: float) -> None:
    long, tall, x = between(rng, 0.1, 0.17), between(rng, 0.05, 0.09), between(rng, -0.12, 0.04)
    paint, panes = plain(pick(rng, (WHITE.colours[0], any_colour(rng)))), glass(rng)
    slope = between(rng, 0.1, 0.4)
    a.add(box(long, 0.72 * wide, tall, edge=0.012, taper=(slope, 0.12)), (x, 0, top + tall), paint)
    window = box(0.92 * long, 0.7 * wide + 0.004, 0.35 * tall, edge=0.006, taper=(0.3 * slope, 0.05))
    a.add(window, (x + 0.02, 0, top + 1.25 * tall), panes)
    a.add(box(0.9 * long, 0.75 * wide, 0.01, edge=0.008), (x, 0, top + 2 * tall), paint)
    if maybe(rng, 0.6):
        a.add(box(0.03, 0.04, 0.06, edge=0.015), (-bow - stern - 0.01, 0, top), plain((0.15, 0.15, 0.17)))


def _fishing(a: Assembly, rng: np.random.Generator, top: float, wide: float, stern: float, bow: float) -> None:
    x, tall = between(rng, -0.22, 0.02), between(rng, 0.08, 0.12)
    paint = plain(pick(rng, (WHITE.colours[0], any_colour(rng))))
    a.add(box(0.075, 0.62 * wide, tall, edge=0.008), (x, 0, top + tall), paint)
    a.add(box(0.08, 0.45 * wide, 0.3 * tall, edge=0.004), (x, 0, top + 1.35 * tall), glass(rng))
    a.add(box(0.05, 0.62 * wide + 0.004, 0.3 * tall, edge=0.004), (x, 0, top + 1.35 * tall), glass(rng))
    a.add(box(0.095, 0.72 * wide, 0.012, edge=0.008), (x, 0, top + 2 * tall), painted(rng))
    mast, high = x + pick(rng, (0.13, -0.11)), between(rng, 0.3, 0.45)
    pole = wood(rng)
    a.rod((mast, 0, top - 0.04), (mast, 0, top + high), 0.01, pole)
    a.rod((mast, 0, top + 0.4 * high), (mast + 0.6 * high * pick(rng, (1, -1)), 0, top + 0.85 * high), 0.008, pole)


def _steamer(a: Assembly, rng: np.random.Generator, top: float, wide: float, stern: float, bow: float) -> None:
    paint, stack = WHITE if maybe(rng, 0.7) else plain(pastel(rng)), plain(vivid(rng))
    long, tall = between(rng, 0.2, 0.27), 0.04
    panes = glass(rng)
    for i in range(whole(rng, 1, 3)):
        z, half = top + (2 * i + 1) * tall, long - 0.035 * i
        a.add(box(half, (0.8 - 0.1 * i) * wide, tall, edge=0.006), (-0.04, 0, z), paint)
        a.add(box(half - 0.02, (0.8 - 0.1 * i) * wide + 0.004, 0.3 * tall, edge=0.003), (-0.04, 0, z), panes)
        deck = z + tall
    high = between(rng, 0.06, 0.1)
    for x in ((-0.04,), (-0.12, 0.04), (-0.15, -0.04, 0.07))[whole(rng, 0, 2)]:
        a.add(cylinder(0.032, high, edge=0.006), (x, 0, deck + high), stack, turned=turn("y", -8))
        a.add(cylinder(0.034, 0.014, edge=0.004), (x - 0.022, 0, deck + 1.85 * high), plain((0.12, 0.12, 0.12)))


def train(rng: np.random.Generator) -> ProceduralObject:
    """A steam engine: a boiler, a cab, a funnel, domes, wheels of two sizes, often a tender or a cowcatcher."""
    a = Assembly()
    first = pick(rng, (vivid(rng), vivid(rng), neutral(rng), (0.12, 0.12, 0.13)))
    body, accent, iron = plain(first), plain(matching(rng, first)), plain((0.14, 0.14, 0.15))
    long, radius = between(rng, 0.24, 0.32), between(rng, 0.085, 0.115)
    wheel = between(rng, 0.06, 0.08)
    floor = 1.25 * wheel
    axis, front = floor + radius + 0.02, 0.42
    back = front - 2 * long
    cab, tall = between(rng, 0.07, 0.1), between(rng, 0.15, 0.19)
    a.add(cylinder(radius, long, edge=0.01), (front - long, 0, axis), body, turned=FORWARDS)
    a.add(cylinder(1.06 * radius, 0.03, edge=0.012), (front, 0, axis), iron, turned=FORWARDS)
    a.add(box(long + cab, 0.85 * radius, 0.025, edge=0.008), (front - long - cab, 0, floor), accent)
    a.add(box(cab, 1.2 * radius, tall, edge=0.008), (back - 0.9 * cab, 0, floor + tall), body)
    a.add(box(cab + 0.03, 1.35 * radius, 0.014, edge=0.01), (back - 0.9 * cab, 0, floor + 2 * tall), accent)
    a.add(
        box(0.55 * cab, 1.2 * radius + 0.005, 0.28 * tall, edge=0.006),
        (back - 0.9 * cab, 0, floor + 1.4 * tall),
        glass(rng),
    )
    high = between(rng, 0.06, 0.1)
    funnel = cylinder(between(rng, 0.03, 0.055), high, taper=between(rng, 0.0, 0.5), edge=0.006)
    where = (front - 0.07, 0, axis + 0.9 * radius + high)
    a.add(funnel, where, iron, turned=OVER)
    a.add(ellipsoid(0.045, 0.045, 0.06), (front - 1.1 * long, 0, axis + radius), plain((0.8, 0.62, 0.25)))
    _train_wheels(a, rng, front, back - cab, 0.8 * radius, wheel, accent)
    if maybe(rng, 0.4):  # a tender
        x = back - 2 * cab - 0.14
        a.add(box(0.12, 1.1 * radius, 0.08, edge=0.008), (x, 0, floor + 0.07), body)
        a.add(ellipsoid(0.1, 0.9 * radius, 0.05), (x, 0, floor + 0.15), plain((0.1, 0.1, 0.1)))
        small = cylinder(0.75 * wheel, 0.015, edge=0.005)
        a.add(small, (x, 0.8 * radius, 0.75 * wheel), accent, turned=SIDEWAYS, mirror="y")
    else:  # a cowcatcher and a lamp
        a.add(
            box(0.04, radius, 0.06, edge=0.006, taper=(0.3, 0.7)),
            (front + 0.03, 0, floor - 0.03),
            iron,
            turned=FORWARDS,
        )
        a.add(ellipsoid(0.02, 0.03, 0.03), (front + 0.03, 0, axis + 0.75 * radius), plain((0.98, 0.93, 0.65)))
    return a.build(sample_light(rng), blend=0.004)


def _train_wheels(
    a: Assembly, rng: np.random.Generator, front: float, rear: float, track: float, wheel: float, paint: Paint
) -> None:
    count, rim = whole(rng, 2, 3), cylinder(wheel, 0.015, edge=0.005)
    first = rear + wheel + 0.01
    for i in range(count):
        a.add(rim, (first + 2.1 * wheel * i, track, wheel), paint, turned=SIDEWAYS, mirror="y")
    last = first + 2.1 * wheel * (count - 1)
    a.rod((first, track + 0.02, wheel), (last, track + 0.02, wheel), 0.011, steel(rng), mirror="y")
    small = cylinder(0.6 * wheel, 0.015, edge=0.005)
    x = max(last + 1.75 * wheel, front - 0.07)
    a.add(small, (x, track, 0.6 * wheel), paint, turned=SIDEWAYS, mirror="y")


def bicycle(rng: np.random.Generator) -> ProceduralObject:
    """A bicycle: two wheels of one size, a diamond or low frame, handlebars, a saddle, sometimes a basket."""
    a = Assembly()
    frame, black = plain(vivid(rng) if maybe(rng, 0.75) else neutral(rng)), plain((0.12, 0.12, 0.13))
    radius, half = between(rng, 0.19, 0.23), between(rng, 0.29, 0.34)
    tyre, pipe = between(rng, 0.014, 0.026), between(rng, 0.013, 0.02)
    a.add(torus(radius, tyre), (half, 0, radius), black, turned=LYING, mirror="x")
    a.add(cylinder(0.03, 0.03, edge=0.01), (half, 0, radius), steel(rng), turned=LYING, mirror="x")
    spokes = patterned(rng, (0.75, 0.75, 0.76), (0.9, 0.9, 0.9), "marble", 30, 40)
    a.add(cylinder(radius - 2 * tyre, 0.003, edge=0.002), (half, 0, radius), spokes, turned=LYING, mirror="x")
    crank = np.array([-0.03, 0, radius * 0.95])
    saddle = np.array([-0.11, 0, radius + between(rng, 0.25, 0.32)])
    head = np.array([half - 0.09, 0, radius + between(rng, 0.24, 0.3)])
    rear, fork = np.array([-half, 0.0, radius]), np.array([half, 0.0, radius])
    a.rod(crank, saddle, pipe, frame)
    a.rod(crank, head - np.array([0, 0, 0.05]), pipe, frame)
    if maybe(rng, 0.7):
        a.rod(0.75 * saddle + 0.25 * crank, head, pipe, frame)
    a.rod(head + np.array([-0.012, 0, 0.04]), head, pipe, frame)
    a.rod(fork + np.array([0, 0.025, 0]), head + np.array([0, 0.01, -0.03]), 0.7 * pipe, frame, mirror="y")
    a.rod(rear + np.array([0, 0.025, 0]), crank + np.array([0, 0.01, 0]), 0.7 * pipe, frame, mirror="y")
    a.rod(rear + np.array([0, 0.025, 0]), 0.7 * saddle + 0.3 * crank, 0.7 * pipe, frame, mirror="y")
    seat = leather(rng)
    a.add(ellipsoid(0.075, 0.04, 0.024), saddle + np.array([0, 0, 0.03]), seat)
    bar = head + np.array([-0.02, 0, 0.08])
    grip = bar + np.array([between(rng, -0.08, 0.06), 0.16, between(rng, -0.01, 0.05)])
    a.rod(bar, grip, 0.013, steel(rng), mirror="y")
    a.rod(head, bar, 0.013, steel(rng))
    a.add(cylinder(0.055, 0.012, edge=0.005), crank, steel(rng), turned=LYING)
    if maybe(rng, 0.4):
        basket = box(0.07, 0.085, 0.055, edge=0.01, taper=(0.25, 0.25))
        a.add(
            basket,
            head + np.array([0.09, 0, 0.02]),
            plain(tinted((0.7, 0.5, 0.3), between(rng, 0.7, 1.3))),
            turned=OVER,
        )
    return a.build(sample_light(rng), blend=0.004)
