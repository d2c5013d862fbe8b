"""Mugs, bottles, vases, bowls, teapots and glasses; a unit is about ten centimetres to thirty."""

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick, whole
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    WHITE,
    any_colour,
    ceramic,
    colour,
    foliage,
    matching,
    painted,
    pastel,
    patterned,
    plain,
    steel,
    tinted,
    vivid,
    wood,
)
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import Paint, cylinder, ellipsoid, profile, torus, tube


def _handle(
    a: Assembly, radius: float, low: float, high: float, out: float, thick: float, paint: Paint, x: int
) -> None:
    """A handle in the plane y = 0 from one height of a wall at `radius` to another; x (1 or -1) is its side."""
    middle, reach = (low + high) / 2, (high - low) / 2
    angles = np.radians(np.linspace(-78, 78, 5))
    points = [(x * (radius + out * np.cos(t)), 0.0, middle + reach * np.sin(t)) for t in angles]
    points[0], points[-1] = (x * (radius - 0.2 * thick), 0.0, low), (x * (radius - 0.2 * thick), 0.0, high)
    a.chain(points, thick, paint)


def mug(rng: np.random.Generator) -> ProceduralObject:
    """A mug or tea cup with a handle, sometimes on a saucer, sometimes with a drink in it."""
    a = Assembly()
    clay = ceramic(rng)
    radius, tall = between(rng, 0.3, 0.45), between(rng, 0.32, 0.55)
    wall = between(rng, 0.035, 0.06)
    style = pick(rng, ("straight", "conical", "round", "waisted"))
    shares = {
        "straight": (1, 1, 1, 1, 1),
        "conical": (between(rng, 0.6, 0.8), 0.8, 0.88, 0.95, 1),
        "round": (0.55, between(rng, 0.85, 0.95), 1.02, 1.02, 0.98),
        "waisted": (1, 0.92, between(rng, 0.78, 0.86), 0.92, 1.05),
    }[style]
    radii = profile(*(radius * s for s in shares))
    foot = 0.0
    if maybe(rng, 0.3):  # a saucer under it
        a.add(cylinder(1.7 * radius, 0.025, edge=0.02), (0, 0, 0.04), clay)
        a.add(torus(1.75 * radius, 0.03), (0, 0, 0.06), clay)
        a.add(cylinder(0.9 * radius, 0.02), (0, 0, 0.02), clay)
        foot = 0.06
    a.turn_body(radii, tall, (0, 0, foot + tall), clay, wall=wall)
    a.add(cylinder(radii[0] - 0.3 * wall, wall / 2), (0, 0, foot + wall / 2), clay)
    handle = clay if maybe(rng, 0.7) else plain(matching(rng, clay.colours[0]))
    low, high = between(rng, 0.35, 0.6), between(rng, 1.45, 1.7)
    at_wall = radius * min(shares[1], shares[3])
    out = between(rng, 0.16, 0.26)
    _handle(a, at_wall, foot + low * tall, foot + high * tall, out, between(rng, 0.035, 0.055), handle, 1)
    if maybe(rng, 0.5):
        drink = plain(pick(rng, ((0.3, 0.17, 0.08), (0.6, 0.42, 0.25), (0.7, 0.4, 0.1), (0.35, 0.2, 0.15))))
        level = radius * min(shares[3], shares[4])
        a.add(cylinder(level - 0.5 * wall, 0.02), (0, 0, foot + between(rng, 1.6, 1.8) * tall), drink)
    if maybe(rng, 0.25) and style == "straight":  # a band around it
        band = tube(radius + 0.008, between(rng, 0.1, 0.5) * tall, 0.03)
        a.add(band, (0, 0, foot + between(rng, 0.8, 1.1) * tall), plain(matching(rng, clay.colours[0])))
    return a.build(sample_light(rng), blend=0.008)


