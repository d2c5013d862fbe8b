"""Ray marching of procedural objects, vectorised over rays, tiles and views.

A ray steps by the signed distance to the nearest surface. First one wide cone for each tile of 8 x 8 rays advances
until it might touch something. Only the tiles whose cones did not leave the scene, of all views together, are marched
ray by ray, from where the cone stopped; the few rays that take long are gathered and marched on by themselves. So the
empty rest of a picture costs next to nothing, and an accelerator has millions of rays to work on at a time.
"""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, UInt8

from real3d_jax.cameras import Cameras
from real3d_jax.data.procedural.field import ArrayField, Point, Values, along, norm, signed_distance, surface_colour
from real3d_jax.data.procedural.kernel import ARRIVED, HIT, RAY_STEPS, STEP, TILE, trace
from real3d_jax.data.procedural.objects import ProceduralObject

_CONE_STEPS = 24
_FIRST_STEPS = 20  # of all rays of a chunk
_STRAGGLERS = 8  # a chunk's rays are so many times those that are marched on at a time
_BEHIND = 0.6  # a ray this far beyond the origin's distance has left the scene


@functools.partial(jax.jit, static_argnames=("size", "supersample", "tiles_at_once", "implementation", "interpret"))
def render_views(
    objects: ProceduralObject,
    cameras: Cameras,
    *,
    size: int,
    supersample: int = 2,
    tiles_at_once: int = 32,
    implementation: str = "xla",
    interpret: bool = False,
) -> UInt8[Array, "B {size} {size} 4"]:
    """Pictures of objects, one view each, as straight-alpha RGBA.

    Args:
      objects: leading shape (B,).
      cameras: leading shape (B,), outside the objects' bounding sphere. Their intrinsics may show a part of the object.
      size: pixels per side; `size * supersample` must be a multiple of 8.
      supersample: rays per side of a pixel, 1, 2 or 4; alpha has supersample**2 + 1 levels.
      tiles_at_once: of the plain implementation, tiles of 64 rays marched side by side: a few suit a CPU.
      implementation: 'xla' (the plain one), or 'pallas' (`kernel.py`, for NVIDIA GPUs).
      interpret: runs the kernel as plain JAX.
    """
    n = size * supersample // TILE
    if n * TILE != size * supersample or TILE % supersample:
        raise ValueError(f"size * supersample must be a multiple of {TILE}, not {size} * {supersample}")
    if implementation == "pallas":
        traced = trace(objects, cameras, rays=n * TILE, interpret=interpret)
        pixels = _pixels(traced.reshape(-1, TILE * TILE, 4), supersample)
    else:
        pixels = _occupied_tiles(objects, cameras, n, supersample, tiles_at_once)
    views, part = cameras.c2w.shape[0], TILE // supersample
    return pixels.reshape(views, n, n, part, part, 4).swapaxes(2, 3).reshape(views, size, size, 4)


def _pixels(traced: Float[Array, "N 64 4"], supersample: int) -> UInt8[Array, "N p p 4"]:
    """Straight-alpha pixels of tiles of rays."""
    part = TILE // supersample  # pixels per side of a tile
    total = traced.reshape(-1, part, supersample, part, supersample, 4).sum((2, 4))
    rgb = total[..., :3] / jnp.maximum(total[..., 3:], 1.0)
    rgba = jnp.concatenate([rgb, total[..., 3:] / supersample**2], -1)
    return jnp.round(255 * jnp.clip(rgba, 0, 1)).astype(jnp.uint8)


def _occupied_tiles(
    objects: ProceduralObject, cameras: Cameras, n: int, supersample: int, tiles_at_once: int
) -> UInt8[Array, "tiles p p 4"]:
    """The pixels of all tiles of all views; those that cones find occupied are traced, a chunk at a time."""
    views = cameras.c2w.shape[0]
    tiles = views * n * n
    chunk = min(tiles_at_once, tiles)
    start = _cone_starts(objects, cameras, n).reshape(-1)
    distance = jnp.linalg.norm(cameras.c2w[:, :3, 3], axis=-1)
    occupied = start < jnp.repeat(distance + _BEHIND, n * n)
    order = jnp.argsort(~occupied)  # occupied tiles first
    order = jnp.pad(order, (0, -tiles % chunk), mode="edge")
    chunks = (occupied.sum() + chunk - 1) // chunk

    def draw(carry):
        i, out = carry
        chosen = jax.lax.dynamic_slice(order, (i * chunk,), (chunk,))
        view, tile = chosen // (n * n), chosen % (n * n)
        rays = _tile_rays(jax.tree.map(lambda x: x[view], cameras), tile, n)
        traced = _trace(ArrayField(_of(objects, view)), *rays, start[chosen])
        return i + 1, out.at[chosen].set(_pixels(traced, supersample))

    part = TILE // supersample
    out = jnp.zeros((tiles, part, part, 4), jnp.uint8)
    return jax.lax.while_loop(lambda carry: carry[0] < chunks, draw, (0, out))[1]


def _of(objects: ProceduralObject, index: Int[Array, "N"]) -> ProceduralObject:
    """Some objects with their numbers along the last axis but one, so that `leaf[k]` broadcasts with (N, rays)."""
    return jax.tree.map(lambda leaf: jnp.moveaxis(leaf[index], 0, -1)[..., None], objects)


def _rays(cameras: Cameras, column: Values, row: Values) -> Point:
    """Unit directions through places on the image, in fractions of its sides; cameras of leading shape (N,)."""
    fx, fy, cx, cy = (cameras.intrinsics[:, i, None] for i in range(4))
    x, y = (column - cx) / fx, -(row - cy) / fy
    r = cameras.c2w[:, :3, :3, None]
    direction = [r[:, i, 0] * x + r[:, i, 1] * y - r[:, i, 2] for i in range(3)]
    length = norm(*direction)
    return [c / length for c in direction]


