"""A batch that grows with the devices, at a higher rate, for fewer steps."""

import dataclasses

import pytest

from real3d_jax.config import files as config_files
from real3d_jax.errors import UserError
from real3d_jax.runtime.batch_layout import lay_out
from real3d_jax.training.growth import check_same_growth, grow, growth


@pytest.fixture(scope="module")
def paper():
    return config_files.load(
        "configs/real3d.py", ["--config.batch.grow=True", "--config.optimizer.end_learning_rate=1e-5"]
    )


def test_64_devices_take_64_examples_of_each_kind(paper):
    grown = grow(paper, 64)
    assert (grown.batch.synthetic, grown.batch.real) == (64, 64)
    assert grown.optimizer.learning_rate == pytest.approx(4e-5 * 1.6**0.5)
    assert grown.optimizer.end_learning_rate == pytest.approx(1e-5 * 1.6**0.5)
    assert (grown.schedule.steps, grown.optimizer.warmup_steps) == (25_000, 63)
    assert grown.curriculum.steps == 25_000
    assert lay_out(grown.batch, 64).work == 1


def test_a_batch_that_fills_the_devices_stays(paper):
    assert grow(paper, 8) == paper
    assert growth(dataclasses.replace(paper, batch=dataclasses.replace(paper.batch, grow=False)), 64) == 1


@pytest.mark.parametrize("devices", [3, 16, 100, 256])
@pytest.mark.parametrize(("synthetic", "real"), [(40, 40), (6, 2), (80, 0)])
def test_kinds_keep_their_proportion_and_no_device_has_filler(paper, devices, synthetic, real):
    config = dataclasses.replace(paper, batch=dataclasses.replace(paper.batch, synthetic=synthetic, real=real))
    batch = grow(config, devices).batch
    assert batch.synthetic * real == batch.real * synthetic
    assert lay_out(batch, devices).work == 1


def test_a_run_does_not_go_on_with_another_size(paper, tmp_path):
    saved = config_files.to_tree(grow(paper, 64))
    check_same_growth(saved, grow(paper, 64), tmp_path)
    with pytest.raises(UserError, match=r"has 64 \+ 64 examples a step, .* would make it 128 \+ 128"):
        check_same_growth(saved, grow(paper, 128), tmp_path)
