"""Procedural objects as a source of records: multi-view data, or single views that play photographs.

Nothing is downloaded. An object and its cameras follow from (family, seed, number of the object) alone, so the single
view of an object is view 0 of the multi-view data with the same family and seed, whose other views are its true novel
views.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from real3d_jax.cameras import Cameras, spherical_c2w
from real3d_jax.data.procedural import numbering
from real3d_jax.data.procedural.objects import ProceduralObject, stack
from real3d_jax.data.procedural.render import render_views
from real3d_jax.data.records import MULTIVIEW, SINGLE_VIEW, Item, Photograph, Source, View
from real3d_jax.errors import UserError

FOV_Y = 39.6  # degrees, as GObjaverse
DISTANCE = (1.645 * 0.97, 1.645 * 1.03)  # around GObjaverse's orbit
ELEVATION = (-20.0, 60.0)  # degrees
SUPERSAMPLE = 2
CAPTURE_TURN = (4.0, 4.0, 8.0)  # degrees at most, about a camera's right, up and back
CAPTURE_OFF = 0.1  # of the principal point, in parts of the picture
CAPTURE_ZOOM = (0.7, 0.9)  # times the focal length, so that the object stays in the picture
CAPTURE_UNIT = (0.3, 3.0)  # of a film's world
_CAPTURE_STREAM = 4
_CAMERA_STREAM = 1  # keeps a camera's random numbers apart from its object's
_VIEWS_AT_ONCE = {"cpu": 16}  # in a call of the renderer
_VIEWS_AT_ONCE_ON_ACCELERATORS = 512


def procedural_views(*, family: str, objects: int, held_out: int, views: int, image_size: int, seed: int) -> Source:
    """Objects of a family from random directions.

    Args:
      family: 'a', 'b', a named family, several joined by '+', 'named' for all named ones or 'home' for all of `HOME`.
        Of several, object number i belongs to number i modulo their count.
      objects: training objects, numbers 0 to objects - 1.
      held_out: test objects, numbers `objects` to objects + held_out - 1.
      views: of each object.
      image_size: pixels per side, a multiple of 4.
      seed: of objects and cameras.

    Raises:
      UserError: a number or the family is out of range.
    """
    return _filmed("procedural_views", _orbiting, family, objects, held_out, views, image_size, seed)


def procedural_captures(*, family: str, objects: int, held_out: int, views: int, image_size: int, seed: int) -> Source:
    """Objects filmed by hand, as MVImgNet's and CO3D's are: `captured_cameras`. Arguments as for `procedural_views`."""
    return _filmed("procedural_captures", captured_cameras, family, objects, held_out, views, image_size, seed)


def procedural_single(*, family: str, objects: int, held_out: int, image_size: int, seed: int) -> Source:
    """One view of each object, as if it were a photograph; arguments as for `procedural_views`."""
    _check(family, objects, held_out, 1, image_size)

    def items(split: str, chosen: range) -> Iterator[Item]:
        first = objects if split == "test" else 0
        for number, images, _ in _rendered(family, seed, [first + i for i in chosen], 1, image_size):
            name = numbering.object_name(family, seed, number)
            provenance = {"dataset": "procedural_views", "object_id": name, "view": "00000"}
            yield Item(name, (Photograph(name, images[0], provenance),))

    settings = {"dataset": "procedural_single", "family": family, "image_size": image_size, "seed": seed}
    return Source(SINGLE_VIEW, 0, settings, {"train": objects, "test": held_out}, items)


def intrinsics() -> Float[np.ndarray, "4"]:
    """Normalised intrinsics of every procedural camera."""
    focal = 0.5 / np.tan(np.radians(FOV_Y) / 2)
    return np.array([focal, focal, 0.5, 0.5], np.float32)


def camera_poses(family: str, seed: int, number: int, views: int) -> Float[np.ndarray, "views 4 4"]:
    """The poses of an object's views: any azimuth, elevation and distance within the ranges above."""
    rng = np.random.default_rng([*numbering.stream(family, seed, number), _CAMERA_STREAM])
    angles = orbits(rng.uniform(size=(views, 3)))  # row by row, so that fewer views are the first of more
    return np.asarray(spherical_c2w(*(jnp.asarray(angles[:, i]) for i in range(3))), np.float32)


def orbits(unit: Float[np.ndarray, "views 3"]) -> Float[np.ndarray, "views 3"]:
    """Azimuth and elevation in radians, and distance, from numbers in [0, 1)."""
    elevation = np.radians(ELEVATION[0] + (ELEVATION[1] - ELEVATION[0]) * unit[:, 1])
    distance = DISTANCE[0] + (DISTANCE[1] - DISTANCE[0]) * unit[:, 2]
    return np.stack([2 * np.pi * unit[:, 0], elevation, distance], axis=1).astype(np.float32)


class Captured(NamedTuple):
    """The cameras of an object's views.

    Attributes:
      c2w: in the object's world.
      recorded: the same in the world that the records have; of a film one of any direction and unit, as structure from
        motion gives it. The object's centre is its origin.
      intrinsics: normalised; of a film with the principal point off the middle.
    """

    c2w: Float[np.ndarray, "views 4 4"]
    recorded: Float[np.ndarray, "views 4 4"]
    intrinsics: Float[np.ndarray, "views 4"]