def bottle(rng: np.random.Generator) -> ProceduralObject:
    """A bottle of wine, beer, soda or oil, a flask or a jar, with a cap or cork and often a label."""
    a = Assembly()
    radius, tall = between(rng, 0.15, 0.24), between(rng, 0.45, 0.62)
    neck = radius * between(rng, 0.28, 0.5)
    shoulder = between(rng, 0.45, 0.7)  # share of the height where the body ends
    slope = between(rng, 0.08, 0.3)
    waist = radius * between(rng, 0.8, 1.0) if maybe(rng, 0.3) else radius
    heights = np.linspace(0, 1, 8)
    radii = np.interp(
        heights,
        (0, 0.5 * shoulder, shoulder, min(shoulder + slope, 0.93), 1),
        (radius, waist, radius, neck, 0.95 * neck),
    )
    glassy = colour(pick(rng, (0.33, 0.08, 0.58, 0.28)), between(rng, 0.35, 0.8), between(rng, 0.25, 0.75))
    body = plain(pick(rng, (glassy, any_colour(rng), glassy)))
    a.turn_body(radii.tolist(), tall, (0, 0, tall), body)
    cap = painted(rng) if maybe(rng, 0.7) else steel(rng)
    height = between(rng, 0.03, 0.07)
    a.add(cylinder(neck * between(rng, 1.05, 1.3), height, edge=0.01), (0, 0, 2 * tall + 0.6 * height), cap)
    if maybe(rng, 0.4):
        a.add(torus(1.2 * neck, 0.25 * neck), (0, 0, 2 * tall - between(rng, 0.04, 0.1)), body)
    if maybe(rng, 0.75):
        _label(a, rng, radius, 2 * tall * shoulder)
    if maybe(rng, 0.2):
        _handle(a, radius * 0.95, tall * 0.5, tall * 1.1, 0.14, 0.035, body, 1)
    return a.build(sample_light(rng), blend=0.006)


def _label(a: Assembly, rng: np.random.Generator, radius: float, top: float) -> None:
    """Paper around a body of this radius, with a stripe in another colour."""
    half = between(rng, 0.15, 0.32) * top
    middle = between(rng, 0.45, 0.55) * top
    paper = pick(rng, (WHITE.colours[0], vivid(rng), pastel(rng)))
    label = plain(paper) if maybe(rng, 0.5) else patterned(rng, paper, matching(rng, paper), "stripes", 15, 40)
    a.add(tube(radius + 0.008, half, 0.06), (0, 0, middle), label)
    if maybe(rng, 0.6):
        second = plain(matching(rng, paper))
        a.add(tube(radius + 0.012, half * between(rng, 0.2, 0.45), 0.06), (0, 0, middle + 0.2 * half), second)


def vase(rng: np.random.Generator) -> ProceduralObject:
    """A hollow turned vase of any outline, sometimes with two handles, sometimes with flowers."""
    a = Assembly()
    clay = ceramic(rng)
    tall, belly = between(rng, 0.35, 0.6), between(rng, 0.2, 0.36)
    foot, neck = belly * between(rng, 0.4, 0.8), belly * between(rng, 0.3, 0.75)
    lip = neck * between(rng, 1.0, 1.7)
    middle = between(rng, 0.3, 0.65)
    outline = np.interp(
        np.linspace(0, 1, 8), (0, middle - 0.13, middle + 0.13, 0.86, 1), (foot, belly, belly, neck, lip)
    )
    wall = between(rng, 0.035, 0.055)
    a.turn_body(outline.tolist(), tall, (0, 0, tall), clay, wall=wall)
    a.add(cylinder(outline[0] * 0.97, 0.03), (0, 0, 0.03), clay)
    if maybe(rng, 0.3):
        a.add(torus(outline[-1] + 0.015, 0.03), (0, 0, 2 * tall - 0.02), plain(matching(rng, clay.colours[0])))
    if maybe(rng, 0.3):
        inner = float(np.interp(0.72, np.linspace(0, 1, 8), outline))
        points = (
            (0, outline[6], 1.72 * tall),
            (0, belly * 1.25, 1.6 * tall),
            (0, inner, 2 * tall * middle + 0.1 * tall),
        )
        a.chain(points, 0.03, clay, mirror="y")
    if maybe(rng, 0.4):
        _flowers(a, rng, 2 * tall, 0.5 * outline[-1])
    return a.build(sample_light(rng), blend=0.008, fold=whole(rng, 3, 6))


