"""Dogs, cats, horses, cows, elephants, giraffes, pigs and sheep; about a unit long, looking along +x."""

import numpy as np

from real3d_jax.data.procedural.animal import Animal, Build, coat_of
from real3d_jax.data.procedural.chance import between, maybe, pick
from real3d_jax.data.procedural.materials import (
    BLACK,
    WHITE,
    colour,
    fur,
    patterned,
    plain,
    tinted,
    vivid,
)
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import FORWARDS, cylinder, ellipsoid, turn


def dog(rng: np.random.Generator) -> ProceduralObject:
    """A dog: pricked or hanging ears, a long or short snout, a tail that is up, sometimes a collar."""
    coat = coat_of(rng, fur(rng), spotted=0.3)
    short = maybe(rng, 0.3)
    build = Build(
        legs=between(rng, 0.12, 0.42),
        leg=0.045,
        trunk=(0.4, 0.14, 0.15),
        neck=(between(rng, 0.22, 0.3), 52),
        neck_radius=0.1,
        head=(0.14, 0.115, 0.12),
        snout=(0.05 if short else 0.13, 0.062),
        drop=8,
        tail=(between(rng, 0.2, 0.42), between(rng, 15, 70), 0.04),
    )
    animal = Animal(rng, build, coat, coat)
    animal.a.add(ellipsoid(0.032, 0.034, 0.026), animal.nose + np.array([0.05, 0, 0.02]), BLACK)
    ear = coat if maybe(rng, 0.5) else plain(tinted(coat.colours[0], 0.55))
    if maybe(rng, 0.5):
        animal.ears((0.025, 0.05, between(rng, 0.07, 0.12)), between(rng, 0, 25), ear, spread=0.6)
    else:
        animal.ears((0.05, 0.022, between(rng, 0.09, 0.14)), between(rng, 150, 172), ear, spread=1.0)
    if maybe(rng, 0.35):
        collar = cylinder(0.105, 0.025, edge=0.01)
        middle = animal.head + np.array([-0.1, 0, -0.11])
        animal.a.add(collar, middle, plain(vivid(rng)), turned=turn("y", 38))
    return animal.build(0.05)


def cat(rng: np.random.Generator) -> ProceduralObject:
    """A cat: round head, pointed ears, a long tail, often patched."""
    base = fur(rng)
    coat = coat_of(rng, base, spotted=0.5)
    build = Build(
        legs=between(rng, 0.2, 0.3),
        leg=0.036,
        trunk=(0.31, 0.115, 0.125),
        neck=(0.17, 42),
        neck_radius=0.085,
        head=(0.13, 0.14, 0.125),
        snout=(0.015, 0.045),
        drop=5,
        tail=(between(rng, 0.4, 0.62), between(rng, 20, 85), 0.03),
    )
    animal = Animal(rng, build, coat, coat)
    animal.a.add(ellipsoid(0.018, 0.02, 0.014), animal.nose + np.array([0.035, 0, 0.014]), plain((0.75, 0.4, 0.4)))
    animal.ears((0.022, 0.048, 0.085), between(rng, 12, 25), coat, spread=0.62)
    return animal.build(0.04)


def horse(rng: np.random.Generator) -> ProceduralObject:
    """A horse or pony with mane and tail, a zebra, sometimes a saddle."""
    zebra = maybe(rng, 0.2)
    base = (0.93, 0.92, 0.88) if zebra else fur(rng)
    coat = patterned(rng, base, (0.1, 0.1, 0.1), "stripes", 50, 60) if zebra else coat_of(rng, base, spotted=0.2)
    hair = plain(pick(rng, ((0.1, 0.08, 0.07), tinted(base, 0.5), (0.9, 0.85, 0.7))))
    build = Build(
        legs=between(rng, 0.38, 0.56),
        leg=0.042,
        trunk=(0.42, 0.15, 0.165),
        neck=(0.44, 55),
        neck_radius=0.115,
        head=(0.14, 0.085, 0.1),
        snout=(0.16, 0.062),
        drop=42,
        tail=(0.1, -40, 0.03),
    )
    animal = Animal(rng, build, coat, coat)
    x, y, z = animal.trunk
    tail = between(rng, 0.14, 0.24)
    behind = np.array([-0.98 * x - 0.08, 0, animal.top - 0.15 * z - tail * 0.6])
    animal.a.add(ellipsoid(0.05, 0.045, tail), behind, hair, turned=turn("y", 14))
    root = np.array([0.62 * x, 0, animal.top + z * 0.8])
    animal.a.rod(root, animal.head + np.array([-0.1, 0, 0.06]), 0.045, hair)
    animal.ears((0.02, 0.03, 0.06), between(rng, 5, 18), coat, spread=0.55)
    if maybe(rng, 0.3):
        animal.a.add(ellipsoid(0.16, 1.04 * y + 0.01, 0.1), (0, 0, animal.top + 0.55 * z), plain(vivid(rng)))
    return animal.build(0.04)


