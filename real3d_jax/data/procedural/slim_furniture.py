"""Thin tables, folding and lounge chairs; a unit is about a metre."""

from typing import NamedTuple

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick, whole
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    any_colour,
    concrete,
    fabric,
    glass,
    leather,
    matching,
    metal,
    painted,
    plain,
    steel,
    varnished,
    wood,
)
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import (
    FORWARDS,
    LYING,
    Paint,
    Place,
    box,
    cylinder,
    ellipsoid,
    frame,
    torus,
    towards,
)

_FRAMES = (metal, steel, wood, painted)


def slab(
    a: Assembly, start: Place, end: Place, wide: float, thick: float, paint: Paint, *, corner: float = 0.0
) -> None:
    """A board or cushion in the plane of x and z, from one point to another; half its width and thickness."""
    span = np.subtract(end, start)
    half = float(np.sqrt(span @ span)) / 2
    middle = np.add(start, end) / 2
    if corner:
        solid = box(half, wide, thick, corner=corner, edge=0.8 * thick)
        a.add(solid, middle, paint, turned=towards(span) @ FORWARDS)
    else:
        a.add(box(thick, wide, half, edge=min(0.006, 0.6 * thick)), middle, paint, turned=towards(span))


class _Top(NamedTuple):
    """What legs stand under: its height, half-sizes, and how thick they are."""

    height: float
    deep: float
    wide: float
    bar: float


def thin_table(rng: np.random.Generator) -> ProceduralObject:
    """A thin top on a foot, trestles, crossed legs, hairpins, loops, panels or a cone: coffee, cafe, bar or dining."""
    a = Assembly()
    height = pick(rng, (between(rng, 0.28, 0.46), between(rng, 0.68, 0.78), between(rng, 0.68, 0.78), 1.05))
    deep = between(rng, 0.22, 0.5)
    wide = deep * pick(rng, (1.0, between(rng, 1.0, 1.6), between(rng, 1.4, 2.8)))
    thick = between(rng, 0.005, 0.03)
    top = pick(rng, (varnished, varnished, glass, concrete, painted))(rng)
    legs = pick(rng, (*_FRAMES, varnished))(rng) if maybe(rng, 0.7) else top
    corner = pick(rng, (0.0, 0.0, between(rng, 0.1, 0.6) * deep, deep))
    if corner:
        a.add(box(deep, wide, thick, corner=corner, edge=0.5 * thick), (0, 0, height), top)
    else:
        a.add(box(deep, thick, wide, edge=0.4 * thick), (0, 0, height), top, turned=LYING)
    bar = between(rng, 0.008, 0.028)
    style = pick(rng, (_foot, _foot, _trestles, _crossed, _hairpins, _loops, _panels, _splayed, _splayed))
    style(a, rng, legs, _Top(height, deep - 0.3 * corner, wide - 0.3 * corner, bar))
    if maybe(rng, 0.25):
        on, size = painted(rng), between(rng, 0.03, 0.09)
        y = between(rng, -0.5, 0.5) * wide
        a.add(cylinder(size, size * between(rng, 0.1, 1.2), taper=0.2), (0, y, height + thick + 0.04), on)
    return a.build(sample_light(rng), blend=0.003, fold=whole(rng, 3, 5))


def _foot(a: Assembly, rng: np.random.Generator, paint: Paint, top: _Top) -> None:
    """One foot, or two beside each other: a pole or a cone on a disc, a plate or a star."""
    height, deep, wide, bar = top
    two = wide > 1.7 * deep
    y, mirror = (0.6 * wide, "y") if two else (0.0, "")
    reach = deep * between(rng, 0.4, 0.85)
    if maybe(rng, 0.2):
        a.add(cylinder(reach, height / 2, taper=between(rng, 0.75, 0.93)), (0, y, height / 2), paint, mirror=mirror)
        return
    a.rod((0, y, 0), (0, y, height), 1.4 * bar, paint, mirror=mirror, flat=True)
    kind = rng.random()
    if kind < 0.4 and not two:
        lift = between(rng, 0.0, 0.15)
        a.rod((0, 0, 0.03 + lift), (reach, 0, 0.015), bar, paint, radial=True)
    elif kind < 0.7:
        a.add(cylinder(reach, 0.012, taper=between(rng, 0, 0.3)), (0, y, 0.012), paint, mirror=mirror)
    elif kind < 0.85:
        a.add(box(reach, 0.05, 0.015), (0, y, 0.015), paint, mirror=mirror)
        if not two:
            a.add(box(0.05, reach, 0.015), (0, 0, 0.015), paint)
    else:
        a.add(box(reach, reach, 0.01), (0, y, 0.01), paint, mirror=mirror)
    if maybe(rng, 0.4):
        a.add(cylinder(0.5 * deep, 0.008), (0, y, height - 0.03), paint, mirror=mirror)