def _tile_rays(cameras: Cameras, tile: Int[Array, "N"], n: int) -> tuple[Point, Point, Values]:
    """Origins (N, 1) and directions (N, 64) of the rays of tiles, and the angle between neighbouring rays (N, 1)."""
    ray = jnp.arange(TILE * TILE)
    count = n * TILE
    column = ((tile % n)[:, None] * TILE + ray % TILE + 0.5) / count
    row = ((tile // n)[:, None] * TILE + ray // TILE + 0.5) / count
    directions = _rays(cameras, column, row)
    spacing = norm(*(d[:, 1:2] - d[:, :1] for d in directions))
    return [cameras.c2w[:, i, 3, None] for i in range(3)], directions, spacing


def _cone_starts(objects: ProceduralObject, cameras: Cameras, n: int) -> Float[Array, "B tiles"]:
    """For every tile of every view, a distance up to which all its rays are free."""
    field = ArrayField(_of(objects, jnp.arange(cameras.c2w.shape[0])))
    tile = jnp.arange(n * n)
    place = (tile % n + 0.5) / n, (tile // n + 0.5) / n
    axis = _rays(cameras, *place)
    # The corner ray that is farthest from the middle one.
    half = (TILE - 1) / TILE / 2 / n
    corners = [_rays(cameras, place[0] + i * half, place[1] + j * half) for i in (-1, 1) for j in (-1, 1)]
    apart = [norm(*(a - c for a, c in zip(axis, corner, strict=True))) for corner in corners]
    spread = functools.reduce(jnp.maximum, apart)
    origin = [cameras.c2w[:, i, 3, None] for i in range(3)]
    leave = norm(*origin) + _BEHIND

    def step(_, t):
        free = signed_distance(field, along(origin, axis, t)) - spread * t
        return jnp.minimum(t + STEP * jnp.maximum(free, 0) / (1 + spread), leave)

    start = jnp.broadcast_to(jnp.maximum(norm(*origin) - 0.9, 0.0), spread.shape)
    return jax.lax.fori_loop(0, _CONE_STEPS, step, start)


def _trace(
    field: ArrayField, origin: Point, direction: Point, spacing: Values, start: Float[Array, "N"]
) -> Float[Array, "N R 4"]:
    """Colour (0 where nothing is hit) and hit (0 or 1) of every ray of some tiles."""
    near = jnp.maximum(HIT * norm(*origin) * spacing, 2e-4)
    t = jnp.broadcast_to(start[:, None], direction[0].shape)
    t, distance = _march(field, origin, direction, near, t, None, _FIRST_STEPS)
    t, distance = _march_stragglers(field, origin, direction, near, t, distance)
    hit = (distance <= near).astype(jnp.float32)
    colour = surface_colour(field, along(origin, direction, t), direction)
    return jnp.stack([*(hit * c for c in colour), hit], -1)


def _under_way(origin: Point, near: Values, t: Values, distance: Values) -> Values:
    return (distance > ARRIVED * near) & (t < norm(*origin) + _BEHIND)


def _march(field, origin, direction, near, t, distance: Values | None, steps: int) -> tuple[Values, Values]:
    """Steps along rays from `t`: where they are then, and how far from the surface.

    `distance` is that at `t`; where it is not known, the first step stays on the spot and measures it.
    """

    def step(carry):
        i, t, distance = carry
        moved = jnp.minimum(t + STEP * distance, norm(*origin) + _BEHIND)
        # A ray that has arrived stays, so that its place does not depend on how long others take.
        t = jnp.where((i > 0) & (distance > ARRIVED * near), moved, t)
        return i + 1, t, signed_distance(field, along(origin, direction, t))

    def going(carry):
        i, t, distance = carry
        return (i == 0) | ((i <= steps) & jnp.any(_under_way(origin, near, t, distance)))

    first = (0, t, jnp.zeros_like(t)) if distance is None else (1, t, distance)
    return jax.lax.while_loop(going, step, first)[1:]


def _march_stragglers(field, origin, direction, near, t, distance) -> tuple[Values, Values]:
    """Marches the rays on that have not arrived, a part of the chunk's number at a time."""
    tiles, rays = t.shape
    part = max(1, tiles * rays // _STRAGGLERS)
    waiting = _under_way(origin, near, t, distance).reshape(-1)
    order = jnp.argsort(~waiting)
    order = jnp.pad(order, (0, -(tiles * rays) % part), mode="edge")
    parts = (waiting.sum() + part - 1) // part

    def one(leaf, chosen):  # of (..., tiles, 1), what belongs to each ray's tile
        return jnp.broadcast_to(leaf, (*leaf.shape[:-2], tiles, 1))[..., chosen // rays, 0]

    def march(carry):
        i, t, distance = carry
        chosen = jax.lax.dynamic_slice(order, (i * part,), (part,))
        o, place, close = jax.tree.map(lambda leaf: one(leaf, chosen), (field.o, origin, near))
        ahead = [d.reshape(-1)[chosen] for d in direction]
        some = _march(ArrayField(o), place, ahead, close, t[chosen], distance[chosen], RAY_STEPS - _FIRST_STEPS)
        return i + 1, t.at[chosen].set(some[0]), distance.at[chosen].set(some[1])

    flat = (0, t.reshape(-1), distance.reshape(-1))
    _, t, distance = jax.lax.while_loop(lambda carry: carry[0] < parts, march, flat)
    return t.reshape(tiles, rays), distance.reshape(tiles, rays)
