"""Scores views of held-out objects.

View 0 of an object is the model's input, the others are novel. A score of a set of views is the mean of each view's.
"""

import math
from collections.abc import Callable, Mapping

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, PyTree

from real3d_jax.batches import MultiviewBatch, as_float
from real3d_jax.metrics.images import describe_score, psnr, psnr_from_mse, silhouette_iou
from real3d_jax.runtime.sharding import batch_sharding, put_same, replicated

SCORES = ("psnr", "input_psnr", "iou")

_OBJECTS_A_DEVICE = 8  # scored at a time, on accelerators

RenderFn = Callable[[PyTree, MultiviewBatch], tuple[Array, Array]]


class Validator:
    """Scores a model on held-out objects, always the same ones.

    Args:
      sets: held-out objects by the name of their data set, numpy arrays, the same on every host.
      render: `(params, objects) -> (rgb, opacity)` of all cameras of a batch; it is compiled here, on first use.
      mesh: its devices share the objects.
      objects_a_device: rendered at a time; if None, several on accelerators and one on a CPU.
    """

    def __init__(
        self, sets: Mapping[str, MultiviewBatch], render: RenderFn, mesh: Mesh, *, objects_a_device: int | None = None
    ):
        self._sets = dict(sets)
        self._mesh = mesh
        if objects_a_device is None:
            objects_a_device = 1 if jax.default_backend() == "cpu" else _OBJECTS_A_DEVICE
        # No more than the largest set needs; the same for every set, so that one program does for all.
        most = max(objects.image.shape[0] for objects in sets.values())
        self._rows = mesh.size * min(objects_a_device, math.ceil(most / mesh.size))

        def score(params, objects):
            objects = as_float(objects)
            rgb, opacity = render(params, objects)
            return psnr(rgb, objects.rgb), silhouette_iou(opacity, objects.mask)

        self._score = jax.jit(score, out_shardings=replicated(mesh))

    @property
    def objects(self) -> int:
        """Number of objects scored."""
        return sum(objects.rgb.shape[0] for objects in self._sets.values())

    @property
    def views(self) -> int:
        """Number of novel views scored."""
        return sum(objects.rgb.shape[0] * (objects.rgb.shape[1] - 1) for objects in self._sets.values())

    def __call__(self, params: PyTree) -> dict[str, float]:
        """The `SCORES` of all objects, then those of each set under 'SCORE/<name of the set>'.

        'psnr' is that of novel views and 'input_psnr' that of input views, in dB; 'iou' is the intersection over union
        of the silhouettes in novel views.
        """
        sets = {name: self._score_set(params, objects) for name, objects in self._sets.items()}
        pooled = {score: np.concatenate([found[score].ravel() for found in sets.values()]) for score in SCORES}
        means = {score: float(np.mean(values)) for score, values in pooled.items()}
        for name, found in sets.items():
            means |= {f"{score}/{name}": float(np.mean(values)) for score, values in found.items()}
        return means

    def some_objects(self, count: int) -> MultiviewBatch:
        """The first held-out objects of the first set with all their views, for pictures."""
        return jax.tree.map(lambda x: x[:count], next(iter(self._sets.values())))

    def constant_psnr(self) -> float:
        """The novel views' PSNR for one colour everywhere: the mean of all their pixels, which has the least MSE."""
        return constant_colour_psnr([np.asarray(objects.rgb[:, 1:]) for objects in self._sets.values()])

    def _score_set(self, params: PyTree, objects: MultiviewBatch) -> dict[str, Float[np.ndarray, "objects *views"]]:
        count = objects.image.shape[0]
        found = []
        for start in range(0, count, self._rows):
            rows = np.minimum(np.arange(start, start + self._rows), count - 1)  # the last object fills the batch up
            batch = put_same(jax.tree.map(lambda x, rows=rows: x[rows], objects), batch_sharding(self._mesh))
            found.append(jax.device_get(self._score(params, batch)))
        views, silhouettes = (np.concatenate(parts)[:count] for parts in zip(*found, strict=True))
        return {"psnr": views[:, 1:], "input_psnr": views[:, 0], "iou": silhouettes[:, 1:]}


def describe_scores(scores: Mapping[str, float]) -> str:
    """What a `Validator` found, in a line: the scores of all objects, and those of each set if there are several.

    Args:
      scores: as it gives them; scores of all objects may be repeated with an ending, such as 'psnr_ema'.
    """
    groups = [key.removeprefix("psnr") for key in scores if key.startswith("psnr")]
    if sum(group.startswith("/") for group in groups) == 1:
        groups = [group for group in groups if not group.startswith("/")]
    described = []
    for group in groups:
        numbers = [f"{score} {describe_score(score, scores[score + group])}" for score in SCORES]
        described.append(f"{group.strip('/_')} " * bool(group) + ", ".join(numbers))
    return "; ".join(described)


def constant_colour_psnr(views: list[np.ndarray]) -> float:
    """Mean PSNR of the views if each pixel of all of them had the mean colour of them all.

    Args:
      views: uint8 or float images in [0, 1], each array (objects, views, h, w, 3).
    """
    means, squares = [], []
    for array in views:
        for image in array.reshape(-1, *array.shape[-3:]):
            scaled = image.astype(np.float64) / (255.0 if image.dtype == np.uint8 else 1.0)
            means.append(scaled.mean((0, 1)))
            squares.append(np.square(scaled).mean((0, 1)))
    mean, square = np.stack(means), np.stack(squares)
    colour = mean.mean(0)
    mse = np.mean(square - 2 * mean * colour + colour**2, axis=1)
    return float(np.mean(psnr_from_mse(mse)))
