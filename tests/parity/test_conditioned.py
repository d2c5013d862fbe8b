"""The camera-conditioned model and its renderer, forward and backward, against the published modules."""

import jax
import jax.numpy as jnp
import numpy as np
import openlrm
import parity_data
import pytest
from parity_data import GRADIENT_TOLERANCE, OUTPUT_TOLERANCE, relative_error, with_prefix

from real3d_jax.losses.reconstruction import mse
from real3d_jax.models.conditioned import ConditionedLRM, camera_numbers, make_decoder, planes_in_world
from real3d_jax.models.dinov2 import resize_positions
from real3d_jax.rendering.field import TriplaneField, query_field
from real3d_jax.rendering.metric import (
    Draws,
    first_distances,
    march,
    render_views_metric,
    second_distances,
)
from real3d_jax.rendering.plane_query import query_planes

WIDTHS = {"": 48, "fused/": 64}


@pytest.fixture(scope="module")
def data():
    return parity_data.load("openlrm_tiny")


@pytest.fixture(scope="module")
def params(data):
    return {prefix: _params(data, prefix) for prefix in WIDTHS}


def _params(data, prefix):
    shapes = {name: gradient.shape for name, gradient in with_prefix(data, f"{prefix}grad/").items()}
    return openlrm.convert(openlrm.seeded_tensors(shapes, str(data["seed_prefix"])))


def _planes(planes):
    """Published planes in our world."""
    return planes_in_world(jnp.moveaxis(jnp.asarray(planes), 2, -1))


def _field(data, params, planes=None):
    decoder = make_decoder(openlrm.model_config(48))
    return TriplaneField(_planes(data["planes"]) if planes is None else planes, params["decoder"], decoder)


def _draws(data):
    shape = (2, 3, openlrm.REGION, openlrm.REGION, -1)
    return Draws(*(jnp.asarray(data[name]).reshape(shape) for name in ("u_coarse", "u_fine")))


def _render(data, field, draws):
    cameras = openlrm.render_cameras(data["render_cameras"], data["render_resolutions"], data["render_anchors"])
    background = jnp.asarray(data["render_bg_colors"][..., 0])
    size = openlrm.REGION
    return render_views_metric(field, cameras, openlrm.RENDER, background=background, resolution=size, draws=draws)


def test_positions(data, params):
    table = params[""]["image_tokenizer"]["position_embedding"]
    assert relative_error(resize_positions(table, 4, 4), data["encoder/pos_embed"]) <= OUTPUT_TOLERANCE
    assert resize_positions(table, 7, 7) is table


@pytest.mark.parametrize("prefix", WIDTHS)
def test_image_tokens_and_planes(data, params, prefix):
    model = ConditionedLRM(openlrm.model_config(WIDTHS[prefix]))
    image = jnp.asarray(data["image"])
    cameras = openlrm.source_cameras(data["source_camera"])
    np.testing.assert_array_equal(camera_numbers(cameras), data["source_camera"])

    @jax.jit
    def encode(params):
        tokens = model.apply({"params": params}, image, method=lambda model, image: model.image_tokenizer(image))
        return tokens, model.apply({"params": params}, image, cameras)

    tokens, planes = encode(params[prefix])
    assert relative_error(tokens, data[f"{prefix}image_tokens"]) <= OUTPUT_TOLERANCE
    assert relative_error(planes, _planes(data[f"{prefix}planes"])) <= OUTPUT_TOLERANCE


def test_points(data, params):
    points = jnp.asarray(openlrm.in_world(data["query_points"]))
    field = _field(data, params[""])
    features = query_planes(field.planes, points).reshape(2, 128, 3, 16)
    in_their_order = jnp.swapaxes(features, 1, 2)[:, jnp.array([0, 2, 1])]
    assert relative_error(in_their_order, data["query_features"]) <= OUTPUT_TOLERANCE
    density, rgb = query_field(field, points, openlrm.RENDER)
    assert relative_error(density[..., None], data["query_sigma"]) <= OUTPUT_TOLERANCE
    assert relative_error(rgb, data["query_rgb"]) <= OUTPUT_TOLERANCE


def test_samples_of_both_passes(data):
    """On the rays that meet the box, from the published densities."""
    hit = data["ray_valid"][..., 0].ravel()

    def rays(name):
        return jnp.asarray(data[name].reshape(1, hit.size, -1)[:, hit])

    first, second = rays("u_coarse"), rays("u_fine")
    distances = first_distances(rays("ray_start"), rays("ray_end"), first)
    assert relative_error(distances, rays("depths_coarse")) <= OUTPUT_TOLERANCE
    more = second_distances(distances, rays("weights_coarse"), second)
    assert relative_error(more, rays("depths_fine")) <= OUTPUT_TOLERANCE

    raw = rays("sorted_sigma_raw")
    colours = jnp.zeros((*raw.shape, 3))
    weights, _, _ = march(rays("sorted_depths"), raw, colours, raw > -1e30, openlrm.RENDER.density_bias)
    assert relative_error(weights, rays("weights_fine")) <= 5 * OUTPUT_TOLERANCE


def test_pictures(data, params):
    """Of given draws, and of none."""
    field = _field(data, params[""])
    for prefix, draws in (("", _draws(data)), ("midpoint/", None)):
        rendered = jax.jit(lambda field, draws: _render(data, field, draws))(field, draws)
        for name, ours in (("rgb", rendered.rgb), ("weight", rendered.opacity), ("depth", rendered.depth)):
            assert relative_error(ours, data[prefix + name]) <= OUTPUT_TOLERANCE, prefix + name


@pytest.mark.parametrize("prefix", WIDTHS)
def test_loss_and_every_gradient(data, params, prefix):
    model = ConditionedLRM(openlrm.model_config(WIDTHS[prefix]))
    mask = jnp.asarray(data[f"{prefix}loss_mask"])

    def loss_fn(params):
        planes = model.apply(
            {"params": params}, jnp.asarray(data["image"]), openlrm.source_cameras(data["source_camera"])
        )
        rendered = _render(data, _field(data, params, planes), _draws(data))
        return mse(mask * rendered.rgb, mask * jnp.asarray(data["target_rgb"]))

    loss, gradients = jax.jit(jax.value_and_grad(loss_fn))(params[prefix])
    assert relative_error(loss, data[f"{prefix}loss"]) <= OUTPUT_TOLERANCE
    ours, theirs = openlrm.published(gradients), with_prefix(data, f"{prefix}grad/")
    assert ours.keys() == theirs.keys()
    errors = {name: relative_error(ours[name], theirs[name]) for name in theirs}
    worst = max(errors, key=lambda name: errors[name])
    assert errors[worst] <= GRADIENT_TOLERANCE, f"{worst}: {errors[worst]:.1e}"
