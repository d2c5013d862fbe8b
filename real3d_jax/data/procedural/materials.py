"""What things are painted with. Frequencies suit assemblies that are about 1 unit in size."""

import colorsys
import math
from collections.abc import Sequence

import numpy as np

from real3d_jax.data.procedural.chance import between, maybe, pick
from real3d_jax.data.procedural.parts import Paint

Colour = Sequence[float] | np.ndarray  # red, green, blue in [0, 1]


def colour(h: float, s: float, v: float) -> Colour:
    """Hue (any number, 1 is a full circle), saturation and value, as red, green and blue."""
    return colorsys.hsv_to_rgb(h % 1.0, min(max(s, 0.0), 1.0), min(max(v, 0.0), 1.0))


def tinted(base: Colour, factor: float) -> Colour:
    """Darker (factor below 1), or lighter towards white (above 1, up to 2)."""
    if factor <= 1:
        return tuple(factor * c for c in base)
    return tuple(c + (1 - c) * (factor - 1) for c in base)


def plain(base: Colour) -> Paint:
    """One colour."""
    return Paint(np.array([base, base]))


def patterned(rng: np.random.Generator, first: Colour, second: Colour, pattern: str, low: float, high: float) -> Paint:
    """Two colours in a pattern of a frequency from low to high, radians per unit of the assembly."""
    warp = tuple((2 * math.pi * rng.random(3)).tolist())
    return Paint(np.array([first, second]), pattern, between(rng, low, high), warp)


def vivid(rng: np.random.Generator, hue: float | None = None) -> Colour:
    """A strong colour, of any hue if none is given."""
    return colour(rng.random() if hue is None else hue, between(rng, 0.55, 0.9), between(rng, 0.55, 0.95))


def pastel(rng: np.random.Generator, hue: float | None = None) -> Colour:
    """A soft, light colour, of any hue if none is given."""
    return colour(rng.random() if hue is None else hue, between(rng, 0.15, 0.4), between(rng, 0.8, 0.97))


def neutral(rng: np.random.Generator) -> Colour:
    """White, grey, black or beige."""
    value = pick(rng, (between(rng, 0.85, 0.97), between(rng, 0.35, 0.7), between(rng, 0.12, 0.22)))
    return colour(between(rng, 0.06, 0.14), between(rng, 0.0, 0.12), value)


def matching(rng: np.random.Generator, base: Colour) -> Colour:
    """A colour that goes with another: its shade, a neighbour, its opposite, or a neutral one."""
    h, s, v = colorsys.rgb_to_hsv(*base)
    kind = rng.random()
    if kind < 0.3 or s < 0.1:
        return neutral(rng)
    if kind < 0.55:
        return colour(h, s * between(rng, 0.3, 1.0), v * 0.55 if v > 0.6 else v + 0.35)
    turn = pick(rng, (-0.09, 0.09)) if kind < 0.8 else between(rng, 0.42, 0.58)
    return colour(h + turn, between(rng, 0.35, 0.8), between(rng, 0.5, 0.95))


def any_colour(rng: np.random.Generator) -> Colour:
    """Vivid, soft or neutral."""
    return pick(rng, (vivid, vivid, pastel, neutral))(rng)


_WOODS = ((0.09, 0.45, 0.78), (0.07, 0.6, 0.55), (0.06, 0.65, 0.38), (0.1, 0.3, 0.86), (0.03, 0.6, 0.45))


def wood(rng: np.random.Generator) -> Paint:
    """Pine, oak, walnut, birch or mahogany; the grain runs along the part's own z axis."""
    h, s, v = pick(rng, _WOODS)
    light = colour(h + between(rng, -0.012, 0.012), s + between(rng, -0.08, 0.08), v + between(rng, -0.07, 0.07))
    return patterned(rng, light, tinted(light, between(rng, 0.6, 0.8)), "grain", 35, 60)


def metal(rng: np.random.Generator) -> Paint:
    """Steel, black iron, brass or copper."""
    h, s, low, high = pick(rng, ((0.6, 0.04, 0.6, 0.85), (0.6, 0.05, 0.12, 0.25), (0.12, 0.5, 0.7, 0.85)))
    return plain(colour(h - between(rng, 0.0, 0.06), s, between(rng, low, high)))


