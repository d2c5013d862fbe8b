"""Where novel views of a photograph's reconstruction are taken from (Eq. 5, 6 and 8).

Every draw is for one example, from that example's own key, so that a batch gives the same poses however it is split
over micro-batches and devices. Angles come out in radians, as (azimuth, elevation) relative to the input view.
"""

from typing import no_type_check

import flax.struct
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from real3d_jax.cameras import spherical_c2w
from real3d_jax.config.losses import CurriculumConfig, SemanticLossConfig
from real3d_jax.errors import UserError, did_you_mean

_LAWS = ("uniform", "released")


@no_type_check  # JAX rebuilds it around placeholders
@flax.struct.dataclass
class NovelPoses:
    """Poses (c2w, canonical frame) for each real example of a batch.

    Attributes:
      cycle: (B, 4, 4), the curriculum's view, rendered for the cycle.
      semantic: (B, m, 4, 4), the views judged by CLIP.
    """

    cycle: jax.Array
    semantic: jax.Array


def sample_novel_poses(
    key: Key[Array, ""],
    step: Int[Array, ""] | int,
    distance: Float[Array, "B"],
    *,
    curriculum: CurriculumConfig,
    semantic: SemanticLossConfig,
    first: Int[Array, ""] | int = 0,
) -> NovelPoses:
    """Draws the poses of the examples of a step from number `first` on.

    `distance` is that of each example's input camera.
    """
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(first + jnp.arange(distance.shape[0]))

    def one(key, distance):
        cycle_key, semantic_key = jax.random.split(key)
        cycle = sample_curriculum(cycle_key, step, curriculum)
        views = sample_semantic(semantic_key, semantic, cycle)
        return NovelPoses(
            cycle=spherical_c2w(cycle[0], cycle[1], distance),
            semantic=spherical_c2w(views[:, 0], views[:, 1], distance),
        )

    return jax.vmap(one)(keys, distance)


def curriculum_range(step: Int[Array, ""] | int, config: CurriculumConfig) -> Float[Array, "2"]:
    """theta_max^j and phi_max^j in degrees (Eq. 6); clamped at the end of the curriculum, `config.steps` > 0."""
    if config.steps < 1:
        raise UserError(
            f"config.losses.cycle.curriculum.steps must be 0 (the run's length) or above, not {config.steps}."
        )
    progress = jnp.clip(jnp.asarray(step, jnp.float32) / config.steps, 0.0, 1.0)
    start = jnp.array([config.azimuth_start, config.elevation_start])
    end = jnp.array([config.azimuth_end, config.elevation_end])
    return start + progress * (end - start)


def sample_curriculum(key: Key[Array, ""], step: Int[Array, ""] | int, config: CurriculumConfig) -> Float[Array, "2"]:
    """One relative pose of the curriculum (Eq. 5).

    Law 'uniform': each angle uniform in +-max_j. Law 'released': each angle's size uniform in [start, max_j], its sign
    random, so that the view never is the input view itself.
    """
    _check_law("config.losses.cycle.curriculum.law", config.law)
    greatest = curriculum_range(step, config)
    size_key, sign_key = jax.random.split(key)
    if config.law == "uniform":
        return jnp.deg2rad(jax.random.uniform(size_key, (2,), minval=-1.0) * greatest)
    start = jnp.array([config.azimuth_start, config.elevation_start])
    size = start + jax.random.uniform(size_key, (2,)) * (greatest - start)
    return jnp.deg2rad(size * jax.random.rademacher(sign_key, (2,), jnp.float32))


def sample_semantic(key: Key[Array, ""], config: SemanticLossConfig, cycle: Float[Array, "2"]) -> Float[Array, "m 2"]:
    """The m relative poses of the semantic loss (Eq. 8).

    Law 'uniform': independent, uniform in +-max. Law 'released': the signs of both angles are tied, positive in even
    views and negative in odd ones, and the last view is the cycle's.
    """
    _check_law("config.losses.semantic.law", config.law)
    greatest = jnp.deg2rad(jnp.array([config.azimuth_max, config.elevation_max]))
    if config.law == "uniform":
        return jax.random.uniform(key, (config.views, 2), minval=-1.0) * greatest
    sign = jnp.where(jnp.arange(config.views - 1) % 2 == 0, 1.0, -1.0)
    own = jax.random.uniform(key, (config.views - 1, 2)) * greatest * sign[:, None]
    return jnp.concatenate([own, cycle[None]])


def _check_law(where: str, law: str) -> None:
    if law not in _LAWS:
        raise UserError(f"{where} has no law '{law}': {did_you_mean(law, _LAWS)}")
