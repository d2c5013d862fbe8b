"""Fields of noise to render, of a configuration's sizes."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from real3d_jax.config.agreement import canonical_model
from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.config.training import Config
from real3d_jax.models.decoder import Decoder
from real3d_jax.models.lrm import make_decoder
from real3d_jax.rendering import TriplaneField
from real3d_jax.rendering.field import choose_implementation, choose_ray_implementation


def noise(config: Config | EvaluationConfig) -> tuple[Any, Any]:
    """Planes of one field, and parameters of its decoder."""
    side = 2 * config.model.plane_tokens
    planes = jax.random.normal(jax.random.key(2), (1, 3, side, side, config.model.plane_channels))
    features = jnp.zeros((1, 3 * config.model.plane_channels))
    return planes, decoder(config).init(jax.random.key(3), features)["params"]


def decoder(config: Config | EvaluationConfig) -> Decoder:
    """The decoder in the type that is computed with."""
    return make_decoder(canonical_model(config.model), jnp.dtype(config.compute.dtype))


def implementation(config: Config | EvaluationConfig, wanted: str) -> str:
    """What queries points of such fields here, if `wanted` is asked for: one of the implementations, or 'auto'."""
    return choose_implementation(wanted, _shapes(config))


def ray_implementation(config: Config | EvaluationConfig, wanted: str) -> str:
    """What renders rays through such fields here, if `wanted` is asked for: one of the implementations, or 'auto'."""
    return choose_ray_implementation(dataclasses.replace(config.render, implementation=wanted), _shapes(config))


def _shapes(config: Config | EvaluationConfig) -> TriplaneField:
    planes, params = jax.eval_shape(lambda: noise(config))
    return TriplaneField(planes, params, decoder(config))