def _trestles(a: Assembly, rng: np.random.Generator, paint: Paint, top: _Top) -> None:
    height, deep, wide, bar = top
    out, near, far = wide * between(rng, 0.55, 0.85), deep * between(rng, 0.05, 0.4), deep * between(rng, 0.6, 1.0)
    lean = between(rng, 0.0, 0.2) * wide
    a.rod((near, out, height), (far, min(out + lean, wide), 0), bar, paint, flat=True, mirror="xy")
    level = between(rng, 0.15, 0.5) * height
    across = near + (far - near) * (1 - level / height)
    y = out + (min(out + lean, wide) - out) * (1 - level / height)
    a.rod((-across, y, level), (across, y, level), 0.8 * bar, paint, mirror="y")
    a.rod((-near, out, height - bar), (near, out, height - bar), bar, paint, mirror="y")
    if maybe(rng, 0.5):
        a.rod((0, -y, level), (0, y, level), 0.8 * bar, paint)
    if maybe(rng, 0.3):
        a.add(box(across, 0.008, y), (0, 0, level), paint, turned=LYING)


def _crossed(a: Assembly, rng: np.random.Generator, paint: Paint, top: _Top) -> None:
    height, deep, wide, bar = top
    if maybe(rng, 0.6):  # at both ends
        out, x = wide * between(rng, 0.6, 0.9), deep * between(rng, 0.6, 0.95)
        for side in (1, -1):
            a.rod((side * x, out, height), (-side * x, out, 0), bar, paint, mirror="y")
        if maybe(rng, 0.7):
            a.rod((0, -out, height / 2), (0, out, height / 2), 0.8 * bar, paint)
        if maybe(rng, 0.4):
            a.rod((x, -out, bar), (x, out, bar), 0.8 * bar, paint, mirror="x")
    else:  # along the front and the back
        out, x = wide * between(rng, 0.6, 0.95), deep * between(rng, 0.6, 0.95)
        for side in (1, -1):
            a.rod((x, side * out, height), (x, -side * out, 0), bar, paint, mirror="x")
        a.rod((-x, 0, height / 2), (x, 0, height / 2), 0.8 * bar, paint)
        a.rod((-x, out, bar), (x, out, bar), 0.8 * bar, paint, mirror="y")


def _hairpins(a: Assembly, rng: np.random.Generator, paint: Paint, top: _Top) -> None:
    height, deep, wide, bar = top
    x, y, gap = 0.9 * deep, 0.92 * wide, between(rng, 0.04, 0.09)
    bar = 0.7 * bar
    foot = (x, y, bar)
    a.rod((x - gap, y, height), foot, bar, paint, mirror="xy")
    a.rod((x, y - gap, height), foot, bar, paint, mirror="xy")


def _loops(a: Assembly, rng: np.random.Generator, paint: Paint, top: _Top) -> None:
    """Two standing loops, or one lying box of bars."""
    height, deep, wide, bar = top
    out = wide * between(rng, 0.6, 0.95)
    loop = frame(0.95 * deep, height / 2, bar, 2 * bar, corner=between(rng, 0, 0.3) * deep)
    a.add(loop, (0, out, height / 2), paint, turned=LYING, mirror="y")
    if maybe(rng, 0.4):
        level = between(rng, 0.1, 0.4) * height
        a.add(box(0.85 * deep, 0.008, out), (0, 0, level), paint if maybe(rng, 0.5) else glass(rng), turned=LYING)
    elif maybe(rng, 0.5):
        a.rod((0, -out, 2 * bar), (0, out, 2 * bar), bar, paint)


def _panels(a: Assembly, rng: np.random.Generator, paint: Paint, top: _Top) -> None:
    height, deep, wide, bar = top
    out = wide * between(rng, 0.6, 0.98)
    a.add(box(between(rng, 0.4, 0.98) * deep, bar, height / 2), (0, out, height / 2), paint, mirror="y")
    if maybe(rng, 0.6):
        panel = between(rng, 0.2, 0.45) * height
        a.add(box(bar, out, panel), (-between(rng, 0, 0.7) * deep, 0, height - panel), paint)
    if maybe(rng, 0.4):
        level = between(rng, 0.1, 0.7) * height
        a.add(box(0.8 * deep, 0.01, out), (0, 0, level), paint, turned=LYING)


