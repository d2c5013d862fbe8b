"""Bathrooms, doors and windows, and stairs; a unit is about a metre."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick, whole
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    WHITE,
    concrete,
    fabric,
    glass,
    metal,
    painted,
    plain,
    steel,
    varnished,
)
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import FORWARDS, OVER, Paint, box, cylinder, ellipsoid, frame, profile, turn


def bathroom(rng: np.random.Generator) -> ProceduralObject:
    """A basin on the wall, a column or a board, with taps and a mirror; a bath, a toilet or a shower."""
    a = Assembly()
    white = WHITE if maybe(rng, 0.7) else pick(rng, (painted, concrete))(rng)
    pick(rng, (_basin, _basin, _basin, _bath, _toilet, _shower))(
        a, rng, white, steel(rng) if maybe(rng, 0.8) else metal(rng)
    )
    return a.build(sample_light(rng), blend=0.006)


def _tap(a: Assembly, rng: np.random.Generator, x: float, z: float, iron: Paint) -> None:
    """A bent spout towards the front with a lever, or two handles."""
    high, reach, bar = between(rng, 0.05, 0.2), between(rng, 0.08, 0.18), between(rng, 0.01, 0.018)
    a.chain(((x, 0, z), (x, 0, z + high), (x + reach, 0, z + high), (x + reach, 0, z + 0.7 * high)), bar, iron)
    if maybe(rng, 0.5):
        a.rod((x, 0.09, z), (x, 0.09, z + 0.05), 1.2 * bar, iron, mirror="y")
    else:
        a.rod((x, 0, z + high), (x - 0.04, 0, z + high + 0.06), 0.8 * bar, iron)


def _bowl(a: Assembly, rng: np.random.Generator, deep: float, wide: float, tall: float, z: float, paint: Paint) -> None:
    """An open basin whose rim is at z."""
    narrow, corner = between(rng, 0.0, 0.4), between(rng, 0.1, 1.0) * min(deep, wide)
    wall = between(rng, 0.015, 0.04)
    shell = frame(deep, wide, tall, wall, corner=corner, taper=(narrow, narrow))
    a.add(shell, (0, 0, z - tall), paint, turned=OVER)
    share = 1 - narrow
    a.add(box(share * deep, share * wide, 0.02, corner=share * corner), (0, 0, z - 2 * tall + 0.02), paint)


def _basin(a: Assembly, rng: np.random.Generator, white: Paint, iron: Paint) -> None:
    deep, wide, tall = between(rng, 0.16, 0.26), between(rng, 0.2, 0.4), between(rng, 0.05, 0.1)
    z = between(rng, 0.75, 0.9)
    _bowl(a, rng, deep, wide, tall, z, white)
    kind = rng.random()
    if kind < 0.4:
        a.add(box(0.06, wide if maybe(rng, 0.5) else 0.12, 0.02), (-deep, 0, z - 0.01), white)
    elif kind < 0.7:
        foot = between(rng, 0.05, 0.1)
        a.turn_body(
            profile(1.3 * foot, foot, 0.9 * foot, 1.4 * foot), (z - 2 * tall) / 2, (-0.2 * deep, 0, z / 2 - tall), white
        )
    else:
        board = varnished(rng)
        a.add(box(1.1 * deep, wide * between(rng, 1.2, 2.2), 0.02), (0, 0, z - 2 * tall - 0.02), board)
        if maybe(rng, 0.6):
            a.add(box(deep, 1.1 * wide, 0.25), (-0.05, 0, z - 2 * tall - 0.3), board)
    _tap(a, rng, -0.85 * deep, z, iron)
    if maybe(rng, 0.45):
        size = between(rng, 0.2, 0.4)
        pane = plain((0.72, 0.8, 0.85))
        if maybe(rng, 0.4):
            a.add(cylinder(size, 0.01), (-deep - 0.04, 0, z + 0.25 + size), pane, turned=FORWARDS)
        else:
            tall = size * between(rng, 0.8, 1.5)
            a.add(box(0.01, size, tall), (-deep - 0.04, 0, z + 0.25 + tall), pane)
            a.add(frame(tall, size, 0.015, 0.03), (-deep - 0.035, 0, z + 0.25 + tall), metal(rng), turned=FORWARDS)
    if maybe(rng, 0.3):
        a.rod((deep - 0.1, wide + 0.04, z - 0.1), (deep - 0.25, wide + 0.04, z - 0.1), 0.012, iron, mirror="y")


def _bath(a: Assembly, rng: np.random.Generator, white: Paint, iron: Paint) -> None:
    long, wide, tall = between(rng, 0.7, 0.95), between(rng, 0.32, 0.45), between(rng, 0.2, 0.3)
    lift = pick(rng, (0.0, between(rng, 0.05, 0.12)))
    _bowl(a, rng, wide, long, tall, lift + 2 * tall, white)
    if lift:
        a.add(ellipsoid(0.05, 0.05, lift), (0.6 * wide, 0.65 * long, 0.7 * lift), iron, mirror="xy")
    if maybe(rng, 0.4):
        a.add(box(0.8 * wide, 0.85 * long, 0.01), (0, 0, lift + 1.5 * tall), plain((0.6, 0.78, 0.85)))
    top = lift + 2 * tall
    if maybe(rng, 0.6):
        y = -0.9 * long
        a.chain(((0, y, top), (0, y, top + 0.15), (0, y + 0.15, top + 0.15)), 0.016, iron)
        a.rod((0.1, y, top), (0.1, y, top + 0.06), 0.02, iron, mirror="x")
    if maybe(rng, 0.3):
        a.add(box(0.01, 0.4 * long, 0.4), (wide, -0.5 * long, top + 0.4), glass(rng))


def _toilet(a: Assembly, rng: np.random.Generator, white: Paint, iron: Paint) -> None:
    high, deep, wide = between(rng, 0.19, 0.22), between(rng, 0.2, 0.26), between(rng, 0.16, 0.2)
    z = 2 * high
    _bowl(a, rng, deep, wide, 0.1, z, white)
    a.add(
        box(0.7 * deep, 0.6 * wide, high - 0.05, corner=0.09, edge=0.02, taper=(0.1, 0.1)),
        (-0.06, 0, high - 0.05),
        white,
    )
    seat = white if maybe(rng, 0.6) else varnished(rng)
    a.add(frame(1.03 * deep, 1.03 * wide, 0.012, 0.07, corner=wide), (0, 0, z + 0.012), seat)
    if maybe(rng, 0.6):
        up = maybe(rng, 0.5)
        lid = box(deep, wide, 0.01, corner=0.95 * wide)
        if up:
            a.add(lid, (-deep, 0, z + deep), seat, turned=turn("y", -80))
        else:
            a.add(lid, (0, 0, z + 0.035), seat)
    if maybe(rng, 0.75):
        tall = between(rng, 0.15, 0.24)
        a.add(box(0.09, wide * between(rng, 1.0, 1.25), tall, edge=0.02), (-deep - 0.12, 0, z + tall - 0.03), white)
        a.add(cylinder(0.025, 0.012), (-deep - 0.12, 0, z + 2 * tall - 0.02), iron)


def _shower(a: Assembly, rng: np.random.Generator, white: Paint, iron: Paint) -> None:
    size, high = between(rng, 0.35, 0.5), between(rng, 0.9, 1.05)
    a.add(box(size, size, 0.03, edge=0.015), (0, 0, 0.03), white)
    a.add(frame(size, size, 0.02, 0.05), (0, 0, 0.07), white)
    a.add(box(0.01, size, high), (-size, 0, high), white)
    a.rod((0.02 - size, 0, 0.9), (0.02 - size, 0, 1.9 * high), 0.012, iron)
    a.rod((0.02 - size, 0, 1.9 * high), (-0.3 * size, 0, 1.9 * high), 0.012, iron)
    a.add(cylinder(between(rng, 0.06, 0.13), 0.012), (-0.3 * size, 0, 1.86 * high), iron)
    a.add(cylinder(0.05, 0.02), (0.02 - size, 0, 1.0), iron, turned=FORWARDS)
    a.add(box(size, 0.008, high), (0, -size, high), glass(rng))
    a.rod((size, size, 0), (size, size, 2 * high), 0.012, iron, mirror="xy")
    a.add(frame(size, size, 0.015, 0.025), (0, 0, 2 * high), iron)


def door(rng: np.random.Generator) -> ProceduralObject:
    """A door or a window in its frame, closed or ajar, barred, with shutters or a curtain; a mirror or a picture."""
    a = Assembly()
    paint = pick(rng, (varnished, painted, concrete))(rng)
    wall, deep = between(rng, 0.03, 0.1), between(rng, 0.01, 0.08)
    kind = pick(rng, ("door", "door", "double", "window", "window", "picture", "arch"))
    tall = between(rng, 0.9, 1.1) if kind in ("door", "double", "arch") else between(rng, 0.35, 0.8)
    wide = between(rng, 0.35, 0.5) if kind == "door" else between(rng, 0.35, 0.9)
    a.add(frame(tall, wide, deep, wall), (0, 0, tall), paint, turned=FORWARDS)
    leaf = paint if maybe(rng, 0.5) else pick(rng, (varnished, painted, glass))(rng)
    thin, iron = between(rng, 0.008, 0.025), metal(rng)
    inner, high = wide - wall, tall - wall
    if kind in ("door", "double", "arch"):
        half = inner if kind == "door" else inner / 2
        angle = pick(rng, (0.0, between(rng, 10, 110)))
        spin = turn("z", angle)
        middle = np.array([0, inner, tall]) + spin @ np.array([0, -half, 0])
        mirror = "" if kind == "door" else "y"
        a.add(box(thin, half, high, edge=0.005), middle, leaf, turned=spin, mirror=mirror)
        knob = middle + spin @ np.array([thin + 0.02, 0.14 - half, 0])
        a.rod(knob, knob + spin @ np.array([0, 0.08, 0]), 0.014, iron, mirror=mirror)
        panels = whole(rng, 0, 3)
        inlay = glass(rng) if maybe(rng, 0.4) else paint
        for i in range(panels):
            z = high * (2 * (i + 0.5) / panels - 1)
            at = np.add(middle, (0, 0, z))
            a.add(
                box(thin + 0.008, 0.7 * half, 0.75 * high / panels, edge=0.004), at, inlay, turned=spin, mirror=mirror
            )
        if kind == "arch":
            a.add(cylinder(wide, deep), (0, 0, 2 * tall - 0.02), paint, turned=FORWARDS)
        if maybe(rng, 0.3):
            a.add(box(0.2, wide + 0.1, 0.03), (0.2, 0, -0.03), concrete(rng))
    else:
        pane = glass(rng) if kind == "window" else plain(fabric(rng).colours[0])
        a.add(box(0.006, inner, high), (0, 0, tall), pane)
        if kind == "window":
            for i in range(whole(rng, 0, 2)):
                a.add(box(0.7 * deep, inner, 0.018), (0, 0, tall + (i * 0.7 - 0.1) * high), paint)
            if maybe(rng, 0.7):
                a.add(box(0.7 * deep, 0.018, high), (0, 0, tall), paint)
            if maybe(rng, 0.5):
                a.add(box(0.1, wide + 0.05, 0.02), (0.06, 0, -0.01), paint)
            if maybe(rng, 0.4):
                shutter, angle = varnished(rng), between(rng, 0, 70)
                spin = turn("z", -angle)
                at = np.array([deep, wide, tall]) + spin @ np.array([0, wide / 2, 0])
                a.add(box(0.012, wide / 2, tall), at, shutter, turned=spin, mirror="y")
            elif maybe(rng, 0.4):
                cloth = fabric(rng)
                a.add(box(0.02, 0.3 * wide, tall * 1.1, edge=0.015), (0.1, 0.8 * wide, tall), cloth, mirror="y")
                a.rod((0.1, -1.15 * wide, 2.15 * tall), (0.1, 1.15 * wide, 2.15 * tall), 0.014, metal(rng))
        else:
            a.add(ellipsoid(0.01, 0.5 * inner, 0.5 * high), (0.004, 0, tall), painted(rng))
            if maybe(rng, 0.4):  # on feet
                a.rod((0.2, 0.8 * wide, -0.08), (-0.2, 0.8 * wide, -0.08), 0.016, paint, mirror="y")
                a.rod((0, 0.8 * wide, -0.08), (0, wide, tall), 0.016, paint, mirror="y")
    return a.build(sample_light(rng), blend=0.003)


def stairs(rng: np.random.Generator) -> ProceduralObject:
    """Straight or winding stairs with a railing or without, an escalator, a ladder or a step ladder."""
    a = Assembly()
    tread, bars = pick(rng, (varnished, concrete, steel))(rng), pick(rng, (metal, varnished))(rng)
    pick(rng, (_flight, _flight, _winding, _escalator, _ladder, _ladder))(a, rng, tread, bars)
    return a.build(sample_light(rng), blend=0.002)


def _flight(a: Assembly, rng: np.random.Generator, tread: Paint, bars: Paint) -> None:
    count, wide = whole(rng, 5, 11), between(rng, 0.2, 0.5)
    run, rise = between(rng, 0.1, 0.15), between(rng, 0.07, 0.12)
    solid = maybe(rng, 0.4)
    for i in range(count):
        x, z = run * (count / 2 - i), rise * (i + 1)
        half = z / 2 if solid else between(rng, 0.01, 0.012)
        a.add(box(0.55 * run, wide, half, edge=0.003), (x, 0, z - half), tread)
    low, high = np.array([run * count / 2, wide, 0]), np.array([run * (1 - count / 2), wide, rise * count])
    if not solid:
        side = low + (high - low) * 0.5
        slope = np.degrees(np.arctan2(rise, run))
        long = np.sqrt((run * count) ** 2 + (rise * count) ** 2) / 2
        a.add(
            box(long, 0.012, between(rng, 0.02, 0.06)), side - (0, 0, 0.04), bars, turned=turn("y", slope), mirror="y"
        )
    if maybe(rng, 0.6):
        up = np.array([0, 0, between(rng, 0.3, 0.45)])
        mirror = "y" if maybe(rng, 0.7) else ""
        a.rod(low + up, high + up, 0.014, bars, mirror=mirror)
        for share in (0.03, 0.5, 0.97):
            foot = low + share * (high - low)
            a.rod(foot, foot + up, 0.011, bars, mirror=mirror)


def _winding(a: Assembly, rng: np.random.Generator, tread: Paint, bars: Paint) -> None:
    count, reach, rise = whole(rng, 9, 13), between(rng, 0.22, 0.4), between(rng, 0.07, 0.11)
    step, start = pick(rng, (1, -1)) * between(rng, 22, 36), between(rng, 0, 360)
    a.rod((0, 0, 0), (0, 0, rise * (count + 3)), between(rng, 0.02, 0.04), bars, flat=True)
    wedge = box(0.6 * reach * np.tan(np.radians(abs(step))) + 0.02, 0.012, reach / 2, edge=0.004, taper=(0.0, 0.0))
    for i in range(count):
        spin = turn("z", start + step * i)
        at = spin @ np.array([0.55 * reach, 0, rise * (i + 1)])
        a.add(wedge, at, tread, turned=spin @ FORWARDS @ turn("z", 90))


def _escalator(a: Assembly, rng: np.random.Generator, tread: Paint, bars: Paint) -> None:
    wide, long, slope = between(rng, 0.12, 0.25), between(rng, 0.5, 0.8), between(rng, 20, 38)
    up = turn("y", slope)
    ends = long * up[:, 0]
    high = -ends[2]
    a.add(box(long, wide, 0.06), (0, 0, high), tread, turned=up)
    a.add(
        box(long, 0.012, 0.1),
        (0, wide, high + 0.12),
        glass(rng) if maybe(rng, 0.5) else steel(rng),
        turned=up,
        mirror="y",
    )
    belt = plain((0.1, 0.1, 0.1))
    for side in (1, -1):
        x, z = side * ends[0], high + side * ends[2]
        a.add(box(0.16, wide, 0.06), (x + side * 0.12, 0, z), tread)
        a.add(box(0.14, 0.012, 0.1, corner=0.01), (x + side * 0.1, wide, z + 0.12), steel(rng), mirror="y")
    lift = np.array([0, wide, high + 0.24])
    a.rod(lift - ends, lift + ends, 0.018, belt, mirror="y")
    for i in range(whole(rng, 5, 8)):
        at = (2 * (i + 0.5) / 8 - 1) * ends
        a.add(box(0.04, 0.9 * wide, 0.02), np.add(at, (0, 0, high + 0.07)), steel(rng))


def _ladder(a: Assembly, rng: np.random.Generator, tread: Paint, bars: Paint) -> None:
    wide, tall, count = between(rng, 0.12, 0.25), between(rng, 0.7, 1.1), whole(rng, 3, 9)
    lean, bar, narrow = between(rng, 0.0, 0.35), between(rng, 0.01, 0.022), between(rng, 0.6, 1.0)
    a.rod((lean, wide, 0), (0, narrow * wide, tall), bar, bars, mirror="y")
    for i in range(count):
        share = (i + 0.6) / count
        x, y, z = lean * (1 - share), wide * (1 - share * (1 - narrow)), tall * share
        if lean > 0.15:
            a.add(box(0.035, y, 0.008), (x, 0, z), tread)
        else:
            a.rod((x, -y, z), (x, y, z), 0.8 * bar, tread)
    if lean > 0.15:
        a.rod((-lean, wide, 0), (0, narrow * wide, 0.97 * tall), 0.8 * bar, bars, mirror="y")
        a.rod((-0.7 * lean, -wide, 0.3 * tall), (-0.7 * lean, wide, 0.3 * tall), 0.7 * bar, bars)
