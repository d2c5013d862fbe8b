"""Things of bars and boards: fences and railings, radiators, baskets, racks, bunk beds; and what stands on posts."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick, whole
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    any_colour,
    concrete,
    fabric,
    glass,
    matching,
    metal,
    neutral,
    painted,
    pastel,
    patterned,
    plain,
    steel,
    varnished,
    vivid,
    wood,
)
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import Paint, box, cylinder, ellipsoid, frame, profile, torus, tube, turn

FORWARDS = turn("y", 90)
LYING = turn("x", 90)
_OVER = turn("x", 180)


def fence(rng: np.random.Generator) -> ProceduralObject:
    """A fence, a railing, a gate, a balustrade, a radiator or a towel rail: upright or level bars between rails."""
    a = Assembly()
    paint = pick(rng, (varnished, metal, painted, concrete))(rng)
    wide, tall = between(rng, 0.35, 0.9), between(rng, 0.25, 0.6)
    pairs, bar = whole(rng, 3, 10), between(rng, 0.006, 0.03)
    low, kind = between(rng, 0.02, 0.12), pick(rng, ("pickets", "bars", "bars", "balusters", "radiator", "towels"))
    pitch = wide / pairs
    if kind == "towels":
        a.rod((0, wide / 2, 0), (0, wide / 2, 2 * tall), 1.3 * bar, paint, mirror="y")
        count = whole(rng, 4, 12)
        for i in range(count):
            z = 2 * tall * (i + 0.5) / count
            a.rod((0, -wide / 2, z), (0, wide / 2, z), bar, paint)
        if maybe(rng, 0.4):
            a.add(box(0.03, 0.3 * wide, 0.2), (0, 0, 1.4 * tall), fabric(rng))
        return a.build(sample_light(rng), blend=0.003)
    for i in range(pairs):
        y = pitch * (i + 0.5)
        if kind == "pickets":
            board = box(0.012, 0.36 * pitch, tall, taper=(0.0, between(rng, 0.0, 0.001)))
            a.add(board, (0, y, low + tall), paint, mirror="y")
        elif kind == "bars":
            a.rod((0, y, low), (0, y, low + 2 * tall), min(bar, 0.3 * pitch), paint, mirror="y")
        elif kind == "balusters":
            a.add(ellipsoid(0.38 * pitch, 0.38 * pitch, 1.05 * tall), (0, y, low + tall), paint, mirror="y")
        else:
            a.add(box(between(rng, 0.03, 0.06), 0.42 * pitch, tall, corner=0.02), (0, y, low + tall), paint, mirror="y")
    rail = pick(rng, (box(0.015, wide, 0.025), box(0.04, wide + 0.03, 0.02), cylinder(0.018, wide)))
    turned = LYING if rail.half[2] == wide else turn("z", 0)
    a.add(rail, (0, 0, low + 2 * tall * between(rng, 0.75, 1.0)), paint, turned=turned)
    a.add(rail, (0, 0, low + 2 * tall * between(rng, 0.02, 0.25)), paint, turned=turned)
    if maybe(rng, 0.6):
        post, high = between(rng, 0.02, 0.05), low + 2 * tall * between(rng, 1.0, 1.15)
        a.add(box(post, post, high / 2), (0, wide + post, high / 2), paint, mirror="y")
        if maybe(rng, 0.5):
            a.add(ellipsoid(1.3 * post, 1.3 * post, 1.3 * post), (0, wide + post, high + post), paint, mirror="y")
    return a.build(sample_light(rng), blend=0.003)


def basket(rng: np.random.Generator) -> ProceduralObject:
    """A basket of wire, slats or wicker, round or square, with handles or without; a crate, a bin or a cage."""
    a = Assembly()
    wire = pick(rng, (metal, steel, painted, lambda r: plain(vivid(r))))(rng)
    bar, fold = between(rng, 0.004, 0.012), whole(rng, 7, 14)
    tall, deep = between(rng, 0.1, 0.35), between(rng, 0.15, 0.3)
    kind = pick(rng, ("square", "square", "square", "round", "wicker", "cage", "crate"))
    if kind in ("square", "crate"):
        _square_basket(a, rng, wire if kind == "square" else varnished(rng), bar, tall, deep, slats=kind == "crate")
    elif kind == "wicker":
        straw = (between(rng, 0.6, 0.85), between(rng, 0.45, 0.6), between(rng, 0.25, 0.4))
        weave = patterned(rng, straw, tuple(0.7 * c for c in straw), pick(rng, ("checker", "stripes")), 60, 110)
        shares = pick(rng, ((0.7, 0.95, 1.0), (0.8, 1.1, 0.9), (1.0, 1.0)))
        a.turn_body(profile(*(deep * s for s in shares)), tall, (0, 0, tall), weave, wall=0.02)
        a.add(cylinder(0.8 * deep, 0.01), (0, 0, 0.01), weave)
        a.add(torus(1.04 * deep * shares[-1], 0.018), (0, 0, 2 * tall), weave)
        if maybe(rng, 0.6):
            _handle(a, rng, weave, 0.015, 2 * tall, deep * shares[-1])
    else:
        foot = between(rng, 0.5, 1.0) if kind == "round" else 1.0
        tall = tall if kind == "round" else 1.3 * tall
        a.rod((foot * deep, 0, bar), (deep, 0, 2 * tall), bar, wire, radial=True)
        a.rod((0, 0, bar), (foot * deep, 0, bar), bar, wire, radial=True)
        for share in np.linspace(0, 1, whole(rng, 3, 7)):
            radius = deep * (foot + (1 - foot) * share)
            a.add(torus(radius + bar, 1.2 * bar), (0, 0, bar + share * 2 * tall), wire)
        if kind == "cage":
            dome = between(rng, 0.5, 1.1) * deep
            for start, end in ((0, 40), (40, 90)):
                s, e = np.radians(start), np.radians(end)
                p = (deep * np.cos(s), 0, 2 * tall + dome * np.sin(s))
                a.rod(p, (deep * np.cos(e), 0, 2 * tall + dome * np.sin(e)), bar, wire, radial=True)
            a.add(cylinder(1.05 * deep, 0.02), (0, 0, 0.02), painted(rng))
            a.add(torus(0.05, 0.008), (0, 0, 2 * tall + dome + 0.05), wire, turned=FORWARDS)
            if maybe(rng, 0.5):
                a.add(ellipsoid(0.05, 0.035, 0.04), (0, 0, tall), plain(vivid(rng)))
        elif maybe(rng, 0.5):
            _handle(a, rng, wire, 1.3 * bar, 2 * tall, deep)
    return a.build(sample_light(rng), blend=0.002, fold=fold)


def _handle(a: Assembly, rng: np.random.Generator, paint: Paint, bar: float, z: float, half: float) -> None:
    """A bow over the opening."""
    high = between(rng, 0.5, 1.3) * half
    a.chain([(0, half * np.cos(t), z + high * np.sin(t)) for t in np.linspace(0, np.pi / 2, 4)], bar, paint, mirror="y")


def _square_basket(
    a: Assembly, rng: np.random.Generator, wire: Paint, bar: float, tall: float, deep: float, *, slats: bool
) -> None:
    wide, narrow = deep * between(rng, 1.0, 1.8), between(rng, 0.6, 1.0)
    levels = whole(rng, 3, 5)
    for i in range(levels):
        share = i / (levels - 1)
        scale = narrow + (1 - narrow) * share
        half = 0.6 * tall / levels if slats else bar
        loop = frame(scale * deep, scale * wide, half, 2 * bar, corner=0.02)
        a.add(loop, (0, 0, half + share * (2 * tall - 2 * half)), wire)
    inner = bar if not slats else 1.5 * bar
    columns, rows = whole(rng, 1, 3), whole(rng, 2, 4)
    for i in range(columns):
        x = deep * (i + 0.6) / columns * 0.95
        a.rod((narrow * x, narrow * wide - bar, bar), (x, wide - bar, 2 * tall), inner, wire, mirror="xy")
    for i in range(rows):
        y = wide * (i + 0.6) / rows * 0.95
        a.rod((narrow * deep - bar, narrow * y, bar), (deep - bar, y, 2 * tall), inner, wire, mirror="xy")
    a.add(box(narrow * deep, narrow * wide, 0.006), (0, 0, 0.006), wire)
    if maybe(rng, 0.5):
        grip = plain(any_colour(rng))
        if maybe(rng, 0.5):
            high = between(rng, 0.1, 0.25)
            a.rod((0, wide, 2 * tall), (0, 0.6 * wide, 2 * tall + high), 1.5 * bar, grip, mirror="y")
            a.rod((0, -0.6 * wide, 2 * tall + high), (0, 0.6 * wide, 2 * tall + high), 2 * bar, grip)
        else:
            a.add(frame(0.04, 0.09, 1.5 * bar, 2.5 * bar, corner=0.03), (deep + 0.02, 0, 2 * tall), grip, mirror="x")
    if maybe(rng, 0.3):
        size = between(rng, 0.4, 0.8) * deep
        a.add(ellipsoid(size, size, 0.6 * size), (0, 0, 0.7 * tall), plain(any_colour(rng)))


def rack(rng: np.random.Generator) -> ProceduralObject:
    """Open shelves on thin posts, leaning shelves, a clothes rail, a coat stand; empty or full of things."""
    a = Assembly()
    posts, board = (
        pick(rng, (metal, varnished, painted, steel))(rng),
        pick(rng, (varnished, varnished, glass, painted))(rng),
    )
    deep, wide, tall = between(rng, 0.1, 0.25), between(rng, 0.15, 0.6), between(rng, 0.5, 1.1)
    bar, fold = between(rng, 0.008, 0.02), whole(rng, 3, 6)
    kind = pick(rng, ("shelves", "shelves", "shelves", "leaning", "rail", "coats"))
    if kind in ("shelves", "leaning"):
        levels = whole(rng, 2, 5)
        shrink = between(rng, 0.3, 0.7) if kind == "leaning" else 0.0
        if shrink:
            a.rod((deep, wide, 0), ((1 - 2 * shrink) * deep, wide, tall), bar, posts, mirror="y")
            a.rod((-deep, wide, 0), (-deep, wide, tall), bar, posts, mirror="y")
        else:
            a.rod((deep, wide, 0), (deep, wide, tall), bar, posts, mirror="xy", flat=True)
        thick = between(rng, 0.005, 0.015)
        for i in range(levels):
            z = 0.08 + (tall - 0.1) * i / max(levels - 1, 1)
            cut = shrink * deep * z / tall
            a.add(box(deep - cut, thick, wide, edge=0.003), (-cut, 0, z), board, turned=LYING)
            if i < levels - 1 and maybe(rng, 0.75):
                _load(a, rng, -cut, z + thick, deep - cut, wide, 0.75 * (tall - 0.1) / max(levels - 1, 1))
        if maybe(rng, 0.4):
            for side in (1, -1):
                a.rod((-deep, side * wide, 0.1), (-deep, -side * wide, 0.9 * tall), 0.5 * bar, posts)
    elif kind == "rail":
        a.rod((0, wide, 0), (0, wide, tall), bar, posts, mirror="y")
        a.rod((0, -wide, tall), (0, wide, tall), bar, posts)
        a.rod((0.2, wide, bar), (-0.2, wide, bar), bar, posts, mirror="y")
        for _ in range(whole(rng, 1, 6)):
            y, half = between(rng, -0.8, 0.8) * wide, between(rng, 0.15, 0.4)
            a.add(
                box(0.17, between(rng, 0.01, 0.03), half, corner=0.02, taper=(0.2, 0)),
                (0, y, tall - 0.07 - half),
                fabric(rng),
            )
        if maybe(rng, 0.5):
            a.rod((0, -wide, 0.15), (0, wide, 0.15), bar, posts)
    else:
        tall *= 1.3
        a.rod((0, 0, 0), (0, 0, tall), 1.2 * bar, posts)
        if maybe(rng, 0.5):
            a.rod((0, 0, 0.15), (0.25, 0, bar), bar, posts, radial=True)
        else:
            a.add(cylinder(0.2, 0.012), (0, 0, 0.012), posts)
        for z in (0.95, 0.75)[: whole(rng, 1, 2)]:
            out = between(rng, 0.08, 0.2)
            a.rod((0, 0, z * tall), (out, 0, z * tall + between(rng, 0.02, 0.15)), 0.8 * bar, posts, radial=True)
        if maybe(rng, 0.3):
            a.add(torus(0.14, bar), (0, 0, 0.3 * tall), posts)
        if maybe(rng, 0.4):
            a.add(box(0.06, 0.13, 0.28, corner=0.05, edge=0.04, taper=(0.4, 0.4)), (0.12, 0, 0.6 * tall), fabric(rng))
    return a.build(sample_light(rng), blend=0.002, fold=fold)


def _load(a: Assembly, rng: np.random.Generator, x: float, z: float, deep: float, wide: float, room: float) -> None:
    """Books, boxes, vases or bottles on a shelf at z."""
    first, tall = any_colour(rng), room * between(rng, 0.5, 1.0) / 2
    kind, y = rng.random(), between(rng, -0.5, 0.5) * wide
    if kind < 0.4:
        books = patterned(rng, first, matching(rng, first), "stripes", 60, 140)
        share = between(rng, 0.2, 0.45)
        a.add(box(0.7 * deep, tall, share * wide, edge=0.004), (x, y, z + tall), books, turned=LYING)
    elif kind < 0.75:
        a.add(box(0.75 * deep, between(rng, 0.15, 0.4) * wide, tall), (x, y, z + tall), plain(first))
    elif kind < 0.9:
        radius = min(0.7 * deep, tall)
        a.add(cylinder(radius, tall, taper=between(rng, 0, 0.5)), (x, y, z + tall), plain(first))
    else:
        radius = min(0.7 * deep, tall)
        a.add(ellipsoid(radius, radius, tall), (x, y, z + tall), plain(first))


def bunk_bed(rng: np.random.Generator) -> ProceduralObject:
    """A bunk, loft or four-poster bed, a cot, a bed of tubes, a futon or a camp bed: low, high or on thin bars."""
    a = Assembly()
    bars, sheet, cover = (
        pick(rng, (varnished, metal, painted))(rng),
        plain(pick(rng, (neutral, pastel))(rng)),
        fabric(rng),
    )
    long, wide = between(rng, 0.85, 1.05), pick(rng, (between(rng, 0.38, 0.5), between(rng, 0.6, 0.85)))
    post, soft = between(rng, 0.012, 0.04), between(rng, 0.03, 0.1)
    kind = pick(rng, ("bunk", "bunk", "loft", "loft", "poster", "cot", "tubes", "futon"))
    low = {"bunk": 0.3, "loft": 1.1, "poster": 0.35, "cot": 0.35, "tubes": 0.3, "futon": 0.1}[kind] * between(
        rng, 0.8, 1.2
    )
    high = {"bunk": 1.5, "loft": low + 0.3, "poster": 1.5, "cot": low + 0.4}.get(kind, low) * between(rng, 1.0, 1.15)
    a.add(box(long, wide, soft, corner=0.04, edge=0.7 * soft), (0, 0, low + soft), sheet)
    a.add(box(long, wide, 0.02), (0, 0, low - 0.02), bars)
    a.add(box(0.6 * long, 1.01 * wide, soft + 0.01, edge=0.02), (0.35 * long, 0, low + soft + 0.01), cover)
    a.add(box(0.15, 0.6 * wide, 0.05, corner=0.06, edge=0.04), (0.22 - long, 0, low + 2 * soft + 0.04), sheet)
    if kind in ("bunk", "loft", "poster", "cot"):
        a.rod((long, wide, 0), (long, wide, high), post, bars, mirror="xy")
    if kind == "bunk":
        top = 0.65 * high
        a.add(box(long, wide, soft, corner=0.04, edge=0.7 * soft), (0, 0, top + soft), cover)
        a.add(box(long, wide, 0.02), (0, 0, top - 0.02), bars)
        a.rod((-long, wide, top + 0.2), (long, wide, top + 0.2), 0.8 * post, bars, mirror="y")
        a.rod((long, -wide, high), (long, wide, high), 0.8 * post, bars, mirror="x")
    if kind in ("bunk", "loft"):
        x, rungs = between(rng, 0.3, 0.7) * long, 4
        top = 0.7 * high if kind == "bunk" else low
        lean = between(rng, 0.0, 0.3)
        for side in (0, 0.3):
            a.rod((x + side, wide + lean, 0), (x + side, wide, top + 0.1), 0.7 * post, bars)
        for i in range(rungs):
            share = (i + 0.7) / rungs
            y, z = wide + lean * (1 - share), top * share
            a.rod((x, y, z), (x + 0.3, y, z), 0.6 * post, bars)
    if kind == "loft":
        a.add(frame(long, wide, 0.012, 0.03), (0, 0, high), bars)
        if maybe(rng, 0.6):
            a.add(box(0.25, wide, 0.015), (0.2 - long, 0, 0.65 * low), bars)
    elif kind == "poster":
        a.add(frame(long + post, wide + post, 0.015, 2 * post), (0, 0, high), bars)
        if maybe(rng, 0.4):
            a.add(box(0.08, 0.02, high / 2 - 0.1), (long - 0.08, wide, high / 2), plain(pastel(rng)), mirror="xy")
        a.add(box(0.02, wide, 0.2), (-long, 0, low + 0.2), bars)
    elif kind == "cot":
        a.add(frame(long, wide, 0.02, 0.03), (0, 0, high), bars)
        for i in range(4):
            x = long * (i + 0.5) / 4
            a.rod((x, wide, low), (x, wide, high), 0.012, bars, mirror="xy")
        a.rod((long, 0.35 * wide, low), (long, 0.35 * wide, high), 0.012, bars, mirror="xy")
    elif kind == "tubes":
        for x, tall in ((-long, low + between(rng, 0.3, 0.6)), (long, low + between(rng, 0.1, 0.3))):
            a.add(
                frame(tall / 2, wide, 0.015, 0.03, corner=between(rng, 0.02, 0.25)),
                (x, 0, tall / 2),
                bars,
                turned=FORWARDS,
            )
            for y in (0.3, 0.65):
                a.rod((x, y * wide, low), (x, y * wide, tall - 0.02), 0.01, bars, mirror="y")
    elif kind == "futon" and maybe(rng, 0.5):
        back = between(rng, 0.15, 0.3)
        a.add(
            box(long, 0.05, back, edge=0.03),
            (0, -wide, low + 2 * soft + back),
            cover,
            turned=turn("x", between(rng, 0, 25)),
        )
    return a.build(sample_light(rng), blend=0.004)


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
            a.add(cylinder(0.05, 0.07, taper=0.3), (0, 0, tall + 0.07), glow, turned=_OVER)
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
