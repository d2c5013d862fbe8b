"""The published models of the parity data, as ours: configurations, and parameters from the seeded recipe."""

import dataclasses

import jax
import numpy as np
from jax import numpy as jnp
from parity_data import GRADIENT_TOLERANCE, relative_error, seeded_tensor

from real3d_jax.config.model import ModelConfig, RenderConfig
from real3d_jax.models.presets import DINO_VIT_B16, PRESETS
from real3d_jax.weights import tsr
from real3d_jax.weights.mapping import export_tensors, import_tensors

TINY_MODEL = ModelConfig(
    image_size=128,
    vit=dataclasses.replace(DINO_VIT_B16, width=48, layers=2, heads=3, mlp_width=96, position_grid=6),
    plane_tokens=8,
    token_width=64,
    layers=2,
    heads=4,
    plane_channels=40,
    decoder_width=64,
    decoder_layers=9,
)
FULL_MODEL = PRESETS["base"]
RENDER = RenderConfig(
    resolution=32,
    samples=128,
    radius=0.87,
    box_inset=1e-3,
    min_interval=0.01,
    density_bias=-1.0,
    background=1.0,
    rays_per_chunk=128,
    implementation="xla",
)


def seeded_params(shapes: dict[str, tuple[int, ...]], seed_prefix: str) -> dict:
    """The recipe's weights under the published names and shapes, converted to our tree."""
    return convert(seeded_tensors(shapes, seed_prefix))


def seeded_tensors(shapes: dict[str, tuple[int, ...]], seed_prefix: str) -> dict[str, np.ndarray]:
    """The recipe's weights as they are published."""
    return {name: seeded_tensor(name, tuple(shape), seed_prefix) for name, shape in shapes.items()}


def convert(tensors: dict[str, np.ndarray]) -> dict:
    """Published tensors (or their gradients) as our parameter tree."""
    params = import_tensors(tsr.TABLE, tensors, where="the parity file").params
    return jax.tree.map(jnp.asarray, params)


def assert_gradients_match(gradients: dict, published: dict[str, np.ndarray]) -> None:
    """Each published tensor's gradient within tolerance, if its norm is above 1e-6 of the largest."""
    ours = export_tensors(tsr.TABLE, gradients, {}, where="the gradients")
    largest = max(np.linalg.norm(expected) for expected in published.values())
    errors = {
        name: relative_error(ours[name], expected)
        for name, expected in published.items()
        if np.linalg.norm(expected) > 1e-6 * largest
    }
    assert len(errors) > 0.9 * len(published)
    worst = max(errors, key=lambda name: errors[name])
    assert errors[worst] <= GRADIENT_TOLERANCE, f"{worst}: {errors[worst]:.1e}"
