"""Batches and objects of noise, in the shapes that a configuration asks for."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from real3d_jax.batches import MultiviewBatch, SingleViewBatch, TrainBatch
from real3d_jax.cameras import Cameras, canonical_c2w, intrinsics_from_fov, spherical_c2w, to_input_frame
from real3d_jax.config.conditioned import ConditionedModelConfig
from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.config.training import Config
from real3d_jax.evaluation.scored_objects import Instance


def random_batch(config: Config, seed: int = 0) -> TrainBatch:
    """Noise under valid cameras, as uint8, in the shapes that `config` asks for."""
    rng = np.random.default_rng(seed)
    size, side, views = config.model.image_size, config.render.resolution, config.losses.supervised_views

    def noise(*shape):
        return jnp.asarray(rng.integers(0, 256, shape, np.uint8))

    synthetic = real = None
    if count := config.batch.synthetic:
        cameras = _around(np.float32(rng.uniform(-1, 1, (2, count, views))))
        known = {}
        if isinstance(config.model, ConditionedModelConfig):
            known["source"] = Cameras(cameras.c2w[:, 0], cameras.intrinsics[:, 0])
            known["background"] = jnp.ones((count, views))
        synthetic = MultiviewBatch(
            image=noise(count, size, size, 3),
            rgb=noise(count, views, side, side, 3),
            mask=noise(count, views, side, side, 1),
            cameras=cameras,
            **known,
        )
    if count := config.batch.real:
        real = SingleViewBatch(
            image=noise(count, size, size, 3),
            rgb=noise(count, side, side, 3),
            mask=noise(count, side, side, 1),
            cameras=_canonical(count),
        )
    return TrainBatch(synthetic, real)


@jax.jit  # op by op there are dozens of programs to compile
def _around(angles: Float[Array, "2 n v"]) -> Cameras:
    """Cameras around objects, at azimuths and elevations in radians, each object in the frame of its first one."""
    c2w = jax.vmap(lambda views: to_input_frame(views[0], views, 2.4))(spherical_c2w(angles[0], angles[1], 1.7))
    return Cameras(c2w, jnp.broadcast_to(intrinsics_from_fov(0.7), (*angles.shape[1:], 4)))


@functools.partial(jax.jit, static_argnums=0)
def _canonical(count: int) -> Cameras:
    return Cameras(
        jnp.broadcast_to(canonical_c2w(3.0), (count, 4, 4)), jnp.broadcast_to(intrinsics_from_fov(0.7), (count, 4))
    )


def random_instance(config: EvaluationConfig, seed: int) -> Instance:
    """Noise as an object to score (`evaluation.scored_objects`), its novel views from all around."""
    rng, protocol = np.random.default_rng(seed), config.protocol
    views, side, distance = protocol.novel_views.views, protocol.novel_views.resolution, protocol.input_view.distance

    def noise(*shape):
        return rng.integers(0, 256, shape, np.uint8)

    azimuths, elevations = (rng.uniform(-high, high, views) for high in (np.pi, 0.5))
    intrinsics = np.asarray(intrinsics_from_fov(0.7))
    return {
        "image": noise(config.model.image_size, config.model.image_size, 3),
        "input_rgb": noise(side, side, 3),
        "input_mask": noise(side, side, 1),
        "semantic_rgb": noise(protocol.semantic.resolution, protocol.semantic.resolution, 3),
        "consistency_rgb": noise(protocol.consistency.resolution, protocol.consistency.resolution, 3),
        "input_c2w": np.asarray(canonical_c2w(distance), np.float32),
        "input_intrinsics": intrinsics,
        "rgb": noise(views, side, side, 3),
        "mask": noise(views, side, side, 1),
        "c2w": np.asarray(spherical_c2w(azimuths, elevations, distance), np.float32),
        "intrinsics": np.broadcast_to(intrinsics, (views, 4)),
        "to_input": np.eye(4, dtype=np.float32),
    }
