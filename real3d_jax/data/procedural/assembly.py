"""Puts the parts of one object together."""

import functools
import math
from collections.abc import Sequence
from itertools import pairwise

import jax
import numpy as np

from real3d_jax.data.procedural.extent import normalised
from real3d_jax.data.procedural.objects import (
    MAX_SOLIDS,
    PATTERNS,
    PROFILE,
    Light,
    ProceduralObject,
    Solids,
    Textures,
    Turned,
)
from real3d_jax.data.procedural.parts import UPRIGHT, Paint, Place, Solid, capsule, cylinder, towards


class Assembly:
    """Collects the parts of one object, in any units, and makes it a `ProceduralObject`."""

    def __init__(self) -> None:
        self._parts: list[tuple] = []
        self._turned: tuple | None = None

    def add(
        self,
        solid: Solid,
        at: Place,
        paint: Paint,
        *,
        turned: np.ndarray = UPRIGHT,
        mirror: str = "",
        radial: bool = False,
    ) -> None:
        """Adds a solid.

        Args:
          solid: its shape.
          at: its centre.
          paint: its colours.
          turned: (3, 3), turns the solid before it is put there.
          mirror: 'x', 'y' or 'xy': repeats it on the other side. It must lie at positive x (y).
          radial: repeats it around the z axis, as often as `build` is told; it must lie near the +x axis.
        """
        self._parts.append((solid, np.asarray(at, float), paint, turned.T, ("x" in mirror, "y" in mirror), radial))

    def rod(
        self,
        start: Place,
        end: Place,
        radius: float,
        paint: Paint,
        *,
        flat: bool = False,
        taper: float = 0.0,
        mirror: str = "",
        radial: bool = False,
    ) -> None:
        """Adds a rod whose axis runs from start to end; its round ends, if it is not `flat`, reach beyond them."""
        span = np.subtract(end, start)
        half = math.sqrt(span @ span) / 2
        solid = cylinder(radius, half) if flat else capsule(radius, half + radius)
        at = (start[0] + span[0] / 2, start[1] + span[1] / 2, start[2] + span[2] / 2)
        solid = solid._replace(taper=(taper, taper))
        self.add(solid, at, paint, turned=towards(span), mirror=mirror, radial=radial)

    def chain(
        self, points: Sequence[Place], radius: float, paint: Paint, *, end: float = 1.0, mirror: str = ""
    ) -> None:
        """Adds a bent rod through points, `end` times as thick at its end as at its start: points - 1 solids."""
        count = len(points) - 1
        for i, (p, q) in enumerate(pairwise(points)):
            here = radius * (1 + (end - 1) * i / count)
            there = radius * (1 + (end - 1) * (i + 1) / count)
            self.rod(p, q, here, paint, taper=1 - there / here, mirror=mirror)

    def turn_body(
        self,
        radii: Sequence[float],
        half: float,
        at: Place,
        paint: Paint,
        *,
        turned: np.ndarray = UPRIGHT,
        wall: float = 0.0,
    ) -> None:
        """Sets the turned body: `PROFILE` radii from the bottom to the top, half its height, its centre, the thickness
        of its wall if it is hollow (open at both ends)."""
        assert len(radii) == PROFILE
        self._turned = (np.asarray(radii, float), half, np.asarray(at, float), paint, turned.T, wall / 2)

    def build(
        self, light: Light, *, blend: float, fold: int = 1, slots: int = MAX_SOLIDS, directions: int = 128
    ) -> ProceduralObject:
        """The object, moved to the origin and scaled to fill its bounds.

        Args:
          light: on it.
          blend: width over which solids melt into each other, in the assembly's units.
          fold: copies around z of radial parts.
          slots: for solids; the assembly has at most so many.
          directions: in which its extent is measured.
        """
        count = len(self._parts)
        assert count <= slots, f"{count} solids do not fit into {slots}"
        solids, at, paints, rotations, mirrors, radial = zip(*self._parts, strict=True) if count else ((),) * 6
        filled = functools.partial(_filled, slots)
        k = Solids(
            rotation=filled(rotations, 3, 3),
            centre=filled(at, 3),
            half=filled([s.half for s in solids], 3),
            corner=filled([s.corner for s in solids]),
            edge=filled([s.edge for s in solids]),
            shell=filled([s.shell for s in solids]),
            taper=filled([s.taper for s in solids], 2),
            ellipsoid=filled([s.ellipsoid for s in solids]),
            mirror=filled(mirrors, 2),
            radial=filled(radial),
            active=filled(np.ones(count)),
        )
        nothing = Paint(np.zeros((2, 3)))
        radii, half, centre, body_paint, rotation, shell = self._turned or (
            np.zeros(PROFILE),
            0.0,
            np.zeros(3),
            nothing,
            UPRIGHT,
            0.0,
        )
        paint = [*paints, *[nothing] * (slots - count), body_paint]
        o = ProceduralObject(
            solids=k,
            turned=Turned(rotation, centre, radii, np.array(half), np.array(shell), np.array(self._turned is not None)),
            textures=Textures(
                colours=np.array([p.colours for p in paint]),
                pattern=np.array([PATTERNS.index(p.pattern) for p in paint]),
                frequency=np.array([p.frequency for p in paint]),
                warp=np.array([p.warp for p in paint]),
            ),
            light=light,
            fold=np.array(fold),
            blend=np.array(blend),
        )
        o, factor = normalised(o, directions=directions, tapers=True)
        o = o._replace(textures=o.textures._replace(frequency=o.textures.frequency / factor))
        return jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), o)


def _filled(slots: int, values: Sequence | np.ndarray, *shape: int) -> np.ndarray:
    """The values, each of a shape, in the first of so many slots, and zeros in the others."""
    out = np.zeros((slots, *shape))
    out[: len(values)] = np.array(values, float).reshape(len(values), *shape)
    return out