def _splayed(a: Assembly, rng: np.random.Generator, paint: Paint, top: _Top) -> None:
    height, deep, wide, bar = top
    splay, inset = pick(rng, (0.0, between(rng, 0.02, 0.14))), between(rng, 0.02, 0.3) * deep
    x, y = deep - inset, wide - inset
    a.rod((x, y, height), (x + splay, y + splay, 0), bar, paint, flat=True, taper=between(rng, 0, 0.5), mirror="xy")
    if maybe(rng, 0.5):
        apron = between(rng, 0.01, 0.04)
        a.add(frame(x + bar, y + bar, apron, 0.02), (0, 0, height - apron), paint)
    if maybe(rng, 0.35):
        level = between(rng, 0.12, 0.5) * height
        a.add(box(x, 0.008, y), (0, 0, level), paint, turned=LYING)


def folding_chair(rng: np.random.Generator) -> ProceduralObject:
    """A thin chair: folding, on runners, swinging on a bent tube, on four bent bars; or a bar stool on a pole."""
    a = Assembly()
    seat, wide, deep = between(rng, 0.4, 0.5), between(rng, 0.17, 0.25), between(rng, 0.17, 0.24)
    top = seat + between(rng, 0.28, 0.55)
    bars, cover = pick(rng, _FRAMES)(rng), pick(rng, (fabric, painted, wood, leather))(rng)
    bar, thick = between(rng, 0.007, 0.018), between(rng, 0.006, 0.03)
    lean, rake = between(rng, 0.0, 0.12), between(rng, 0.0, 0.03)
    back = (-deep - lean, 0, top)
    kind = pick(rng, ("folding", "folding", "swinging", "runners", "four", "pole"))
    if kind == "pole":
        seat, top = seat + 0.28, top + 0.2
        back = (-deep - lean, 0, top)
        a.rod((0, 0, 0), (0, 0, seat), 1.6 * bar, bars, flat=True)
        if maybe(rng, 0.6):
            a.add(cylinder(0.2, 0.01, taper=0.3), (0, 0, 0.01), bars)
        else:
            a.rod((0, 0, 0.1), (0.22, 0, bar), bar, bars, radial=True)
        a.add(torus(between(rng, 0.13, 0.18), bar), (0, 0, 0.4 * seat), bars)
        a.rod((-0.8 * deep, 0.5 * wide, seat), (back[0], 0.5 * wide, top - 0.05), bar, bars, mirror="y")
    elif kind == "folding":
        a.rod((deep + 0.06, wide, 0), (-deep - lean, wide, top), bar, bars, mirror="y")
        a.rod((-deep - 0.08, 0.88 * wide, 0), (0.6 * deep, 0.88 * wide, seat), bar, bars, mirror="y")
        a.rod((-deep - 0.07, -0.88 * wide, 0.06), (-deep - 0.07, 0.88 * wide, 0.06), 0.8 * bar, bars)
        a.rod((deep + 0.04, -wide, 0.06), (deep + 0.04, wide, 0.06), 0.8 * bar, bars)
    elif kind == "swinging":
        corners = (
            (back[0], wide, top),
            (-deep, wide, seat),
            (deep, wide, seat),
            (deep + 0.02, wide, bar),
            (-deep, wide, bar),
        )
        a.chain(corners, bar, bars, mirror="y")
        a.rod((-deep, -wide, bar), (-deep, wide, bar), bar, bars)
    elif kind == "runners":
        loop = frame(deep + 0.03, seat / 2, bar, 2 * bar, corner=between(rng, 0, 0.08))
        a.add(loop, (0, wide, seat / 2), bars, turned=LYING, mirror="y")
        a.rod((-deep, wide, seat), (back[0], wide, top), bar, bars, mirror="y")
    else:
        splay = between(rng, 0, 0.06)
        a.rod((deep, wide - 0.02, seat), (deep + splay, wide - 0.02 + splay, 0), bar, bars, mirror="y")
        a.rod((-deep, wide - 0.02, seat), (-deep - splay, wide - 0.02 + splay, 0), bar, bars, mirror="y")
        a.rod((-deep, wide - 0.02, seat), (back[0], wide - 0.02, top), bar, bars, mirror="y")
    corner = pick(rng, (0.0, 0.06, 0.9 * deep))
    slab(a, (-deep, 0, seat - rake), (deep, 0, seat + rake), wide, thick, cover, corner=corner)
    low = seat + between(rng, 0.05, 0.2)
    share = (low - seat) / (top - seat)
    if maybe(rng, 0.6):
        slab(a, (-deep - lean * share, 0, low), back, wide, thick, cover, corner=0.5 * corner)
    else:
        for i in range(count := whole(rng, 1, 4)):
            z = low + (top - low) * (i + 0.5) / count
            x = -deep - lean * (z - seat) / (top - seat)
            a.add(box(0.008, wide, between(rng, 0.2, 0.35) * (top - low) / count), (x, 0, z), cover)
    if maybe(rng, 0.3) and kind != "pole":
        arm = seat + between(rng, 0.16, 0.24)
        a.rod((-deep, wide, arm), (0.7 * deep, wide, arm), 1.3 * bar, bars, mirror="y")
        a.rod((0.7 * deep, wide, arm), (0.8 * deep, wide, seat), bar, bars, mirror="y")
    return a.build(sample_light(rng), blend=0.003, fold=whole(rng, 3, 5))


