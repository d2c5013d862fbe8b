"""Cars, buses, trucks, planes, boats and trains; about a unit long, driving towards +x."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick, whole
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    WHITE,
    any_colour,
    glass,
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
from real3d_jax.data.procedural.parts import FORWARDS, LYING, Paint, box, capsule, cylinder, ellipsoid


def _wheels(a: Assembly, xs: tuple[float, ...], track: float, radius: float, width: float, hub: Paint) -> None:
    """Pairs of wheels at xs; a symmetrical pair of axles takes half the slots."""
    tyre = cylinder(radius, width, edge=0.3 * width)
    centre = cylinder(0.6 * radius, width + 0.004, edge=0.004)
    black = plain((0.1, 0.1, 0.11))
    pairs = ((xs[0], "xy"),) if len(xs) == 2 and xs[0] == -xs[1] else tuple((x, "y") for x in xs)
    for x, mirror in pairs:
        a.add(tyre, (x, track, radius), black, turned=LYING, mirror=mirror)
        a.add(centre, (x, track, radius), hub, turned=LYING, mirror=mirror)


def _lamps(a: Assembly, front: float, back: float, track: float, height: float) -> None:
    lamp = ellipsoid(0.015, 0.034, 0.024)
    a.add(lamp, (front, track, height), plain((0.98, 0.95, 0.75)), mirror="y")
    a.add(lamp, (-back, track, height), plain((0.8, 0.08, 0.06)), mirror="y")


def _paint(rng: np.random.Generator) -> Paint:
    return plain(pick(rng, (vivid, vivid, neutral, pastel))(rng))


def car(rng: np.random.Generator) -> ProceduralObject:
    """A saloon, hatchback, estate, pickup, sports car or cross-country car."""
    a = Assembly()
    kind = pick(rng, ("saloon", "hatchback", "estate", "pickup", "sports", "tall"))
    body, panes = _paint(rng), glass(rng)
    long, wide = between(rng, 0.46, 0.52), between(rng, 0.19, 0.225)
    wheel = between(rng, 0.078, 0.095) * (1.2 if kind in ("pickup", "tall") else 1.0)
    belt = {"sports": 0.07, "tall": 0.11, "pickup": 0.1}.get(kind, 0.085) * between(rng, 0.9, 1.12)
    clearance = 0.62 * wheel
    corner = between(rng, 0.3, 0.95) * belt
    shape = box(long, belt, wide, corner=corner, edge=between(rng, 0.015, 0.05))
    a.add(shape, (0, 0, clearance + belt), body, turned=LYING)
    top = clearance + 2 * belt
    # Half-length and centre of the cabin, how steep its ends are, and its height.
    half, at, rake, tall = {
        "saloon": (0.27, -0.04, 0.38, 0.07),
        "hatchback": (0.29, -0.1, 0.3, 0.075),
        "estate": (0.33, -0.14, 0.18, 0.075),
        "pickup": (0.16, 0.05, 0.25, 0.08),
        "sports": (0.23, -0.07, 0.5, 0.055),
        "tall": (0.33, -0.1, 0.16, 0.085),
    }[kind]
    half, tall, at = half * between(rng, 0.92, 1.08), tall * between(rng, 0.92, 1.2), at + between(rng, -0.03, 0.03)
    half = min(half, long - abs(at) - 0.01)
    cabin = box(half, 0.93 * wide, tall, corner=0.03, edge=0.02, taper=(rake, 0.18))
    a.add(cabin, (at, 0, top + tall - 0.01), panes)
    roof = plain(matching(rng, body.colours[0])) if maybe(rng, 0.15) else body
    inset = 1 - 0.88 * rake
    a.add(box(half * inset, 0.93 * wide * 0.85, 0.022, corner=0.04, edge=0.018), (at, 0, top + 2 * tall - 0.02), roof)
    # Pillars between the panes: a slice of the cabin, a little larger.
    pillar = box(0.016, 0.93 * wide + 0.004, tall, edge=0.004, taper=(0.0, 0.18))
    a.add(pillar, (at - 0.1 * half, 0, top + tall - 0.01), body)
    if kind == "pickup":
        rear = long - (half - at) - 0.01
        wall = box(rear / 2, wide - 0.01, 0.035, corner=0.0, edge=0.004)._replace(shell=0.012)
        a.add(wall, (at - half - rear / 2, 0, top + 0.02), body)
    axle = long * between(rng, 0.58, 0.66)
    _wheels(a, (axle, -axle), wide - 0.02, wheel, 0.035, steel(rng) if maybe(rng, 0.8) else body)
    _lamps(a, long - 0.01, long - 0.01, 0.72 * wide, clearance + 1.25 * belt)
    bumper = plain(neutral(rng)) if maybe(rng, 0.6) else body
    a.add(box(long + 0.012, 0.96 * wide, 0.024, corner=0.05, edge=0.02), (0, 0, clearance + 0.035), bumper)
    if maybe(rng, 0.2) or (kind == "sports" and maybe(rng, 0.6)):  # a spoiler
        a.add(box(0.03, 0.9 * wide, 0.008, edge=0.006), (0.06 - long, 0, top + 0.05), body)
        a.rod((0.06 - long, 0.6 * wide, top - 0.02), (0.06 - long, 0.6 * wide, top + 0.05), 0.01, body, mirror="y")
    if maybe(rng, 0.25):  # a stripe along the middle, from the bonnet to the boot
        stripe = plain(matching(rng, body.colours[0]))
        a.add(box(0.9 * long, 0.3 * wide, 0.012, edge=0.01), (0, 0, top - 0.008), stripe)
    return a.build(sample_light(rng), blend=0.006)


def bus(rng: np.random.Generator) -> ProceduralObject:
    """A bus, minibus, van, camper or double decker: one long box with bands of windows."""
    a = Assembly()
    body, panes = _paint(rng), glass(rng)
    second = body if maybe(rng, 0.5) else plain(matching(rng, body.colours[0]))
    long, wide, decks = between(rng, 0.42, 0.52), between(rng, 0.14, 0.19), 2 if maybe(rng, 0.25) else 1
    deck = between(rng, 0.13, 0.17) if decks == 2 else between(rng, 0.15, 0.22)
    wheel = between(rng, 0.065, 0.08)
    low = 0.6 * wheel
    tall = decks * deck
    round_ = between(rng, 0.01, 0.06)
    a.add(box(long, tall, wide, corner=round_, edge=min(round_, 0.03) + 0.01), (0, 0, low + tall), second, turned=LYING)
    skirt = between(rng, 0.35, 0.5) * deck
    a.add(
        box(long + 0.004, skirt, wide + 0.004, corner=0.02, edge=0.015),
        (0, 0, low + skirt + 0.01),
        body,
        turned=LYING,
    )
    band, gap = 0.36 * deck, 0.03
    for i in range(decks):
        z = low + 2 * deck * i + 1.32 * deck
        a.add(box(long - 2 * gap, wide + 0.006, band, edge=0.004), (0, 0, z), panes)
        a.add(box(long + 0.006, wide - 0.025, 1.1 * band, edge=0.004), (0, 0, z), panes)
    posts = whole(rng, 1, 3)
    for i in range(posts):
        x = (i + 0.6) * (long - 0.05) / posts
        a.add(box(0.01, wide + 0.009, tall - 0.02, edge=0.003), (x, 0, low + tall), second, mirror="x")
    if maybe(rng, 0.6):
        door = box(0.045, 0.006, 0.75 * deck, edge=0.004)
        a.add(door, (long - 0.12, -wide - 0.006, low + 0.85 * deck), plain(tinted(panes.colours[0], 0.8)))
    axle = long * between(rng, 0.55, 0.65)
    _wheels(a, (axle, -axle), wide - 0.018, wheel, 0.03, steel(rng))
    _lamps(a, long, long, 0.75 * wide, low + 0.35 * deck)
    if maybe(rng, 0.3):
        rack = box(0.6 * long, 0.7 * wide, 0.02, edge=0.01)
        a.add(rack, (0, 0, low + 2 * tall + 0.01), pick(rng, (WHITE, painted(rng))))
    return a.build(sample_light(rng), blend=0.004)


def truck(rng: np.random.Generator) -> ProceduralObject:
    """A truck: a cab, with or without a bonnet, and behind it a case, a tank, a flat bed with a load, or a tipper."""
    a = Assembly()
    paint, panes, frame = _paint(rng), glass(rng), plain((0.18, 0.18, 0.2))
    wide, wheel = between(rng, 0.14, 0.17), between(rng, 0.07, 0.085)
    long, deck = 0.5, 1.35 * wheel
    a.add(box(long - 0.02, 0.7 * wide, 0.03, edge=0.01), (0, 0, deck), frame)
    bonnet = between(rng, 0.1, 0.15) if maybe(rng, 0.4) else 0.0
    cab, tall = between(rng, 0.09, 0.13), between(rng, 0.13, 0.19)
    at = long - 2 * bonnet * 0.7 - cab
    a.add(box(cab, wide, tall, edge=0.025, taper=(between(rng, 0, 0.15), 0.05)), (at, 0, deck + tall), paint)
    window = deck + 1.38 * tall
    a.add(
        box(cab + 0.004, 0.8 * wide, 0.36 * tall, edge=0.01), (at - 0.01 + 0.012 * bool(not bonnet), 0, window), panes
    )
    a.add(box(0.62 * cab, wide + 0.002, 0.33 * tall, edge=0.01), (at + 0.1 * cab, 0, window), panes)
    if bonnet:
        nose = box(0.7 * bonnet, 0.85 * wide, 0.55 * tall, edge=0.03)
        a.add(nose, (long - 0.7 * bonnet, 0, deck + 0.5 * tall), paint)
    front = long if bonnet else at + cab
    a.add(box(0.015, 0.95 * wide, 0.025, edge=0.01), (front, 0, deck - 0.01), steel(rng))
    a.add(ellipsoid(0.015, 0.026, 0.026), (front, 0.7 * wide, deck + 0.3 * tall), plain((0.98, 0.95, 0.75)), mirror="y")
    rear = (at - cab - 0.02 + long) / 2
    middle = -long + rear
    _load(a, rng, middle, rear, wide, deck + 0.03, tall)
    axles = (at, -long + 0.11, -long + 0.29) if maybe(rng, 0.6) else (at, -long + 0.16)
    _wheels(a, axles, wide - 0.02, wheel, 0.034, steel(rng))
    return a.build(sample_light(rng), blend=0.004)


def _load(a: Assembly, rng: np.random.Generator, x: float, half: float, wide: float, floor: float, cab: float) -> None:
    kind = pick(rng, ("case", "case", "tank", "bed", "tipper"))
    if kind == "case":
        first = any_colour(rng)
        cover = plain(first) if maybe(rng, 0.6) else patterned(rng, first, matching(rng, first), "stripes", 12, 30)
        tall = cab * between(rng, 0.95, 1.3)
        a.add(box(half, wide + 0.01, tall, edge=0.012), (x, 0, floor + tall), cover)
    elif kind == "tank":
        radius = min(wide, between(rng, 0.12, 0.16))
        tank = capsule(radius, half)._replace(edge=between(rng, 0.2, 0.8) * radius)
        a.add(tank, (x, 0, floor + radius), steel(rng) if maybe(rng, 0.5) else _paint(rng), turned=FORWARDS)
        a.add(cylinder(0.04, 0.02), (x, 0, floor + 2 * radius), steel(rng))
    else:
        bed = wood(rng) if kind == "bed" else _paint(rng)
        sides = box(half, wide + 0.01, 0.05 if kind == "bed" else 0.09, edge=0.004)._replace(shell=0.012)
        a.add(sides, (x, 0, floor + sides.half[2]), bed)
        a.add(box(half, wide, 0.012), (x, 0, floor + 0.012), bed)
        if kind == "tipper":
            heap = pick(rng, ((0.45, 0.35, 0.25), (0.8, 0.7, 0.45), (0.35, 0.35, 0.36)))
            soil = patterned(rng, heap, tinted(heap, 0.75), "marble", 60, 90)
            a.add(ellipsoid(0.9 * half, 0.9 * wide, between(rng, 0.1, 0.17)), (x, 0, floor + 0.08), soil)
        else:
            size = between(rng, 0.06, 0.1)
            crate = box(between(rng, 0.3, 0.8) * half, 0.75 * wide, size)
            a.add(crate, (x + between(rng, -0.15, 0.15) * half, 0, floor + size), wood(rng))
