"""The training target L = L_RECON + L_SELF as a pure function of parameters, batch and poses (Section 4.1)."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from real3d_jax.batches import MultiviewBatch, SingleViewBatch, TrainBatch, as_float
from real3d_jax.cameras import Cameras, with_intrinsics
from real3d_jax.config.conditioned import MetricRenderConfig
from real3d_jax.config.losses import LossConfig, SmoothViewLossConfig, uses_cycle
from real3d_jax.config.training import Config
from real3d_jax.errors import UserError
from real3d_jax.losses.cycle import cycle_views
from real3d_jax.losses.gradient_cap import cap_gradient, gradient_norms
from real3d_jax.losses.novel_poses import NovelPoses
from real3d_jax.losses.planes import total_variation
from real3d_jax.losses.reconstruction import View, reconstruction_loss
from real3d_jax.losses.self_training import pixel_loss, self_training_loss, semantic_loss
from real3d_jax.models.choice import AnyModel
from real3d_jax.models.lrm import LRM
from real3d_jax.perceptual.frozen import FrozenNetworks
from real3d_jax.rendering import TriplaneField, render_views
from real3d_jax.rendering.field import reconstruct_any
from real3d_jax.rendering.metric import random_draws, render_views_metric


def batch_loss(
    params: dict,
    batch: TrainBatch,
    poses: NovelPoses | None,
    *,
    frozen: FrozenNetworks,
    model: AnyModel,
    config: Config,
    keys: Key[Array, "B"] | None = None,
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """L = L_RECON on the synthetic part + L_SELF on the real part (end of Section 4.1), each averaged over examples.

    A part's `weight` says how much each example counts in its average. `keys`, one for each synthetic example, place
    the samples on a camera-conditioned model's rays; without them they lie in the middles.
    """
    batch = as_float(batch)
    params = model.cast_weights(params)
    total, metrics = jnp.zeros(()), {}
    synthetic_field, real_field = _reconstruct_both(params, batch, model=model)
    if batch.synthetic is not None:
        loss, terms = _synthetic_loss(synthetic_field, batch.synthetic, keys, frozen=frozen, config=config)
        total += loss
        metrics |= {f"synthetic/{name}": term for name, term in terms.items()}
    if batch.real is not None:
        assert poses is not None, "photographs need the poses of their novel views"
        assert isinstance(model, LRM), "photographs train the canonical model alone"
        loss, terms = _real_loss(params, real_field, batch.real, poses, frozen=frozen, model=model, config=config)
        total += loss
        metrics |= {f"real/{name}": term for name, term in terms.items()}
    return total, metrics


def _reconstruct_both(
    params: dict, batch: TrainBatch, *, model: AnyModel
) -> tuple[TriplaneField | None, TriplaneField | None]:
    """The fields of the synthetic and of the real images; in one pass where there are as many of each."""
    synthetic, real = (part.image if part is not None else None for part in (batch.synthetic, batch.real))
    if synthetic is None or real is None or synthetic.shape != real.shape:
        sources = batch.synthetic.source if batch.synthetic is not None else None
        return (
            None if synthetic is None else reconstruct_any(params, synthetic, sources, model=model),
            None if real is None else reconstruct_any(params, real, None, model=model),
        )
    # In turns, so that rows spread over devices stay where they are.
    images = jnp.stack([synthetic, real], axis=1).reshape(-1, *real.shape[1:])
    both = reconstruct_any(params, images, None, model=model)
    synthetic_field, real_field = (TriplaneField(both.planes[i::2], both.decoder_params, both.decoder) for i in (0, 1))
    return synthetic_field, real_field


def _synthetic_loss(field, batch: MultiviewBatch, keys, *, frozen: FrozenNetworks, config: Config):
    """L_RECON (Eq. 1) of objects with known views, and where the config has it the planes' total variation."""
    weights = config.losses.supervised
    loss, terms = reconstruction_loss(
        _render_targets(field, batch, keys, config),
        View(batch.rgb, batch.mask),
        weights=weights,
        lpips_params=frozen.lpips_params,
        weight=batch.weight,
    )
    if isinstance(weights, SmoothViewLossConfig) and weights.total_variation:
        terms["total_variation"] = total_variation(field.planes, batch.weight)
        loss += weights.total_variation * terms["total_variation"]
    return loss, terms


