"""Ray marching of procedural objects in one kernel, for NVIDIA GPUs: a program draws a tile of 8 x 8 rays.

All of an object's numbers are read where they are needed and stay in registers; a tile's rays march until all of them
have arrived or left, so an empty tile costs next to nothing, and nothing but colours is written. It draws what
`render.py` draws, but for rounding and for where a ray starts: at the bounding sphere, not where a cone stopped.

It is a Pallas kernel for its Triton backend; `interpret` runs it as plain JAX on any device, for tests.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from real3d_jax.cameras import Cameras
from real3d_jax.data.procedural.field import Point, Values, along, norm, signed_distance, surface_colour
from real3d_jax.data.procedural.objects import (
    BOUNDING_RADIUS,
    PROFILE,
    Light,
    ProceduralObject,
    Solids,
    Textures,
    Turned,
)
from real3d_jax.kernels.pallas import launch

TILE = 8  # rays per side
RAY_STEPS = 80
STEP = 0.95  # of the distance; blends and tapers make the field steeper than 1 in places
HIT = 0.35  # of the distance between neighbouring rays: so near a surface, a ray has hit it
ARRIVED = 0.2  # of that: so near, it stays
_BOUNDS = BOUNDING_RADIUS + 0.03  # beyond it is nothing

_PAINT = (("colours", 6), ("pattern", 1), ("frequency", 1), ("warp", 3))
_SOLID = (
    ("rotation", 9),
    ("centre", 3),
    ("half", 3),
    ("corner", 1),
    ("edge", 1),
    ("shell", 1),
    ("taper", 2),
    ("ellipsoid", 1),
    ("mirror", 2),
    ("radial", 1),
)
_TURNED = (("rotation", 9), ("centre", 3), ("radii", PROFILE), ("half", 1), ("shell", 1), ("active", 1))
_LIGHT = (("direction", 3), ("lamp", 3), ("sky", 3), ("ground", 3), ("gloss", 1))
_CAMERA = 16  # rotation, position, intrinsics


def _size(fields: tuple[tuple[str, int], ...]) -> int:
    return sum(count for _, count in fields)


_HEAD = 3 + _size(_LIGHT) + _size(_TURNED) + _size(_PAINT)  # begins with the number of solids, fold and blend
_PART = _size(_SOLID) + _size(_PAINT)


def trace(
    objects: ProceduralObject, cameras: Cameras, *, rays: int, interpret: bool = False
) -> Float[Array, "B tiles 64 4"]:
    """Colour (0 where nothing is hit) and hit (0 or 1) of every ray, tile by tile, row by row.

    Args:
      objects: leading shape (B,); unused slots for solids come last.
      cameras: likewise.
      rays: per side of a view, a multiple of 8.
      interpret: runs the kernel as plain JAX.
    """
    views, n = cameras.c2w.shape[0], rays // TILE
    numbers = _packed(objects)
    eyes = jnp.concatenate(
        [cameras.c2w[:, :3, :3].reshape(views, 9), cameras.c2w[:, :3, 3], cameras.intrinsics], axis=1
    ).astype(jnp.float32)
    shape = jax.ShapeDtypeStruct((views * n * n, 4, TILE * TILE), jnp.float32)
    kernel = _kernel(n, numbers.shape[1])
    out = launch(
        kernel, shape, numbers.reshape(-1), eyes.reshape(-1), grid=(views * n * n,), interpret=interpret, warps=1
    )
    return jnp.swapaxes(out.reshape(views, n * n, 4, TILE * TILE), 2, 3)


def _packed(objects: ProceduralObject) -> Float[Array, "B numbers"]:
    """All numbers of each object in a row: the head, then part by part."""
    views = objects.blend.shape[0]

    def flat(group: Any, fields: tuple[tuple[str, int], ...], *lead: int) -> list[Array]:
        return [jnp.asarray(getattr(group, name), jnp.float32).reshape(*lead, count) for name, count in fields]

    slots = objects.solids.active.shape[1]
    last = jax.tree.map(lambda leaf: leaf[:, -1], objects.textures)
    one = jnp.ones(views)
    turned = [jnp.zeros((views, _size(_TURNED)))] if objects.turned is None else flat(objects.turned, _TURNED, views)
    head = [
        (jnp.asarray(objects.solids.active) > 0).sum(1, dtype=jnp.float32)[:, None],
        (one if objects.fold is None else jnp.asarray(objects.fold))[:, None],
        jnp.asarray(objects.blend)[:, None],
        *flat(objects.light, _LIGHT, views),
        *turned,
        *flat(last, _PAINT, views),
    ]
    paints = jax.tree.map(lambda leaf: leaf[:, :-1], objects.textures)
    parts = jnp.concatenate([*flat(objects.solids, _SOLID, views, slots), *flat(paints, _PAINT, views, slots)], axis=2)
    return jnp.concatenate([*head, parts.reshape(views, slots * _PART)], axis=1)


class _Numbers:
    """A `field.Field` whose numbers lie in GPU memory from `start` on."""

    def __init__(self, ref: Any, start: Any):
        self._ref, self._start = ref, start
        self._count, self.fold, self.blend = (ref[start + i] for i in range(3))
        self.light = Light(**self._group(_LIGHT, 3))
        self.turned = Turned(**self._group(_TURNED, 3 + _size(_LIGHT)))
        self.turned_paint = self._paint(3 + _size(_LIGHT) + _size(_TURNED))

    def over_solids(self, visit: Callable[[Any, Solids, Textures], Any], carry: Any) -> Any:
        def step(k, carry):
            offset = _HEAD + k * _PART
            return visit(
                carry, Solids(**self._group(_SOLID, offset), active=jnp.float32(1)), self._paint(offset + _size(_SOLID))
            )

        return jax.lax.fori_loop(0, self._count.astype(jnp.int32), step, carry)

    def where(self, condition: Values, then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
        return jax.lax.cond(condition, then, otherwise)

    def _group(self, fields: tuple[tuple[str, int], ...], offset: Any) -> dict[str, Any]:
        found = {}
        for name, count in fields:
            values = [self._ref[self._start + offset + i] for i in range(count)]
            found[name] = values[0] if count == 1 else values
            if name == "rotation":
                found[name] = [values[0:3], values[3:6], values[6:9]]
            offset = offset + count
        return found

    def _paint(self, offset: Any) -> Textures:
        paint = self._group(_PAINT, offset)
        return Textures(**{**paint, "colours": [paint["colours"][:3], paint["colours"][3:]]})


def _kernel(n: int, numbers: int) -> Callable[..., None]:
    from jax.experimental import pallas as pl

    def kernel(numbers_ref, eyes_ref, out_ref):
        place = pl.program_id(0)
        view, tile = jax.lax.div(place, n * n), jax.lax.rem(place, n * n)
        eye = [eyes_ref[view * _CAMERA + i] for i in range(_CAMERA)]
        origin, direction, spacing = _rays(eye, tile, n)
        # Where each ray enters and leaves the bounding sphere; equal where it misses.
        middle = -sum(o * d for o, d in zip(origin, direction, strict=True))
        away = sum(o * o for o in origin) - middle * middle
        half = jnp.sqrt(jnp.maximum(_BOUNDS * _BOUNDS - away, 0))
        near = jnp.maximum(HIT * norm(*origin) * spacing, 2e-4)
        field = _Numbers(numbers_ref, view * numbers)
        t, distance = _march(field, origin, direction, near, middle - half, middle + half)
        hit = (distance <= near).astype(jnp.float32)

        def shaded():
            return tuple(hit * c for c in surface_colour(field, along(origin, direction, t), direction))

        def empty():
            return (jnp.zeros_like(t),) * 3

        colour = jax.lax.cond(jnp.max(hit) > 0, shaded, empty)
        for i, values in enumerate((*colour, hit)):
            out_ref[place, i, :] = values

    return kernel


def _rays(eye: list[Values], tile: Values, n: int) -> tuple[Point, Point, Values]:
    """Origin (numbers), directions (64,) of a tile's rays, and the angle between neighbouring ones."""
    ray = jax.lax.broadcasted_iota(jnp.int32, (TILE * TILE,), 0)
    column = jax.lax.rem(tile, n) * TILE + (ray & (TILE - 1))
    row = jax.lax.div(tile, n) * TILE + (ray >> 3)
    fx, fy, cx, cy = eye[12:]

    def towards(column, row):
        x = ((column.astype(jnp.float32) + 0.5) / (n * TILE) - cx) / fx
        y = -((row.astype(jnp.float32) + 0.5) / (n * TILE) - cy) / fy
        direction = [eye[3 * i] * x + eye[3 * i + 1] * y - eye[3 * i + 2] for i in range(3)]
        length = norm(*direction)
        return [c / length for c in direction]

    direction, neighbour = towards(column, row), towards(column + 1, row)
    return eye[9:12], direction, norm(*(a - b for a, b in zip(direction, neighbour, strict=True)))


def _march(field: _Numbers, origin: Point, direction: Point, near: Values, start: Values, leave: Values):
    """Where the rays have arrived, and how far that is from the surface; 1 where they have not."""

    def step(carry):
        i, t, distance = carry
        t = jnp.where((distance > ARRIVED * near) & (t < leave) & (i > 0), t + STEP * distance, t)
        return i + 1, t, signed_distance(field, along(origin, direction, t))

    def under_way(carry):
        i, t, distance = carry
        return (i < RAY_STEPS) & (jnp.max(((distance > ARRIVED * near) & (t < leave)).astype(jnp.float32)) > 0)

    _, t, distance = jax.lax.while_loop(under_way, step, (jnp.int32(0), start, jnp.ones_like(start)))
    return t, jnp.where(t < leave, distance, 1.0)
