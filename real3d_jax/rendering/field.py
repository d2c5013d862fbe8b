"""A triplane with its decoder: density and colour anywhere in the box."""

from typing import no_type_check

import flax.struct
import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

from real3d_jax.cameras import Cameras
from real3d_jax.config.conditioned import AnyRenderConfig, MetricRenderConfig
from real3d_jax.config.model import RenderConfig
from real3d_jax.errors import UserError, did_you_mean
from real3d_jax.kernels.fused_field import query_raw_fused
from real3d_jax.kernels.ray_compositing import LARGEST_EXPONENT
from real3d_jax.kernels.ray_groups import marchable
from real3d_jax.models.choice import AnyModel
from real3d_jax.models.conditioned import ConditionedLRM
from real3d_jax.models.conditioned import make_decoder as make_conditioned_decoder
from real3d_jax.models.decoder import Decoder
from real3d_jax.models.lrm import LRM, make_decoder
from real3d_jax.rendering.lens import Lens, through_lens
from real3d_jax.rendering.plane_query import query_planes
from real3d_jax.rendering.sample_order import along_rays, near_together

IMPLEMENTATIONS = ("auto", "xla", "pallas", "pallas_march")
RAW_OUTPUTS = "raw_outputs"  # their name among what a checkpoint may keep

_COLOUR_MARGIN = 0.001
_FUSED_WIDTHS = (16, 32, 64, 128)
_MARCHED_WIDTH, _MARCHED_LAYERS = 64, 4  # of decoders up to which marching was measured and found faster


@no_type_check  # JAX rebuilds it around placeholders
@flax.struct.dataclass
class TriplaneField:
    """A batch of fields that share one decoder.

    Attributes:
      planes: (B, 3, h, w, K), from the model.
      decoder_params: the model's `params["decoder"]`.
      decoder: the module they belong to.
      lens: of the pictures that they were made of, if the model takes it for another one (`rendering.lens`).
    """

    planes: jax.Array
    decoder_params: dict
    decoder: Decoder = flax.struct.field(pytree_node=False)
    lens: Lens | None = None


def reconstruct(params: dict, images: Float[Array, "B S S 3"], *, model: LRM) -> TriplaneField:
    """T = LRM(I) (Eq. 2), with its decoder."""
    planes = model.apply({"params": params}, images)
    assert isinstance(planes, jax.Array)
    return TriplaneField(planes, params["decoder"], make_decoder(model.config, model.dtype))


def reconstruct_conditioned(
    params: dict, images: Float[Array, "B S S 3"], cameras: Cameras, *, model: ConditionedLRM
) -> TriplaneField:
    """T = LRM(I, Phi, K) (Section 3), with its decoder; `cameras`, of leading shape (B,), took the images."""
    planes = model.apply({"params": params}, images, cameras)
    assert isinstance(planes, jax.Array)
    decoder = make_conditioned_decoder(model.config, model.dtype)
    return TriplaneField(planes, params["decoder"], decoder)


def reconstruct_any(
    params: dict, images: Float[Array, "B S S 3"], cameras: Cameras | None, *, model: AnyModel
) -> TriplaneField:
    """The fields of either model; `cameras` are those of a camera-conditioned one, and of no use to the other."""
    if isinstance(model, LRM):
        return reconstruct(params, images, model=model)
    assert cameras is not None, "a camera-conditioned model needs its input cameras"
    return reconstruct_conditioned(params, images, cameras, model=model)


def query_field(
    field: TriplaneField, points: Float[Array, "B N 3"], config: AnyRenderConfig
) -> tuple[Float[Array, "B N"], Float[Array, "B N 3"]]:
    """Activated density and colour at points in world coordinates.

    density = exp(raw + `density_bias`), colour = sigmoid(raw) in [0, 1]; of the camera-conditioned model softplus in
    place of exp, and colours in [-0.001, 1.001]. What a lens leads out of the box is empty.
    """
    if field.lens is not None:
        points = through_lens(points, field.lens)
    raw = checkpoint_name(query_raw(field, points / config.radius, config.implementation), RAW_OUTPUTS)
    biased = raw[..., 0] + config.density_bias
    metric = isinstance(config, MetricRenderConfig)
    density = jax.nn.softplus(biased) if metric else jnp.exp(jnp.minimum(biased, LARGEST_EXPONENT))
    if field.lens is not None:
        density = jnp.where((jnp.abs(points) <= config.radius).all(axis=-1), density, 0.0)
    return density, wide_colours(raw) if metric else jax.nn.sigmoid(raw[..., 1:])


