"""The clock of the benchmark of use, and the field that it puts into a model without one."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from real3d_jax.benchmarks import use
from real3d_jax.benchmarks.shaped_field import shaped
from real3d_jax.config import files
from real3d_jax.config.training import Config
from real3d_jax.models.decoder import Decoder
from real3d_jax.rendering import TriplaneField
from real3d_jax.rendering.field import query_raw


def test_clock_takes_inner_stages_out_of_outer_ones(monkeypatch):
    times = iter([0.0, 1.0, 3.0, 7.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(times))
    clock = use.Clock()
    with clock("texture"), clock("colours"):
        pass
    assert clock.seconds == {"texture": 5.0, "texture: colours": 2.0}


@pytest.fixture(scope="module")
def field():
    config: Config = files.load("smoke:scratch")
    decoder = Decoder(width=32, hidden_layers=3)
    params = jax.jit(decoder.init)(jax.random.key(0), jnp.zeros((1, 24)))["params"]
    plain = TriplaneField(jnp.zeros((1, 3, 16, 16, 8)), params, decoder)
    return plain, shaped(plain, config.render, 5.0), config.render


def test_shaped_field_is_a_ball_in_the_box(field):
    _, made, render = field
    points = np.random.default_rng(5).uniform(-1, 1, (2000, 3)).astype(np.float32)
    raw = jax.jit(query_raw, static_argnames="implementation")(made, points[None], implementation="xla")
    inside = np.exp(np.asarray(raw)[0, :, 0] + render.density_bias) > 5.0
    radius = np.linalg.norm(points, axis=1)
    assert inside[radius < 0.3].mean() > 0.95
    assert inside[radius > 0.95].mean() < 0.1


def test_shaped_field_has_the_models_sizes_and_leaves_it_alone(field):
    plain, made, _ = field
    assert jax.tree.map(jnp.shape, made.decoder_params) == jax.tree.map(jnp.shape, plain.decoder_params)
    assert made.planes.shape == plain.planes.shape
    kernels = [f.decoder_params["layer_3"]["kernel"] for f in (plain, made)]
    np.testing.assert_array_equal(kernels[0][:, 1:], kernels[1][:, 1:])
    assert not np.array_equal(kernels[0][:, 0], kernels[1][:, 0])
