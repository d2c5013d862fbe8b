"""How far an object reaches, and how it is moved and scaled to fill its bounds."""

import functools

import numpy as np

from real3d_jax.data.procedural.objects import BOUNDING_RADIUS, PROFILE, ProceduralObject, Solids
from real3d_jax.data.procedural.parts import turn


def normalised(o: ProceduralObject, *, directions: int, tapers: bool = False) -> tuple[ProceduralObject, float]:
    """The object with its box centred at the origin, scaled to fill the cube or the bounding sphere; and the scale.

    The centre stays on the z axis where parts are repeated around it, and off mirrors. Without `tapers` room is left
    for solids as if they were as wide above as below.
    """
    reach = _reach(o, directions, tapers)
    high, low = reach[-6:-3], -reach[-3:]
    shift = (high + low) / 2
    on = o.solids.active > 0
    if (o.solids.radial[on] > 0).any():
        shift[:2] = 0
    shift[:2][(o.solids.mirror[on] > 0).any(0)] = 0
    reach = reach - _directions(directions) @ shift + o.blend / 4
    factor = min(0.5 / reach[-6:].max(), BOUNDING_RADIUS / reach.max())
    s, t = o.solids, o.turned
    lengths = {name: getattr(s, name) * factor for name in ("half", "corner", "edge", "shell")}
    if t is not None:
        t = t._replace(
            centre=(t.centre - shift) * factor, radii=t.radii * factor, half=t.half * factor, shell=t.shell * factor
        )
    s = s._replace(centre=(s.centre - shift * s.active[:, None]) * factor, **lengths)
    return o._replace(solids=s, turned=t, blend=o.blend * factor), factor


def _directions(count: int) -> np.ndarray:
    """Unit vectors spread over the sphere, and after them the axes and their opposites."""
    if count not in _SPHERES:
        k = np.arange(count) + 0.5
        z = 1 - 2 * k / count
        around = np.pi * (1 + 5**0.5) * k
        sphere = np.stack([np.cos(around) * np.sqrt(1 - z * z), np.sin(around) * np.sqrt(1 - z * z), z], -1)
        _SPHERES[count] = np.concatenate([sphere, np.eye(3), -np.eye(3)])
    return _SPHERES[count]


_SPHERES: dict[int, np.ndarray] = {}


def _reach(o: ProceduralObject, count: int, tapers: bool) -> np.ndarray:
    """How far the object reaches in each direction (its support function)."""
    d, s = _directions(count), o.solids
    reach = np.full(len(d), -np.inf)
    if s.active.any():
        which, copies = _copies(s, int(o.fold or 1))
        # A copy reaches as far along d as the original does along d carried back.
        rotation = np.asarray(s.rotation[which] @ copies.swapaxes(1, 2))
        centre = (copies @ s.centre[which][..., None])[..., 0]
        reach = _support(
            s if tapers else s._replace(taper=np.zeros_like(s.taper)), which, np.asarray(rotation), centre, d
        )
    t = o.turned
    if t is not None and t.active:
        local = d @ t.rotation.T
        levels = np.linspace(-t.half, t.half, PROFILE)
        ring = np.hypot(local[:, 0], local[:, 1])
        body = (ring[:, None] * t.radii + local[:, 2:] * levels).max(1)
        reach = np.maximum(reach, d @ t.centre + body)
    return reach


def _copies(s: Solids, turns: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the solids, each as often as it stands there, and the matrices that carry it there."""
    which, matrices = [], []
    around = _around(turns)
    for k in np.flatnonzero(s.active).tolist():
        x, y = s.mirror[k].tolist()
        flips = _FLIPS[bool(x), bool(y)]
        carried = (around[:, None] @ flips).reshape(-1, 3, 3) if s.radial[k] else flips
        which += [k] * len(carried)
        matrices.append(carried)
    return np.array(which), np.concatenate(matrices)


_FLIPS = {
    (x, y): np.array([np.diag([i, j, 1.0]) for i in ((1, -1) if x else (1,)) for j in ((1, -1) if y else (1,))])
    for x in (False, True)
    for y in (False, True)
}


@functools.cache
def _around(turns: int) -> np.ndarray:
    return np.array([turn("z", 360 * j / turns) for j in range(turns)])


def _support(
    s: Solids, which: np.ndarray, rotation: np.ndarray, centre: np.ndarray, directions: np.ndarray
) -> np.ndarray:
    """How far the farthest of some copies of solids reaches in each direction."""
    local = (rotation.reshape(-1, 3) @ directions.T).reshape(*rotation.shape[:2], -1)
    half, corner, edge, top = s.half[which], s.corner[which, None], s.edge[which, None], 1 - s.taper[which]
    flat = np.square(local[:, 0]) + np.square(local[:, 1])
    length = np.sqrt(flat)
    side = np.abs(local[:, :2])
    # The xy outline is a rectangle plus a disc, narrower at the top (+z) than at the bottom.
    below = ((half[:, None, :2] - corner[..., None]) @ side)[:, 0] + corner * length
    above, up = below, (half[:, 2:] - edge) * local[:, 2]
    narrow = np.flatnonzero((top < 1).any(-1))
    if len(narrow):
        shrunk = top[narrow].min(-1, keepdims=True) * corner[narrow]
        inner = (top * half[:, :2])[narrow] - shrunk
        above = below.copy()
        above[narrow] = (inner[:, None] @ side[narrow])[:, 0] + shrunk * length[narrow]
    # The rim's rounding replaces the corner of outline and height.
    reach = np.maximum(above + up, below - up) + edge * (np.sqrt(flat + np.square(local[:, 2])) - length)
    round_ = np.flatnonzero(s.ellipsoid[which])
    if len(round_):
        reach[round_] = np.sqrt(np.square(half[round_, :, None] * local[round_]).sum(1))
    return (centre @ directions.T + reach).max(0)