def wide_colours(raw: Float[Array, "*points 4"]) -> Float[Array, "*points 3"]:
    """Colours of the camera-conditioned model's decoder."""
    return jax.nn.sigmoid(raw[..., 1:]) * (1 + 2 * _COLOUR_MARGIN) - _COLOUR_MARGIN


def query_samples(
    field: TriplaneField, points: Float[Array, "B R S 3"], config: RenderConfig
) -> tuple[Float[Array, "B R S"], Float[Array, "B R S 3"]]:
    """`query_field` at S samples of each of R rays; those of the fused query in the order in which it is fast.

    The plain query gains nothing from that order, and a TPU's compiler takes minutes for it.
    """
    batch, rays, samples, _ = points.shape
    if choose_implementation(config.implementation, field) != "pallas":
        density, rgb = query_field(field, points.reshape(batch, rays * samples, 3), config)
        return density.reshape(batch, rays, samples), rgb.reshape(batch, rays, samples, 3)
    density, rgb = query_field(field, near_together(points), config)
    return along_rays(density[..., None], rays, samples)[..., 0], along_rays(rgb, rays, samples)


def query_raw(field: TriplaneField, points: Float[Array, "B N 3"], implementation: str) -> Float[Array, "B N 4"]:
    """The decoder's outputs at points in [-1, 1]^3.

    Args:
      field: B fields.
      points: float32; the fused kernel is fast where consecutive points lie close together.
      implementation: one of `IMPLEMENTATIONS` (see `choose_implementation`).
    """
    dtype = jnp.dtype(field.decoder.dtype)
    if choose_implementation(implementation, field) == "pallas":
        interpret = jax.default_backend() != "gpu"
        return query_raw_fused(field.planes, field.decoder_params, points, dtype=dtype, interpret=interpret)
    features = query_planes(field.planes, points)
    raw = field.decoder.apply({"params": field.decoder_params}, features)
    assert isinstance(raw, jax.Array)
    return raw


def choose_implementation(implementation: str, field: TriplaneField) -> str:
    """What queries points here: 'pallas', the fused kernel, or 'xla'. 'auto' is that for bfloat16 on an NVIDIA GPU.

    Raises:
      UserError: there is no such implementation, or the decoder's width does not fit the kernel.
    """
    if implementation not in IMPLEMENTATIONS:
        raise UserError(
            f"config.render.implementation has no value '{implementation}': "
            f"{did_you_mean(implementation, IMPLEMENTATIONS)}"
        )
    silu = field.decoder.activation == "silu"
    fits = silu and field.decoder.width in _FUSED_WIDTHS and field.decoder.hidden_layers > 1
    if implementation not in ("auto", "xla") and not fits:
        raise UserError(
            f"config.render.implementation = '{implementation}' needs a decoder of at least two layers with SiLU of "
            f"one of the widths {_FUSED_WIDTHS}, but config.model has {field.decoder.hidden_layers} of "
            f"{field.decoder.width} with {field.decoder.activation}: set it to 'auto'."
        )
    if implementation != "auto":
        return "xla" if implementation == "xla" else "pallas"
    fast = jax.default_backend() == "gpu" and field.decoder.dtype == jnp.bfloat16
    return "pallas" if fits and fast else "xla"


def choose_ray_implementation(config: AnyRenderConfig, field: TriplaneField) -> str:
    """What renders rays here: 'pallas_march', kernels that take whole rays, or what queries their samples.

    'auto' marches with narrow decoders, for which that was measured to be faster (docs/performance_log.md), where the
    fused kernel would else query them.

    Raises:
      UserError: as `choose_implementation`, or the rays are asked to be marched and cannot.
    """
    query = choose_implementation(config.implementation, field)
    if isinstance(config, MetricRenderConfig):
        return query
    possible = field.lens is None and marchable(config.samples)
    if config.implementation == "pallas_march":
        if possible:
            return "pallas_march"
        why = (
            "needs a picture of the field of view that the model takes all to have"
            if field.lens is not None
            else f"needs a multiple of 16 as config.render.samples, which is {config.samples}"
        )
        raise UserError(f"config.render.implementation = 'pallas_march' {why}: set it to 'auto'.")
    narrow = field.decoder.width <= _MARCHED_WIDTH and field.decoder.hidden_layers <= _MARCHED_LAYERS
    free = config.implementation == "auto" and query == "pallas"
    return "pallas_march" if free and narrow and possible else query
