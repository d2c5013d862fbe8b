"""The full-size model against the published one, and every gradient of it against PyTorch. 14 GiB and some minutes.

Gradients are those of `torch_mirror`, which `test_torch_mirror` shows to be right, with full widths and depths, but a
smaller picture and fewer tokens: these leave the shapes of all tensors but one as they are.
"""

import dataclasses
import functools
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parity_data import GRADIENT_TOLERANCE as TOLERANCE
from parity_data import relative_error, seeded_tensor
from published import FULL_MODEL, RENDER, assert_gradients_match, convert, seeded_tensors

from real3d_jax.losses.reconstruction import mse
from real3d_jax.models.lrm import LRM, make_decoder
from real3d_jax.rendering import TriplaneField, render_rays

pytestmark = [pytest.mark.optimized, pytest.mark.slow]
SHAPES = pathlib.Path(__file__).parents[1] / "weights/data/tsr_state_dict_shapes.json"
CODES_TOLERANCE = 1e-3  # stored in float16
TOKENS = "tokenizer.embeddings"


@pytest.fixture(scope="module")
def tensors(tsr_full):
    return seeded_tensors(json.loads(SHAPES.read_text()), str(tsr_full["seed_prefix"]))


@pytest.fixture(scope="module")
def params(tensors):
    return convert(tensors)


def test_image_tokens_planes_and_pictures(tsr_full, params):
    @jax.jit
    def encode(params, image):
        planes, kept = LRM(FULL_MODEL).apply({"params": params}, image, capture_intermediates=_of_the_image_tokenizer)
        return kept["intermediates"]["image_tokenizer"]["__call__"][0], planes

    tokens, planes = encode(params, jnp.asarray(tsr_full["image_u8"], jnp.float32)[None] / 255)
    assert relative_error(tokens[0, :16], tsr_full["image_tokens_sample"]) <= TOLERANCE
    assert relative_error(jnp.moveaxis(planes[0], -1, 1), tsr_full["scene_codes"]) <= CODES_TOLERANCE

    field = TriplaneField(planes, params["decoder"], make_decoder(FULL_MODEL))
    rays = (jnp.asarray(tsr_full[key])[None] for key in ("rays_o", "rays_d"))
    rgb, opacity = jax.jit(lambda o, d: render_rays(field, o, d, RENDER))(*rays)
    assert relative_error(rgb[0], tsr_full["rgb"]) <= TOLERANCE
    assert relative_error(opacity[0], tsr_full["opacity"]) <= TOLERANCE


def _of_the_image_tokenizer(module, _):
    return module.name == "image_tokenizer"


@pytest.mark.torch
def test_every_gradient(tsr_full, tensors, params, torch_mirror):
    """Of a picture of 128 pixels, 8 x 8 tokens a plane, and every fourth ray of every fourth row."""
    model = dataclasses.replace(FULL_MODEL, image_size=128, plane_tokens=8)
    tokens = seeded_tensor(TOKENS, (3, model.token_width, 8, 8), str(tsr_full["seed_prefix"]))
    params = params | {"triplane_tokens": {"embeddings": jnp.moveaxis(jnp.asarray(tokens), 1, -1)}}
    batch = {"image": tsr_full["image_u8"][None, ::4, ::4].astype(np.float32) / 255}
    stored = {"rays_o": "rays_o", "rays_d": "rays_d", "target_rgb": "rgb", "target_mask": "opacity"}
    batch |= {name: tsr_full[key][None, :, ::4, ::4] for name, key in stored.items()}

    @functools.partial(jax.value_and_grad, has_aux=True)
    def loss_and_gradients(params, batch):
        planes = LRM(model).apply({"params": params}, batch["image"])
        field = TriplaneField(planes, params["decoder"], make_decoder(model))
        rgb, opacity = render_rays(field, batch["rays_o"], batch["rays_d"], RENDER)
        return mse(rgb, batch["target_rgb"]) + mse(opacity, batch["target_mask"]), (rgb, opacity)

    (loss, (rgb, opacity)), ours = jax.jit(loss_and_gradients)(params, jax.tree.map(jnp.asarray, batch))
    values, theirs = torch_mirror.loss_and_gradients(tensors | {TOKENS: tokens}, batch, model)
    for our, their in zip((loss, rgb, opacity), values, strict=True):
        assert relative_error(our, their) <= TOLERANCE
    norms = {name: np.linalg.norm(gradient) for name, gradient in theirs.items() if not _without_gradient(name)}
    assert min(norms.values()) > 1e-6 * max(norms.values())  # so that none of them is left out of what follows
    assert_gradients_match(ours, theirs)


def _without_gradient(name):
    """Of the published pooler's output nothing is made, and a softmax does not change with the keys' bias."""
    return "pooler" in name or name.endswith("attention.key.bias")
