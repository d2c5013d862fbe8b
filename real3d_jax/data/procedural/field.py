"""The signed distance to procedural objects and the colour of their surfaces, for points anywhere.

A point is a list of three coordinate arrays; values broadcast. The same functions serve the plain renderer, where the
solids of many objects are arrays, and the GPU kernel, where those of one object are numbers in registers: `Field` hides
which.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from real3d_jax.data.procedural.objects import PATTERNS, PROFILE, Light, ProceduralObject, Solids, Textures, Turned

Values = Any  # arrays that broadcast with each other
Point = list[Values]

_SHADOW_STEPS = 6
_FAR = 10.0


@runtime_checkable
class Field(Protocol):
    """An object, or several side by side, whose parts can be asked one after another."""

    @property
    def turned(self) -> Turned | None: ...

    @property
    def turned_paint(self) -> Textures: ...

    @property
    def light(self) -> Light: ...

    @property
    def fold(self) -> Values | None: ...

    @property
    def blend(self) -> Values: ...

    def over_solids(self, visit: Callable[[Any, Solids, Textures], Any], carry: Any) -> Any:
        """`carry = visit(carry, solid, its paint)` for every solid in turn."""
        ...

    def where(self, condition: Values, then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
        """One of two values by a condition that holds for a whole object; may skip computing the other one."""
        ...


class ArrayField(NamedTuple):
    """Objects as arrays: their own axes first, what follows broadcasts with the points."""

    o: ProceduralObject

    @property
    def turned(self) -> Turned | None:
        return self.o.turned

    @property
    def turned_paint(self) -> Textures:
        return jax.tree.map(lambda leaf: leaf[-1], self.o.textures)

    @property
    def light(self) -> Light:
        return self.o.light

    @property
    def fold(self) -> Values | None:
        return self.o.fold

    @property
    def blend(self) -> Values:
        return self.o.blend

    def over_solids(self, visit: Callable[[Any, Solids, Textures], Any], carry: Any) -> Any:
        paints = jax.tree.map(lambda leaf: leaf[:-1], self.o.textures)
        return jax.lax.scan(lambda c, part: (visit(c, *part), None), carry, (self.o.solids, paints))[0]

    def where(self, condition: Values, then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
        return jax.tree.map(lambda a, b: jnp.where(condition, a, b), then(), otherwise())


def norm(*components: Values) -> Array:
    return jnp.sqrt(sum(c * c for c in components))


def signed_distance(field: Field, point: Point) -> Values:
    """Distance to the surface; negative inside."""
    folded = _folded(field, point)
    blend = jnp.maximum(field.blend, 1e-6)

    def join(distance, solid, _):
        other = _solid_distance(solid, _in_solid(solid, point, folded))
        overlap = jnp.maximum(blend - jnp.abs(distance - other), 0) / blend
        return jnp.minimum(distance, other) - 0.25 * blend * overlap * overlap

    return field.over_solids(join, _first_distance(field, point))


def _first_distance(field: Field, point: Point) -> Values:
    """To the turned body, or far."""
    far = jnp.full(jnp.broadcast_shapes(*(jnp.shape(c) for c in point), jnp.shape(field.blend)), _FAR)
    t = field.turned
    if t is None:
        return far
    return field.where(
        t.active > 0, lambda: _turned_distance(t, _local(t.rotation, t.centre, point)) + 0 * far, lambda: far
    )


def _folded(field: Field, point: Point) -> Point:
    """The point turned about z into the sector around +x that `fold` equal sectors leave each."""
    fold = field.fold
    if fold is None:
        return point

    def turned_back():
        sector = 2 * jnp.pi / jnp.maximum(fold, 1)
        angle = jnp.arctan2(point[1], point[0])
        angle = angle - sector * jnp.floor(angle / sector + 0.5)
        radius = norm(point[0], point[1])
        return [radius * jnp.cos(angle), radius * jnp.sin(angle)]

    return [*field.where(fold > 1, turned_back, lambda: [point[0] + 0 * fold, point[1] + 0 * fold]), point[2]]


def _local(rotation: Values, centre: Values, point: Point) -> Point:
    offset = [point[i] - centre[i] for i in range(3)]
    return [sum(rotation[i][j] * offset[j] for j in range(3)) for i in range(3)]


def _in_solid(p: Solids, point: Point, folded: Point) -> Point:
    """Local coordinates of one solid, of that of its copies that the point is nearest to."""
    x, y, z = point
    if folded is not point:
        x, y = (jnp.where(p.radial > 0, b, a) for a, b in zip(point[:2], folded[:2], strict=True))
    x = jnp.where(p.mirror[0] > 0, jnp.abs(x), x)
    y = jnp.where(p.mirror[1] > 0, jnp.abs(y), y)
    return _local(p.rotation, p.centre, [x, y, z])


def _solid_distance(p: Solids, local: Point) -> Values:
    """Signed distance to one solid (a bound near tapers), by the construction that `Solids` describes."""
    x, y, z = (jnp.abs(c) for c in local)
    a, b, h = (p.half[i] for i in range(3))
    up = jnp.clip(0.5 + 0.5 * local[2] / jnp.maximum(h, 1e-6), 0, 1)
    narrow_x, narrow_y = 1 - p.taper[0] * up, 1 - p.taper[1] * up
    corner = jnp.minimum(narrow_x, narrow_y) * p.corner
    qx, qy = x - narrow_x * a + corner, y - narrow_y * b + corner
    outline = norm(jnp.maximum(qx, 0), jnp.maximum(qy, 0)) + jnp.minimum(jnp.maximum(qx, qy), 0) - corner
    slope = 0.5 * jnp.maximum(p.taper[0] * a, p.taper[1] * b) / jnp.maximum(h, 1e-6)
    sweep = _swept(outline, z - h, p.shell, p.edge) / jnp.sqrt(1 + slope * slope)

    u = [c / jnp.maximum(s, 1e-6) for c, s in zip(local, (a, b, h), strict=True)]
    w = [c / jnp.maximum(s, 1e-6) for c, s in zip(u, (a, b, h), strict=True)]
    length = norm(*u)
    ellipsoid = length * (length - 1) / jnp.maximum(norm(*w), 1e-6)
    distance = jnp.where(p.ellipsoid > 0, ellipsoid, sweep)
    return jnp.where(p.active > 0, distance, _FAR)


def _swept(outline: Values, height: Values, shell: Values, edge: Values) -> Values:
    """Distance to what an outline is swept to, given the distances to the outline and to the end planes."""
    outline = jnp.where(shell > 0, jnp.abs(outline + shell) - shell, outline) + edge
    height = height + edge
    outside = norm(jnp.maximum(outline, 0), jnp.maximum(height, 0))
    return outside + jnp.minimum(jnp.maximum(outline, height), 0) - edge


def _turned_distance(t: Turned, local: Point) -> Values:
    """Signed distance to the turned body, by its radius at the point's height and its greatest slope."""
    h = jnp.maximum(t.half, 1e-6)
    level = jnp.clip(0.5 + 0.5 * local[2] / h, 0, 1) * (PROFILE - 1)
    radius = sum(t.radii[i] * _spline(level - i) for i in range(PROFILE))
    # Beyond its ends the profile goes on level.
    radius = radius + t.radii[0] * _spline(level + 1) + t.radii[PROFILE - 1] * _spline(level - PROFILE)
    rise = functools.reduce(jnp.maximum, [jnp.abs(t.radii[i + 1] - t.radii[i]) for i in range(PROFILE - 1)])
    slope = rise * (0.5 * (PROFILE - 1)) / h
    outline = (norm(local[0], local[1]) - radius) / jnp.sqrt(1 + slope * slope)
    return _swept(outline, jnp.abs(local[2]) - t.half, t.shell, 0.1 * jnp.minimum(t.half, t.shell))


