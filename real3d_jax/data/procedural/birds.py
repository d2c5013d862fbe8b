"""Ducks, small birds, penguins and fish; about a unit long, looking along +x."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    BLACK,
    WHITE,
    any_colour,
    fur,
    matching,
    patterned,
    plain,
    tinted,
    vivid,
)
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import FORWARDS, box, cylinder, ellipsoid, turn


def duck(rng: np.random.Generator) -> ProceduralObject:
    """A swimming bird: duck, goose or swan, with a flat bill and folded wings."""
    a = Assembly()
    base = pick(rng, ((0.95, 0.8, 0.2), (0.95, 0.94, 0.9), fur(rng), vivid(rng)))
    coat, wing = plain(base), plain(tinted(base, between(rng, 0.6, 1.0)))
    head_paint = coat if maybe(rng, 0.65) else plain(pick(rng, ((0.1, 0.35, 0.25), matching(rng, base))))
    bill = plain(pick(rng, ((0.95, 0.55, 0.1), (0.9, 0.35, 0.1), (0.2, 0.2, 0.2))))
    long, wide, tall = between(rng, 0.34, 0.42), between(rng, 0.2, 0.27), between(rng, 0.17, 0.23)
    a.add(ellipsoid(long, wide, tall), (0, 0, tall), coat, turned=turn("y", -between(rng, 0, 8)))
    tail = ellipsoid(0.17, 0.11, 0.05)
    a.add(tail, (-long - 0.0, 0, 1.35 * tall), coat, turned=turn("y", between(rng, 20, 45)))
    neck, head = between(rng, 0.14, 0.42), between(rng, 0.105, 0.14)
    root = np.array([0.62 * long, 0, 1.35 * tall])
    middle = root + np.array([0.1, 0, 0.5 * neck])
    top = middle + np.array([between(rng, -0.04, 0.03), 0, 0.5 * neck])
    a.chain((root, middle, top), 0.45 * head + 0.035, head_paint, end=0.8)
    a.add(ellipsoid(1.08 * head, 0.92 * head, 0.95 * head), top + np.array([0.02, 0, 0.03]), head_paint)
    beak = between(rng, 0.06, 0.1)
    a.add(ellipsoid(beak, 0.06, 0.026), top + np.array([head + 0.6 * beak, 0, 0.0]), bill)
    a.add(ellipsoid(0.018, 0.018, 0.018), top + np.array([0.6 * head, 0.72 * head, 0.07]), BLACK, mirror="y")
    folded = ellipsoid(0.62 * long, 0.05, 0.6 * tall)
    a.add(folded, (-0.12 * long, 0.92 * wide, 1.2 * tall), wing, turned=turn("y", 14) @ turn("x", 16), mirror="y")
    return a.build(sample_light(rng), blend=0.03)


def bird(rng: np.random.Generator) -> ProceduralObject:
    """A small bird on two legs, or a penguin: beak, wings at its sides, tail."""
    a = Assembly()
    penguin = maybe(rng, 0.25)
    base = (0.12, 0.13, 0.16) if penguin else pick(rng, (vivid(rng), fur(rng)))
    back, breast = plain(base), plain((0.95, 0.94, 0.9) if penguin else tinted(matching(rng, base), 1.2))
    bill = plain(pick(rng, ((0.95, 0.6, 0.1), (0.25, 0.22, 0.2), (0.85, 0.3, 0.1))))
    tilt = between(rng, 78, 88) if penguin else between(rng, 25, 60)
    long, wide = between(rng, 0.3, 0.38), between(rng, 0.17, 0.22)
    legs = -0.05 if penguin else between(rng, 0.1, 0.24)
    up = np.radians(tilt)
    along = np.array([np.cos(up), 0, np.sin(up)])
    centre = np.array([0, 0, legs + long * np.sin(up) + wide * np.cos(up) * 0.6])
    turned = turn("y", -tilt)
    a.add(ellipsoid(long, wide, wide), centre, back, turned=turned)
    belly = centre + turned @ np.array([0.02, 0, -0.1 * wide]) + np.array([0.03, 0, -0.01])
    a.add(ellipsoid(0.88 * long, 0.85 * wide, 0.98 * wide), belly, breast, turned=turned)
    head = between(rng, 0.125, 0.16)
    top = centre + along * long * 0.85 + np.array([0.04, 0, 0.07])
    a.add(ellipsoid(head, 0.95 * head, 0.95 * head), top, back)
    beak = between(rng, 0.05, 0.12)
    a.add(cylinder(0.042, beak, taper=0.9), top + np.array([head + 0.7 * beak, 0, -0.01]), bill, turned=turn("y", 95))
    a.add(
        ellipsoid(0.02, 0.02, 0.02),
        top + np.array([0.62 * head, 0.7 * head, 0.05]),
        WHITE if penguin else BLACK,
        mirror="y",
    )
    wing = ellipsoid(0.8 * long, 0.035, 0.5 * wide)
    lift = between(rng, 8, 35)
    at = centre + turned @ np.array([-0.15 * long, 0, 0.1 * wide]) + np.array([0, 0.95 * wide, 0])
    a.add(wing, at, plain(tinted(base, 0.75)), turned=turn("x", lift) @ turned, mirror="y")
    if not penguin:
        tail = between(rng, 0.12, 0.22)
        end = centre - along * (long + 0.55 * tail)
        a.add(box(tail, 0.07, 0.018, edge=0.015), end, plain(tinted(base, 0.75)), turned=turn("y", -0.8 * tilt))
        a.rod((0.02, 0.09, legs + 0.12), (0.02, 0.09, 0.015), 0.016, bill, mirror="y")
    else:
        a.add(ellipsoid(0.1, 0.05, 0.12), centre - along * long * 0.85 + np.array([-0.08, 0, 0.02]), back)
    a.add(box(0.09, 0.05, 0.014, corner=0.04), (0.06, 0.09, 0.014), bill, mirror="y")
    return a.build(sample_light(rng), blend=0.02)


def fish(rng: np.random.Generator) -> ProceduralObject:
    """A fish: a flat body, tail, back and breast fins, round eyes."""
    a = Assembly()
    base = vivid(rng) if maybe(rng, 0.7) else any_colour(rng)
    second = matching(rng, base)
    scales = pick(rng, ("plain", "stripes", "dots", "gradient", "checker"))
    body = patterned(rng, base, second, scales, 14, 35)
    fin = plain(second if maybe(rng, 0.6) else tinted(base, 0.7))
    long, tall, wide = between(rng, 0.3, 0.42), between(rng, 0.13, 0.27), between(rng, 0.07, 0.12)
    # Its z axis is the fish's length, so that stripes stand upright.
    a.add(ellipsoid(tall, wide, long), (0, 0, 0), body, turned=FORWARDS)
    a.add(ellipsoid(0.35 * tall, 0.6 * wide, 0.35 * long), (-0.75 * long, 0, 0), body, turned=FORWARDS)
    spread, length = between(rng, 0.09, 0.17), between(rng, 0.07, 0.12)
    fork = between(rng, 20, 48)
    for side in (1, -1):
        lobe = ellipsoid(0.05 + 0.3 * spread, 0.018, spread)
        centre = (-long - length, 0, side * spread * 0.75)
        a.add(lobe, centre, fin, turned=turn("y", -side * fork))
    back = between(rng, 0.5, 0.9)
    a.add(ellipsoid(back * 0.5 * long, 0.02, 0.45 * tall), (-0.08, 0, 0.95 * tall), fin, turned=turn("y", -12))
    if maybe(rng, 0.8):
        a.add(ellipsoid(0.09, 0.018, 0.3 * tall), (-0.3 * long, 0, -0.9 * tall), fin, turned=turn("y", 35))
    lift = between(rng, 20, 60)
    breast = turn("z", -30) @ turn("x", -lift)
    a.add(ellipsoid(0.09, 0.014, 0.06), (0.25 * long, 0.95 * wide + 0.02, -0.25 * tall), fin, turned=breast, mirror="y")
    eye = between(rng, 0.03, 0.045)
    at = np.array([0.62 * long, 0.62 * wide, 0.2 * tall])
    a.add(ellipsoid(eye, 0.7 * eye, eye), at, WHITE, mirror="y")
    a.add(ellipsoid(0.6 * eye, 0.5 * eye, 0.6 * eye), at + np.array([0.012, 0.42 * eye, 0]), BLACK, mirror="y")
    if maybe(rng, 0.7):
        a.add(ellipsoid(0.03, 0.035, 0.02), (0.98 * long, 0, -0.12 * tall), plain(tinted(base, 0.7)))
    return a.build(sample_light(rng), blend=0.012)
