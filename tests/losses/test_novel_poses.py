"""The laws that novel poses are drawn by."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from real3d_jax.config.losses import CurriculumConfig, SemanticLossConfig
from real3d_jax.errors import UserError
from real3d_jax.losses.novel_poses import curriculum_range, sample_curriculum, sample_novel_poses, sample_semantic

CURRICULUM = CurriculumConfig(
    law="uniform", azimuth_start=15.0, azimuth_end=90.0, elevation_start=10.0, elevation_end=60.0, steps=100
)
SEMANTIC = SemanticLossConfig(
    weight=1.0, views=4, naive=False, gradient_cap=0.0, law="uniform", azimuth_max=120.0, elevation_max=45.0
)
KEYS = jax.random.split(jax.random.key(0), 4000)


def _draw(config, step):
    return np.rad2deg(jax.vmap(lambda key: sample_curriculum(key, step, config))(KEYS))


@pytest.mark.parametrize(("step", "expected"), [(0, (15, 10)), (50, (52.5, 35)), (100, (90, 60)), (1000, (90, 60))])
def test_range_grows_linearly_and_stops_at_its_end(step, expected):
    np.testing.assert_allclose(curriculum_range(step, CURRICULUM), expected, rtol=1e-6)


def test_uniform_law_fills_both_sides_of_the_range():
    angles = _draw(CURRICULUM, 50)
    greatest = np.array([52.5, 35.0])
    assert (np.abs(angles) <= greatest * 1.00001).all()
    np.testing.assert_allclose(angles.mean(axis=0) / greatest, 0.0, atol=0.05)
    np.testing.assert_allclose(angles.std(axis=0) / greatest, 1 / np.sqrt(3), atol=0.02)
    assert abs(np.corrcoef(angles.T)[0, 1]) < 0.05, "azimuth and elevation are independent"


def test_released_law_keeps_away_from_the_input_view():
    config = dataclasses.replace(CURRICULUM, law="released")
    angles = _draw(config, 50)
    assert (np.abs(angles) >= np.array([15, 10]) * 0.9999).all()
    assert (np.abs(angles) <= np.array([52.5, 35.0]) * 1.0001).all()
    np.testing.assert_allclose((angles > 0).mean(axis=0), 0.5, atol=0.05)
    for angle in angles.T:
        assert abs(np.corrcoef(np.abs(angle), angle > 0)[0, 1]) < 0.05, "sizes and signs are independent"
    np.testing.assert_allclose(np.abs(_draw(config, 0)), np.broadcast_to([15.0, 10.0], (4000, 2)), rtol=1e-5)


def test_semantic_views_by_the_paper_are_independent_of_the_cycle():
    draw = jax.vmap(lambda key: sample_semantic(key, SEMANTIC, jnp.zeros(2)))(KEYS)
    angles = np.rad2deg(draw)
    assert angles.shape == (4000, 4, 2)
    assert (np.abs(angles) <= np.array([120.0, 45.0]) * 1.00001).all()
    np.testing.assert_allclose(angles.std(axis=(0, 1)) / [120, 45], 1 / np.sqrt(3), atol=0.02)
    assert abs(np.corrcoef(angles[:, 0, 0], angles[:, 1, 0])[0, 1]) < 0.05


def test_semantic_views_as_released_tie_signs_and_end_with_the_cycle_view():
    config = dataclasses.replace(SEMANTIC, law="released", views=3)
    cycle = jnp.array([0.3, -0.2])
    angles = np.asarray(jax.vmap(lambda key: sample_semantic(key, config, cycle))(KEYS))
    assert (angles[:, 0] >= 0).all()
    assert (angles[:, 1] <= 0).all()
    np.testing.assert_array_equal(angles[:, 2], np.broadcast_to(cycle, (4000, 2)))
    assert np.rad2deg(angles[:, 0]).max(axis=0) == pytest.approx([120, 45], rel=0.01)


def test_poses_of_an_example_do_not_depend_on_the_size_of_the_batch():
    def draw(batch):
        return sample_novel_poses(jax.random.key(7), 10, jnp.full(batch, 3.0), curriculum=CURRICULUM, semantic=SEMANTIC)

    small, large = draw(2), draw(6)
    np.testing.assert_array_equal(small.cycle, large.cycle[:2])
    np.testing.assert_array_equal(small.semantic, large.semantic[:2])
    assert np.abs(large.cycle[0] - large.cycle[1]).max() > 1e-3, "examples differ"
    np.testing.assert_allclose(np.linalg.norm(large.semantic[..., :3, 3], axis=-1), 3.0, rtol=1e-6)


def test_poses_have_the_drawn_azimuths_and_elevations():
    """The ranges of both angles differ, so that exchanged they would be seen."""
    drawn = sample_novel_poses(jax.random.key(7), 10, jnp.full(64, 3.0), curriculum=CURRICULUM, semantic=SEMANTIC)
    for poses, azimuth, elevation in ((drawn.cycle, 22.5, 15.0), (drawn.semantic, 120.0, 45.0)):
        x, y, z = np.moveaxis(np.asarray(poses)[..., :3, 3] / 3.0, -1, 0)
        greatest = np.array([np.abs(np.arctan2(y, x)).max(), np.abs(np.arcsin(z)).max()])
        np.testing.assert_allclose(np.degrees(greatest), [azimuth, elevation], rtol=0.1)


def test_unknown_law_names_the_valid_ones():
    with pytest.raises(UserError, match=r"curriculum\.law.*uniform"):
        sample_curriculum(KEYS[0], 0, dataclasses.replace(CURRICULUM, law="unifrom"))