def _spline(x: Values) -> Values:
    """The quadratic B-spline around 0."""
    x = jnp.abs(x)
    return 0.5 * jnp.square(jnp.maximum(1.5 - x, 0)) - 1.5 * jnp.square(jnp.maximum(0.5 - x, 0))


def along(origin: Point, direction: Point, t: Values) -> Point:
    return [a + t * d for a, d in zip(origin, direction, strict=True)]


def surface_colour(field: Field, point: Point, view: Point) -> Point:
    """Colour of surface points: painted albedo under lamp, sky and ground, with soft shadow and a highlight."""
    light = field.light
    normal = _normal(field, point)
    lamp = [light.direction[i] for i in range(3)]
    facing = jnp.maximum(sum(n * d for n, d in zip(normal, lamp, strict=True)), 0)
    facing = facing * _visibility(field, along(point, normal, jnp.float32(4e-3)), lamp)
    # Ambient occlusion: how much of the way out along the normal is free.
    occlusion = jnp.clip(signed_distance(field, along(point, normal, jnp.float32(0.08))) / 0.08, 0.0, 1.0)
    upward = 0.5 + 0.5 * normal[2]
    half = [d - v for d, v in zip(lamp, view, strict=True)]
    length = norm(*half) + 1e-6
    highlight = jnp.maximum(sum(n * h for n, h in zip(normal, half, strict=True)) / length, 0) ** 24
    albedo = _albedo(field, point, 0.002 + 0.15 * field.blend)
    shine = light.gloss * highlight * (facing > 0)
    colour = []
    for c in range(3):
        ambient = (light.ground[c] + (light.sky[c] - light.ground[c]) * upward) * (0.35 + 0.65 * occlusion)
        colour.append(albedo[c] * (ambient + light.lamp[c] * facing) + shine)
    return colour


