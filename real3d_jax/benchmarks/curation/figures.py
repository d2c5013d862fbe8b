"""Silhouettes and surfaces of drawn objects, as formulas of local coordinates."""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

FOCAL = 900.0  # pixels, at any image size

_Formula = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Figure:
    """An object before it is placed behind or in front of others.

    Attributes:
      kind: one of `KINDS`.
      centre: (x, y), pixels.
      half_size: half its width and height before it is turned, pixels.
      angle: by which it is turned, radians.
      disparity: of its middle, 1/metres.
      silhouette: of local coordinates (u, v), which reach from -1 to 1: whether they are inside.
      surface: of local coordinates: disparity over that of the middle.
    """

    kind: str
    centre: tuple[float, float]
    half_size: tuple[float, float]
    angle: float
    disparity: float
    silhouette: _Formula
    surface: _Formula

    def draw(self, width: int, height: int) -> tuple[Bool[np.ndarray, "H W"], Float[np.ndarray, "H W"]]:
        """The whole silhouette, as far as it is in the image, and disparity there (0 elsewhere)."""
        mask, disparity = np.zeros((height, width), bool), np.zeros((height, width), np.float32)
        (x, y), (a, b), reach = self.centre, self.half_size, float(np.hypot(*self.half_size)) + 1
        rows = slice(max(int(y - reach), 0), max(min(int(y + reach) + 2, height), 0))
        columns = slice(max(int(x - reach), 0), max(min(int(x + reach) + 2, width), 0))
        dx, dy = np.meshgrid(np.arange(width)[columns] - x, np.arange(height)[rows] - y)
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        u, v = (cos * dx + sin * dy) / a, (cos * dy - sin * dx) / b
        inside = self.silhouette(u, v)
        mask[rows, columns] = inside
        disparity[rows, columns] = np.where(inside, self.disparity * self.surface(u, v), 0)
        return mask, disparity


def random_figure(
    rng: np.random.Generator, kind: str, centre: tuple[float, float], half_size: float, disparity: float
) -> Figure:
    """A figure of a kind with random proportions and surface.

    Args:
      rng: draws what is left open.
      kind: one of `KINDS`.
      centre: (x, y), pixels.
      half_size: half of its longer side, pixels.
      disparity: of its middle, 1/metres.
    """
    silhouette, (least, most), turns = KINDS[kind](rng)
    a, b = half_size, half_size * rng.uniform(least, most)
    if rng.random() < 0.5 and not turns:
        a, b = b, a
    angle = rng.uniform(0, np.pi) if turns else rng.normal(0, 0.1)
    surface = _surface(rng, min(a, b) / FOCAL)
    return Figure(kind, centre, (a, b), angle, disparity, silhouette, surface)


def _surface(rng: np.random.Generator, depth: float) -> _Formula:
    """Flat, tilted or round; `depth` is half the object's thickness over its distance."""
    kind = rng.choice(["flat", "tilted", "round"])
    if kind == "flat":
        return lambda u, v: np.ones_like(u)
    if kind == "tilted":
        right, down = rng.uniform(-0.12, 0.12, 2)
        return lambda u, v: 1 + right * u + down * v  # a plane in space is a plane in disparity
    return lambda u, v: 1 / (1 - depth * np.sqrt(np.clip(1 - u**2 - v**2, 0, 1)))


def _ellipse(rng):
    return lambda u, v: u**2 + v**2 <= 1, (0.5, 1.0), True


def _box(rng):
    return lambda u, v: np.maximum(abs(u), abs(v)) <= 1, (0.5, 1.0), bool(rng.random() < 0.5)


def _bar(rng):
    return lambda u, v: np.maximum(abs(u), abs(v)) <= 1, (0.07, 0.18), True


def _ring(rng):
    hole = rng.uniform(0.45, 0.8)
    return lambda u, v: (u**2 + v**2 <= 1) & (u**2 + v**2 >= hole**2), (0.6, 1.0), True


def _blob(rng):
    order = np.arange(2, 6)
    amplitude, phase = rng.normal(0, 0.25 / order), rng.uniform(0, 2 * np.pi, 4)

    def silhouette(u, v):
        theta = np.arctan2(v, u)
        waves = sum(a * np.cos(n * theta + p) for a, n, p in zip(amplitude, order, phase, strict=True))
        return np.hypot(u, v) <= 0.75 * (1 + waves)

    return silhouette, (0.6, 1.0), True


def _polygon(rng):
    count = rng.integers(3, 7)
    theta = (np.arange(count) + rng.uniform(-0.25, 0.25, count)) * 2 * np.pi / count
    return _inside(np.stack([np.cos(theta), np.sin(theta)], -1)), (0.6, 1.0), True


def _star(rng):
    count = rng.integers(4, 8)
    theta = np.arange(2 * count) * np.pi / count
    radius = np.where(np.arange(2 * count) % 2, rng.uniform(0.4, 0.7), 1)
    return _inside(radius[:, None] * np.stack([np.cos(theta), np.sin(theta)], -1)), (0.7, 1.0), True


def _table(rng):
    top, leg, inset = rng.uniform(-0.8, -0.5), rng.uniform(0.06, 0.15), rng.uniform(0, 0.2)

    def silhouette(u, v):
        legs = abs(abs(u) - (1 - inset - leg)) <= leg
        return (np.maximum(abs(u), abs(v)) <= 1) & ((v <= top) | legs)

    return silhouette, (0.5, 1.0), False


def _inside(corners: np.ndarray) -> _Formula:
    """Of a polygon, by counting the edges to the right."""

    def silhouette(u, v):
        odd = np.zeros(u.shape, bool)
        for (u0, v0), (u1, v1) in zip(corners, np.roll(corners, -1, 0), strict=True):
            with np.errstate(divide="ignore", invalid="ignore"):
                odd ^= ((v0 > v) != (v1 > v)) & (u < u0 + (v - v0) / (v1 - v0) * (u1 - u0))
        return odd

    return silhouette


KINDS: dict[str, Callable] = {
    "ellipse": _ellipse,
    "box": _box,
    "bar": _bar,
    "ring": _ring,
    "blob": _blob,
    "polygon": _polygon,
    "star": _star,
    "table": _table,
}
