"""Shelves and rails on thin posts, and beds on them; a unit is about a metre."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick, whole
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    any_colour,
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
)
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import FORWARDS, LYING, box, cylinder, ellipsoid, frame, torus, turn


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
