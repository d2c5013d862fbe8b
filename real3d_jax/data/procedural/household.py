"""Lamps, computers and clocks; about a unit in size."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    WHITE,
    any_colour,
    ceramic,
    fabric,
    matching,
    metal,
    neutral,
    painted,
    pastel,
    patterned,
    plain,
    steel,
    tinted,
    varnished,
    vivid,
    wood,
)
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import FORWARDS, LYING, OVER, box, cylinder, ellipsoid, profile, torus, tube, turn


def _shade(a: Assembly, rng: np.random.Generator, radius: float, tall: float, z: float) -> None:
    """A cloth shade, wider below, with a bulb in it."""
    base = pick(rng, ((0.95, 0.9, 0.78), pastel(rng), vivid(rng), neutral(rng)))
    cloth = plain(base) if maybe(rng, 0.6) else fabric(rng, base)
    a.add(tube(radius, tall, 0.02, taper=between(rng, 0.0, 0.6)), (0, 0, z), cloth)
    a.add(ellipsoid(0.05, 0.05, 0.065), (0, 0, z), plain((1.0, 0.95, 0.75)))


def table_lamp(rng: np.random.Generator) -> ProceduralObject:
    """A lamp with a turned foot and a shade, or a desk lamp with a jointed arm."""
    a = Assembly()
    if maybe(rng, 0.3):
        _desk_lamp(a, rng)
        return a.build(sample_light(rng), blend=0.006)
    clay = pick(rng, (ceramic, ceramic, wood, metal))(rng)
    tall, wide = between(rng, 0.17, 0.3), between(rng, 0.1, 0.2)
    shares = pick(
        rng, ((0.7, 1, 0.8, 0.3), (1, 0.3, 0.25, 0.3), (0.5, 0.9, 1, 0.6, 0.2), (0.8, 0.4, 0.9, 0.3), (1, 0.9, 0.8))
    )
    radii = [wide * s * between(rng, 0.9, 1.1) for s in shares]
    a.turn_body(profile(*radii), tall, (0, 0, tall + 0.03), clay)
    a.add(cylinder(max(radii[0] * 1.15, 0.1), 0.02), (0, 0, 0.02), clay if maybe(rng, 0.6) else wood(rng))
    brass, shade = metal(rng), between(rng, 0.13, 0.2)
    pole = 2 * tall + 0.03
    middle = pole + between(rng, 0.6, 1.0) * shade
    a.rod((0, 0, pole - 0.05), (0, 0, middle), 0.016, brass)
    _shade(a, rng, between(rng, 0.22, 0.34), shade, middle)
    if maybe(rng, 0.3):
        a.rod((0, 0, middle), (0, 0, middle + shade + 0.03), 0.01, brass)
        a.add(ellipsoid(0.02, 0.02, 0.025), (0, 0, middle + shade + 0.04), brass)
    return a.build(sample_light(rng), blend=0.006)


def _desk_lamp(a: Assembly, rng: np.random.Generator) -> None:
    paint = painted(rng) if maybe(rng, 0.7) else metal(rng)
    arm, foot = paint if maybe(rng, 0.5) else steel(rng), between(rng, 0.14, 0.19)
    a.add(cylinder(foot, 0.025, edge=0.02), (0, 0, 0.025), paint)
    lean, reach = np.radians(between(rng, 100, 130)), np.radians(between(rng, 15, 50))
    lower, upper = between(rng, 0.34, 0.46), between(rng, 0.32, 0.44)
    elbow = np.array([lower * np.cos(lean), 0, 0.04 + lower * np.sin(lean)])
    wrist = elbow + upper * np.array([np.cos(reach), 0, np.sin(reach)])
    a.chain(((0, 0, 0.03), elbow, wrist), 0.018, arm)
    a.add(ellipsoid(0.03, 0.03, 0.03), elbow, paint)
    tilt, half, wide = between(rng, 110, 150), between(rng, 0.08, 0.12), between(rng, 0.11, 0.16)
    # The head opens along `down`: a truncated cone whose wide end is the mouth.
    turned = turn("y", tilt)
    down = turned[:, 2]
    a.add(tube(wide, half, 0.02, taper=0.6), wrist + half * down, paint, turned=turned @ OVER)
    a.add(ellipsoid(0.45 * wide, 0.45 * wide, 0.05), wrist + 0.02 * down, paint, turned=turned)
    a.add(ellipsoid(0.05, 0.05, 0.06), wrist + 1.3 * half * down, plain((1.0, 0.95, 0.75)), turned=turned)


def floor_lamp(rng: np.random.Generator) -> ProceduralObject:
    """A standing lamp: a disc or three legs below, a pole, and a shade or a globe above."""
    a = Assembly()
    frame = metal(rng) if maybe(rng, 0.6) else varnished(rng)
    tall, thick = between(rng, 0.8, 1.05), between(rng, 0.012, 0.02)
    fold = 3
    kind = rng.random()
    if kind < 0.5:
        a.add(cylinder(between(rng, 0.12, 0.18), 0.015), (0, 0, 0.015), frame)
        a.rod((0, 0, 0.02), (0, 0, tall), thick, frame)
    elif kind < 0.8:
        knee, out = between(rng, 0.5, 0.95) * tall, between(rng, 0.16, 0.26)
        a.rod((0.02, 0, knee), (out, 0, 0), 1.1 * thick, frame, flat=True, radial=True)
        a.rod((0, 0, knee - 0.03), (0, 0, tall), thick, frame)
        if maybe(rng, 0.4):
            a.add(cylinder(0.6 * out, 0.012), (0, 0, 0.42 * knee), frame)
    else:  # a square foot
        a.add(box(0.13, 0.13, 0.02), (0, 0, 0.02), frame)
        a.rod((0, 0, 0.02), (0, 0, tall), 1.4 * thick, frame)
    if maybe(rng, 0.75):
        half = between(rng, 0.1, 0.15)
        _shade(a, rng, between(rng, 0.16, 0.24), half, tall + 0.3 * half)
    else:
        globe = between(rng, 0.11, 0.16)
        a.add(
            ellipsoid(globe, globe, globe * between(rng, 0.7, 1.2)),
            (0, 0, tall + 0.7 * globe),
            plain((0.98, 0.95, 0.86)),
        )
        a.add(cylinder(0.45 * globe, 0.025), (0, 0, tall - 0.1 * globe), frame)
    if maybe(rng, 0.3):
        a.add(torus(0.07, 0.012), (0, 0, between(rng, 0.45, 0.6) * tall), frame)
        a.add(cylinder(between(rng, 0.1, 0.15), 0.01), (0, 0, 0.52 * tall), frame)
    return a.build(sample_light(rng), blend=0.005, fold=fold)


def computer(rng: np.random.Generator) -> ProceduralObject:
    """A laptop, or a screen on a foot with a keyboard."""
    a = Assembly()
    case, dark = plain(neutral(rng) if maybe(rng, 0.7) else any_colour(rng)), plain((0.1, 0.1, 0.11))
    glow = vivid(rng) if maybe(rng, 0.7) else pastel(rng)
    picture = (
        plain(glow)
        if maybe(rng, 0.4)
        else patterned(rng, glow, matching(rng, glow), pick(rng, ("marble", "stripes")), 10, 25)
    )
    keys = patterned(rng, (0.12, 0.12, 0.13), (0.4, 0.4, 0.42), "checker", 45, 60)
    wide = between(rng, 0.36, 0.46)
    if maybe(rng, 0.55):
        deep, thick = wide * between(rng, 0.64, 0.74), between(rng, 0.014, 0.024)
        a.add(box(deep, wide, thick, corner=0.03, edge=0.01), (0, 0, thick), case)
        a.add(box(0.5 * deep, 0.88 * wide, 0.005, edge=0.003), (-0.25 * deep, 0, 2 * thick), keys)
        a.add(
            box(0.2 * deep, 0.26 * wide, 0.005, edge=0.003),
            (0.6 * deep, 0, 2 * thick),
            plain(tinted(case.colours[0], 0.75)),
        )
        open_ = between(rng, 5, 40)
        turned = turn("y", 90 - open_)
        hinge = np.array([-deep + 0.01, 0, 2 * thick])
        lid = hinge - turned[:, 0] * deep * 0.97
        a.add(box(0.97 * deep, wide, 0.7 * thick, corner=0.03, edge=0.008), lid, case, turned=turned)
        front = turned[:, 2]
        a.add(box(0.86 * deep, 0.92 * wide, 0.004, edge=0.003), lid + front * 0.75 * thick, picture, turned=turned)
        return a.build(sample_light(rng), blend=0.002)
    tall = wide * between(rng, 0.56, 0.66)
    foot = between(rng, 0.1, 0.18)
    z = foot + tall
    bezel = 0.02
    a.add(box(0.022, wide, tall, edge=0.01), (-0.08, 0, z), dark if maybe(rng, 0.5) else case)
    a.add(box(0.006, wide - bezel, tall - bezel, edge=0.003), (-0.058, 0, z), picture)
    a.rod((-0.1, 0, 0.02), (-0.1, 0, z), 0.03, case)
    a.add(box(0.11, 0.16, 0.012, corner=0.05), (-0.1, 0, 0.012), case)
    deep = between(rng, 0.08, 0.11)
    a.add(box(deep, 0.8 * wide, 0.014, corner=0.02), (0.26, -0.04, 0.014), case)
    a.add(box(0.85 * deep, 0.75 * wide, 0.005, edge=0.003), (0.26, -0.04, 0.028), keys)
    if maybe(rng, 0.7):
        a.add(ellipsoid(0.06, 0.035, 0.03), (0.26, 0.92 * wide, 0.012), case)
    return a.build(sample_light(rng), blend=0.002)


def clock(rng: np.random.Generator) -> ProceduralObject:
    """An alarm clock with bells, or a mantel clock in a case: a white face, two hands, marks."""
    a = Assembly()
    paint, dark = painted(rng), plain((0.1, 0.1, 0.1))
    rim = metal(rng) if maybe(rng, 0.5) else plain(matching(rng, paint.colours[0]))
    radius, deep = between(rng, 0.26, 0.34), between(rng, 0.08, 0.14)
    face = plain(pick(rng, ((0.96, 0.95, 0.9), (0.96, 0.95, 0.9), pastel(rng), (0.15, 0.15, 0.16))))
    hand = WHITE if face.colours[0][0] < 0.3 else dark
    alarm = maybe(rng, 0.6)
    z = radius + (0.07 if alarm else between(rng, 0.1, 0.2))
    if alarm:
        a.add(cylinder(radius, deep, edge=0.03), (0, 0, z), paint, turned=FORWARDS)
        a.rod((0.6 * deep, 0.6 * radius, z - 0.7 * radius), (0.8 * deep, 0.75 * radius, 0.03), 0.03, rim, mirror="xy")
        bell = between(rng, 0.1, 0.14)
        out = np.radians(between(rng, 28, 40))
        at = np.array([0, np.sin(out), np.cos(out)]) * (radius + 0.35 * bell)
        a.add(
            ellipsoid(bell, bell, 0.62 * bell),
            (0, at[1], z + at[2]),
            rim,
            turned=turn("x", -np.degrees(out)),
            mirror="y",
        )
        if maybe(rng, 0.6):
            grip = z + radius + between(rng, 0.13, 0.18)
            a.rod((0, 0.12, z + radius), (0, 0.06, grip), 0.014, rim, mirror="y")
            a.rod((0, -0.06, grip), (0, 0.06, grip), 0.014, rim)
    else:
        case = wood(rng) if maybe(rng, 0.7) else paint
        half = (z + radius + 0.05) / 2
        a.add(box(deep, radius + 0.06, half, corner=0.0, edge=0.015), (0, 0, half), case)
        if maybe(rng, 0.6):
            peak = between(rng, 0.06, 0.12)
            a.add(box(deep + 0.02, radius + 0.09, peak, edge=0.01, taper=(0.0, 0.95)), (0, 0, 2 * half + peak), case)
        a.add(box(deep + 0.03, radius + 0.1, 0.025, edge=0.01), (0, 0, 0.025), case)
    front = deep + 0.004
    a.add(torus(radius * 0.96, 0.03), (front, 0, z), rim, turned=FORWARDS)
    a.add(cylinder(0.86 * radius, 0.012, edge=0.004), (front, 0, z), face, turned=FORWARDS)
    for mark in range(2):
        tick = box(0.008, 0.012, 0.04, edge=0.003)
        place = 0.7 * radius
        if mark:
            a.add(tick, (front + 0.01, place, z), hand, turned=LYING, mirror="y")
        else:
            a.add(tick, (front + 0.01, 0, z + place), hand)
            a.add(tick, (front + 0.01, 0, z - place), hand)
    for length, wide in ((0.4, 0.018), (0.58, 0.012)):
        turned = turn("x", between(rng, 0, 360))
        half = length * radius / 2
        a.add(
            box(0.006, wide, half, edge=0.003),
            np.array([front + 0.016, 0, z]) + 0.9 * half * turned[:, 2],
            hand,
            turned=turned,
        )
    return a.build(sample_light(rng), blend=0.003)
