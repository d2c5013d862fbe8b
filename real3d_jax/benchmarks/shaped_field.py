"""A field of any model's sizes that has a surface, for timing what random weights give none to.

The planes are smooth noise, and the decoder is the model's own random one, but for the column of its last layer that
gives the density: that is fitted, by least squares, to a ball with dents. So the surface is as large and as smooth as
an object's, while all programs do the work of the model's sizes.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from real3d_jax.config.model import RenderConfig
from real3d_jax.models.decoder import ACTIVATIONS, Decoder
from real3d_jax.rendering import TriplaneField
from real3d_jax.rendering.plane_query import query_by_gathers

_WAVES = 3  # of each channel, each of up to `_FREQUENCY` half turns across the box
_FREQUENCY = 1.0
_POINTS = 20_000
_SLOPE, _MOST = 12.0, 4.0  # of the raw density with the distance from the surface, and how far from the threshold's
_RIDGE = 1e-4  # relative to the mean square of what the last layer gets


def shaped(field: TriplaneField, render: RenderConfig, threshold: float) -> TriplaneField:
    """The field with such planes and such a decoder.

    Args:
      field: of a model, a batch of one.
      render: box and bias.
      threshold: activated density at the surface.
    """
    rng = np.random.default_rng(0)
    planes = _smooth_noise(rng, field.planes.shape)
    points = rng.uniform(-1, 1, (_POINTS, 3)).astype(np.float32)
    features = np.asarray(query_by_gathers(jnp.asarray(planes), jnp.asarray(points)[None])[0])
    hidden = np.asarray(_hidden(field.decoder, field.decoder_params, features), np.float64)
    outside = _distance(points)
    wanted = np.log(threshold) - render.density_bias - np.clip(_SLOPE * outside, -_MOST, _MOST)
    inputs = np.concatenate([hidden, np.ones((_POINTS, 1))], axis=1)
    gram = inputs.T @ inputs
    gram += _RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    solved = np.linalg.solve(gram, inputs.T @ wanted).astype(np.float32)
    name = f"layer_{field.decoder.hidden_layers}"
    last = {key: np.array(value, np.float32) for key, value in field.decoder_params[name].items()}
    last["kernel"][:, 0], last["bias"][0] = solved[:-1], solved[-1]
    params = {**field.decoder_params, name: jax.tree.map(jnp.asarray, last)}
    planes = jnp.asarray(planes).astype(field.planes.dtype)
    return dataclasses.replace(field, planes=planes, decoder_params=params)


def _smooth_noise(rng: np.random.Generator, shape: tuple[int, ...]) -> Float[np.ndarray, "1 3 h w K"]:
    _, planes, height, width, channels = shape
    frequency = rng.uniform(-_FREQUENCY, _FREQUENCY, (2, _WAVES, planes, 1, 1, channels))
    phase = rng.uniform(0, 2 * np.pi, (_WAVES, planes, 1, 1, channels))
    across = np.linspace(-1, 1, width)[None, :, None]
    down = np.linspace(-1, 1, height)[:, None, None]
    return np.cos(np.pi / 2 * (frequency[0] * across + frequency[1] * down) + phase).sum(0)[None].astype(np.float32)


def _hidden(decoder: Decoder, params: dict, features: Float[np.ndarray, "N F"]) -> Float[np.ndarray, "N W"]:
    """What the decoder's last layer gets."""
    x = features
    for number in range(decoder.hidden_layers):
        layer = params[f"layer_{number}"]
        linear = x @ np.asarray(layer["kernel"], np.float32) + np.asarray(layer["bias"], np.float32)
        x = np.asarray(ACTIVATIONS[decoder.activation](linear))
    return x


def _distance(points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N"]:
    """Of a ball with dents, in half-sizes of the box; negative inside."""
    dents = np.sin(5 * points[:, 0]) * np.sin(5 * points[:, 1]) * np.sin(4 * points[:, 2])
    return np.linalg.norm(points, axis=1) - 0.6 + 0.12 * dents