def _flowers(a: Assembly, rng: np.random.Generator, top: float, neck: float) -> None:
    """A bunch: stems that lean outwards, with blossoms at two heights."""
    green, blossom = foliage(rng), plain(vivid(rng))
    heart = plain(matching(rng, blossom.colours[0]))
    high, out = between(rng, 0.25, 0.45), between(rng, 0.12, 0.25)
    size = between(rng, 0.07, 0.11)
    a.rod((0.3 * neck, 0, top - 0.15), (neck + out, 0, top + 0.7 * high), 0.014, green, radial=True)
    a.add(ellipsoid(size, size, 0.7 * size), (neck + out, 0, top + 0.7 * high + 0.04), blossom, radial=True)
    a.add(ellipsoid(0.4 * size, 0.4 * size, 0.4 * size), (neck + out, 0, top + 0.7 * high + 0.085), heart, radial=True)
    a.rod((0, 0, top - 0.15), (0, 0, top + high), 0.014, green)
    a.add(ellipsoid(1.2 * size, 1.2 * size, size), (0, 0, top + high + 0.05), blossom)


def bowl(rng: np.random.Generator) -> ProceduralObject:
    """A bowl or dish on a foot ring, empty, with fruit or with food in it."""
    a = Assembly()
    clay = wood(rng) if maybe(rng, 0.2) else ceramic(rng)
    radius, tall = between(rng, 0.4, 0.5), between(rng, 0.12, 0.28)
    foot = radius * between(rng, 0.3, 0.55)
    full = between(rng, 0.75, 0.95)
    wall = between(rng, 0.035, 0.06)
    a.turn_body(profile(foot, radius * full * 0.8, radius * full, radius), tall, (0, 0, 0.04 + tall), clay, wall=wall)
    a.add(cylinder(foot + 0.03, 0.035), (0, 0, 0.035), clay)
    a.add(cylinder(foot + 0.08, 0.03), (0, 0, 0.06 + 0.15 * tall), clay)
    kind = rng.random()
    level = 0.04 + 1.5 * tall
    if kind < 0.4:
        _fruit(a, rng, radius * full, level)
    elif kind < 0.7:
        food = colour(between(rng, 0.02, 0.3), between(rng, 0.4, 0.8), between(rng, 0.5, 0.9))
        soup = patterned(rng, food, tinted(food, 0.75), "marble", 20, 40)
        a.add(ellipsoid(radius * full * 0.93, radius * full * 0.93, between(rng, 0.03, 0.16)), (0, 0, level), soup)
    return a.build(sample_light(rng), blend=0.008, fold=whole(rng, 4, 6))


def _fruit(a: Assembly, rng: np.random.Generator, radius: float, level: float) -> None:
    """A ring of fruit of one kind, and another on top."""
    first, second = (
        plain(colour(pick(rng, (0.0, 0.07, 0.14, 0.25, 0.95)), 0.8, between(rng, 0.6, 0.95))) for _ in "ab"
    )
    size = between(rng, 0.36, 0.42) * radius
    a.add(ellipsoid(size, size, 0.95 * size), (radius - size, 0, level), first, radial=True)
    a.add(ellipsoid(size, size, 0.9 * size), (0.1 * radius, 0, level + size), second)
    a.rod((0.1 * radius, 0, level + 1.8 * size), (0.14 * radius, 0, level + 2.2 * size), 0.012, plain((0.3, 0.2, 0.1)))