def cow(rng: np.random.Generator) -> ProceduralObject:
    """A cow or bull, patched or of one colour, with horns and an udder."""
    coat = patterned(
        rng, (0.94, 0.92, 0.88), pick(rng, ((0.1, 0.1, 0.1), (0.45, 0.25, 0.13))), pick(rng, ("marble", "dots")), 9, 16
    )
    coat = coat if maybe(rng, 0.65) else plain(fur(rng))
    build = Build(
        legs=between(rng, 0.24, 0.34),
        leg=0.05,
        trunk=(0.47, 0.19, 0.2),
        neck=(0.26, between(rng, 15, 45)),
        neck_radius=0.13,
        head=(0.15, 0.11, 0.12),
        snout=(0.1, 0.085),
        drop=25,
        tail=(0.4, -78, 0.022),
    )
    animal = Animal(rng, build, coat, coat)
    pink = plain((0.9, 0.65, 0.6))
    animal.a.add(ellipsoid(0.05, 0.085, 0.07), animal.nose + np.array([0.02, 0, -0.01]), pink)
    animal.ears((0.03, 0.03, 0.085), between(rng, 80, 100), coat, spread=0.8)
    x, _, z = animal.trunk
    if maybe(rng, 0.8):
        length = between(rng, 0.08, 0.18)
        foot = animal.on_head(-0.25 * animal.size[0], 0.5 * animal.size[1], 0.85 * animal.size[2])
        tip = foot + length * np.array([0.3, between(rng, 0.5, 0.9), 0.8])
        animal.a.rod(foot, tip, 0.03, plain((0.88, 0.83, 0.7)), taper=0.7, mirror="y")
    if maybe(rng, 0.6):
        animal.a.add(ellipsoid(0.09, 0.09, 0.08), (-0.42 * x, 0, animal.top - 0.9 * z), pink)
    return animal.build(0.035)


def elephant(rng: np.random.Generator) -> ProceduralObject:
    """An elephant: a trunk that hangs or curls, large ears, pillar legs, mostly tusks."""
    grey = colour(between(rng, 0.0, 0.65), between(rng, 0.03, 0.15), between(rng, 0.4, 0.65))
    skin = plain(grey if maybe(rng, 0.85) else vivid(rng))
    build = Build(
        legs=between(rng, 0.2, 0.3),
        leg=0.085,
        trunk=(0.44, 0.25, 0.27),
        neck=(0.22, 25),
        neck_radius=0.17,
        head=(0.19, 0.17, 0.2),
        snout=(0.02, 0.09),
        drop=12,
        tail=(0.26, -70, 0.02),
    )
    animal = Animal(rng, build, skin, skin)
    curl = between(rng, -0.05, 0.28)
    start = animal.on_head(0.8 * animal.size[0], 0, -0.25 * animal.size[2])
    low = animal.top - between(rng, 0.05, 0.35)
    middle = np.array([start[0] + 0.12, 0, (start[2] + low) / 2])
    tip = np.array([start[0] + 0.15, 0, low - 0.1])
    animal.a.chain((start, middle, tip, tip + np.array([0.14, 0, curl])), 0.075, skin, end=0.45)
    ear, tilt = between(rng, 0.15, 0.22), between(rng, 15, 40)
    at = animal.on_head(-0.35 * animal.size[0], 0.85 * animal.size[1] + 0.75 * ear, 0.0)
    flap = ellipsoid(0.025, ear, 1.2 * ear)
    animal.a.add(flap, at, plain(tinted(skin.colours[0], 0.85)), turned=turn("z", tilt), mirror="y")
    if maybe(rng, 0.7):
        foot = animal.on_head(0.75 * animal.size[0], 0.55 * animal.size[1], -0.45 * animal.size[2])
        tusk = between(rng, 0.1, 0.24)
        animal.a.rod(foot, foot + tusk * np.array([0.9, 0.15, -0.15]), 0.03, WHITE, taper=0.6, mirror="y")
    return animal.build(0.05)


