"""A family that belongs to no 'named' mixture: objects of a kind that the model in the box has never been shown."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import any_colour, matching, painted, plain, rubber, steel, vivid, wood
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import LYING, OVER, box, cylinder, ellipsoid


def wheelbarrow(rng: np.random.Generator) -> ProceduralObject:
    """A wheelbarrow: a tray that widens upwards, one wheel in front, two legs and handles behind; sometimes loaded."""
    a = Assembly()
    metal = steel(rng) if maybe(rng, 0.5) else painted(rng)
    body = wood(rng) if maybe(rng, 0.25) else plain(pick(rng, (vivid, vivid, any_colour))(rng))
    long, wide, deep = between(rng, 0.21, 0.28), between(rng, 0.15, 0.2), between(rng, 0.07, 0.11)
    wheel, thick = between(rng, 0.085, 0.12), between(rng, 0.02, 0.034)
    low = between(rng, 0.8, 1.15) * wheel + 0.04  # the tray's bottom
    narrow = between(rng, 0.25, 0.45)
    # An open tray upside down: tapers make a solid narrower at its top.
    tray = box(long, wide, deep, corner=between(rng, 0.02, 0.08), edge=0.008, taper=(narrow, narrow))
    a.add(tray._replace(shell=0.013), (0, 0, low + deep), body, turned=OVER)
    a.add(box((1 - narrow) * long, (1 - narrow) * wide, 0.012, corner=0.03, edge=0.01), (0, 0, low + 0.012), body)
    if maybe(rng, 0.4):
        load = plain(matching(rng, body.colours[0])) if maybe(rng, 0.5) else wood(rng)
        a.add(ellipsoid(0.78 * long, 0.78 * wide, between(rng, 0.6, 1.2) * deep), (0, 0, low + 1.3 * deep), load)
    axle = between(rng, 1.05, 1.25) * long
    a.add(cylinder(wheel, thick, edge=0.4 * thick), (axle, 0, wheel), rubber(rng), turned=LYING)
    a.add(cylinder(0.58 * wheel, thick + 0.005, edge=0.005), (axle, 0, wheel), metal, turned=LYING)
    rod, side, back = between(rng, 0.011, 0.017), 0.62 * wide, between(rng, 0.38, 0.5)
    grip = between(rng, 0.0, 0.09) + low + 0.5 * deep
    a.rod((axle, thick + 0.02, wheel), (-0.5 * long, side, low - 0.01), rod, metal, mirror="y")
    a.rod((-0.5 * long, side, low - 0.01), (-back, side + 0.03, grip), rod, metal, mirror="y")
    a.rod((-back + 0.08, side + 0.025, grip - 0.01), (-back, side + 0.03, grip), 1.7 * rod, rubber(rng), mirror="y")
    foot = between(rng, -0.75, -0.5) * long
    a.rod((-0.35 * long, side, low - 0.01), (foot, side, rod), rod, metal, mirror="y")
    if maybe(rng, 0.6):
        a.rod((foot, -side, rod), (foot, side, rod), rod, metal)
    return a.build(sample_light(rng), blend=0.005)
