"""Toys: teddies, robots, snowmen and little people; about a unit in size, looking along +x."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick, whole
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    BLACK,
    WHITE,
    colour,
    fabric,
    fur,
    matching,
    neutral,
    painted,
    pastel,
    plain,
    skin,
    steel,
    tinted,
    vivid,
)
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import FORWARDS, SIDEWAYS, box, cylinder, ellipsoid, torus, turn


def teddy(rng: np.random.Generator) -> ProceduralObject:
    """A sitting soft toy: a bear, a rabbit or a mouse, by its ears."""
    a = Assembly()
    kind = pick(rng, ("bear", "bear", "rabbit", "mouse"))
    base = fur(rng) if maybe(rng, 0.6) else pastel(rng)
    plush, light = plain(base), plain(tinted(base, 1.4) if sum(base) < 2.4 else tinted(base, 0.8))
    belly = between(rng, 0.19, 0.25)
    body = between(rng, 0.22, 0.28)
    shirt = fabric(rng) if maybe(rng, 0.3) else plush
    a.add(ellipsoid(belly, belly, body), (0, 0, body), shirt)
    if shirt is plush:
        a.add(ellipsoid(0.55 * belly, 0.68 * belly, 0.68 * body), (0.5 * belly, 0, 0.95 * body), light)
    head = between(rng, 0.18, 0.23)
    top = np.array([0.02, 0, 2 * body + 0.75 * head])
    a.add(ellipsoid(head, 1.08 * head, 0.96 * head), top, plush)
    a.add(ellipsoid(0.45 * head, 0.48 * head, 0.36 * head), top + np.array([0.78 * head, 0, -0.26 * head]), light)
    a.add(ellipsoid(0.035, 0.045, 0.032), top + np.array([1.2 * head, 0, -0.14 * head]), BLACK)
    a.add(ellipsoid(0.022, 0.024, 0.026), top + np.array([0.86 * head, 0.4 * head, 0.22 * head]), BLACK, mirror="y")
    if kind == "rabbit":
        long, tilt = between(rng, 0.17, 0.26), between(rng, 5, 30)
        ear, at = (
            ellipsoid(0.035, 0.065, long),
            (0, 0.4 * head + np.sin(np.radians(tilt)) * long, 0.75 * head + 0.8 * long),
        )
        a.add(ear, top + np.array(at), plush, turned=turn("x", -tilt), mirror="y")
    else:
        size = between(rng, 0.075, 0.1) * (1.5 if kind == "mouse" else 1.0)
        at = np.array([-0.02, 0.78 * head + 0.3 * size, 0.72 * head + 0.3 * size])
        a.add(ellipsoid(0.4 * size, size, size), top + at, plush, mirror="y")
        a.add(ellipsoid(0.3 * size, 0.6 * size, 0.6 * size), top + at + np.array([0.2 * size, 0, 0]), light, mirror="y")
    arm, leg = between(rng, 0.065, 0.085), between(rng, 0.085, 0.11)
    shoulder = (0.02, 0.7 * belly, 1.5 * body)
    hand = (between(rng, 0.1, 0.24), belly + between(rng, 0.06, 0.16), between(rng, 0.7, 1.7) * body)
    a.rod(shoulder, hand, arm, plush, mirror="y")
    foot = (belly + between(rng, 0.1, 0.2), between(rng, 0.14, 0.24), leg)
    a.rod((0, 0.5 * belly, leg), foot, leg, plush, mirror="y")
    sole = np.array(foot) + np.array([0.085, 0, 0.04])
    a.add(ellipsoid(0.06, 0.95 * leg, 1.3 * leg), sole, light, mirror="y")
    if maybe(rng, 0.35):
        bow = plain(vivid(rng))
        a.add(ellipsoid(0.03, 0.07, 0.045), (0.75 * belly, 0.06, 1.85 * body), bow, mirror="y")
    return a.build(sample_light(rng), blend=0.015)


def robot(rng: np.random.Generator) -> ProceduralObject:
    """A toy robot: a box for a trunk, a head with lamp eyes and aerials, jointed arms, legs, wheels or a skirt."""
    a = Assembly()
    first = pick(rng, (vivid(rng), steel(rng).colours[0], pastel(rng)))
    body, second = plain(first), plain(matching(rng, first))
    joint, glow = steel(rng), plain(vivid(rng))
    wide, deep, tall = between(rng, 0.14, 0.22), between(rng, 0.1, 0.15), between(rng, 0.14, 0.21)
    legs = between(rng, 0.14, 0.3)
    round_ = between(rng, 0.01, 0.05)
    stand = rng.random()
    if stand < 0.65:
        a.rod((0, 0.55 * wide, legs + 0.03), (0, 0.55 * wide, 0.04), between(rng, 0.03, 0.05), joint, mirror="y")
        foot = box(between(rng, 0.08, 0.12), 0.4 * wide, 0.035, edge=0.02)
        a.add(foot, (0.03, 0.55 * wide, 0.035), second, mirror="y")
    elif stand < 0.85:
        wheel = cylinder(0.11, 0.035, edge=0.015)
        a.add(wheel, (0, wide, 0.11), plain((0.12, 0.12, 0.12)), turned=SIDEWAYS, mirror="y")
        a.rod((0, 0, 0.11), (0, 0, legs), 0.06, joint)
        a.rod((0, -wide, 0.11), (0, wide, 0.11), 0.025, joint)
    else:
        a.add(cylinder(1.1 * wide, legs / 2, taper=0.4), (0, 0, legs / 2), second)
    chest = legs + tall
    a.add(box(deep, wide, tall, edge=round_, taper=(0.0, between(rng, -0.0, 0.2))), (0, 0, chest), body)
    a.add(box(0.012, 0.6 * wide, 0.45 * tall, edge=0.008), (deep, 0, chest + 0.1 * tall), second)
    for y, paint in ((-0.25, glow), (0.25, plain((0.9, 0.2, 0.15))))[: whole(rng, 0, 2)]:
        a.add(ellipsoid(0.014, 0.022, 0.022), (deep + 0.014, y * wide, chest + 0.25 * tall), paint)
    head, top = between(rng, 0.09, 0.13), legs + 2 * tall
    neck = between(rng, 0.02, 0.06)
    a.rod((0, 0, top - 0.02), (0, 0, top + neck + 0.03), 0.04, joint)
    centre = np.array([0.0, 0.0, top + neck + head])
    style = pick(rng, ("box", "ball", "drum"))
    face = head * 1.02
    if style == "box":
        a.add(box(head, between(rng, 1.0, 1.4) * head, head, edge=round_), centre, body)
    elif style == "ball":
        a.add(ellipsoid(1.08 * head, 1.15 * head, head), centre, body)
    else:
        a.add(cylinder(1.05 * head, head, edge=round_), centre, body)
    eye = between(rng, 0.025, 0.04)
    a.add(ellipsoid(0.025, eye, eye), centre + np.array([0.95 * face, 0.42 * head, 0.2 * head]), glow, mirror="y")
    a.add(box(0.015, 0.4 * head, 0.012), centre + np.array([0.93 * face, 0, -0.45 * head]), plain((0.15, 0.15, 0.15)))
    if maybe(rng, 0.7):
        pair = maybe(rng, 0.5)
        tip = centre + np.array([0, 0.7 * head if pair else 0.0, head + between(rng, 0.07, 0.14)])
        a.rod(
            centre + np.array([0, 0.35 * head if pair else 0.0, 0.8 * head]),
            tip,
            0.011,
            joint,
            mirror="y" if pair else "",
        )
        a.add(ellipsoid(0.028, 0.028, 0.028), tip, glow, mirror="y" if pair else "")
    shoulder = np.array([0, wide + 0.03, legs + 1.65 * tall])
    elbow = shoulder + np.array([between(rng, -0.02, 0.08), between(rng, 0.04, 0.1), -between(rng, 0.1, 0.16)])
    hand = elbow + np.array([between(rng, 0.0, 0.15), between(rng, -0.02, 0.05), between(rng, -0.14, 0.12)])
    a.chain((shoulder, elbow, hand), 0.036, joint if maybe(rng, 0.5) else body, mirror="y")
    a.add(ellipsoid(0.055, 0.045, 0.055), hand, second, mirror="y")
    return a.build(sample_light(rng), blend=0.004)


def snowman(rng: np.random.Generator) -> ProceduralObject:
    """A snowman of two or three balls with a carrot, coal, arms of twigs, a hat, a scarf or a broom."""
    a = Assembly()
    snow, coal = plain(colour(0.58, between(rng, 0.0, 0.06), between(rng, 0.9, 0.98))), BLACK
    low = between(rng, 0.24, 0.3)
    a.add(ellipsoid(low, low, 0.9 * low), (0, 0, 0.82 * low), snow)
    z, radius = 0.82 * low, low
    if maybe(rng, 0.75):
        middle = low * between(rng, 0.68, 0.82)
        z += 0.72 * (low + middle)
        radius = middle
        a.add(ellipsoid(middle, middle, 0.92 * middle), (0, 0, z), snow)
    for i in range(whole(rng, 1, 3)):
        t = 0.5 - 0.45 * i
        a.add(ellipsoid(0.022, 0.024, 0.024), (radius * np.cos(t) * 0.99, 0, z + 0.92 * radius * np.sin(t)), coal)
    twig = plain((0.32, 0.2, 0.12))
    tip = (between(rng, -0.05, 0.15), radius + between(rng, 0.15, 0.28), z + between(rng, 0.05, 0.3))
    a.rod((0, 0.75 * radius, z + 0.1 * radius), tip, 0.016, twig, mirror="y")
    head = radius * between(rng, 0.62, 0.78)
    neck = z + 0.75 * radius
    z += 0.75 * (radius + head)
    a.add(ellipsoid(head, head, 0.95 * head), (0, 0, z), snow)
    carrot = between(rng, 0.06, 0.12)
    a.add(cylinder(0.034, carrot, taper=0.85), (head + 0.8 * carrot, 0, z), plain((0.95, 0.45, 0.1)), turned=FORWARDS)
    a.add(ellipsoid(0.022, 0.022, 0.024), (0.87 * head, 0.38 * head, z + 0.32 * head), coal, mirror="y")
    hat = plain(pick(rng, ((0.1, 0.1, 0.12), vivid(rng))))
    kind = rng.random()
    if kind < 0.55:
        high = between(rng, 0.08, 0.14)
        a.add(cylinder(0.95 * head, 0.014), (0, 0, z + 0.75 * head), hat)
        a.add(cylinder(0.62 * head, high, taper=between(rng, 0, 0.15)), (0, 0, z + 0.75 * head + high), hat)
        a.add(cylinder(0.64 * head, 0.022), (0, 0, z + 0.75 * head + 0.04), plain(vivid(rng)))
    elif kind < 0.8:
        a.add(ellipsoid(0.9 * head, 0.9 * head, 0.7 * head), (0, 0, z + 0.48 * head), hat)
        a.add(ellipsoid(0.05, 0.05, 0.05), (0, 0, z + 1.22 * head), WHITE)
    if maybe(rng, 0.65):
        scarf = fabric(rng, vivid(rng))
        a.add(torus(0.82 * head + 0.03, 0.042), (0, 0, neck + 0.03), scarf)
        a.add(
            box(0.02, 0.045, 0.12, edge=0.015), (0.85 * radius, 0.3 * radius, neck - 0.08), scarf, turned=turn("y", -20)
        )
    return a.build(sample_light(rng), blend=0.008)


def person(rng: np.random.Generator) -> ProceduralObject:
    """A wooden or plastic toy person: round head with hair or a hat, shirt, trousers or a skirt."""
    a = Assembly()
    face, top, below = plain(skin(rng)), fabric(rng), painted(rng)
    hair, shoe = plain(fur(rng)), plain(neutral(rng))
    head, legs = between(rng, 0.105, 0.145), between(rng, 0.24, 0.36)
    wide, trunk = between(rng, 0.11, 0.16), between(rng, 0.14, 0.19)
    stride, gap = between(rng, -0.02, 0.02), 0.5 * wide
    if maybe(rng, 0.35):
        skirt = legs * between(rng, 0.3, 0.45)
        a.add(cylinder(wide * between(rng, 1.2, 1.7), skirt, taper=0.45, edge=0.01), (0, 0, legs - 0.6 * skirt), below)
        a.rod((0, gap, legs), (stride, gap, 0.04), 0.04, face, mirror="y")
    else:
        a.rod((0, gap, legs), (stride, gap, 0.05), between(rng, 0.05, 0.065), below, mirror="y")
    a.add(ellipsoid(0.095, 0.055, 0.045), (0.035, gap, 0.045), shoe, mirror="y")
    chest = legs + 0.9 * trunk
    a.add(
        box(0.68 * wide, wide, trunk, corner=0.6 * wide, edge=0.04, taper=(0.1, between(rng, 0, 0.2))),
        (0, 0, chest),
        top,
    )
    shoulder = np.array([0, 0.85 * wide, legs + 1.55 * trunk])
    swing, spread = between(rng, -0.05, 0.12), between(rng, 0.04, 0.14)
    hand = shoulder + np.array([swing, spread, -between(rng, 0.12, 0.26) if maybe(rng, 0.85) else 0.22])
    a.rod(shoulder, hand, 0.042, top, mirror="y")
    a.add(ellipsoid(0.045, 0.042, 0.05), hand + 0.25 * (hand - shoulder), face, mirror="y")
    z = legs + 1.85 * trunk + 0.95 * head
    a.rod((0, 0, legs + 1.6 * trunk), (0, 0, z), 0.45 * head, face)
    a.add(ellipsoid(0.95 * head, 0.9 * head, head), (0, 0, z), face)
    a.add(ellipsoid(0.016, 0.016, 0.02), (0.86 * head, 0.36 * head, z + 0.1 * head), BLACK, mirror="y")
    a.add(ellipsoid(0.024, 0.02, 0.024), (0.97 * head, 0, z - 0.1 * head), face)
    a.add(ellipsoid(0.98 * head, 0.98 * head, 0.9 * head), (-0.18 * head, 0, z + 0.25 * head), hair)
    kind = rng.random()
    if kind < 0.3:
        hat = plain(vivid(rng))
        a.add(cylinder(between(rng, 1.2, 1.6) * head, 0.014), (0, 0, z + 0.55 * head), hat)
        a.add(cylinder(0.95 * head, 0.4 * head, edge=0.2 * head), (0, 0, z + 0.85 * head), hat)
    elif kind < 0.5:
        a.add(ellipsoid(0.5 * head, 0.75 * head, between(rng, 0.9, 1.5) * head), (-0.6 * head, 0, z - 0.5 * head), hair)
    elif kind < 0.65:
        a.add(ellipsoid(0.35 * head, 0.35 * head, 0.35 * head), (-0.5 * head, 0, z + 1.2 * head), hair)
    return a.build(sample_light(rng), blend=0.008)