def _normal(field: Field, point: Point) -> Point:
    """The field's gradient, from its values at the corners of a small tetrahedron."""

    # A loop and not four calls, which would take four times as long to compile.
    def add(k, gradient):
        bits = ((k + 3) >> 1 & 1, k >> 1 & 1, k & 1)
        corner = [2.0 * bit - 1 for bit in bits]
        value = signed_distance(field, [c + 1e-3 * s for c, s in zip(point, corner, strict=True)])
        return [g + s * value for g, s in zip(gradient, corner, strict=True)]

    gradient = jax.lax.fori_loop(0, 4, add, [jnp.zeros_like(c) for c in point])
    length = norm(*gradient) + 1e-9
    return [g / length for g in gradient]


def _visibility(field: Field, point: Point, lamp: Point) -> Values:
    """How much of the lamp is seen, by the narrowest passage on the way to it."""

    def step(_, carry):
        t, free = carry
        distance = signed_distance(field, along(point, lamp, t))
        return t + jnp.clip(distance, 0.03, 0.2), jnp.minimum(free, 10 * distance / t)

    start = (jnp.full_like(point[0], 0.02), jnp.ones_like(point[0]))
    return jnp.clip(jax.lax.fori_loop(0, _SHADOW_STEPS, step, start)[1], 0, 1)


def _albedo(field: Field, point: Point, seam: Values) -> Point:
    """The nearest part's pattern, between two colours that change from part to part over the width `seam`."""
    folded, t, first = _folded(field, point), field.turned, field.turned_paint
    nearest = _first_distance(field, point)
    place = point if t is None else _local(t.rotation, t.centre, point)
    level = jnp.zeros_like(nearest)

    def look(carry, solid, paint):
        nearest, pattern, phase = carry
        place = _in_solid(solid, point, folded)
        distance = _solid_distance(solid, place)
        closer = distance < nearest
        phase = [jnp.where(closer, a, b) for a, b in zip(_phase(paint, place), phase, strict=True)]
        return jnp.where(closer, distance, nearest), jnp.where(closer, paint.pattern, pattern), phase

    start = (nearest, level + first.pattern, [level + c for c in _phase(first, place)])
    closest, pattern, phase = field.over_solids(look, start)
    mix = _pattern(pattern, phase)

    def weighted(distance, colours):
        weight = jnp.exp((closest - distance) / seam)
        return [weight, *(weight * _mixed(colours, i, mix) for i in range(3))]

    def add(total, solid, paint):
        distance = _solid_distance(solid, _in_solid(solid, point, folded))
        return [a + b for a, b in zip(total, weighted(distance, paint.colours), strict=True)]

    total = field.over_solids(add, weighted(nearest, first.colours))
    return [c / total[0] for c in total[1:]]


def _mixed(colours: Values, channel: int, mix: Values) -> Values:
    return colours[0][channel] + (colours[1][channel] - colours[0][channel]) * mix


def _phase(paint: Textures, local: Point) -> Point:
    return [paint.frequency * c + paint.warp[i] for i, c in enumerate(local)]


def _pattern(pattern: Values, phase: Point) -> Values:
    """Share of the second colour, in [0, 1]; `pattern` counts in PATTERNS."""
    x, y, z = phase
    wave_x, wave_y, wave_z = jnp.sin(x), jnp.sin(y), jnp.sin(z)
    crisp = 6.0  # how steep the change between the colours is
    values = {
        "plain": jnp.zeros_like(x),
        "stripes": 0.5 + 0.5 * jnp.clip(crisp * wave_z, -1, 1),
        "checker": 0.5 + 0.5 * jnp.clip(2 * crisp * wave_x * wave_y * wave_z, -1, 1),
        "dots": jnp.clip(crisp * (wave_x * wave_x + wave_y * wave_y + wave_z * wave_z - 2.1), 0, 1),
        "marble": 0.5 + 0.5 * jnp.sin(0.4 * x + 2 * jnp.sin(0.5 * y) + 1.5 * jnp.sin(0.6 * z + wave_x)),
        "gradient": 0.5 + 0.5 * jnp.sin(0.2 * z),
        "grain": jnp.square(0.5 + 0.5 * jnp.sin(x + 0.7 * y + 0.8 * jnp.sin(0.15 * z + 0.5 * y))),
        "bricks": _bricks(x + y, z),
    }
    mix = values[PATTERNS[0]]
    for i, name in enumerate(PATTERNS[1:], start=1):
        mix = jnp.where(pattern == i, values[name], mix)
    return mix


def _bricks(along: Values, up: Values) -> Values:
    """1 in the joints between bricks one turn high and two long, every other course moved by half a brick."""
    course = jnp.floor(up / (2 * jnp.pi))
    joint_up = jnp.cos(up)
    joint_along = jnp.cos(0.5 * along + jnp.pi * course)
    return jnp.clip(8 * (jnp.maximum(joint_up, joint_along) - 0.85), 0, 1)
