"""The training step: what enters the loss, where gradients go, and that splitting a batch changes nothing."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from miniature import shrink

from real3d_jax.benchmarks.random_batches import random_batch
from real3d_jax.config import files as config_files
from real3d_jax.config.training import uses_lpips
from real3d_jax.errors import UserError
from real3d_jax.models.lrm import init_params, make_model
from real3d_jax.perceptual.frozen import FrozenNetworks
from real3d_jax.runtime.batch_layout import Share
from real3d_jax.training import step
from real3d_jax.training.gradients import draw_poses
from real3d_jax.training.objective import batch_loss
from real3d_jax.training.optimizer import make_optimizer, norm_limit
from real3d_jax.training.state import new_state
from real3d_jax.training.step import train_step
from real3d_jax.weights.networks import load_frozen

KEY = jax.random.key(5)


@pytest.fixture(scope="module")
def config(smoke_config):
    """Every loss but LPIPS, which takes long to compile; tests/test_configs.py steps with it."""
    config = shrink(smoke_config)
    supervised = dataclasses.replace(config.losses.supervised, lpips=0.0)
    return dataclasses.replace(config, losses=dataclasses.replace(config.losses, supervised=supervised))


@pytest.fixture(scope="module")
def capped(config):
    """With a bound on the gradient of the semantic loss, too."""
    semantic = dataclasses.replace(config.losses.semantic, gradient_cap=1.0)
    return dataclasses.replace(config, losses=dataclasses.replace(config.losses, semantic=semantic))


@pytest.fixture(scope="module")
def whole_step(capped, params, frozen):
    """State and metrics after a step in one piece."""
    return _step(capped, params, frozen, random_batch(capped), micro_batches=1)


@pytest.fixture(scope="module")
def frozen(config):
    return load_frozen(config.perceptual, need_encoder=True, need_lpips=False)


@pytest.fixture(scope="module")
def params(config):
    return jax.jit(lambda key: init_params(make_model(config.model, config.compute), key))(jax.random.key(0))


def _step(config, params, frozen, batch, *, micro_batches):
    optimizer = make_optimizer(config.optimizer, config.schedule.steps)
    stepped = functools.partial(
        train_step,
        model=make_model(config.model, config.compute),
        config=config,
        optimizer=optimizer,
        micro_batches=micro_batches,
    )
    state = new_state(params, optimizer, keep_ema=False).replace(step=jnp.asarray(200))
    return jax.jit(stepped)(state, batch, frozen, KEY)


def _loss_and_gradients(config, params, frozen, batch):
    model = make_model(config.model, config.compute)

    def loss_fn(params, batch, frozen):
        poses = None if batch.real is None else draw_poses(KEY, jnp.asarray(200), batch.real, config=config)
        return batch_loss(params, batch, poses, frozen=frozen, model=model, config=config)

    return jax.jit(jax.value_and_grad(loss_fn, has_aux=True))(params, batch, frozen)


def test_micro_batches_and_filler_change_nothing(capped, params, frozen, whole_step):
    """Every loss with both: rows of weight 0, that repeat others, as for devices that do not divide the batch."""
    batch = random_batch(capped)
    share = Share(4, 6)
    filled = jax.tree.map(lambda x: np.asarray(x)[np.asarray(share.examples_in(range(6)))], batch)
    weight = jnp.asarray(share.weights_in(range(6), whole=share))
    assert list(weight[3:]) != list(weight[:3])  # the halves have not the same filler
    filled = filled.replace(synthetic=filled.synthetic.replace(weight=weight), real=filled.real.replace(weight=weight))
    whole, metrics = whole_step
    split, split_metrics = _step(capped, params, frozen, filled, micro_batches=2)
    assert int(whole.step) == int(split.step) == 201
    for name, value in metrics.items():
        np.testing.assert_allclose(split_metrics[name], value, rtol=2e-4, err_msg=name)
    first, second = (state.opt_state[1][0].mu for state in (whole, split))
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4 * float(np.abs(a).max()) + 1e-9)


def test_a_step_whose_gradient_is_far_above_the_clip_changes_no_parameter(config, params, frozen):
    batch = random_batch(config).replace(real=None)
    config = dataclasses.replace(config, optimizer=dataclasses.replace(config.optimizer, skip_norm=1e-6))
    state, metrics = _step(config, params, frozen, batch, micro_batches=1)
    assert metrics["gradient_norm"] > norm_limit(config.optimizer) > 0
    assert (int(metrics["skipped"]), int(metrics["skipped_in_a_row"]), int(state.step)) == (1, 1, 201)
    jax.tree.map(np.testing.assert_array_equal, state.params, params)


def test_averaged_parameters_follow_by_the_configs_decay(config, monkeypatch):
    gradients, metrics = {"w": jnp.array([0.5])}, {"loss": jnp.array(1.0)}
    monkeypatch.setattr(step, "mean_gradients", lambda *_, **__: (gradients, metrics))
    optimizer = optax.sgd(1.0)
    state, _ = train_step(
        new_state({"w": jnp.array([1.0])}, optimizer, keep_ema=True),
        random_batch(config),
        FrozenNetworks(None, None),
        KEY,
        model=make_model(config.model, config.compute),
        config=dataclasses.replace(config, optimizer=dataclasses.replace(config.optimizer, ema_decay=0.75)),
        optimizer=optimizer,
        micro_batches=1,
    )
    np.testing.assert_allclose((state.params["w"], state.ema["w"]), ([0.5], [0.875]))


def test_metrics_name_every_term_and_the_loss_is_their_weighted_sum(capped, whole_step):
    _, metrics = whole_step
    losses = capped.losses
    expected = losses.supervised.mse * metrics["synthetic/mse"]
    expected += losses.input_view.mse * metrics["real/input_view/mse"]
    expected += losses.cycle.weights.mse * metrics["real/cycle/mse"]
    expected += losses.semantic.weight * metrics["real/semantic"]
    np.testing.assert_allclose(metrics["loss"], expected, rtol=1e-5)
    assert len(metrics.keys() - {"loss", "gradient_norm", "skipped", "skipped_in_a_row"}) == 4


def test_a_cap_bounds_the_semantic_gradient_and_changes_no_loss(config, params, frozen):
    """A cap that never bites is none, and the least one is a semantic loss without weight. Beside it: an input view."""
    batch = random_batch(config).replace(synthetic=None)
    cycle = dataclasses.replace(config.losses.cycle, weights=dataclasses.replace(config.losses.cycle.weights, mse=0.0))
    config = dataclasses.replace(config, losses=dataclasses.replace(config.losses, cycle=cycle))

    def with_semantic(**changes):
        semantic = dataclasses.replace(config.losses.semantic, **changes)
        variant = dataclasses.replace(config, losses=dataclasses.replace(config.losses, semantic=semantic))
        (loss, _), gradient = _loss_and_gradients(variant, params, frozen, batch)
        return float(loss), np.concatenate([np.ravel(leaf) for leaf in jax.device_get(jax.tree.leaves(gradient))])

    free, wide, least = (with_semantic(weight=1e4, gradient_cap=cap) for cap in (0.0, 1e6, 1e-9))
    _, absent = with_semantic(weight=0.0)
    np.testing.assert_allclose((wide[0], least[0]), free[0], rtol=1e-5)
    scale = np.abs(free[1]).max()
    assert np.abs(free[1] - absent).max() > 1e-2 * scale
    np.testing.assert_allclose(wide[1], free[1], atol=1e-4 * scale)
    np.testing.assert_allclose(least[1], absent, atol=1e-4 * scale)


def test_a_cap_below_nothing_is_refused(config, params, frozen):
    semantic = dataclasses.replace(config.losses.semantic, gradient_cap=-1.0)
    wrong = dataclasses.replace(config, losses=dataclasses.replace(config.losses, semantic=semantic))
    with pytest.raises(UserError, match=r"gradient_cap must be 0 \(no cap\) or above, not -1"):
        _loss_and_gradients(wrong, params, frozen, random_batch(config))


def _only_cycle(config, **changes):
    none = dataclasses.replace(config.losses.input_view, mse=0.0)
    losses = dataclasses.replace(
        config.losses,
        input_view=none,
        semantic=dataclasses.replace(config.losses.semantic, weight=0.0),
        cycle=dataclasses.replace(config.losses.cycle, **changes),
    )
    return dataclasses.replace(config, losses=losses)


def test_first_pass_of_the_cycle_gets_gradient_only_end_to_end(config, params):
    """The first reconstruction depends on the photograph; with stop-gradient the loss does not, to first order."""
    batch = random_batch(config).replace(synthetic=None)
    batch = jax.tree.map(lambda x: x.astype(jnp.float32) / 255 if x.dtype == jnp.uint8 else x, batch)
    for end_to_end in (False, True):
        variant = _only_cycle(config, end_to_end=end_to_end, mask_threshold=0.0)
        model = make_model(variant.model, variant.compute)
        poses = draw_poses(KEY, jnp.asarray(200), batch.real, config=variant)

        def loss(image, variant=variant, model=model, poses=poses):
            real = batch.real.replace(image=image)
            part = batch.replace(real=real)
            # No loss of this variant needs a frozen network.
            return batch_loss(params, part, poses, frozen=FrozenNetworks(None, None), model=model, config=variant)[0]

        gradient = jax.jit(jax.grad(loss))(batch.real.image)
        assert bool(jnp.any(gradient != 0)) == end_to_end


def test_curriculum_of_the_step_reaches_the_poses(config):
    batch = random_batch(config).real
    still = dataclasses.replace(config.losses.cycle.curriculum, azimuth_start=0.0, elevation_start=0.0)
    start = _only_cycle(config, curriculum=still)
    first = draw_poses(KEY, jnp.asarray(0), batch, config=start).cycle
    np.testing.assert_allclose(first, batch.cameras.c2w, atol=1e-6)
    later = draw_poses(KEY, jnp.asarray(400), batch, config=start).cycle
    assert float(jnp.abs(later - batch.cameras.c2w).max()) > 0.1


def test_other_steps_and_other_keys_draw_other_poses(config):
    batch = random_batch(config).real
    draw = functools.partial(draw_poses, batch=batch, config=config)
    base = draw(KEY, jnp.asarray(200)).semantic
    np.testing.assert_array_equal(base, draw(KEY, jnp.asarray(200)).semantic)
    for other in (draw(KEY, jnp.asarray(201)), draw(jax.random.key(6), jnp.asarray(200))):
        assert float(jnp.abs(other.semantic - base).max()) > 0.1


@pytest.mark.parametrize(
    ("term", "synthetic", "real", "needed"),
    [
        ("supervised", 2, 0, True),
        ("supervised", 0, 2, False),
        ("input_view", 0, 2, True),
        ("input_view", 2, 0, False),
        ("cycle", 0, 2, True),
        ("cycle", 2, 0, False),
        (None, 2, 2, False),
    ],
)
def test_lpips_is_needed_where_a_half_with_examples_has_its_term(config, term, synthetic, real, needed):
    tree = config_files.to_tree(config)
    for name, weights in (
        ("supervised", tree["losses"]["supervised"]),
        ("input_view", tree["losses"]["input_view"]),
        ("cycle", tree["losses"]["cycle"]["weights"]),
    ):
        weights["lpips"] = float(name == term)
    tree["batch"].update(synthetic=synthetic, real=real)
    assert uses_lpips(config_files.parse(tree)) is needed
