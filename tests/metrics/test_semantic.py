"""Views against the input: which view is compared with which input, and the cosine's own properties."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import cosine

from real3d_jax.metrics.semantic import clip_similarity, clip_similarity_of_images, lpips_to_input
from real3d_jax.perceptual.image_encoder import embed
from real3d_jax.perceptual.lpips import lpips
from real3d_jax.weights.networks import load_clip


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    views, inputs = (jnp.asarray(rng.random(shape, dtype=np.float32)) for shape in ((2, 3, 32, 32, 3), (2, 32, 32, 3)))
    return views.at[1, 2].set(inputs[1]), inputs


def test_similarity_is_the_cosine_with_the_own_input():
    rng = np.random.default_rng(1)
    views, inputs = rng.standard_normal((2, 3, 8)), rng.standard_normal((2, 8))
    unit = [jnp.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True), jnp.float32) for x in (views, inputs)]
    expected = [[1 - cosine(view, reference) for view in of] for of, reference in zip(views, inputs, strict=True)]
    np.testing.assert_allclose(clip_similarity(*unit), expected, atol=1e-6)


def test_images_are_embedded_each_in_its_place(images):
    views, inputs = images
    clip = load_clip("random", random_size="tiny")
    similarity = jax.jit(clip_similarity_of_images)(clip, views, inputs)
    embed_one = jax.jit(embed)
    for b, v in np.ndindex(2, 3):
        alone = np.vdot(embed_one(clip, views[b, v][None]), embed_one(clip, inputs[b][None]))
        np.testing.assert_allclose(similarity[b, v], alone, atol=1e-5)
    assert similarity[1, 2] == pytest.approx(1, abs=1e-5) and float(jnp.delete(similarity.ravel(), 5).max()) < 1


def test_lpips_of_each_view_to_its_own_input(images, lpips_params):
    views, inputs = images
    distance = jax.jit(lpips_to_input)(lpips_params, views, inputs)
    for b in range(2):
        alone = jax.jit(lpips)(lpips_params, views[b], jnp.repeat(inputs[b][None], 3, axis=0))
        np.testing.assert_allclose(distance[b], alone, atol=1e-6)
    assert float(distance[1, 2]) == pytest.approx(0, abs=1e-9) and float(distance[0].min()) > 1e-4
