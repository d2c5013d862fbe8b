"""What a model has to beat: pictures made of the input view alone, scored as its novel views are."""

import jax.numpy as jnp
from jaxtyping import Array, UInt8

from real3d_jax.batches import as_float
from real3d_jax.evaluation.programs import Scores, score_views
from real3d_jax.metrics.images import silhouette_iou

# What a metric's name ends with, and how the row of a table is called.
BASELINES = {
    "input_shown": "the input view, shown for every view",
    "one_colour": "the input view's mean colour, everywhere",
}


def baseline_scores(
    lpips_params: dict | None,
    input_rgb: UInt8[Array, "B h w 3"],
    input_mask: UInt8[Array, "B h w 1"],
    rgb: UInt8[Array, "B V h w 3"],
    mask: UInt8[Array, "B V h w 1"],
    *,
    window: str,
) -> dict[str, Scores]:
    """Scores of each of BASELINES, (B, V) each. One colour has no silhouette and so no IoU."""
    target, source = as_float(rgb), as_float(input_rgb)[:, None]
    pictures = {"input_shown": source, "one_colour": jnp.mean(source, axis=(-3, -2), keepdims=True)}
    assert pictures.keys() == BASELINES.keys()
    scores = {
        name: score_views(jnp.broadcast_to(picture, target.shape), target, lpips_params=lpips_params, window=window)
        for name, picture in pictures.items()
    }
    shown = jnp.broadcast_to(input_mask[:, None], mask.shape)
    scores["input_shown"]["iou"] = silhouette_iou(as_float(shown), as_float(mask))
    return scores
