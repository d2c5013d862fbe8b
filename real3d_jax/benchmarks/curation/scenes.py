"""Drawn scenes in which it is known how much of each object is hidden."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from real3d_jax.benchmarks.curation.figures import FOCAL, KINDS, Figure, random_figure
from real3d_jax.curation.instances import Instance

SIZE = (1024, 768)
_CAMERA_HEIGHT = 1.6  # metres
_LEAST_VISIBLE = 64  # pixels that a segmentation would still find
_ATTEMPTS = 30


@dataclasses.dataclass(frozen=True)
class Scene:
    """What the rules get, and what is true.

    Attributes:
      key: its name.
      instances: the visible parts of the objects; `category` is the figure's kind.
      hidden: of each instance, the share of its silhouette in the image that something nearer covers.
      disparity: exact, 1/metres.
    """

    key: str
    instances: Sequence[Instance]
    hidden: Sequence[float]
    disparity: Float[np.ndarray, "H W"]


@dataclasses.dataclass(frozen=True)
class SceneSettings:
    """What scenes are made of.

    Attributes:
      objects: least and greatest number.
      size: width and height, pixels.
      half_sizes: least and greatest half length of an object, pixels.
      near: share of the objects that are put close to one that is there already.
      split: share of the objects that a line divides into two instances, as of two parts that meet.
      unsegmented: share of the objects that are no instances: they hide others, but no mask tells of them.
    """

    objects: tuple[int, int] = (2, 5)
    size: tuple[int, int] = SIZE
    half_sizes: tuple[float, float] = (70.0, 200.0)
    near: float = 0.75
    split: float = 0.08
    unsegmented: float = 0.0


KINDS_OF_SCENES = {
    "apart": SceneSettings(near=0.0),
    "crowded": SceneSettings(near=0.75),
    "unsegmented": SceneSettings(near=0.4, unsegmented=0.3),
}
"""Objects put down independently; in heaps; and with objects among them that no mask tells of."""


@dataclasses.dataclass(frozen=True)
class _Drawn:
    kind: str
    mask: np.ndarray
    disparity: np.ndarray


def make_scene(seed: int, index: int, settings: SceneSettings | None = None) -> Scene:
    """The same scene for the same seed and index."""
    settings = settings or SceneSettings()
    rng = np.random.default_rng([seed, index])
    horizon = settings.size[1] * rng.uniform(0.25, 0.45) if rng.random() < 0.5 else None
    background = _background(rng, settings.size, horizon)
    drawn = _objects(rng, settings, background, horizon)
    nearest, disparity = np.zeros(background.shape, np.int8), background
    for number, entry in enumerate(drawn, start=1):
        nearest[entry.disparity > disparity] = number
        disparity = np.maximum(disparity, entry.disparity)
    instances, hidden = [], []
    for number, entry in enumerate(drawn):
        if rng.random() < settings.unsegmented:
            continue
        for part in _parts(rng, entry.mask, settings.split):
            visible = part & (nearest == number + 1)
            if visible.sum() >= _LEAST_VISIBLE:
                instances.append(Instance(len(instances), visible, entry.kind))
                hidden.append(1 - float(visible.sum() / part.sum()))
    return Scene(f"{seed}-{index}", instances, hidden, disparity)


def _background(rng: np.random.Generator, size: tuple[int, int], horizon: float | None) -> np.ndarray:
    """A wall, and in front of it, if there is a horizon, the floor."""
    width, height = size
    x, y = np.meshgrid(np.arange(width) / width - 0.5, np.arange(height, dtype=float))
    wall = (1 + rng.uniform(-0.4, 0.4) * x) / rng.uniform(11, 25)
    if horizon is not None:
        wall = np.maximum(wall, (y - horizon) / (FOCAL * _CAMERA_HEIGHT))
    return wall.astype(np.float32)


def _objects(
    rng: np.random.Generator, settings: SceneSettings, background: np.ndarray, horizon: float | None
) -> list[_Drawn]:
    """Objects that do not pass through one another or through the background."""
    count, drawn, centres = rng.integers(settings.objects[0], settings.objects[1] + 1), [], []
    for _ in range(_ATTEMPTS):
        if len(drawn) == count:
            break
        figure = _figure(rng, settings, horizon, centres)
        mask, disparity = figure.draw(*settings.size)
        if mask.any() and _fits(mask, disparity, drawn, background):
            drawn.append(_Drawn(figure.kind, mask, disparity))
            centres.append(figure.centre)
    return drawn


def _figure(
    rng: np.random.Generator, settings: SceneSettings, horizon: float | None, centres: Sequence[tuple[float, float]]
) -> Figure:
    width, height = settings.size
    half_size = float(np.exp(rng.uniform(*np.log(settings.half_sizes))))
    x, y = rng.uniform(0.12, 0.88, 2) * settings.size
    if centres and rng.random() < settings.near:
        middle, angle = centres[int(rng.integers(len(centres)))], rng.uniform(0, 2 * np.pi)
        away = half_size * rng.uniform(0.6, 2.2)
        x, y = middle[0] + away * np.cos(angle), middle[1] + away * np.sin(angle)
        x, y = np.clip(x, 0.1 * width, 0.9 * width), np.clip(y, 0.1 * height, 0.9 * height)
    disparity = float(np.exp(-rng.uniform(np.log(2), np.log(9))))
    if horizon is not None:  # it stands on the floor
        base = horizon + (height - horizon) * rng.uniform(0.25, 0.95)
        disparity = (base - horizon) / (FOCAL * _CAMERA_HEIGHT)
        y = base - half_size * rng.uniform(0.8, 1.0)
    return random_figure(rng, str(rng.choice(list(KINDS))), (float(x), float(y)), half_size, disparity)


def _fits(mask: np.ndarray, disparity: np.ndarray, drawn: Sequence[_Drawn], background: np.ndarray) -> bool:
    if (disparity < background)[mask].mean() > 0.002:
        return False
    for other in drawn:
        both = mask & other.mask
        if both.any() and 0.002 < (disparity > other.disparity)[both].mean() < 0.998:
            return False
    return True


def _parts(rng: np.random.Generator, mask: np.ndarray, split: float) -> list[np.ndarray]:
    """The mask, or its two sides of a line near its middle."""
    if rng.random() >= split:
        return [mask]
    rows, columns = np.nonzero(mask)
    angle = rng.uniform(0, np.pi)
    x, y = np.meshgrid(np.arange(mask.shape[1]) - columns.mean(), np.arange(mask.shape[0]) - rows.mean())
    side = np.cos(angle) * x + np.sin(angle) * y > 0
    return [part for part in (mask & side, mask & ~side) if part.any()]