def captured_cameras(family: str, seed: int, number: int, views: int) -> Captured:
    """The cameras of `procedural_views`, held by hand: they roll, look past the object, off the middle."""
    from scipy.spatial.transform import Rotation  # it takes 0.1 s to import, and is needed here alone

    rng = np.random.default_rng([*numbering.stream(family, seed, number), _CAPTURE_STREAM])
    turned = Rotation.random(rng=rng).as_matrix()
    unit = np.exp(rng.uniform(*np.log(CAPTURE_UNIT)))
    zoom = rng.uniform(*CAPTURE_ZOOM)
    shake = rng.uniform(-1, 1, (views, 5))  # row by row, so that fewer views are the first of more
    c2w = camera_poses(family, seed, number, views).astype(np.float64)
    # A camera turns about its own axes: right, up and back.
    angles = np.radians(CAPTURE_TURN) * shake[:, :3]
    c2w[:, :3, :3] = c2w[:, :3, :3] @ Rotation.from_euler("xyz", angles).as_matrix()
    recorded = c2w.copy()
    recorded[:, :3, :3] = turned @ c2w[:, :3, :3]
    recorded[:, :3, 3] = unit * c2w[:, :3, 3] @ turned.T
    lens = np.tile(intrinsics() * [zoom, zoom, 1, 1], (views, 1))
    lens[:, 2:] += CAPTURE_OFF * shake[:, 3:]
    return Captured(*(values.astype(np.float32) for values in (c2w, recorded, lens)))


def _orbiting(family: str, seed: int, number: int, views: int) -> Captured:
    c2w = camera_poses(family, seed, number, views)
    return Captured(c2w, c2w, np.tile(intrinsics(), (views, 1)))


def _filmed(
    dataset: str,
    cameras: Callable[[str, int, int, int], Captured],
    family: str,
    objects: int,
    held_out: int,
    views: int,
    image_size: int,
    seed: int,
) -> Source:
    """Multi-view records of objects; `cameras` gives those of an object's views."""
    _check(family, objects, held_out, views, image_size)

    def items(split: str, chosen: range) -> Iterator[Item]:
        first = objects if split == "test" else 0
        numbers = [first + i for i in chosen]
        for number, images, filmed in _rendered(family, seed, numbers, views, image_size, cameras=cameras):
            name = numbering.object_name(family, seed, number)
            shots = (
                View(name, f"{v:05d}", image, pose, lens)
                for v, (image, pose, lens) in enumerate(zip(images, filmed.recorded, filmed.intrinsics, strict=True))
            )
            yield Item(name, tuple(shots))

    settings = {"dataset": dataset, "family": family, "views": views, "image_size": image_size, "seed": seed}
    return Source(MULTIVIEW, 0, settings, {"train": objects, "test": held_out}, items)


def _check(family: str, objects: int, held_out: int, views: int, image_size: int) -> None:
    numbering.members(family)
    if objects < 0 or held_out < 0 or objects + held_out == 0:
        raise UserError(f"Procedural data need at least one object, not {objects} and {held_out} held out.")
    if views < 1:
        raise UserError(f"Procedural objects need at least one view each, not {views}.")
    if image_size < 4 or image_size % 4:
        raise UserError(f"The image size of procedural data must be a multiple of 4, not {image_size}.")


def _rendered(
    family: str, seed: int, numbers: list[int], views: int, image_size: int, *, cameras=_orbiting
) -> Iterator[tuple[int, list[np.ndarray], Captured]]:
    """Number, images and cameras of each object.

    Every call of the renderer has the same number of views, so that it is compiled once and a picture does not depend
    on how the work was divided. While one call's pictures are handed out, the next is being computed.
    """
    call = _VIEWS_AT_ONCE.get(jax.default_backend(), _VIEWS_AT_ONCE_ON_ACCELERATORS)
    found = [cameras(family, seed, number, views) for number in numbers]
    poses, lenses = np.stack([one.c2w for one in found]), np.stack([one.intrinsics for one in found])
    todo = [(i, v) for i in range(len(numbers)) for v in range(views)]
    sample = functools.lru_cache(maxsize=call)(lambda i: numbering.sample(family, seed, numbers[i]))

    def computed():
        running = None
        for start in range(0, len(todo), call):
            part = todo[start : start + call]
            padded = part + [part[-1]] * (call - len(part))
            drawn, at = stack([sample(i) for i, _ in padded]), tuple(np.transpose(padded))
            images = draw(drawn, poses[at], image_size, lenses[at])
            if running is not None:
                yield from np.asarray(running)
            running = images
        if running is not None:
            yield from np.asarray(running)[: (len(todo) - 1) % call + 1]

    images = computed()
    for i, number in enumerate(numbers):
        yield number, [next(images) for _ in range(views)], found[i]


def draw(
    objects: ProceduralObject,
    c2w: Float[np.ndarray, "B 4 4"],
    image_size: int,
    lenses: Float[np.ndarray, "B 4"] | None = None,
) -> jax.Array:
    """Pictures of objects, (B, image_size, image_size, 4) uint8, on the first device; by `intrinsics` if not given."""
    lenses = np.tile(intrinsics(), (len(c2w), 1)) if lenses is None else lenses
    cameras = Cameras(jnp.asarray(c2w), jnp.asarray(lenses, jnp.float32))
    how = how_to_draw(jax.default_backend())
    return render_views(objects, cameras, size=image_size, supersample=SUPERSAMPLE, **how)


def how_to_draw(platform: str) -> dict[str, Any]:
    """The renderer's options that are fastest on a platform. They change no picture but by rounding."""
    fast = {"cpu": {"tiles_at_once": 32}, "gpu": {"implementation": "pallas"}}
    return fast.get(platform, {"tiles_at_once": 2**13})
