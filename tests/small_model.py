"""A model that initialises and compiles in seconds, and the plain way to compute it."""

import dataclasses
import functools

import jax

from real3d_jax.config.model import ComputeConfig
from real3d_jax.models.lrm import init_params, make_model
from real3d_jax.models.presets import PRESETS

FLOAT32 = ComputeConfig(
    dtype="float32", matmul_precision="highest", remat="none", attention="xla", elementwise="xla", unroll=1
)
SMALL = dataclasses.replace(
    PRESETS["tiny"],
    vit=dataclasses.replace(PRESETS["tiny"].vit, width=32, layers=2, heads=2, mlp_width=48),
    image_size=32,
    token_width=32,
    layers=2,
    heads=2,
    plane_tokens=4,
)


def initialized(config, compute=FLOAT32, seed=0) -> dict:
    """Random parameters, by one program: op by op there are hundreds to compile."""
    return jax.jit(functools.partial(init_params, make_model(config, compute)))(jax.random.key(seed))
