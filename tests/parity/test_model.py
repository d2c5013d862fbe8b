"""The small model, module by module and whole, forward and backward, against the published one."""

import functools

import jax
import jax.numpy as jnp
import pytest
from parity_data import GRADIENT_TOLERANCE, OUTPUT_TOLERANCE, relative_error, with_prefix
from published import RENDER, TINY_MODEL, assert_gradients_match, convert

from real3d_jax.losses.reconstruction import mse
from real3d_jax.models.lrm import LRM, make_decoder
from real3d_jax.models.transformer import TriplaneTransformer
from real3d_jax.models.triplane import TriplaneTokens, Upsampler
from real3d_jax.rendering import TriplaneField, query_field, render_rays
from real3d_jax.rendering.plane_query import query_planes

pytestmark = pytest.mark.optimized
MODEL = LRM(TINY_MODEL)


@pytest.fixture(scope="module")
def params(tsr_tiny):
    return convert(with_prefix(tsr_tiny, "param/"))


def _published_planes(planes):
    """(B, 3, C, h, w) to channels last."""
    return jnp.moveaxis(jnp.asarray(planes), 2, -1)


def _field(tsr_tiny, params):
    return TriplaneField(_published_planes(tsr_tiny["scene_codes"]), params["decoder"], make_decoder(TINY_MODEL))


def test_image_tokens(tsr_tiny, params):
    tokenize = jax.jit(functools.partial(MODEL.apply, method="tokenize"))
    tokens = tokenize({"params": params}, jnp.asarray(tsr_tiny["image"]))
    assert relative_error(tokens, tsr_tiny["image_tokens"]) <= OUTPUT_TOLERANCE


def test_triplane_tokens(tsr_tiny, params):
    tokens = TriplaneTokens(TINY_MODEL.plane_tokens, TINY_MODEL.token_width).apply(
        {"params": params["triplane_tokens"]}, 2
    )
    backbone = TriplaneTransformer(
        TINY_MODEL.layers, TINY_MODEL.heads, dtype=jnp.float32, remat="none", attention="xla", unroll=1
    )
    image_tokens = jnp.asarray(tsr_tiny["image_tokens"])
    tokens = jax.jit(backbone.apply)({"params": params["backbone"]}, tokens, image_tokens)
    assert relative_error(tokens, tsr_tiny["triplane_tokens"]) <= OUTPUT_TOLERANCE


def test_upsampler(tsr_tiny, params):
    upsampler = Upsampler(TINY_MODEL.plane_channels, dtype=jnp.float32)
    planes = upsampler.apply({"params": params["upsampler"]}, jnp.asarray(tsr_tiny["triplane_tokens"]))
    assert relative_error(planes, _published_planes(tsr_tiny["scene_codes"])) <= OUTPUT_TOLERANCE


def test_query(tsr_tiny, params):
    field = _field(tsr_tiny, params)
    field = field.replace(planes=field.planes[:1])
    points = jnp.asarray(tsr_tiny["query_points"])[None]
    density, colour = jax.jit(query_field, static_argnums=2)(field, points, RENDER)
    assert relative_error(density[0, :, None], tsr_tiny["query_density"]) <= OUTPUT_TOLERANCE
    assert relative_error(colour[0], tsr_tiny["query_color"]) <= OUTPUT_TOLERANCE
    features = query_planes(field.planes, points / RENDER.radius)
    raw = field.decoder.apply({"params": field.decoder_params}, features)
    assert relative_error(raw[0, :, :1], tsr_tiny["query_raw_density"]) <= OUTPUT_TOLERANCE


def _loss(tsr_tiny, field):
    rays = (jnp.asarray(tsr_tiny[key]) for key in ("rays_o", "rays_d"))
    rgb, opacity = render_rays(field, *rays, RENDER)
    loss = mse(rgb, jnp.asarray(tsr_tiny["target_rgb"])) + mse(opacity, jnp.asarray(tsr_tiny["target_mask"]))
    return loss, (rgb, opacity)


def test_gradient_of_the_planes(tsr_tiny, params):
    field = _field(tsr_tiny, params)
    gradient = jax.jit(jax.grad(lambda planes: _loss(tsr_tiny, field.replace(planes=planes))[0]))(field.planes)
    assert relative_error(gradient, _published_planes(tsr_tiny["scene_codes_grad"])) <= GRADIENT_TOLERANCE


def test_loss_pictures_and_every_gradient(tsr_tiny, params):
    def loss_fn(params):
        planes = MODEL.apply({"params": params}, jnp.asarray(tsr_tiny["image"]))
        loss, pictures = _loss(tsr_tiny, TriplaneField(planes, params["decoder"], make_decoder(TINY_MODEL)))
        return loss, (planes, *pictures)

    (loss, (planes, rgb, opacity)), gradients = jax.jit(jax.value_and_grad(loss_fn, has_aux=True))(params)
    assert relative_error(planes, _published_planes(tsr_tiny["scene_codes"])) <= OUTPUT_TOLERANCE
    assert relative_error(rgb, tsr_tiny["rgb"]) <= OUTPUT_TOLERANCE
    assert relative_error(opacity, tsr_tiny["opacity"]) <= OUTPUT_TOLERANCE
    assert relative_error(loss, tsr_tiny["loss"]) <= OUTPUT_TOLERANCE
    assert_gradients_match(gradients, with_prefix(tsr_tiny, "grad/"))
