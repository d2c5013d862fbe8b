"""Fences, railings, radiators and baskets: things of bars and boards."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick, whole
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    any_colour,
    concrete,
    fabric,
    metal,
    painted,
    patterned,
    plain,
    steel,
    varnished,
    vivid,
)
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import (
    FORWARDS,
    LYING,
    Paint,
    box,
    cylinder,
    ellipsoid,
    frame,
    profile,
    torus,
    turn,
)


def fence(rng: np.random.Generator) -> ProceduralObject:
    """A fence, a railing, a gate, a balustrade, a radiator or a towel rail: upright or level bars between rails."""
    a = Assembly()
    paint = pick(rng, (varnished, metal, painted, concrete))(rng)
    wide, tall = between(rng, 0.35, 0.9), between(rng, 0.25, 0.6)
    pairs, bar = whole(rng, 3, 10), between(rng, 0.006, 0.03)
    low, kind = between(rng, 0.02, 0.12), pick(rng, ("pickets", "bars", "bars", "balusters", "radiator", "towels"))
    pitch, depth = wide / pairs, between(rng, 0.03, 0.06)
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
            a.add(box(depth, 0.42 * pitch, tall, corner=0.02), (0, y, low + tall), paint, mirror="y")
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