def giraffe(rng: np.random.Generator) -> ProceduralObject:
    """A giraffe: a very long neck, long legs, spots, two little horns."""
    light = colour(0.11, between(rng, 0.35, 0.6), between(rng, 0.8, 0.95))
    coat = patterned(rng, light, colour(0.07, 0.65, between(rng, 0.35, 0.6)), pick(rng, ("dots", "marble")), 22, 40)
    build = Build(
        legs=between(rng, 0.5, 0.65),
        leg=0.038,
        trunk=(0.32, 0.13, 0.16),
        neck=(between(rng, 0.65, 0.9), 68),
        neck_radius=0.09,
        head=(0.1, 0.07, 0.075),
        snout=(0.1, 0.045),
        drop=25,
        tail=(0.26, -65, 0.018),
    )
    animal = Animal(rng, build, coat, coat)
    dark = plain((0.35, 0.2, 0.1))
    foot = animal.on_head(-0.2 * animal.size[0], 0.4 * animal.size[1], 0.8 * animal.size[2])
    animal.a.rod(foot, foot + np.array([-0.03, 0.01, 0.08]), 0.016, dark, mirror="y")
    animal.ears((0.02, 0.022, 0.05), between(rng, 70, 95), coat)
    return animal.build(0.03)


def pig(rng: np.random.Generator) -> ProceduralObject:
    """A pig: a round trunk on short legs, a disc for a nose, a curly tail."""
    pink = colour(between(rng, 0.97, 1.04), between(rng, 0.2, 0.4), between(rng, 0.8, 0.95))
    coat = plain(pink) if maybe(rng, 0.7) else coat_of(rng, pick(rng, (pink, (0.25, 0.2, 0.2))), spotted=0.8)
    build = Build(
        legs=between(rng, 0.08, 0.16),
        leg=0.055,
        trunk=(0.42, 0.2, 0.21),
        neck=(0.16, 15),
        neck_radius=0.16,
        head=(0.16, 0.14, 0.14),
        snout=(0.06, 0.07),
        drop=12,
        tail=(0.16, 40, 0.02),
    )
    animal = Animal(rng, build, coat, coat)
    nose = plain(tinted(coat.colours[0], 0.8))
    animal.a.add(cylinder(0.075, 0.02, edge=0.012), animal.nose + np.array([0.06, 0, 0]), nose, turned=FORWARDS)
    animal.ears((0.025, 0.05, between(rng, 0.07, 0.1)), between(rng, 15, 60), coat)
    return animal.build(0.04)


def sheep(rng: np.random.Generator) -> ProceduralObject:
    """A sheep: a woolly barrel, thin dark legs, a bare face."""
    wool = colour(0.1, between(rng, 0.03, 0.15), pick(rng, (between(rng, 0.85, 0.97), 0.3)))
    face = plain(pick(rng, ((0.15, 0.13, 0.13), (0.85, 0.75, 0.65), (0.4, 0.3, 0.22))))
    build = Build(
        legs=between(rng, 0.16, 0.24),
        leg=0.035,
        trunk=(0.4, 0.22, 0.23),
        neck=(0.18, 40),
        neck_radius=0.12,
        head=(0.13, 0.095, 0.11),
        snout=(0.07, 0.06),
        drop=30,
        tail=(0.06, -30, 0.05),
    )
    animal = Animal(rng, build, patterned(rng, wool, tinted(wool, 0.86), "marble", 50, 80), face)
    mask = ellipsoid(0.14, 0.088, 0.088)
    animal.a.add(mask, animal.on_head(0.09, 0, -0.02), face, turned=turn("y", animal.drop))
    animal.ears((0.03, 0.03, 0.08), between(rng, 90, 115), face, spread=0.9)
    if maybe(rng, 0.35):
        at = animal.on_head(-0.03, 0.09, 0.07)
        horn = plain((0.7, 0.6, 0.45))
        animal.a.add(ellipsoid(0.065, 0.03, 0.065), at, horn, mirror="y")
    return animal.build(0.03)
