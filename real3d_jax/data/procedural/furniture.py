"""Tables, desks, beds, cabinets and shelves; a unit is about a metre."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick, whole
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    any_colour,
    fabric,
    matching,
    metal,
    neutral,
    painted,
    pastel,
    patterned,
    plain,
    varnished,
    vivid,
    wood,
)
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import FORWARDS, LYING, OVER, Paint, box, cylinder, ellipsoid, turn


def table(rng: np.random.Generator) -> ProceduralObject:
    """A round, oval or rectangular top on four legs, a foot or two trestles; coffee tables are low."""
    a = Assembly()
    height = between(rng, 0.34, 0.5) if maybe(rng, 0.3) else between(rng, 0.55, 0.75)
    deep = between(rng, 0.28, 0.45)
    wide = deep if maybe(rng, 0.3) else deep * between(rng, 1.2, 2.0)
    thick = between(rng, 0.012, 0.035)
    top = varnished(rng)
    frame = top if maybe(rng, 0.5) else pick(rng, (metal, varnished))(rng)
    corner = pick(rng, (0.0, 0.0, between(rng, 0.05, 1.0) * deep, deep))
    if corner:
        a.add(box(deep, wide, thick, corner=corner, edge=0.4 * thick), (0, 0, height), top)
    else:
        a.add(box(deep, thick, wide, edge=0.006), (0, 0, height), top, turned=LYING)
    style = pick(rng, ("legs", "legs", "legs", "foot", "trestles"))
    fold = whole(rng, 3, 5)
    if style == "legs":
        _four_legs(a, rng, frame, height, deep - 0.3 * corner, wide - 0.3 * corner)
    elif style == "foot":
        radius = between(rng, 0.025, 0.06)
        a.rod((0, 0, 0.02), (0, 0, height), radius, frame)
        reach = deep * between(rng, 0.5, 0.8)
        if maybe(rng, 0.5):
            a.add(cylinder(reach, 0.02, edge=0.015), (0, 0, 0.02), frame)
        else:
            a.rod((0, 0, 0.45 * radius + 0.05), (reach, 0, 0.02), 0.5 * radius + 0.01, frame, radial=True)
    else:
        out, leg = wide * between(rng, 0.6, 0.8), between(rng, 0.02, 0.04)
        spread = deep * between(rng, 0.5, 0.8)
        a.rod((0.3 * spread, out, height), (spread, out, 0), leg, frame, flat=True, mirror="xy")
        a.rod((0, -out, 0.35 * height), (0, out, 0.35 * height), 0.8 * leg, frame)
        a.rod((0.7 * spread, out, 0.35 * height), (-0.7 * spread, out, 0.35 * height), 0.8 * leg, frame, mirror="y")
    return a.build(sample_light(rng), blend=0.004, fold=fold)


def _four_legs(a: Assembly, rng: np.random.Generator, frame: Paint, height: float, deep: float, wide: float) -> None:
    """Round, square or leaning legs under a top, with or without an apron, rails or a shelf below."""
    leg, inset = between(rng, 0.018, 0.045), between(rng, 0.0, 0.06)
    x, y = deep - leg - inset, wide - leg - inset
    if maybe(rng, 0.5):
        narrow = between(rng, 0.0, 0.5)
        square = box(leg, leg, height / 2, edge=0.004, taper=(narrow, narrow))
        a.add(square, (x, y, height / 2), frame, turned=OVER, mirror="xy")
    else:
        splay = pick(rng, (0.0, between(rng, 0.03, 0.1)))
        out = (x + splay - inset, y + splay - inset, 0)
        a.rod((x - inset, y - inset, height), out, leg, frame, flat=True, taper=between(rng, 0, 0.6), mirror="xy")
    if maybe(rng, 0.5):
        apron = between(rng, 0.025, 0.05)
        a.add(box(x, y, apron, edge=0.004), (0, 0, height - apron), frame)
    if maybe(rng, 0.3):
        a.add(box(x, 0.01, y, edge=0.004), (0, 0, between(rng, 0.15, 0.4) * height), frame, turned=LYING)


def desk(rng: np.random.Generator) -> ProceduralObject:
    """A writing desk: a top, drawers on one or both sides, legs on the other, sometimes a lamp, screen or books."""
    a = Assembly()
    height, deep, wide = between(rng, 0.66, 0.75), between(rng, 0.27, 0.36), between(rng, 0.5, 0.75)
    thick = between(rng, 0.012, 0.025)
    body = varnished(rng)
    front = body if maybe(rng, 0.5) else pick(rng, (varnished, painted))(rng)
    knob = metal(rng)
    a.add(box(deep, thick, wide, edge=0.006), (0, 0, height), body, turned=LYING)
    both, side = maybe(rng, 0.35), pick(rng, (-1, 1))
    mirror = "y" if both else ""
    breadth = between(rng, 0.14, 0.2)
    y = wide - breadth - 0.02
    y = y if both else side * y
    bottom = pick(rng, (0.0, between(rng, 0.05, 0.3) * height))
    tall = (height - thick - bottom) / 2
    a.add(box(0.92 * deep, breadth, tall, edge=0.006), (0, y, bottom + tall), body, mirror=mirror)
    count = whole(rng, 2, 4) if bottom < 0.1 else whole(rng, 1, 3)
    for i in range(count):
        z = bottom + (i + 0.5) * 2 * tall / count
        drawer = box(0.012, 0.9 * breadth, 0.86 * tall / count, edge=0.006)
        a.add(drawer, (0.92 * deep, y, z), front, mirror=mirror)
        grip = box(0.012, pick(rng, (0.015, 0.05)), 0.01, edge=0.005) if i == 0 else grip
        a.add(grip, (0.92 * deep + 0.02, y, z), knob, mirror=mirror)
    if not both or bottom:
        leg = between(rng, 0.016, 0.03)
        for x in (deep - leg - 0.02, leg + 0.02 - deep):
            where = (x, wide - leg - 0.02, height / 2) if bottom else (x, -side * (wide - leg - 0.02), height / 2)
            a.add(box(leg, leg, height / 2, edge=0.004), where, body, mirror="y" if bottom else "")
    if maybe(rng, 0.6):
        panel = between(rng, 0.3, 0.8) * height / 2
        a.add(box(0.01, wide - 0.04, panel, edge=0.004), (-0.85 * deep, 0, height - panel), body)
    if maybe(rng, 0.3):
        _screen(a, rng, height + thick, deep)
    return a.build(sample_light(rng), blend=0.003)


def _screen(a: Assembly, rng: np.random.Generator, top: float, deep: float) -> None:
    dark, size = plain((0.12, 0.12, 0.13)), between(rng, 0.17, 0.28)
    a.add(box(0.014, size, 0.6 * size, edge=0.008), (-0.3 * deep, 0, top + 0.85 * size), dark)
    a.add(
        box(0.01, 0.93 * size, 0.54 * size, edge=0.004), (-0.3 * deep + 0.007, 0, top + 0.85 * size), plain(vivid(rng))
    )
    a.add(cylinder(0.1, 0.1 * size + 0.02, taper=0.6), (-0.3 * deep, 0, top + 0.1 * size + 0.02), dark)


def bed(rng: np.random.Generator) -> ProceduralObject:
    """A single or double bed: frame, mattress, head and foot, pillows and a blanket."""
    a = Assembly()
    long, wide = between(rng, 0.92, 1.05), pick(rng, (between(rng, 0.42, 0.52), between(rng, 0.65, 0.9)))
    under, thick, soft = between(rng, 0.08, 0.25), between(rng, 0.04, 0.08), between(rng, 0.08, 0.13)
    frame, sheet = varnished(rng), plain(pick(rng, (neutral, pastel))(rng))
    top = under + 2 * thick + 2 * soft
    a.add(box(long, wide, thick, edge=0.015), (0, 0, under + thick), frame)
    a.add(box(long - 0.03, wide - 0.02, soft, corner=0.05, edge=0.05), (0, 0, top - soft), sheet)
    head, style = top + between(rng, 0.15, 0.45), pick(rng, ("board", "round", "padded"))
    if style == "board":
        a.add(box(0.03, wide + 0.02, head / 2, edge=0.012), (-long, 0, head / 2), frame)
    else:
        cover = fabric(rng) if style == "padded" else frame
        board = box(head / 2, wide + 0.03, 0.035, corner=between(rng, 0.05, 0.9) * head / 2, edge=0.03)
        a.add(board, (-long, 0, head / 2), cover, turned=FORWARDS)
    if maybe(rng, 0.5):
        foot = top + between(rng, -0.15, 0.12)
        a.add(box(0.025, wide + 0.02, foot / 2, edge=0.012), (long, 0, foot / 2), frame)
    a.add(cylinder(0.035, under / 2 + 0.02), (long - 0.06, wide - 0.06, under / 2 + 0.02), frame, mirror="xy")
    pillows = plain(pick(rng, (neutral, pastel))(rng)) if maybe(rng, 0.6) else fabric(rng)
    if wide > 0.6:
        pillow = box(0.17, 0.42 * wide, 0.07, corner=0.09, edge=0.065)
        a.add(pillow, (0.24 - long, 0.48 * wide, top + 0.05), pillows, turned=turn("y", 12), mirror="y")
    else:
        a.add(
            box(0.17, 0.7 * wide, 0.07, corner=0.09, edge=0.065),
            (0.24 - long, 0, top + 0.05),
            pillows,
            turned=turn("y", 12),
        )
    blanket, cover = between(rng, 0.45, 0.78) * long, fabric(rng)
    drop = between(rng, 0.6, 1.3) * soft
    a.add(box(blanket, wide + 0.015, drop, edge=0.04), (long - blanket - 0.01, 0, top + 0.025 - drop), cover)
    if maybe(rng, 0.5):  # turned down
        a.add(box(0.1, wide + 0.02, 0.03, edge=0.025), (long - 2 * blanket, 0, top + 0.02), sheet)
    return a.build(sample_light(rng), blend=0.006)


def cabinet(rng: np.random.Generator) -> ProceduralObject:
    """A wardrobe, sideboard or chest: a body with doors or rows of drawers, on legs or a plinth."""
    a = Assembly()
    body = varnished(rng)
    front = body if maybe(rng, 0.4) else pick(rng, (varnished, painted))(rng)
    knob, deep = metal(rng), between(rng, 0.2, 0.3)
    kind = pick(rng, ("wardrobe", "chest", "sideboard"))
    wide, tall = {"wardrobe": (0.32, 0.7), "chest": (0.34, 0.4), "sideboard": (0.6, 0.28)}[kind]
    wide, tall = wide * between(rng, 0.8, 1.25), tall * between(rng, 0.85, 1.15)
    foot = between(rng, 0.03, 0.2)
    a.add(box(deep, wide, tall, edge=0.01), (0, 0, foot + tall), body)
    if maybe(rng, 0.6):
        lip = between(rng, 0.01, 0.035)
        a.add(box(deep + lip, wide + lip, 0.018, edge=0.008), (0, 0, foot + 2 * tall), body)
    doors = kind == "wardrobe" or (kind == "sideboard" and maybe(rng, 0.6))
    rows = pick(rng, (0, 1)) if doors else whole(rng, 2, 4)
    low = 0.3 * tall if doors and rows else 2 * tall
    columns = 1 if kind == "chest" and maybe(rng, 0.6) else 2
    if columns == 2:
        half, y, mirror = wide / 2, wide / 2, "y"
    else:
        half, y, mirror = wide, 0.0, ""
    for i in range(rows):
        z = foot + (i + 0.5) * low / rows
        a.add(box(0.014, half - 0.02, 0.5 * low / rows - 0.012, edge=0.007), (deep, y, z), front, mirror=mirror)
        a.add(ellipsoid(0.018, 0.02, 0.014), (deep + 0.025, y, z), knob, mirror=mirror)
    if doors:
        bottom = low if rows else 0.0
        middle, high = foot + (bottom + 2 * tall) / 2, (2 * tall - bottom) / 2 - 0.015
        a.add(box(0.014, wide / 2 - 0.01, high, edge=0.007), (deep, wide / 2, middle), front, mirror="y")
        a.rod((deep + 0.03, 0.05, middle - 0.05), (deep + 0.03, 0.05, middle + 0.05), 0.011, knob, mirror="y")
        if maybe(rng, 0.5):
            panel = box(0.012, 0.36 * wide, 0.8 * high, edge=0.005)
            a.add(panel, (deep + 0.006, wide / 2, middle), plain(matching(rng, front.colours[0])), mirror="y")
    if foot > 0.08:
        legs = body if maybe(rng, 0.5) else metal(rng)
        a.rod(
            (deep - 0.05, wide - 0.06, foot),
            (deep - 0.03, wide - 0.03, 0),
            0.025,
            legs,
            flat=True,
            taper=0.4,
            mirror="xy",
        )
    else:
        a.add(box(deep - 0.02, wide - 0.02, foot / 2), (0, 0, foot / 2), body)
    return a.build(sample_light(rng), blend=0.003)


def shelf(rng: np.random.Generator) -> ProceduralObject:
    """A bookcase with open shelves, some of them holding books or boxes."""
    a = Assembly()
    body = varnished(rng)
    wide, deep, tall = between(rng, 0.25, 0.55), between(rng, 0.12, 0.2), between(rng, 0.35, 0.75)
    levels, wall = whole(rng, 2, 4), between(rng, 0.012, 0.022)
    a.add(box(deep, wall, tall, edge=0.004), (0, wide, tall), body, mirror="y")
    pitch = (2 * tall - 0.06) / levels
    for i in range(levels + 1):
        a.add(box(deep, wall, wide, edge=0.004), (0, 0, 0.06 - wall + i * pitch), body, turned=LYING)
    if maybe(rng, 0.6):
        a.add(
            box(0.008, wide, tall - 0.03),
            (-deep + 0.008, 0, tall + 0.02),
            body if maybe(rng, 0.6) else painted(rng),
        )
    for i in range(levels):
        if maybe(rng, 0.25):
            continue
        floor = 0.06 + i * pitch
        share, height = between(rng, 0.35, 0.95), between(rng, 0.55, 0.85) * pitch / 2
        y = pick(rng, (-1, 1)) * (1 - share) * (wide - wall) * 0.98
        if maybe(rng, 0.75):  # books: stripes along the row
            first = any_colour(rng)
            books = patterned(rng, first, matching(rng, first), "stripes", 60, 110)
            row = box(0.7 * deep, height, share * (wide - wall), edge=0.004)
            a.add(row, (-0.1 * deep, y, floor + height), books, turned=LYING)
        else:
            crate = box(0.75 * deep, 0.85 * share * (wide - wall), height, edge=0.008)
            a.add(crate, (0, y, floor + height), pick(rng, (fabric, wood))(rng))
    return a.build(sample_light(rng), blend=0.002)