def _render_targets(field, batch: MultiviewBatch, keys, config: Config) -> View:
    render = config.render
    if not isinstance(render, MetricRenderConfig):
        return View(*render_views(field, batch.cameras, render))
    draws = None
    if keys is not None:
        rays = (batch.rgb.shape[1], render.resolution, render.resolution)
        draws = jax.vmap(lambda key: random_draws(key, rays, render))(keys)
    rendered = render_views_metric(field, batch.cameras, render, background=batch.background, draws=draws)
    return View(rendered.rgb, rendered.opacity)


def _real_loss(
    params, field, batch: SingleViewBatch, poses: NovelPoses, *, frozen: FrozenNetworks, model: LRM, config: Config
):
    """L_SELF (Eq. 10) of photographs."""
    target = View(batch.rgb, batch.mask)
    input_view, novel = _input_and_semantic_views(field, batch, poses, config)
    returned = None
    if uses_cycle(config.losses):
        _, returned = close_cycle(params, field, batch.cameras, poses.cycle, model=model, config=config)
    semantic = None
    if config.losses.semantic.weight:
        views = _capped(
            novel.rgb, input_view, returned, target, frozen=frozen, config=config.losses, weight=batch.weight
        )
        images = jnp.concatenate([batch.rgb[:, None], views], axis=1)
        embeddings = frozen.embed(images.reshape(-1, *images.shape[2:]))
        embeddings = embeddings.reshape(*images.shape[:2], -1)
        semantic = semantic_loss(
            embeddings[:, 1:], embeddings[:, 0], naive=config.losses.semantic.naive, weight=batch.weight
        )
    return self_training_loss(
        target=target,
        input_view=input_view,
        returned=returned,
        semantic=semantic,
        config=config.losses,
        lpips_params=frozen.lpips_params,
        weight=batch.weight,
    )


def _capped(
    novel: Float[Array, "B m h w 3"],
    input_view: View,
    returned: View | None,
    target: View,
    *,
    frozen: FrozenNetworks,
    config: LossConfig,
    weight: Float[Array, "B"] | None,
) -> Float[Array, "B m h w 3"]:
    """The novel views for the semantic loss, whose gradient is bounded by that of the pixel losses.

    The latter is taken with respect to the rendered views, so that it is known before the backward pass.
    """
    cap = config.semantic.gradient_cap
    if cap < 0:
        raise UserError(f"config.losses.semantic.gradient_cap must be 0 (no cap) or above, not {cap}.")
    if not cap:
        return novel

    def loss(views):
        seen, back = views
        return pixel_loss(
            target=target,
            input_view=seen,
            returned=back,
            config=config,
            lpips_params=frozen.lpips_params,
            weight=weight,
        )[0]

    return cap_gradient(novel, cap * gradient_norms(loss, (input_view, returned)))


def _input_and_semantic_views(
    field: TriplaneField, batch: SingleViewBatch, poses: NovelPoses, config: Config
) -> tuple[View, View]:
    """The input view, and the m views of Eq. 7 (none if the semantic loss has no weight), in one rendering."""
    c2w = batch.cameras.c2w[:, None]
    if config.losses.semantic.weight:
        c2w = jnp.concatenate([c2w, poses.semantic], axis=1)
    rgb, opacity = render_views(field, with_intrinsics(c2w, batch.cameras), config.render)
    return View(rgb[:, 0], opacity[:, 0]), View(rgb[:, 1:], opacity[:, 1:])


def close_cycle(
    params: dict,
    field: TriplaneField,
    cameras: Cameras,
    novel_c2w: Float[Array, "B 4 4"],
    *,
    model: LRM,
    config: Config,
) -> tuple[Float[Array, "B S S 3"], View]:
    """`losses.cycle.cycle_views` with the sizes of a training configuration."""
    cycle = config.losses.cycle
    return cycle_views(
        params,
        field,
        cameras,
        novel_c2w,
        model=model,
        render=config.render,
        intermediate_resolution=cycle.rerender or config.render.resolution,
        resolution=config.render.resolution,
        mask_threshold=cycle.mask_threshold,
        end_to_end=cycle.end_to_end,
    )
