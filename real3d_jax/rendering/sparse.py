"""Views of a field that is empty for the most part: samples where nothing is are not asked for.

A coarse grid tells which cells hold density. Of all samples on the rays only those in such cells are queried, packed
together, and none behind what is opaque already; the rest count as empty. That takes a fraction of the time where the
field is queried slowly (a CPU). There is no gradient.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from real3d_jax.cameras import Cameras, camera_rays
from real3d_jax.config.conditioned import AnyRenderConfig
from real3d_jax.config.model import RenderConfig
from real3d_jax.rendering.compositing import composite
from real3d_jax.rendering.field import TriplaneField, query_field
from real3d_jax.rendering.grid import density_grid
from real3d_jax.rendering.rays import intersect_box, midpoints

_CORNERS = 64  # of cells, per side
_POINTS_AT_ONCE = 2**14
_SAMPLES_AT_ONCE = 8  # of a ray, from front to back
_OPAQUE = 6.0  # optical depth: what is behind it adds less than 1 / 400


def occupied_cells(field: TriplaneField, config: AnyRenderConfig, least_density: float) -> Bool[Array, "x y z"]:
    """The cells of the box in or beside which a density is above `least_density`.

    Args:
      field: one field (a batch of one).
      config: box, bias and implementation.
      least_density: a ray through cells that are left out loses an opacity below it.
    """
    corners = density_grid(field, _CORNERS, config)[0] > least_density
    # From the corner before a cell to the one after it.
    found = jax.lax.reduce_window(corners, False, jax.lax.bitwise_or, (4, 4, 4), (1, 1, 1), ((1, 2),) * 3)
    return found[:-1, :-1, :-1]


def render_views_sparse(
    field: TriplaneField, occupied: Bool[Array, "x y z"], cameras: Cameras, config: RenderConfig, *, resolution: int
) -> tuple[Float[Array, "V h w 3"], Float[Array, "V h w 1"]]:
    """Square views of one field, as `render.render_views` has them but for what lies outside the occupied cells.

    What lies behind an opacity of 0.9975 is left out, too.

    Args:
      field: one field (a batch of one).
      occupied: of `occupied_cells`.
      cameras: of leading shape (V,).
      config: samples, box and background.
      resolution: pixels per side.

    Returns:
      Colours over the background, and opacities, in [0, 1].
    """
    origins, directions = camera_rays(cameras, resolution, resolution)
    density, rgb, _, _ = sample_occupied(field, occupied, origins, directions, config)
    return composite(density, rgb, step=1.0 / config.samples, background=config.background)


def sample_occupied(
    field: TriplaneField,
    occupied: Bool[Array, "x y z"],
    origins: Float[Array, "*rays 3"],
    directions: Float[Array, "*rays 3"],
    config: RenderConfig,
) -> tuple[
    Float[Array, "*rays samples"], Float[Array, "*rays samples 3"], Float[Array, "*rays"], Float[Array, "*rays"]
]:
    """`render.sample_rays` of one field, with no density where its cells are empty and behind what is opaque."""
    t_near, t_far, hit = intersect_box(
        origins, directions, half_size=config.radius * (1 - config.box_inset), min_interval=config.min_interval
    )
    distances = midpoints(t_near, t_far, config.samples)
    run, step = math.gcd(config.samples, _SAMPLES_AT_ONCE), 1.0 / config.samples

    def query_run(depth, distances):
        points = origins[..., None, :] + distances[..., None] * directions[..., None, :]
        wanted = _is_occupied(occupied, points, config) & (hit & (depth < _OPAQUE))[..., None]
        values = _query_some(field, points.reshape(-1, 3), wanted.ravel(), config).reshape(*wanted.shape, 4)
        return depth + step * values[..., 0].sum(axis=-1), values

    runs = jnp.moveaxis(distances.reshape(*hit.shape, -1, run), -2, 0)
    _, values = jax.lax.scan(query_run, jnp.zeros(hit.shape), runs)
    values = jnp.moveaxis(values, 0, -3).reshape(*hit.shape, config.samples, 4)
    return values[..., 0], values[..., 1:], t_near, t_far


def _is_occupied(
    occupied: Bool[Array, "x y z"], points: Float[Array, "*rays samples 3"], config: RenderConfig
) -> Bool[Array, "*rays samples"]:
    side = occupied.shape[0]
    cell = jnp.clip(jnp.floor((points / config.radius + 1) * (side / 2)).astype(jnp.int32), 0, side - 1)
    return occupied[cell[..., 0], cell[..., 1], cell[..., 2]]


def _query_some(
    field: TriplaneField, points: Float[Array, "N 3"], wanted: Bool[Array, "N"], config: RenderConfig
) -> Float[Array, "N 4"]:
    """Density and colour at the wanted points, zeros elsewhere."""

    def query(points):
        density, rgb = query_field(field, points[None], config)
        return jnp.concatenate([density[0, :, None], rgb[0]], axis=-1)

    return of_wanted(query, points, wanted, at_once=_POINTS_AT_ONCE, channels=4)


def of_wanted(
    function: Callable[[Float[Array, "n K"]], Float[Array, "n C"]],
    values: Float[Array, "N K"],
    wanted: Bool[Array, "N"],
    *,
    at_once: int,
    channels: int,
) -> Float[Array, "N C"]:
    """What `function` makes of the wanted rows, packed together, and zeros for the others.

    Args:
      function: takes `at_once` rows; as many times as the wanted ones fill.
      values: all rows.
      wanted: which of them.
      at_once: rows of a call.
      channels: C.
    """
    count = values.shape[0]
    padded = math.ceil(count / at_once) * at_once
    order = jnp.nonzero(wanted, size=padded, fill_value=count)[0]  # places after the last wanted one lie outside
    chunks = -(-wanted.sum() // at_once)

    def chunk(number, found):
        places = jax.lax.dynamic_slice(order, (number * at_once,), (at_once,))
        return found.at[places].set(function(values.at[places].get(mode="clip")), mode="drop")

    return jax.lax.fori_loop(0, chunks, chunk, jnp.zeros((count, channels)))
