"""What is computed for a batch of objects: pure functions of parameters, networks and images."""

import io

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8
from PIL import Image

from real3d_jax.batches import as_float
from real3d_jax.cameras import (
    Cameras,
    intrinsics_from_fov,
    spherical_c2w,
    with_intrinsics,
)
from real3d_jax.config.conditioned import AnyRenderConfig
from real3d_jax.config.protocols import ConsistencyConfig, SemanticViewConfig, spherical_angles
from real3d_jax.losses.cycle import cycle_views
from real3d_jax.metrics.images import psnr, silhouette_iou, ssim
from real3d_jax.metrics.semantic import clip_similarity_of_images, lpips_to_input
from real3d_jax.models.choice import AnyModel
from real3d_jax.perceptual.frozen import Inception
from real3d_jax.perceptual.image_encoder import ImageEncoder
from real3d_jax.perceptual.lpips import lpips
from real3d_jax.rendering import TriplaneField, render_views

# On accelerators the default would change the third digit.
_JUDGES_PRECISION = "highest"

Scores = dict[str, Array]


def score_views(
    prediction: Float[Array, "B V h w 3"],
    target: Float[Array, "B V h w 3"],
    *,
    lpips_params: dict | None,
    window: str,
) -> Scores:
    """PSNR, SSIM and (with its parameters) LPIPS of each view, (B, V) each; NaN where a prediction is not finite."""
    scores = {"psnr": psnr(prediction, target), "ssim": ssim(prediction, target, window=window)}
    if lpips_params is not None:
        scores["lpips"] = _lpips(lpips_params, prediction, target)
    return _only_finite(scores, prediction)


def novel_views(
    field: TriplaneField,
    lpips_params: dict | None,
    rgb: UInt8[Array, "B V h w 3"],
    mask: UInt8[Array, "B V h w 1"],
    cameras: Cameras,
    scales: Float[Array, "G"],
    *,
    render: AnyRenderConfig,
    window: str,
) -> Scores:
    """Scores of views against the true ones with all cameras at `scales` times their distance; (G, B, V) each.

    Beside the colours, the silhouettes (opacity above one half) are compared by their IoU.
    """
    target = as_float(rgb)

    def at(scale):
        prediction, opacity = render_views(field, at_scale(cameras, scale), render, resolution=target.shape[-2])
        scores = score_views(prediction, target, lpips_params=lpips_params, window=window)
        return scores | _only_finite({"iou": silhouette_iou(opacity, as_float(mask))}, prediction)

    return jax.lax.map(at, scales)


def input_view(
    field: TriplaneField,
    input_rgb: UInt8[Array, "B h w 3"],
    source: Cameras,
    scales: Float[Array, "G"],
    *,
    render: AnyRenderConfig,
) -> Float[Array, "G B"]:
    """PSNR of the input view, seen by its camera `source`, (B,), at `scales` times its distance."""
    target = as_float(input_rgb)
    cameras = with_intrinsics(source.c2w[:, None], source)

    def at(scale):
        prediction, _ = render_views(field, at_scale(cameras, scale), render, resolution=target.shape[-2])
        return psnr(prediction[:, 0], target)

    return jax.lax.map(at, scales)


def semantic_views(
    field: TriplaneField,
    clip: ImageEncoder | None,
    lpips_params: dict | None,
    semantic_rgb: UInt8[Array, "B h w 3"],
    *,
    render: AnyRenderConfig,
    config: SemanticViewConfig,
) -> tuple[Scores, UInt8[Array, "B A h w 3"]]:
    """Similarity of views around the object to the input view, (B, A) each, and the views."""
    target = as_float(semantic_rgb)
    prediction = views_around(field, config, render=render)
    scores = likeness(prediction, target, clip=clip, lpips_params=lpips_params)
    finite = jnp.nan_to_num(prediction)
    return _only_finite(scores, prediction), (jnp.clip(finite, 0, 1) * 255 + 0.5).astype(jnp.uint8)


def likeness(
    views: Float[Array, "B V h w 3"],
    inputs: Float[Array, "B h w 3"],
    *,
    clip: ImageEncoder | None,
    lpips_params: dict | None,
) -> Scores:
    """How like its input each view is, (B, V) each, by the networks that there are."""
    scores = {}
    with jax.default_matmul_precision(_JUDGES_PRECISION):
        if clip is not None:
            scores["clip"] = clip_similarity_of_images(clip, views, inputs)
        if lpips_params is not None:
            scores["lpips"] = lpips_to_input(lpips_params, views, inputs)
    return scores