def lounge_chair(rng: np.random.Generator) -> ProceduralObject:
    """A reclined seat: a sun lounger, a deck chair, a recliner on a frame or a star, a rocking chair, a shell."""
    a = Assembly()
    bars, cover = pick(rng, _FRAMES)(rng), pick(rng, (fabric, fabric, leather))(rng)
    bar, wide = between(rng, 0.01, 0.028), between(rng, 0.24, 0.36)
    thick, corner = between(rng, 0.008, 0.06), between(rng, 0.0, 0.08)
    low, recline = between(rng, 0.18, 0.42), np.radians(between(rng, 25, 70))
    seat, back, leg = between(rng, 0.42, 0.6), between(rng, 0.55, 0.85), between(rng, 0.0, 0.6)
    drop = np.radians(between(rng, -20, 50)) if leg > 0.25 else np.radians(80)
    hip = np.array([-seat / 2, 0, low])
    knee = np.array([seat / 2, 0, low + between(rng, -0.02, 0.14)])
    head = hip + back * np.array([-np.sin(recline), 0, np.cos(recline)])
    foot = knee + leg * np.array([np.cos(drop), 0, -np.sin(drop)])
    foot[2] = max(foot[2], 0.06)
    for start, end in ((hip, head), (knee, hip), (foot, knee))[: 3 if leg > 0.25 else 2]:
        slab(a, start, end, wide, thick, cover, corner=corner)
    side = np.array([0, wide, 0])
    under = np.array([0, 0, -thick])
    kind = pick(rng, ("legs", "crossed", "rockers", "star", "loops", "block"))
    if kind == "legs":
        a.chain((head + side, hip + side + under, knee + side + under), bar, bars, mirror="y")
        for x in (hip[0] + 0.05, knee[0] - 0.05):
            a.rod((x, wide, low), (x + between(rng, -0.12, 0.12), wide, 0), bar, bars, mirror="y")
    elif kind == "crossed":
        middle = (hip + head) / 2
        a.rod((knee[0] + 0.1, wide + bar, 0), middle + side, bar, bars, mirror="y")
        a.rod((head[0] * 0.8, wide + bar, 0), knee + side, bar, bars, mirror="y")
        a.rod((head[0] * 0.8, -wide, bar), (head[0] * 0.8, wide, bar), bar, bars)
    elif kind == "rockers":
        ends = [(x, wide, 0.3 * x * x) for x in np.linspace(-0.6, 0.5, 5)]
        a.chain(ends, bar, bars, mirror="y")
        for x, top in ((-0.2, hip), (0.25, knee)):
            a.rod((x, wide, 0.02), top + side, bar, bars, mirror="y")
    elif kind == "star":
        a.rod((0, 0, 0.04), (0, 0, low), 1.5 * bar, bars)
        a.rod((0, 0, 0.05), (between(rng, 0.25, 0.36), 0, bar), bar, bars, radial=True)
    elif kind == "loops":
        half = (low + 0.18) / 2
        loop = frame(seat / 2 + between(rng, 0, 0.15), half, bar, 2 * bar, corner=between(rng, 0.01, 0.15))
        a.add(loop, (0, wide + bar, half), bars, turned=LYING, mirror="y")
    else:
        a.add(box(0.4 * seat, 0.85 * wide, 0.42 * low), (0, 0, 0.42 * low), bars)
    if maybe(rng, 0.45):
        arm = low + between(rng, 0.16, 0.24)
        soft = cover if maybe(rng, 0.3) else bars
        a.add(
            box(0.26, between(rng, 0.02, 0.05), between(rng, 0.01, 0.04)), (-0.05, wide + 0.02, arm), soft, mirror="y"
        )
        a.rod((0.1, wide + 0.02, arm), (0.12, wide, low), bar, bars, mirror="y")
    if maybe(rng, 0.4):
        pillow = plain(matching(rng, cover.colours[0])) if maybe(rng, 0.5) else plain(any_colour(rng))
        a.add(ellipsoid(0.06, 0.7 * wide, 0.1), head * 0.85 + hip * 0.15 + (0.05, 0, 0), pillow)
    return a.build(sample_light(rng), blend=0.006, fold=whole(rng, 4, 6))