def steel(rng: np.random.Generator) -> Paint:
    """Grey metal."""
    return plain(colour(0.58, between(rng, 0.0, 0.08), between(rng, 0.55, 0.85)))


def fabric(rng: np.random.Generator, base: Colour | None = None) -> Paint:
    """Cloth: mostly plain, or with stripes, checks, dots or a mottled print."""
    base = any_colour(rng) if base is None else base
    kind = rng.random()
    if kind < 0.5:
        return plain(base)
    second = tinted(base, pick(rng, (0.6, 1.6))) if maybe(rng, 0.5) else matching(rng, base)
    return patterned(rng, base, second, pick(rng, ("stripes", "checker", "dots", "marble")), 30, 60)


def leather(rng: np.random.Generator) -> Paint:
    """Brown, black, red or cream leather."""
    h, s, v = pick(rng, ((0.06, 0.6, 0.4), (0.05, 0.55, 0.6), (0.6, 0.05, 0.15), (0.0, 0.7, 0.45), (0.1, 0.2, 0.85)))
    return plain(colour(h, s, v + between(rng, -0.07, 0.07)))


def ceramic(rng: np.random.Generator) -> Paint:
    """Glazed: white, coloured, banded, dotted or running into each other."""
    base = pick(rng, (neutral, pastel, vivid, pastel))(rng)
    kind = rng.random()
    if kind < 0.45:
        return plain(base)
    second = matching(rng, base)
    return patterned(rng, base, second, pick(rng, ("stripes", "dots", "marble", "gradient", "checker")), 10, 28)


def varnished(rng: np.random.Generator) -> Paint:
    """What furniture is made of: wood, or paint on it."""
    return wood(rng) if maybe(rng, 0.65) else plain(any_colour(rng))


def painted(rng: np.random.Generator) -> Paint:
    """One colour: vivid, soft or neutral."""
    return plain(any_colour(rng))


def concrete(rng: np.random.Generator) -> Paint:
    """White, grey or black stone or plastic."""
    return plain(neutral(rng))


def rubber(rng: np.random.Generator) -> Paint:
    """Tyres and soles."""
    return plain(colour(0.6, 0.05, between(rng, 0.08, 0.2)))


def glass(rng: np.random.Generator) -> Paint:
    """Window panes as seen from outside: dark, or reflecting the sky."""
    return plain(colour(between(rng, 0.55, 0.62), between(rng, 0.2, 0.5), pick(rng, (0.2, 0.35, 0.7))))


def brick(rng: np.random.Generator) -> Paint:
    """Courses of bricks with lighter joints."""
    stone = colour(between(rng, 0.0, 0.08), between(rng, 0.35, 0.65), between(rng, 0.45, 0.75))
    return patterned(rng, stone, tinted(stone, 1.5), "bricks", 75, 110)


def foliage(rng: np.random.Generator) -> Paint:
    """Leaves: greens, sometimes mottled."""
    green = colour(between(rng, 0.22, 0.42), between(rng, 0.45, 0.8), between(rng, 0.35, 0.7))
    if maybe(rng, 0.5):
        return plain(green)
    return patterned(rng, green, tinted(green, pick(rng, (0.7, 1.3))), "marble", 25, 50)


def fur(rng: np.random.Generator) -> Colour:
    """Browns, greys, black, cream and ginger."""
    h, s, v = pick(
        rng, ((0.07, 0.6, 0.4), (0.08, 0.5, 0.62), (0.1, 0.3, 0.85), (0.05, 0.7, 0.7), (0.08, 0.1, 0.5), (0, 0, 0.2))
    )
    return colour(h + between(rng, -0.01, 0.01), s + between(rng, 0, 0.1), v + between(rng, -0.08, 0.1))


def skin(rng: np.random.Generator) -> Colour:
    """People's skin, from light to dark."""
    v = between(rng, 0.35, 0.95)
    return colour(between(rng, 0.05, 0.08), 0.75 - 0.45 * v, v)


BLACK = plain((0.06, 0.06, 0.07))
WHITE = plain((0.95, 0.95, 0.93))
