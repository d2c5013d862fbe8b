"""Ray marching of procedural objects, vectorised over rays and views.

A ray steps by the signed distance to the nearest surface. First one wide cone for each tile of 8 x 8 rays advances
until it might touch something. Only the tiles whose cones did not leave the scene are marched ray by ray, from where
the cone stopped, and shaded; the empty rest of a picture costs next to nothing.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

from real3d_jax.cameras import Cameras, camera_rays
from real3d_jax.data.sources.procedural_objects import (
    MAX_PRIMITIVES,
    PATTERNS,
    Light,
    Primitives,
    ProceduralObject,
    Textures,
)

_TILE = 8  # rays per side of a tile
_CONE_STEPS = 24
_RAY_STEPS = 80
_SHADOW_STEPS = 6
_STEP = 0.95  # of the distance; blends and tapers make the field steeper than 1 in places
_HIT = 0.35  # of the distance between neighbouring rays: so near a surface, a ray has arrived
_BEHIND = 0.6  # a ray this far beyond the origin's distance has left the scene
_FAR = 10.0


@functools.partial(jax.jit, static_argnames=("size", "supersample", "views_at_once"))
def render_views(
    objects: ProceduralObject,
    cameras: Cameras,
    *,
    size: int,
    supersample: int = 2,
    views_at_once: int = 1,
) -> UInt8[Array, "B {size} {size} 4"]:
    """Pictures of objects, one view each, as straight-alpha RGBA.

    Args:
      objects: leading shape (B,).
      cameras: leading shape (B,), outside the objects' bounding sphere.
      size: pixels per side; `size * supersample` must be a multiple of 8.
      supersample: rays per side of a pixel; alpha has supersample**2 + 1 levels.
      views_at_once: views computed side by side: 1 suits a CPU, many an accelerator.
    """
    n = size * supersample // _TILE
    if n * _TILE != size * supersample:
        raise ValueError(f"size * supersample must be a multiple of {_TILE}, not {size} * {supersample}")

    def one(item):
        o, camera = item
        origins, directions = camera_rays(camera, size * supersample, size * supersample)
        tiles = directions.reshape(n, _TILE, n, _TILE, 3).swapaxes(1, 2).reshape(n * n, _TILE * _TILE, 3)
        traced = _trace(o, origins[0, 0], tiles)
        pixels = traced.reshape(n, n, _TILE, _TILE, 4).swapaxes(1, 2)
        total = pixels.reshape(size, supersample, size, supersample, 4).sum((1, 3))
        rgb = total[..., :3] / jnp.maximum(total[..., 3:], 1.0)
        rgba = jnp.concatenate([rgb, total[..., 3:] / supersample**2], -1)
        return jnp.round(255 * jnp.clip(rgba, 0, 1)).astype(jnp.uint8)

    return jax.lax.map(one, (objects, cameras), batch_size=views_at_once)


_Values = Any  # arrays that broadcast with each other; a point is a list of three


def _norm(*components: _Values) -> Array:
    return jnp.sqrt(sum(c * c for c in components))


def _mirrored(point: list[_Values], mirror: _Values) -> list[_Values]:
    return [jnp.where(mirror > 0, jnp.abs(point[0]), point[0]), point[1], point[2]]


def _local(p: Primitives, k: int, point: list[_Values]) -> list[_Values]:
    offset = [point[i] - p.centre[k, i] for i in range(3)]
    return [sum(p.rotation[k, i, j] * offset[j] for j in range(3)) for i in range(3)]


def _solid_distance(p: Primitives, k: int, local: list[_Values]) -> _Values:
    """Signed distance to solid k (a bound near tapers), by the construction that `Primitives` describes."""
    x, y, z = (jnp.abs(c) for c in local)
    a, b, h = (p.half[k, i] for i in range(3))
    narrow = 1 - p.taper[k] * jnp.clip(0.5 + 0.5 * local[2] / jnp.maximum(h, 1e-6), 0, 1)
    qx, qy = x - narrow * (a - p.corner[k]), y - narrow * (b - p.corner[k])
    outline = _norm(jnp.maximum(qx, 0), jnp.maximum(qy, 0)) + jnp.minimum(jnp.maximum(qx, qy), 0)
    outline = outline - narrow * p.corner[k]
    outline = jnp.where(p.shell[k] > 0, jnp.abs(outline + p.shell[k]) - p.shell[k], outline) + p.edge[k]
    height = z - h + p.edge[k]
    sweep = _norm(jnp.maximum(outline, 0), jnp.maximum(height, 0)) + jnp.minimum(jnp.maximum(outline, height), 0)
    slope = 0.5 * p.taper[k] * jnp.maximum(a, b) / jnp.maximum(h, 1e-6)
    sweep = (sweep - p.edge[k]) / jnp.sqrt(1 + slope * slope)

    u = [c / jnp.maximum(s, 1e-6) for c, s in zip(local, (a, b, h), strict=True)]
    w = [c / jnp.maximum(s, 1e-6) for c, s in zip(u, (a, b, h), strict=True)]
    ellipsoid = _norm(*u) * (_norm(*u) - 1) / jnp.maximum(_norm(*w), 1e-6)
    distance = jnp.where(p.ellipsoid[k] > 0, ellipsoid, sweep)
    return jnp.where(p.active[k] > 0, distance, _FAR)


def signed_distance(o: ProceduralObject, point: list[_Values]) -> _Values:
    """Distance from points (three coordinate arrays) to one object's surface; negative inside."""
    point = _mirrored(point, o.mirror)
    distance = jnp.full_like(point[0], _FAR)
    for k in range(MAX_PRIMITIVES):
        solid = _solid_distance(o.primitives, k, _local(o.primitives, k, point))
        overlap = jnp.maximum(o.blend - jnp.abs(distance - solid), 0) / o.blend
        distance = jnp.minimum(distance, solid) - 0.25 * o.blend * overlap * overlap
    return distance


