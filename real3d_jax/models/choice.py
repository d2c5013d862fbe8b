"""The model that a configuration means: the canonical one (`lrm`), or the camera-conditioned one (`conditioned`)."""

import functools

import jax
import jax.numpy as jnp

from real3d_jax.config.conditioned import AnyModelConfig, ConditionedModelConfig
from real3d_jax.config.model import ComputeConfig
from real3d_jax.models import lrm
from real3d_jax.models.conditioned import ConditionedLRM, input_cameras

AnyModel = lrm.LRM | ConditionedLRM


def make_any_model(config: AnyModelConfig, compute: ComputeConfig) -> AnyModel:
    """The model of a configuration; errors as of `lrm.make_model`."""
    if not isinstance(config, ConditionedModelConfig):
        return lrm.make_model(config, compute)
    return ConditionedLRM(config, **lrm.settings(config.image_size, config.encoder.patch_size, compute))


@functools.partial(jax.jit, static_argnums=0)  # so that a model is traced once for all who ask
def init_any_params(model: AnyModel, key: jax.Array) -> dict:
    """Random parameters of either model, float32."""
    if isinstance(model, lrm.LRM):
        return lrm.init_params(model, key)
    size, cameras = model.config.image_size, input_cameras(1, distance=1.0, fov_y=1.0)
    return dict(model.clone(unroll=1).init(key, jnp.zeros((1, size, size, 3)), cameras)["params"])


def abstract_any_params(model: AnyModel) -> dict:
    """Shapes and types of the model's parameters, made without memory."""
    return jax.eval_shape(functools.partial(init_any_params, model), jax.random.key(0))
