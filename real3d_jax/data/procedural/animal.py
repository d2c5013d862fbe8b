"""How four-legged animals are put together: a trunk on legs of one kind, a neck with a head, a tail."""

from typing import NamedTuple

import numpy as np

from real3d_jax.data.procedural.assembly import Assembly
from real3d_jax.data.procedural.chance import between, maybe, pick
from real3d_jax.data.procedural.light import sample_light
from real3d_jax.data.procedural.materials import (
    BLACK,
    Colour,
    patterned,
    plain,
    tinted,
)
from real3d_jax.data.procedural.objects import ProceduralObject
from real3d_jax.data.procedural.parts import Paint, ellipsoid, turn


class Build(NamedTuple):
    """Proportions of a four-legged animal whose trunk is about a unit long; they vary by a tenth."""

    legs: float  # from the ground to the belly
    leg: float  # radius of a leg
    trunk: tuple[float, float, float]  # half-axes
    neck: tuple[float, float]  # length and elevation in degrees
    neck_radius: float
    head: tuple[float, float, float]
    snout: tuple[float, float]  # length and radius
    drop: float  # degrees by which the head hangs down
    tail: tuple[float, float, float]  # length, elevation in degrees, radius


class Animal:
    """Puts trunk, legs, neck, head and tail together and knows where the head is, for ears and horns."""

    def __init__(self, rng: np.random.Generator, build: Build, coat: Paint, under: Paint):
        self.rng, self.a, self.coat = rng, Assembly(), coat
        self._vary = lambda low=0.9, high=1.1: between(rng, low, high)
        x, y, z = (s * self._vary() for s in build.trunk)
        legs, leg = build.legs * self._vary(0.85, 1.15), build.leg * self._vary()
        back = legs + z
        self.trunk, self.top = (x, y, z), back
        self.a.add(ellipsoid(x, y, z), (0, 0, back), coat)
        # Chest and hips keep the trunk from ending in points.
        self.a.add(ellipsoid(0.5 * x, 0.95 * y, 0.95 * z), (0.48 * x, 0, back), coat)
        self.a.add(ellipsoid(0.5 * x, 0.93 * y, 0.92 * z), (-0.5 * x, 0, back), coat)
        for side, stance in ((1, between(rng, -0.06, 0.1)), (-1, between(rng, -0.1, 0.06))):
            hip, foot = side * 0.66 * x, side * 0.68 * x + stance * legs
            self.a.rod((hip, 0.55 * y, back - 0.2 * z), (foot, 0.6 * y, leg), 1.25 * leg, under, taper=0.3, mirror="y")
        self._add_head(build, back)
        length, elevation, thick = build.tail
        start = np.array([-0.93 * x, 0, back + 0.35 * z])
        up = np.radians(elevation + between(rng, -12, 12))
        middle = start + 0.5 * length * np.array([-np.cos(up), 0, np.sin(up)])
        bent = up + np.radians(between(rng, -10, 30))
        end = middle + 0.5 * length * np.array([-np.cos(bent), 0, np.sin(bent)])
        self.a.chain((start, middle, end), thick, coat, end=0.6)

    def _add_head(self, build: Build, back: float) -> None:
        x, _, z = self.trunk
        length, up = build.neck[0] * self._vary(), np.radians(build.neck[1] + between(self.rng, -8, 8))
        root = np.array([0.72 * x, 0, back + 0.25 * z])
        self.head = root + length * np.array([np.cos(up), 0, np.sin(up)])
        self.a.rod(root, self.head, build.neck_radius * self._vary(), self.coat, taper=0.3)
        self.drop = build.drop + between(self.rng, -8, 8)
        self.size = tuple(s * self._vary(0.93, 1.07) for s in build.head)
        self.a.add(ellipsoid(*self.size), self.head, self.coat, turned=turn("y", self.drop))
        long, thick = (s * self._vary(0.9, 1.1) for s in build.snout)
        self.nose = self.on_head(self.size[0] * 0.6 + long, 0, -0.2 * self.size[2])
        self.a.rod(self.on_head(0.3 * self.size[0], 0, -0.15 * self.size[2]), self.nose, thick, self.coat, taper=0.2)
        eye = 0.13 * self.size[1] + 0.004
        at = self.on_head(0.55 * self.size[0], 0.78 * self.size[1], 0.42 * self.size[2])
        self.a.add(ellipsoid(eye, eye, eye), at, BLACK, mirror="y")

    def on_head(self, x: float, y: float, z: float) -> np.ndarray:
        """A point in the head's own axes: x along the snout."""
        return self.head + turn("y", self.drop) @ np.array([x, y, z])

    def ears(self, half: tuple[float, float, float], tilt: float, paint: Paint, *, spread: float = 0.7) -> None:
        """Two flat ears: half-sizes (thickness, width, length), leaning outwards by `tilt` degrees."""
        turned = turn("x", -tilt)
        foot = self.on_head(-0.25 * self.size[0], spread * self.size[1], 0.75 * self.size[2])
        self.a.add(ellipsoid(*half), foot + 0.7 * half[2] * turned[:, 2], paint, turned=turned, mirror="y")

    def build(self, blend: float) -> ProceduralObject:
        """The finished animal; `blend` is the width over which its parts melt into each other."""
        return self.a.build(sample_light(self.rng), blend=blend)


def coat_of(rng: np.random.Generator, base: Colour, *, spotted: float) -> Paint:
    """Fur of one colour, or with patches in another."""
    if not maybe(rng, spotted):
        return plain(base)
    second = pick(rng, ((0.95, 0.93, 0.88), (0.12, 0.1, 0.1), tinted(base, 0.45)))
    return patterned(rng, base, second, pick(rng, ("marble", "dots")), 9, 20)