def _trace(o: ProceduralObject, origin: Float[Array, "3"], tiles: Float[Array, "T R 3"]) -> Float[Array, "T R 4"]:
    """Colour (0 where nothing is hit) and hit (0 or 1) of every ray of one view, tile by tile."""
    count = tiles.shape[0]
    start = _cone_start(o, origin, tiles)
    occupied = start < _leave(origin)
    order = jnp.argsort(~occupied)  # occupied tiles first
    chunk = round(count**0.5)
    chunks = (occupied.sum() + chunk - 1) // chunk
    ray_o = [origin[i] for i in range(3)]
    near = jnp.maximum(_HIT * jnp.linalg.norm(origin) * jnp.linalg.norm(tiles[0, 1] - tiles[0, 0]), 2e-4)

    def march(carry):
        i, out = carry
        chosen = jax.lax.dynamic_slice(order, (i * chunk,), (chunk,))
        ray_d = [tiles[chosen, :, c] for c in range(3)]

        def step(carry):
            i, t, distance = carry
            t = jnp.where(distance > 0.2 * near, jnp.minimum(t + _STEP * distance, _leave(origin)), t)
            return i + 1, t, signed_distance(o, _along(ray_o, ray_d, t))

        def underway(carry):
            i, t, distance = carry
            return (i < _RAY_STEPS) & jnp.any((distance > near) & (t < _leave(origin)))

        t = jnp.broadcast_to(start[chosen, None], ray_d[0].shape)
        _, t, distance = jax.lax.while_loop(underway, step, (0, t, signed_distance(o, _along(ray_o, ray_d, t))))
        hit = (distance <= near).astype(jnp.float32)
        colour = _shade(o, _along(ray_o, ray_d, t), ray_d)
        return i + 1, out.at[chosen].set(jnp.stack([*(hit * c for c in colour), hit], -1))

    out = jnp.zeros((count, tiles.shape[1], 4), jnp.float32)
    return jax.lax.while_loop(lambda carry: carry[0] < chunks, march, (0, out))[1]


def _leave(origin: Float[Array, "3"]) -> Float[Array, ""]:
    return jnp.linalg.norm(origin) + _BEHIND


def _along(origin: list[_Values], direction: list[_Values], t: _Values) -> list[_Values]:
    return [a + t * d for a, d in zip(origin, direction, strict=True)]


def _cone_start(o: ProceduralObject, origin: Float[Array, "3"], tiles: Float[Array, "T R 3"]) -> Float[Array, "T"]:
    """For every tile, a distance up to which all its rays are free."""
    axis = tiles.mean(1)
    axis = axis / jnp.linalg.norm(axis, axis=-1, keepdims=True)
    spread = jnp.linalg.norm(tiles - axis[:, None], axis=-1).max(1)
    ray_o, ray_d = [origin[i] for i in range(3)], [axis[:, i] for i in range(3)]

    def step(_, t):
        free = signed_distance(o, _along(ray_o, ray_d, t)) - spread * t
        return jnp.minimum(t + _STEP * jnp.maximum(free, 0) / (1 + spread), _leave(origin))

    start = jnp.broadcast_to(jnp.maximum(jnp.linalg.norm(origin) - 0.9, 0.0), spread.shape)
    return jax.lax.fori_loop(0, _CONE_STEPS, step, start)


