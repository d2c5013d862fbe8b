"""The renderer compiled for a TPU, which needs none: libtpu compiles on any machine (pip install 'jax[tpu]')."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import pytest
from jax.experimental import topologies
from jax.sharding import SingleDeviceSharding

from real3d_jax.cameras import Cameras
from real3d_jax.config import files as config_files
from real3d_jax.models.lrm import make_decoder
from real3d_jax.rendering import TriplaneField, render_views

pytestmark = pytest.mark.tpu


@pytest.fixture
def tpu(monkeypatch):
    pytest.importorskip("libtpu")
    settings = {
        "TPU_SKIP_MDS_QUERY": "1",
        "TPU_WORKER_HOSTNAMES": "localhost",
        "TPU_ACCELERATOR_TYPE": "v5litepod-4",
        "TPU_WORKER_ID": "0",
        "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return topologies.get_topology_desc(platform="tpu", topology_name="v5e:2x4").devices[0]


def test_gradient_of_a_view_has_nothing_that_a_tpu_is_slow_with(tpu):
    """A TPU gathers and scatters one row at a time; its compiler takes 11 s for a cumulative sum of 128 samples."""
    config = config_files.load("configs/real3d.py:embedded")
    render = dataclasses.replace(config.render, resolution=16, samples=32)
    decoder = make_decoder(config.model, jnp.bfloat16)

    def loss(planes, params, c2w, intrinsics):
        rgb, _ = render_views(TriplaneField(planes, params, decoder), Cameras(c2w, intrinsics), render)
        return jnp.sum(rgb**2)

    params = jax.eval_shape(lambda: decoder.init(jax.random.key(0), jnp.zeros((1, 3 * config.model.plane_channels))))
    side, channels = 2 * config.model.plane_tokens, config.model.plane_channels
    arguments = (
        jax.ShapeDtypeStruct((1, 3, side, side, channels), jnp.bfloat16),
        params["params"],
        jax.ShapeDtypeStruct((1, 1, 4, 4), jnp.float32),
        jax.ShapeDtypeStruct((1, 1, 4), jnp.float32),
    )
    program = jax.jit(jax.grad(loss, (0, 1)), in_shardings=SingleDeviceSharding(tpu)).lower(*arguments).compile()
    operations = set(re.findall(r"\b(scatter|gather|reduce-window|convolution|dot)\(", program.as_text() or ""))
    assert operations <= {"convolution", "dot"}
    assert operations