def views_around(
    field: TriplaneField, config: SemanticViewConfig, *, render: AnyRenderConfig
) -> Float[Array, "B A h w 3"]:
    """The semantic views."""
    azimuths, elevations = spherical_angles(config.azimuths, (config.elevation,) * len(config.azimuths))
    c2w = _repeated(spherical_c2w(azimuths, elevations, config.distance), len(field.planes))
    intrinsics = jnp.broadcast_to(intrinsics_from_fov(jnp.radians(config.fov_y)), (*c2w.shape[:2], 4))
    return render_views(field, Cameras(c2w, intrinsics), render, resolution=config.resolution)[0]


def consistency(
    params: dict,
    field: TriplaneField,
    lpips_params: dict | None,
    consistency_rgb: UInt8[Array, "B h w 3"],
    source: Cameras,
    *,
    model: AnyModel,
    render: AnyRenderConfig,
    config: ConsistencyConfig,
    distance: float,
    window: str,
) -> Scores:
    """Scores of the input view by a second reconstruction from each intermediate view, (P, B) each (Section 5)."""
    target = as_float(consistency_rgb)
    azimuths, elevations = spherical_angles(config.azimuths, config.elevations)
    poses = spherical_c2w(azimuths, elevations, distance)[config.first_scored :]

    def at(pose):
        _, returned = cycle_views(
            params,
            field,
            source,
            _repeated(pose, len(target)),
            model=model,
            render=render,
            intermediate_resolution=config.intermediate_resolution or model.config.image_size,
            resolution=config.resolution,
            mask_threshold=config.mask_threshold,
            end_to_end=False,
        )
        scores = score_views(returned.rgb[:, None], target[:, None], lpips_params=lpips_params, window=window)
        return {name: values[:, 0] for name, values in scores.items()}

    return jax.lax.map(at, poses)


def inception_features(
    inception: Inception,
    views: UInt8[np.ndarray, "B F h w 3"],
    inputs: UInt8[np.ndarray, "B h w 3"],
    *,
    jpeg_quality: int = 0,
) -> dict[str, Float[np.ndarray, "B _ D"]]:
    """What FID compares: features of views, 'rendered' (B, F, D), and of the input views, 'input' (B, 1, D).

    The images go through JPEG files of this quality first (0 for none).
    """
    images = np.concatenate([views, inputs[:, None]], axis=1)
    flat = images.reshape(-1, *images.shape[2:])
    if jpeg_quality:
        flat = np.stack([through_jpeg(image, jpeg_quality) for image in flat])
    features = np.asarray(inception.features(jnp.asarray(flat, jnp.float32) / 255.0))
    features = features.reshape(*images.shape[:2], -1)
    return {"rendered": features[:, :-1], "input": features[:, -1:]}


def through_jpeg(image: UInt8[np.ndarray, "h w 3"], quality: int) -> UInt8[np.ndarray, "h w 3"]:
    """An image after it was stored as a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def at_scale(cameras: Cameras, scale: Float[Array, ""] | float) -> Cameras:
    """The same cameras at `scale` times their distance from the origin."""
    return Cameras(jnp.asarray(cameras.c2w).at[..., :3, 3].multiply(scale), cameras.intrinsics)


def _lpips(params: dict, a: Float[Array, "B V h w 3"], b: Float[Array, "B V h w 3"]) -> Float[Array, "B V"]:
    """LPIPS of several views, one view at a time, which bounds the memory."""
    pairs = (jnp.moveaxis(a, 1, 0), jnp.moveaxis(b, 1, 0))
    with jax.default_matmul_precision(_JUDGES_PRECISION):
        return jnp.moveaxis(jax.lax.map(lambda pair: lpips(params, *pair), pairs), 0, 1)


def _only_finite(scores: Scores, prediction: Float[Array, "B V h w 3"]) -> Scores:
    finite = jnp.isfinite(prediction).all(axis=(-3, -2, -1))
    return {name: jnp.where(finite, values, jnp.nan) for name, values in scores.items()}


def _repeated(c2w: Float[Array, "*views 4 4"], batch: int) -> Float[Array, "B *views 4 4"]:
    return jnp.broadcast_to(c2w, (batch, *c2w.shape))
