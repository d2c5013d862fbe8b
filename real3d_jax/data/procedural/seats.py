"""Chairs, stools, office chairs, sofas, armchairs and benches; a unit is about a metre, the sitter looks along +x."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick, whole
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    fabric,
    leather,
    metal,
    neutral,
    plain,
    steel,
    varnished,
    wood,
)
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import FORWARDS, LYING, Paint, box, cylinder, ellipsoid, torus, turn


def chair(rng: np.random.Generator) -> ProceduralObject:
    """A kitchen chair: four legs, a seat, a back of slats, rails, a board or a cushion, sometimes arms."""
    a = Assembly()
    width, depth = between(rng, 0.2, 0.27), between(rng, 0.19, 0.25)
    seat, back, lean = between(rng, 0.4, 0.5), between(rng, 0.36, 0.6), between(rng, 0.0, 0.14)
    frame = metal(rng) if maybe(rng, 0.2) else varnished(rng)
    cushion = frame if maybe(rng, 0.4) else pick(rng, (fabric, leather, varnished))(rng)
    thickness = between(rng, 0.015, 0.04)
    corner = between(rng, 0.0, 0.12)
    a.add(box(depth, width, thickness, corner=corner, edge=0.6 * thickness), (0, 0, seat), cushion)

    leg, splay = between(rng, 0.014, 0.028), pick(rng, (0.0, between(rng, 0.02, 0.09)))
    x, y = depth - leg - 0.3 * corner, width - leg - 0.3 * corner
    a.rod((x, y, seat), (x + splay, y + splay, 0), leg, frame, flat=True, taper=between(rng, 0, 0.5), mirror="y")
    a.rod((-x, y, seat), (-x - splay, y + splay, 0), leg, frame, flat=True, taper=between(rng, 0, 0.5), mirror="y")
    _back(a, rng, frame, cushion, (-x, y, seat), back, lean, leg)
    if maybe(rng, 0.4):  # rails between the legs
        height = between(rng, 0.12, 0.25)
        out = y + splay * (1 - height / seat)
        a.rod((x, out, height), (-x, out, height), 0.6 * leg, frame, mirror="y")
        if maybe(rng, 0.5):
            a.rod((0, -out, height), (0, out, height), 0.6 * leg, frame)
    if maybe(rng, 0.25):
        height = seat + between(rng, 0.18, 0.24)
        a.rod((-x, y, height), (0.7 * x, y, height), 1.2 * leg, frame, mirror="y")
        a.rod((0.6 * x, y, seat), (0.6 * x, y, height), 0.9 * leg, frame, mirror="y")
    return a.build(sample_light(rng), blend=0.004)


def _back(
    a: Assembly,
    rng: np.random.Generator,
    frame: Paint,
    cushion: Paint,
    foot: tuple[float, float, float],
    height: float,
    lean: float,
    post: float,
) -> None:
    """A back between two posts that stand at `foot` and lean back."""
    x, y, seat = foot

    def at(share: float) -> tuple[float, float]:
        return x - lean * share, seat + height * share

    (top_x, top_z), tilt = at(1.0), np.degrees(np.arctan2(lean, height))
    leaning = turn("y", -tilt)
    a.rod((x, y, seat), (top_x, y, top_z), post, frame, mirror="y")
    style = pick(rng, ("slats", "rails", "board", "cushion"))
    thickness = between(rng, 0.008, 0.016)
    if style == "slats":
        high = between(rng, 0.03, 0.07)
        rail_x, rail_z = at(0.93)
        a.add(box(thickness + 0.006, y, high, edge=0.008), (rail_x, 0, rail_z), frame, turned=leaning)
        middle_x, middle_z = at(0.45)
        count, wide = whole(rng, 1, 3), between(rng, 0.008, 0.022)
        for i in range(count):
            offset = y * (i + 0.5) / (count + 0.25)
            slat = box(thickness, wide, 0.5 * height, edge=0.004)
            a.add(slat, (middle_x, offset, middle_z), frame, turned=leaning, mirror="y")
    elif style == "rails":
        count = whole(rng, 2, 4)
        high = between(rng, 0.2, 0.36) * height / count
        for i in range(count):
            rail_x, rail_z = at(0.95 - i * 0.75 / count)
            a.add(box(thickness, y, high, edge=0.006), (rail_x, 0, rail_z), frame, turned=leaning)
    else:
        low, tall = at(between(rng, 0.62, 0.7)), between(rng, 0.26, 0.38) * height
        thickness = thickness if style == "board" else between(rng, 0.02, 0.04)
        # Its outline lies in the part's xy plane, so that its corners can be round.
        board = box(tall, y + 0.3 * post, thickness, corner=between(rng, 0.0, 0.9) * tall, edge=0.8 * thickness)
        a.add(board, (low[0], 0, low[1]), cushion, turned=leaning @ FORWARDS)


def stool(rng: np.random.Generator) -> ProceduralObject:
    """A round seat on three to five legs or on a foot, often with a ring between them; bar stools are tall."""
    a = Assembly()
    height, radius = between(rng, 0.35, 0.85), between(rng, 0.14, 0.24)
    frame = metal(rng) if maybe(rng, 0.4) else varnished(rng)
    cushion = pick(rng, (fabric, leather, varnished))(rng)
    thickness = between(rng, 0.018, 0.06)
    a.add(cylinder(radius, thickness, edge=between(rng, 0.2, 0.9) * thickness), (0, 0, height), cushion)
    out = radius * between(rng, 0.9, 1.4)
    if maybe(rng, 0.25):
        a.rod((0, 0, 0.03), (0, 0, height), between(rng, 0.02, 0.04), frame)
        a.add(cylinder(out, 0.02, edge=0.015), (0, 0, 0.02), frame)
        fold = 4
    else:
        fold, leg = whole(rng, 3, 5), between(rng, 0.012, 0.026)
        a.rod((0.75 * radius, 0, height), (out, 0, 0), leg, frame, flat=True, taper=between(rng, 0, 0.4), radial=True)
    if maybe(rng, 0.6):
        level = between(rng, 0.25, 0.45)
        ring = 0.75 * radius * level + out * (1 - level)
        a.add(torus(ring + 0.012, 0.012), (0, 0, level * height), frame)
    if maybe(rng, 0.25) and height > 0.5:  # a low back, out of the way of the seat
        tall = between(rng, 0.07, 0.14)
        a.rod(
            (-0.8 * radius, 0.4 * radius, height), (-radius, 0.4 * radius, height + 2 * tall), 0.013, frame, mirror="y"
        )
        pad = box(tall, 0.8 * radius, 0.02, corner=0.7 * tall, edge=0.016)
        a.add(pad, (-radius, 0, height + 2.2 * tall), cushion, turned=turn("y", 85))
    return a.build(sample_light(rng), blend=0.004, fold=fold)


def office_chair(rng: np.random.Generator) -> ProceduralObject:
    """A swivel chair on a star of castors, with a padded seat and back, mostly with arms."""
    a = Assembly()
    dark, shell = plain(neutral(rng)), steel(rng)
    frame = pick(rng, (dark, shell))
    cushion = pick(rng, (fabric, leather, fabric))(rng)
    reach, seat = between(rng, 0.24, 0.32), between(rng, 0.44, 0.54)
    wide, deep, soft = between(rng, 0.21, 0.27), between(rng, 0.2, 0.25), between(rng, 0.03, 0.055)
    a.rod((0.02, 0, 0.11), (reach, 0, 0.075), 0.022, frame, taper=0.3, radial=True)
    a.add(ellipsoid(0.03, 0.022, 0.03), (reach, 0, 0.03), plain((0.1, 0.1, 0.1)), radial=True)
    a.rod((0, 0, 0.1), (0, 0, seat), between(rng, 0.022, 0.035), frame)
    a.add(box(deep, wide, soft, corner=between(rng, 0.06, 0.16), edge=0.9 * soft), (0.02, 0, seat), cushion)

    tall, lean = between(rng, 0.2, 0.36), between(rng, 4, 14)
    low = seat + between(rng, 0.06, 0.16)
    away = -deep - 0.01 - np.sin(np.radians(lean)) * tall
    turned = turn("y", 90 - lean)
    padding = box(tall, wide * between(rng, 0.8, 1.0), 0.7 * soft, corner=between(rng, 0.06, 0.17), edge=0.6 * soft)
    a.add(padding, (away, 0, low + tall), cushion, turned=turned)
    a.chain(((-0.3 * deep, 0, seat - 0.04), (-deep - 0.04, 0, seat - 0.02), (away - 0.03, 0, low + tall)), 0.022, frame)
    if maybe(rng, 0.4):
        rest = box(0.06, 0.6 * wide, 0.6 * soft, corner=0.05, edge=0.5 * soft)
        a.add(rest, (away - 0.12 * tall, 0, low + 2.2 * tall + 0.04), cushion, turned=turned)
        a.rod((away, 0, low + tall), (away - 0.12 * tall, 0, low + 2.2 * tall), 0.016, frame)
    if maybe(rng, 0.75):
        height = seat + between(rng, 0.17, 0.23)
        arm = box(0.6 * deep, 0.028, 0.016, corner=0.025, edge=0.012)
        a.add(arm, (0, wide + 0.03, height), dark, mirror="y")
        a.chain(
            ((0, 0.6 * wide, seat - 0.02), (0, wide + 0.03, seat), (0, wide + 0.03, height)), 0.015, frame, mirror="y"
        )
    return a.build(sample_light(rng), blend=0.008, fold=5)


def sofa(rng: np.random.Generator) -> ProceduralObject:
    """A sofa for two or three, or an armchair: a base, a back, arms, cushions, low legs, sometimes a throw pillow."""
    a = Assembly()
    places = whole(rng, 1, 3)
    place, deep = between(rng, 0.27, 0.34), between(rng, 0.36, 0.44)
    wide = places * place
    cover = leather(rng) if maybe(rng, 0.3) else fabric(rng)
    pads = cover if maybe(rng, 0.7) else fabric(rng)
    foot, base = between(rng, 0.04, 0.16), between(rng, 0.08, 0.12)
    soft, back = between(rng, 0.05, 0.09), between(rng, 0.2, 0.36)
    arm, arm_height = between(rng, 0.05, 0.12), between(rng, 0.1, 0.2)
    thick, round_ = between(rng, 0.07, 0.12), between(rng, 0.02, 0.06)
    seat = foot + 2 * base + 2 * soft
    a.add(box(deep, wide, base, edge=round_), (0, 0, foot + base), cover)
    tilt = turn("y", -between(rng, 0, 14))
    a.add(
        box(thick, wide + arm, (seat - foot) / 2 + back, edge=round_),
        (-deep, 0, (foot + seat) / 2 + back),
        cover,
        turned=tilt,
    )
    height = (seat - foot + arm_height) / 2
    if maybe(rng, 0.35):  # rolled arms
        a.rod(
            (-deep, wide + arm, foot + 2 * height), (deep, wide + arm, foot + 2 * height), 1.15 * arm, cover, mirror="y"
        )
    a.add(box(deep, arm, height, edge=min(round_, 0.6 * arm)), (0.02, wide + arm, foot + height), cover, mirror="y")
    for i in range(places):
        y = (2 * i + 1 - places) * place
        if y < -0.01:
            continue  # the mirrored copy of another
        mirror = "y" if y > 0.01 else ""
        cushion = box(deep - 0.5 * thick, 0.97 * place, soft, corner=0.04, edge=0.8 * soft)
        a.add(cushion, (0.5 * thick + 0.02, y, seat - soft), pads, mirror=mirror)
        upright = box(1.3 * back, 0.95 * place, soft, corner=0.08, edge=0.9 * soft)
        a.add(upright, (thick - deep + soft, y, seat + 0.85 * back), pads, turned=tilt @ FORWARDS, mirror=mirror)
    legs = metal(rng) if maybe(rng, 0.4) else wood(rng)
    a.rod(
        (deep - 0.07, wide - 0.02, foot + 0.02), (deep - 0.05, wide, 0), 0.028, legs, flat=True, taper=0.3, mirror="xy"
    )
    if maybe(rng, 0.4):
        pillow = box(0.15, 0.15, 0.06, corner=0.05, edge=0.055)
        turned = turn("z", 20) @ turn("y", 60) @ turn("z", between(rng, 0, 90))
        place_y = wide - 0.12 if maybe(rng, 0.6) else 0.12 - wide
        a.add(pillow, (-deep + 2 * thick + soft + 0.05, place_y, seat + 0.13), fabric(rng), turned=turned)
    return a.build(sample_light(rng), blend=0.006)


def bench(rng: np.random.Generator) -> ProceduralObject:
    """A park bench of slats on two side frames, with or without a back and arms."""
    a = Assembly()
    wide, deep, seat = between(rng, 0.42, 0.75), between(rng, 0.17, 0.24), between(rng, 0.36, 0.46)
    slat, frame = varnished(rng), metal(rng) if maybe(rng, 0.6) else wood(rng)
    count, thick = whole(rng, 1, 4), between(rng, 0.012, 0.025)
    pitch = 2 * deep / count
    for i in range(count):  # the grain runs along the slat
        board = box(0.42 * pitch, thick, wide, edge=0.006)
        a.add(board, (-deep + (i + 0.5) * pitch, 0, seat), slat, turned=LYING)
    leg, side = between(rng, 0.018, 0.035), wide * between(rng, 0.7, 0.92)
    under = seat - thick
    lean = between(rng, 0.0, 0.06)
    a.rod((deep - leg, side, under), (deep - leg + lean, side, 0), leg, frame, flat=True, mirror="y")
    a.rod((-deep + leg, side, under), (-deep + leg - lean, side, 0), leg, frame, flat=True, mirror="y")
    a.rod((deep, side, under - leg), (-deep, side, under - leg), leg, frame, mirror="y")
    if maybe(rng, 0.75):
        back, tilt = between(rng, 0.3, 0.42), between(rng, 4, 16)
        shift = np.tan(np.radians(tilt)) * back
        a.rod((-deep, side, under), (-deep - shift, side, seat + back), leg, frame, mirror="y")
        rails = whole(rng, 1, 3)
        for i in range(rails):
            share = 1 - (i + 0.4) * 0.75 / rails
            rail = box(0.28 * back / rails, thick, wide, edge=0.006)
            a.add(
                rail,
                (-deep - share * shift + 1.2 * leg, 0, seat + share * back),
                slat,
                turned=turn("y", 90 - tilt) @ LYING,
            )
    if maybe(rng, 0.45):
        height = seat + between(rng, 0.15, 0.2)
        a.rod((-deep, side, height), (deep - leg, side, height), 0.9 * leg, frame, mirror="y")
        a.rod((deep - leg, side, under), (deep - leg, side, height), 0.8 * leg, frame, mirror="y")
    return a.build(sample_light(rng), blend=0.003)
