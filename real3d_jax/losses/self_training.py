"""The self-training losses on a photograph (Eq. 2-10).

Eq. 2, the reconstruction, is `models.lrm.LRM`; Eq. 3 and 4 are in `cycle`; the poses of Eq. 5, 6 and 8 are drawn in
`novel_poses`; Eq. 7 is `rendering.render_views`. `training.objective` joins them.
"""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from real3d_jax.config.losses import LossConfig
from real3d_jax.losses.reconstruction import View, example_mean, reconstruction_loss


def semantic_distance(novel: Float[Array, "B m D"], reference: Float[Array, "B D"]) -> Float[Array, "B m"]:
    """L_CLIP of each novel view: minus the cosine of its embedding and the input view's, both normalised."""
    return -jnp.einsum("bmd,bd->bm", novel, reference, precision=jax.lax.Precision.HIGHEST)


def semantic_loss(
    novel: Float[Array, "B m D"],
    reference: Float[Array, "B D"],
    *,
    naive: bool,
    weight: Float[Array, "B"] | None = None,
) -> Float[Array, ""]:
    """L_sem (Eq. 9): the distance of the least similar view of each example, averaged over examples.

    With this hard-negative mining only that view receives a gradient. `naive` averages over all views instead, the
    ablation that lets the front grow on every side. `weight` is that of each example, as in `example_mean`.
    """
    distance = semantic_distance(novel, reference)
    return example_mean(distance if naive else distance.max(axis=1), weight)


def pixel_loss(
    *,
    target: View,
    input_view: View,
    returned: View | None,
    config: LossConfig,
    lpips_params: dict | None,
    weight: Float[Array, "B"] | None = None,
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """lambda_in L_in + lambda_pix L_pix, the part of Eq. 10 that compares pixels; as `self_training_loss`."""
    compare = functools.partial(reconstruction_loss, lpips_params=lpips_params, weight=weight)
    total, terms = compare(input_view, target, weights=config.input_view)
    metrics = {f"input_view/{name}": term for name, term in terms.items()}
    if returned is not None:
        cycle, terms = compare(returned, target, weights=config.cycle.weights)
        total += cycle
        metrics |= {f"cycle/{name}": term for name, term in terms.items()}
    return total, metrics


def self_training_loss(
    *,
    target: View,
    input_view: View,
    returned: View | None,
    semantic: Float[Array, ""] | None,
    config: LossConfig,
    lpips_params: dict | None,
    weight: Float[Array, "B"] | None = None,
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """L_SELF = lambda_in L_in + lambda_pix L_pix + lambda_sem L_sem (Eq. 10).

    Args:
      target: the photograph, cut out.
      input_view: the reconstruction seen from the canonical pose phi, for L_in.
      returned: the second reconstruction seen from the return pose, which closes the cycle, for L_pix (Eq. 4); None
        leaves the term out.
      semantic: L_sem (Eq. 9), or None.
      config: the weights.
      lpips_params: as for `reconstruction_loss`.
      weight: of each example in the pixel losses' means; likewise.

    Returns:
      The sum, and each term before weighting, as 'input_view/mse', 'cycle/mse', 'semantic', ...
    """
    total, metrics = pixel_loss(
        target=target,
        input_view=input_view,
        returned=returned,
        config=config,
        lpips_params=lpips_params,
        weight=weight,
    )
    if semantic is not None:
        total += config.semantic.weight * semantic
        metrics["semantic"] = semantic
    return total, metrics
