"""Scores novel views of held-out objects.

The score of a set of views is the mean over views of each view's PSNR. View 0 of an object is the model's input and is
not scored.
"""

from collections.abc import Callable, Mapping

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, PyTree

from real3d_jax.batches import MultiviewBatch, as_float
from real3d_jax.evaluation.image_metrics import psnr, psnr_from_mse
from real3d_jax.training.sharding import batch_sharding, put_same, replicated

RenderFn = Callable[[PyTree, MultiviewBatch], tuple[Array, Array]]


def novel_views(objects: MultiviewBatch) -> MultiviewBatch:
    """The same objects without view 0 among their views."""
    return MultiviewBatch(
        image=objects.image,
        rgb=objects.rgb[:, 1:],
        mask=objects.mask[:, 1:],
        cameras=jax.tree.map(lambda x: x[:, 1:], objects.cameras),
    )


class Validator:
    """Scores a model on held-out objects, always the same ones.

    Args:
      sets: held-out objects by the name of their data set, numpy arrays, the same on every host.
      render: `(params, objects) -> (rgb, opacity)` of all cameras of a batch; it is compiled here, on first use.
      mesh: objects are scored one a device at a time.
    """

    def __init__(self, sets: Mapping[str, MultiviewBatch], render: RenderFn, mesh: Mesh):
        self._first = next(iter(sets.values()))
        self._sets = {name: novel_views(objects) for name, objects in sets.items()}
        self._mesh = mesh

        def score(params, objects):
            objects = as_float(objects)
            return psnr(render(params, objects)[0], objects.rgb)

        self._score = jax.jit(score, out_shardings=replicated(mesh))

    @property
    def views(self) -> int:
        """Number of views scored."""
        return sum(objects.rgb.shape[0] * objects.rgb.shape[1] for objects in self._sets.values())

    def __call__(self, params: PyTree) -> dict[str, float]:
        """Mean PSNR in dB over all views as 'psnr', and of each set as 'psnr/<name>'."""
        scores = {name: self._score_set(params, objects) for name, objects in self._sets.items()}
        means = {f"psnr/{name}": float(np.mean(values)) for name, values in scores.items()}
        return {"psnr": float(np.mean(np.concatenate([v.ravel() for v in scores.values()])))} | means

    def some_objects(self, count: int) -> MultiviewBatch:
        """The first held-out objects of the first set with all their views, for pictures."""
        return jax.tree.map(lambda x: x[:count], self._first)

    def constant_psnr(self) -> float:
        """The score of one colour for every pixel: the mean of all pixels scored, which has the least MSE."""
        return constant_colour_psnr([np.asarray(objects.rgb) for objects in self._sets.values()])

    def _score_set(self, params: PyTree, objects: MultiviewBatch) -> Float[np.ndarray, "objects views"]:
        count, devices = objects.image.shape[0], self._mesh.size
        scores = []
        for start in range(0, count, devices):
            rows = np.minimum(np.arange(start, start + devices), count - 1)  # the last object fills the last batch up
            batch = put_same(jax.tree.map(lambda x, rows=rows: x[rows], objects), batch_sharding(self._mesh))
            scores.append(np.asarray(self._score(params, batch)))
        return np.concatenate(scores)[:count]


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