def teapot(rng: np.random.Generator) -> ProceduralObject:
    """A teapot or coffee pot: a round body, a lid with a knob, a spout in front and a handle behind."""
    a = Assembly()
    clay = steel(rng) if maybe(rng, 0.15) else ceramic(rng)
    trim = clay if maybe(rng, 0.6) else plain(matching(rng, clay.colours[0]))
    radius, tall = between(rng, 0.32, 0.42), between(rng, 0.22, 0.42)
    foot, mouth = radius * between(rng, 0.5, 0.8), radius * between(rng, 0.4, 0.7)
    belly = between(rng, 0.3, 0.55)
    outline = np.interp(np.linspace(0, 1, 8), (0, belly, belly + 0.2, 1), (foot, radius, radius, mouth)).tolist()
    a.turn_body(outline, tall, (0, 0, tall + 0.02), clay)
    a.add(cylinder(0.9 * foot, 0.03), (0, 0, 0.03), clay)
    top = 2 * tall + 0.02
    a.add(ellipsoid(mouth * 0.95, mouth * 0.95, between(rng, 0.05, 0.14)), (0, 0, top), trim)
    knob, stem = between(rng, 0.04, 0.06), between(rng, 0.1, 0.15)
    a.add(ellipsoid(knob, knob, knob * between(rng, 0.7, 1.3)), (0, 0, top + stem), trim)
    a.rod((0, 0, top), (0, 0, top + stem), 0.4 * knob, trim)
    start, end = between(rng, 0.35, 0.8) * tall, between(rng, 1.7, 2.1) * tall
    out = radius + between(rng, 0.22, 0.34)
    inside = 0.8 * radius
    a.chain(((inside, 0, start), (radius + 0.12, 0, start + 0.35 * (end - start)), (out, 0, end)), 0.085, clay, end=0.5)
    handle = trim if maybe(rng, 0.8) else wood(rng)
    if maybe(rng, 0.25):  # over the lid
        high = top + between(rng, 0.25, 0.4)
        arc = [
            (0.8 * radius * np.cos(t), 0.0, 1.5 * tall + (high - 1.5 * tall) * np.sin(t))
            for t in np.linspace(0, np.pi, 6)
        ]
        a.chain(arc, 0.03, handle)
    else:
        _handle(a, 0.92 * radius, 0.6 * tall, 1.6 * tall, between(rng, 0.2, 0.3), between(rng, 0.03, 0.045), handle, -1)
    return a.build(sample_light(rng), blend=0.02)


def wine_glass(rng: np.random.Generator) -> ProceduralObject:
    """A goblet: a hollow bowl on a stem and a foot, of tinted glass, metal or clay, sometimes filled."""
    a = Assembly()
    kind = rng.random()
    tint = plain(colour(between(rng, 0.5, 0.62), between(rng, 0.03, 0.15), between(rng, 0.75, 0.92)))
    glass = tint if kind < 0.6 else plain(pastel(rng)) if kind < 0.8 else plain(vivid(rng))
    radius, tall = between(rng, 0.17, 0.27), between(rng, 0.15, 0.3)
    stem, foot = between(rng, 0.2, 0.5), radius * between(rng, 0.75, 1.05)
    shape = pick(rng, ((0.25, 0.95, 1.0, 0.8), (0.12, 0.5, 0.8, 1.0), (0.4, 1.0, 1.0, 1.0), (0.1, 0.9, 1.0, 1.1)))
    shape = [s * between(rng, 0.93, 1.07) for s in shape]
    wall = between(rng, 0.022, 0.035)
    a.turn_body(profile(*(radius * s for s in shape)), tall, (0, 0, stem + tall), glass, wall=wall)
    a.rod((0, 0, 0.02), (0, 0, stem + 0.01), between(rng, 0.014, 0.026), glass)
    a.add(cylinder(radius * shape[0] + 0.01, 0.02, edge=0.015), (0, 0, stem + 0.02), glass)
    a.add(cylinder(foot, 0.014, edge=0.01), (0, 0, 0.014), glass)
    a.add(cylinder(0.5 * foot, 0.04, taper=0.9), (0, 0, 0.05), glass)
    if maybe(rng, 0.35):
        bead = between(rng, 0.03, 0.05)
        a.add(ellipsoid(bead, bead, bead), (0, 0, stem * between(rng, 0.4, 0.8)), glass)
    if maybe(rng, 0.6):
        wine = plain(pick(rng, ((0.45, 0.03, 0.1), (0.9, 0.75, 0.3), (0.85, 0.4, 0.4), (0.55, 0.1, 0.15))))
        level = tall * between(rng, 0.5, 0.75)
        inner = radius * min(shape[1], shape[2]) * 0.97
        a.add(ellipsoid(inner, inner, level), (0, 0, stem + level + 0.03), wine)
    return a.build(sample_light(rng), blend=0.006)