def _shade(o: ProceduralObject, point: list[_Values], view: list[_Values]) -> list[_Values]:
    """Colour of surface points: painted albedo under lamp, sky and ground, with soft shadow and a highlight."""
    light: Light = o.light
    normal = _normal(o, point)
    lamp = [light.direction[i] for i in range(3)]
    facing = jnp.maximum(sum(n * d for n, d in zip(normal, lamp, strict=True)), 0)
    facing = facing * _visibility(o, _along(point, normal, jnp.float32(4e-3)), lamp)
    # Ambient occlusion: how much of the way out along the normal is free.
    occlusion = jnp.clip(signed_distance(o, _along(point, normal, jnp.float32(0.08))) / 0.08, 0.0, 1.0)
    upward = 0.5 + 0.5 * normal[2]
    half = [d - v for d, v in zip(lamp, view, strict=True)]
    length = _norm(*half) + 1e-6
    highlight = jnp.maximum(sum(n * h for n, h in zip(normal, half, strict=True)) / length, 0) ** 24
    albedo = _albedo(o.primitives, o.textures, o.mirror, point, 0.01 + 0.15 * o.blend)
    shine = light.gloss * highlight * (facing > 0)
    colour = []
    for c in range(3):
        ambient = (light.ground[c] + (light.sky[c] - light.ground[c]) * upward) * (0.35 + 0.65 * occlusion)
        colour.append(albedo[c] * (ambient + light.lamp[c] * facing) + shine)
    return colour


def _normal(o: ProceduralObject, point: list[_Values]) -> list[_Values]:
    """The field's gradient, from its values at the corners of a small tetrahedron."""
    corners = jnp.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], jnp.float32)

    # A loop and not four calls, which would take four times as long to compile.
    def add(k, gradient):
        value = signed_distance(o, [c + 1e-3 * corners[k, i] for i, c in enumerate(point)])
        return [g + corners[k, i] * value for i, g in enumerate(gradient)]

    gradient = jax.lax.fori_loop(0, 4, add, [jnp.zeros_like(c) for c in point])
    length = _norm(*gradient) + 1e-9
    return [g / length for g in gradient]


def _visibility(o: ProceduralObject, point: list[_Values], lamp: list[_Values]) -> _Values:
    """How much of the lamp is seen, by the narrowest passage on the way to it."""

    def step(_, carry):
        t, free = carry
        distance = signed_distance(o, _along(point, lamp, t))
        return t + jnp.clip(distance, 0.03, 0.2), jnp.minimum(free, 10 * distance / t)

    start = (jnp.full_like(point[0], 0.02), jnp.ones_like(point[0]))
    return jnp.clip(jax.lax.fori_loop(0, _SHADOW_STEPS, step, start)[1], 0, 1)


def _albedo(p: Primitives, textures: Textures, mirror: _Values, point: list[_Values], seam: _Values) -> list[_Values]:
    """The nearest solid's pattern, between two colours that change from solid to solid over the width `seam`."""
    point = _mirrored(point, mirror)
    locals_ = [_local(p, k, point) for k in range(MAX_PRIMITIVES)]
    distances = [_solid_distance(p, k, local) for k, local in enumerate(locals_)]
    nearest, pattern, phase = distances[0], textures.pattern[0], _phase(textures, 0, locals_[0])
    for k in range(1, MAX_PRIMITIVES):
        closer = distances[k] < nearest
        nearest = jnp.where(closer, distances[k], nearest)
        pattern = jnp.where(closer, textures.pattern[k], pattern)
        phase = [jnp.where(closer, a, b) for a, b in zip(_phase(textures, k, locals_[k]), phase, strict=True)]
    mix = _pattern(pattern, phase)
    weights = [jnp.exp((nearest - d) / seam) for d in distances]
    total = sum(weights)

    def colour(i, c):
        return sum(w * textures.colours[k, i, c] for k, w in enumerate(weights)) / total

    return [colour(0, c) * (1 - mix) + colour(1, c) * mix for c in range(3)]


def _phase(textures: Textures, k: int, local: list[_Values]) -> list[_Values]:
    return [textures.frequency[k] * c + textures.warp[k, i] for i, c in enumerate(local)]


def _pattern(pattern: _Values, phase: list[_Values]) -> _Values:
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
    }
    return jnp.select([pattern == i for i in range(len(PATTERNS))], [values[name] for name in PATTERNS])
