"""The full-size model against the published one. About 6 GiB and a minute or two."""

import json
import pathlib

import jax
import jax.numpy as jnp
import pytest
from parity_data import GRADIENT_TOLERANCE as TOLERANCE
from parity_data import relative_error
from published import FULL_MODEL, RENDER, seeded_params

from real3d_jax.models.lrm import LRM, make_decoder
from real3d_jax.rendering import TriplaneField, render_rays

pytestmark = pytest.mark.optimized
SHAPES = pathlib.Path(__file__).parents[1] / "weights/data/tsr_state_dict_shapes.json"
CODES_TOLERANCE = 1e-3  # stored in float16


@pytest.mark.slow
def test_image_tokens_planes_and_pictures(tsr_full):
    params = seeded_params(json.loads(SHAPES.read_text()), str(tsr_full["seed_prefix"]))
    model = LRM(FULL_MODEL)
    image = jnp.asarray(tsr_full["image_u8"], jnp.float32)[None] / 255
    tokens = jax.jit(lambda p, x: model.apply({"params": p}, x, method="tokenize"))(params, image)
    planes = jax.jit(lambda p, x: model.apply({"params": p}, x))(params, image)
    assert relative_error(tokens[0, :16], tsr_full["image_tokens_sample"]) <= TOLERANCE
    assert relative_error(jnp.moveaxis(planes[0], -1, 1), tsr_full["scene_codes"]) <= CODES_TOLERANCE

    field = TriplaneField(planes, params["decoder"], make_decoder(FULL_MODEL))
    rays = (jnp.asarray(tsr_full[key])[None] for key in ("rays_o", "rays_d"))
    rgb, opacity = jax.jit(lambda o, d: render_rays(field, o, d, RENDER))(*rays)
    assert relative_error(rgb[0], tsr_full["rgb"]) <= TOLERANCE
    assert relative_error(opacity[0], tsr_full["opacity"]) <= TOLERANCE
