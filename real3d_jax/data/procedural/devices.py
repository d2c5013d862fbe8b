"""Cameras, laptops and screens; about a unit in size."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick, whole
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    any_colour,
    concrete,
    glass,
    neutral,
    painted,
    patterned,
    plain,
    steel,
    vivid,
)
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import FORWARDS, box, cylinder, ellipsoid, frame, turn


def camera(rng: np.random.Generator) -> ProceduralObject:
    """A reflex, compact or film camera, alone or on three legs; a camera on a wall; a telescope or binoculars."""
    a = Assembly()
    body = plain(neutral(rng) if maybe(rng, 0.7) else pick(rng, (vivid, any_colour))(rng))
    dark, iron = plain((0.12, 0.12, 0.13)), steel(rng)
    deep, wide, tall = between(rng, 0.05, 0.1), between(rng, 0.14, 0.22), between(rng, 0.09, 0.15)
    lens, long = between(rng, 0.05, 0.1), between(rng, 0.03, 0.25)
    if maybe(rng, 0.15):  # a telescope or binoculars
        twin = maybe(rng, 0.4)
        y = 1.1 * lens if twin else 0.0
        mirror = "y" if twin else ""
        half = between(rng, 0.15, 0.4)
        tilt = FORWARDS @ turn("y", between(rng, -40, 0) if not twin else 0)
        a.add(cylinder(lens, half), (0, y, 0), body, turned=tilt, mirror=mirror)
        a.add(cylinder(0.5 * lens, 0.3 * half), -1.2 * half * tilt[:, 2] + (0, y, 0), dark, turned=tilt, mirror=mirror)
        a.add(cylinder(1.15 * lens, 0.1 * half), half * tilt[:, 2] + (0, y, 0), dark, turned=tilt, mirror=mirror)
        if twin:
            a.rod((0, -y, 0), (0, y, 0), 0.03, dark)
            return a.build(sample_light(rng), blend=0.004)
        tall = 0.02
    else:
        a.add(box(deep, wide, tall, corner=between(rng, 0.005, deep), edge=0.012), (0, 0, 0), body)
        y = between(rng, -0.35, 0.35) * wide if maybe(rng, 0.4) else 0.0
        a.add(cylinder(lens, long / 2 + 0.02), (deep + long / 2, y, 0), dark, turned=FORWARDS)
        if maybe(rng, 0.7):
            ring = iron if maybe(rng, 0.5) else dark
            a.add(cylinder(1.12 * lens, 0.3 * long), (deep + 0.75 * long, y, 0), ring, turned=FORWARDS)
        a.add(cylinder(0.8 * lens, 0.005), (deep + long + 0.02, y, 0), glass(rng), turned=FORWARDS)
        top = rng.random()
        if top < 0.6:
            bump = between(rng, 0.025, 0.06)
            a.add(box(0.9 * deep, 0.35 * wide, bump, taper=(0.3, 0.45)), (0, y, tall + bump), body)
        elif top < 0.8:
            a.add(box(0.02, 0.05, 0.03), (deep - 0.02, 0.3 * wide, tall + 0.03), plain((0.85, 0.9, 0.95)))
        a.add(cylinder(0.022, 0.018), (0.01, 0.75 * wide, tall + 0.015), iron)
        if maybe(rng, 0.5):
            a.add(cylinder(0.03, 0.015), (0, -0.72 * wide, tall + 0.013), dark)
        if maybe(rng, 0.4):
            a.add(box(0.7 * deep, 0.2 * wide, tall), (0.5 * deep, 0.82 * wide, -0.05 * tall), dark)
        if maybe(rng, 0.3):
            a.add(
                frame(0.09, wide + 0.03, 0.012, 0.008, corner=0.08), (-deep, 0, tall - 0.05), dark, turned=turn("y", 70)
            )
    stand = rng.random()
    if stand < 0.35:
        knee, spread = -tall - 0.04, between(rng, 0.2, 0.4)
        a.rod((0, 0, 0), (0, 0, knee - 0.15), 0.018, iron)
        a.rod((0.01, 0, knee), (spread, 0, knee - between(rng, 0.5, 0.9)), 0.013, dark, radial=True, taper=0.3)
    elif stand < 0.5:  # on a wall or a ceiling
        a.rod((-0.5 * deep, 0, 0), (-deep - 0.15, 0, between(rng, -0.1, 0.15)), 0.018, iron)
        a.add(cylinder(0.07, 0.012), (-deep - 0.15, 0, 0.05), iron, turned=FORWARDS)
    return a.build(sample_light(rng), blend=0.004, fold=3)


def laptop(rng: np.random.Generator) -> ProceduralObject:
    """Something thin with a screen or keys: a laptop, a tablet, a flat screen; or servers."""
    a = Assembly()
    case = pick(rng, (steel, concrete, concrete, painted))(rng)
    dark, screen = plain((0.1, 0.1, 0.11)), plain(pick(rng, (vivid(rng), (0.1, 0.12, 0.16), any_colour(rng))))
    wide, deep = between(rng, 0.22, 0.36), between(rng, 0.15, 0.24)
    thin = between(rng, 0.005, 0.02)
    keys = patterned(rng, (0.15, 0.15, 0.16), (0.3, 0.3, 0.32), "checker", 120, 180)
    kind = pick(rng, ("laptop", "laptop", "laptop", "screen", "screen", "tablet", "servers"))
    if kind == "laptop":
        a.add(box(deep, wide, thin, corner=0.02, edge=0.3 * thin), (0, 0, thin), case)
        a.add(box(0.45 * deep, 0.88 * wide, 0.003), (-0.3 * deep, 0, 2 * thin), keys)
        a.add(box(0.22 * deep, 0.25 * wide, 0.002), (0.6 * deep, 0, 2 * thin), dark)
        tilt = between(rng, -35, 45)
        lid = turn("y", -tilt)
        hinge = np.array([-deep, 0, 2 * thin])
        tall = deep * between(rng, 0.85, 1.05)
        up, front = lid[:, 2], lid[:, 0]
        a.add(box(0.7 * thin, wide, tall, edge=0.2 * thin), hinge + tall * up, case, turned=lid)
        a.add(box(0.003, 0.93 * wide, 0.88 * tall), hinge + tall * up + 0.7 * thin * front, screen, turned=lid)
        if maybe(rng, 0.2):
            a.add(ellipsoid(0.05, 0.03, 0.02), (0.2 * deep, wide + 0.08, 0.015), dark)
    elif kind == "screen":
        tall, lift = wide * between(rng, 0.5, 0.75), between(rng, 0.02, 0.2)
        z = lift + tall
        lean = turn("y", between(rng, -12, 2))
        a.add(box(1.5 * thin, wide, tall, edge=0.5 * thin), (0, 0, z), case, turned=lean)
        a.add(box(0.003, 0.96 * wide, 0.93 * tall), 1.5 * thin * lean[:, 0] + (0, 0, z), screen, turned=lean)
        foot = rng.random()
        if foot < 0.4:
            a.rod((-2 * thin, 0, 0), (-2 * thin, 0, z), 0.018, case, flat=True)
            a.add(box(0.1, between(rng, 0.08, 0.2), 0.008, corner=0.04), (0, 0, 0.008), case)
        elif foot < 0.7:
            a.rod((0, 0.7 * wide, lift + 0.01), (0.09, 0.75 * wide, 0), 0.008, case, mirror="y")
            a.rod((0, 0.7 * wide, lift + 0.01), (-0.09, 0.75 * wide, 0), 0.008, case, mirror="y")
        else:
            a.add(cylinder(0.13, 0.008), (0, 0, 0.008), case)
            a.add(box(0.01, 0.04, z / 2), (-2 * thin, 0, z / 2), case)
        if maybe(rng, 0.3):
            a.add(box(0.07, 0.8 * wide, 0.008), (0.3, 0, 0.008), keys)
    elif kind == "tablet":
        lean, tall = between(rng, 15, 90), wide * between(rng, 0.6, 1.5)
        posed = turn("y", -lean)
        centre = tall * posed[:, 2] + (0, 0, thin)
        a.add(box(thin, wide, tall, edge=0.4 * thin), centre, case, turned=posed)
        a.add(box(0.003, 0.93 * wide, 0.9 * tall), centre + thin * posed[:, 0], screen, turned=posed)
        if lean < 60:
            a.rod(1.3 * tall * posed[:, 2], (-1.6 * tall * np.sin(np.radians(lean)), 0, 0), 0.012, case)
    else:
        high, count = between(rng, 0.2, 0.55), whole(rng, 3, 9)
        a.add(box(deep, 0.7 * wide, high, edge=0.006), (0, 0, high), case)
        for i in range(count):
            z = 2 * high * (i + 0.5) / count
            slot = dark if maybe(rng, 0.6) else plain(neutral(rng))
            a.add(box(0.012, 0.62 * wide, 0.7 * high / count), (deep, 0, z), slot)
        a.add(ellipsoid(0.012, 0.012, 0.012), (deep + 0.012, 0.5 * wide, 1.9 * high), plain(vivid(rng)))
        if maybe(rng, 0.4):
            a.add(box(0.8 * deep, 0.7 * wide, high), (0, 1.5 * wide, high), case)
    return a.build(sample_light(rng), blend=0.002)
