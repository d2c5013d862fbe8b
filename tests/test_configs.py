"""Every training config in configs/: it parses, builds at full size without memory, and runs one step once shrunk."""

import functools
import importlib
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from miniature import shrink

from real3d_jax.benchmarks.random_batches import random_batch
from real3d_jax.config.files import differences, parse, to_tree
from real3d_jax.config.training import uses_lpips
from real3d_jax.models.choice import init_any_params, make_any_model
from real3d_jax.models.lrm import make_model
from real3d_jax.models.presets import PRESETS
from real3d_jax.training.optimizer import make_optimizer
from real3d_jax.training.state import new_state
from real3d_jax.training.step import train_step
from real3d_jax.weights.networks import load_frozen

# Their step is that of real3d or lrm: tests below, and one in tests/ablation, show that no loss and no model differ.
SAME_STEP = ("real3d_mvimgnet", "ablation", "adapt", "table7", "lrm_real")
COMPILES_LONG = ("lrm",)  # tests/training/test_conditioned_training.py steps without LPIPS
NAMES = [
    pytest.param(path.stem, marks=[pytest.mark.slow] if path.stem in (*SAME_STEP, *COMPILES_LONG) else [])
    for path in sorted((pathlib.Path(__file__).parents[1] / "configs").glob("*.py"))
    if path.stem not in ("embedded_data", "reconstruct", "adapting", "tables")  # no training
]


def _load(name, *argument):
    return parse(importlib.import_module(f"configs.{name}").get_config(*argument))


def _prepare(config):
    model = make_any_model(config.model, config.compute)
    optimizer = make_optimizer(config.optimizer, config.schedule.steps)
    step = functools.partial(
        train_step, model=model, config=config, optimizer=optimizer, micro_batches=config.batch.micro_batches or 1
    )

    def make_state(key):
        return new_state(init_any_params(model, key), optimizer, keep_ema=config.optimizer.ema_decay > 0)

    return step, make_state


def _frozen(config):
    return _load_frozen(config.perceptual, config.batch.real > 0, uses_lpips(config))


@functools.cache
def _load_frozen(perceptual, need_encoder, need_lpips):
    return load_frozen(perceptual, need_encoder=need_encoder, need_lpips=need_lpips, seed=0)


@pytest.mark.parametrize("name", NAMES)
def test_one_shrunk_step(name):
    config = shrink(_load(name))
    step, make_state = _prepare(config)
    state = jax.jit(make_state)(jax.random.key(0))
    state, metrics = jax.jit(step)(state, random_batch(config), _frozen(config), jax.random.key(1))
    assert np.isfinite(metrics["loss"])
    assert int(state.step) == 1
    assert int(state.skipped) == 0


@pytest.mark.parametrize("start", ["", "scratch"])
def test_smoke_runs_on_records_of_ones_own(start):
    embedded, own = _load("smoke", start), _load("smoke", f"{start},renders/mine")
    assert {source.path for source in (*own.data.synthetic.values(), *own.data.validation.values())} == {"renders/mine"}
    assert own.data.real == embedded.data.real
    assert set(own.data.embedded) == set(embedded.data.embedded) - set(embedded.data.synthetic)
    assert {key.split(".")[1].split(":")[0] for key in differences(to_tree(embedded), to_tree(own))} == {"name", "data"}
    with pytest.raises(ValueError, match="one folder of records, not mine and yours"):
        _load("smoke", "mine,yours")


def test_smoke_goes_on_with_the_boxed_model_or_begins_with_nothing():
    """Both have every loss of the paper; without weights LPIPS is noise, which would spoil what is learnt already."""
    going_on, scratch = _load("smoke"), _load("smoke", "scratch")
    assert (going_on.init_from, going_on.model) == ("mini", PRESETS["mini"])
    assert (scratch.init_from, scratch.model) == ("", PRESETS["tiny"])
    assert going_on.optimizer.learning_rate < 0.1 * scratch.optimizer.learning_rate
    assert not uses_lpips(going_on)
    for config in (going_on, scratch):
        losses = config.losses
        weights = (losses.supervised.mse, losses.input_view.mse, losses.cycle.weights.mse, losses.semantic.weight)
        assert min(*weights, config.batch.synthetic, config.batch.real) > 0
        assert {source.image_size for source in config.data.embedded.values()} == {config.model.image_size}


@pytest.mark.parametrize(
    ("words", "streamed", "sets"),
    [
        ("fine,further", 1.0, []),
        ("fine,furniture", 0.875, ["furniture"]),
        ("further,furniture", 0.8125, ["furniture"]),
        ("further,stretched,furniture", 0.6875, ["furniture", "furniture_stretched"]),
        ("further,stretched,augmented", 0.5, ["furniture", "furniture_stretched"]),
    ],
)
def test_words_of_the_small_model_give_furniture_its_share(words, streamed, sets):
    data = _load("mini", words).data
    assert (data.streamed_share, list(data.synthetic)) == (streamed, sets)


@pytest.mark.parametrize(("variant", "base"), [("", "real3d"), ("mine", "real3d"), ("smoke,mine", "smoke")])
def test_adaptation_is_training_on_ones_own_photographs(variant, base):
    config, like = _load("adapt", variant), _load(base)
    assert list(config.data.real) == ["own"]
    assert config.data.real["own"].path == ("mine" if variant else "curated")
    assert config.data.real["own"].crop_ratio == (1.45, 1.7)
    assert (config.data.real["own"].distance, config.data.real["own"].fov_y) == (3.0, 39.6)
    assert config.data.synthetic == like.data.synthetic
    assert config.curriculum.steps == config.schedule.steps
    changed = {line.split(":")[0].removeprefix("config.") for line in differences(to_tree(like), to_tree(config))}
    assert {key.split(".")[0] for key in changed} <= {
        "batch", "data", "init_from", "losses", "name", "optimizer", "schedule"
    }  # fmt: skip
    assert not {key for key in changed if key.startswith("losses")}
    with pytest.raises(ValueError, match="one folder of records, not mine and yours"):
        _load("adapt", "mine,yours")


def test_adaptation_of_the_boxed_model_at_full_strength():
    config, like = _load("adapt", "mini,mine"), _load("mini", "fine")
    assert (config.init_from, config.model) == ("mini", PRESETS["mini"])
    assert config.losses == like.losses
    assert not uses_lpips(config)
    own = config.data.real["own"]
    assert (own.path, own.distance, own.crop_ratio) == ("mine", 2.4, (1.15, 1.45))
    assert config.batch.synthetic == config.batch.real == 32
    seeds = [{stream.seed for stream in made.data.streamed.values()} for made in (config, like)]
    assert not seeds[0] & seeds[1]  # other objects than the weights were trained on
    with pytest.raises(ValueError, match="name one of smoke and mini"):
        _load("adapt", "mini,smoke")


def test_the_boxed_model_is_self_trained_within_the_same_batch():
    words = "stretched,fine,further"
    plain, config = _load("mini", words), _load("mini", f"{words},photographs,wheelbarrows")
    assert (plain.batch.synthetic, plain.batch.real) == (256, 0)
    assert (config.batch.synthetic, config.batch.real) == (224, 32)
    assert config.init_from == "mini" and not uses_lpips(config) and config.losses.semantic.weight == 0
    assert (config.losses, config.optimizer) == (plain.losses, plain.optimizer)
    assert (
        config.losses.input_view.mse > 0 and config.losses.cycle.weights.mse > 0 and not config.losses.cycle.end_to_end
    )
    assert {(real.distance, real.crop_ratio) for real in config.data.real.values()} == {(2.4, (1.15, 1.45))}
    assert config.data.embedded["wheelbarrows"].family == "wheelbarrow"
    assert list(_load("mini", f"{words},photographs").data.real) == ["photographs"]
    assert [source.path for source in plain.data.synthetic.values()] == ["furniture", "furniture_stretched"]
    assert plain.data.streamed_share == 11 / 16 < _load("mini", "furniture,fine,further").data.streamed_share == 13 / 16
    with pytest.raises(ValueError, match="not 'wheelbarrow'"):
        _load("mini", "wheelbarrow")
    with pytest.raises(ValueError, match="'augmented' changes furniture: name"):
        _load("mini", "augmented,fine")


@pytest.mark.parametrize("name", NAMES)
def test_full_size_has_shapes(name):
    config = _load(name)
    step, make_state = _prepare(config)
    state = jax.eval_shape(make_state, jax.random.key(0))
    batch = jax.eval_shape(lambda: random_batch(config))
    frozen = jax.eval_shape(lambda frozen: frozen, _frozen(shrink(config)))
    with jax.default_matmul_precision(config.compute.matmul_precision):
        after, metrics = jax.eval_shape(step, state, batch, frozen, jax.random.key(0))
    assert jax.tree.map(lambda x: (x.shape, x.dtype), after) == jax.tree.map(lambda x: (x.shape, x.dtype), state)
    assert metrics["loss"].shape == ()


def test_paper_numbers():
    """Section 5 and Appendix A."""
    config = _load("real3d")
    losses, optimizer = config.losses, config.optimizer
    assert config.model.image_size == 512
    assert 2 * config.model.plane_tokens == 64
    assert (config.render.resolution, config.render.samples) == (128, 128)
    assert (losses.supervised_views, losses.semantic.views) == (4, 4)
    assert (losses.supervised.mse, losses.supervised.lpips) == (1.0, 1.0)
    assert (losses.input_view.mse, losses.cycle.weights.mse, losses.semantic.weight) == (0.3, 5.0, 1.0)
    curriculum = losses.cycle.curriculum
    assert (curriculum.azimuth_start, curriculum.azimuth_end) == (15.0, 90.0)
    assert (curriculum.elevation_start, curriculum.elevation_end) == (15.0, 90.0)
    assert (losses.semantic.azimuth_max, losses.semantic.elevation_max) == (120.0, 45.0)
    assert (optimizer.learning_rate, optimizer.weight_decay, optimizer.clip_norm) == (4e-5, 0.05, 1.0)
    assert (optimizer.b1, optimizer.b2, optimizer.eps) == (0.9, 0.96, 1e-6)
    assert (config.batch.synthetic, config.batch.real) == (40, 40)
    assert config.schedule.steps == config.curriculum.steps == 40_000
    assert all(source.crop_ratio == (1.45, 1.7) for source in config.data.real.values())
    finetune = _load("finetune_tsr")
    assert (finetune.optimizer.learning_rate, finetune.optimizer.warmup_steps) == (4e-5, 3000)
    assert (finetune.batch.synthetic, finetune.batch.real) == (80, 0)


def test_the_mvimgnet_variant_differs_in_its_real_images_only():
    """Appendix C; the released code stops after 40,000 micro-iterations, ten of which are a step."""
    paper, variant = _load("real3d"), _load("real3d_mvimgnet")
    assert list(variant.data.real) == ["mvimgnet_single"]
    changed = set(differences(to_tree(paper), to_tree(variant)))
    assert {line.split(":")[0] for line in changed} == {"config.name", "config.data.real.wild_images"}
    released, variant = _load("real3d_released"), _load("real3d_mvimgnet", "released")
    assert list(variant.data.real) == ["mvimgnet_single"]
    assert variant.data.real["mvimgnet_single"].crop_ratio == (1.7, 1.7)
    assert variant.schedule.steps == variant.curriculum.steps == 4000
    changed = {line.split(":")[0] for line in differences(to_tree(released), to_tree(variant))}
    assert changed == {"config.name", "config.data.real.wild_images", "config.schedule.steps"}
    with pytest.raises(ValueError, match="must be 'paper' or 'released', not 'embedded'"):
        _load("real3d_mvimgnet", "embedded")


def test_lrm_with_captures_differs_in_its_data_only():
    """Tables 6 and 7; numbers of OpenLRM's published sample config."""
    lrm, real = _load("lrm"), _load("lrm_real")
    sets = ("co3d_captures", "mvimgnet_captures")
    assert {line.split(":")[0] for line in differences(to_tree(lrm), to_tree(real))} == {
        "config.name", *(f"config.data.{kind}.{name}" for kind in ("synthetic", "validation") for name in sets)
    }  # fmt: skip
    losses, optimizer, source = lrm.losses, lrm.optimizer, lrm.data.synthetic["gobjaverse"]
    assert (losses.supervised_views, losses.supervised.mse, losses.supervised.lpips) == (4, 1.0, 1.0)
    assert losses.supervised.total_variation == 5e-4
    assert (optimizer.learning_rate, optimizer.warmup_steps, optimizer.weight_decay) == (4e-4, 3000, 0.05)
    assert (optimizer.b1, optimizer.b2, optimizer.eps, optimizer.clip_norm) == (0.9, 0.95, 1e-8, 1.0)
    assert (lrm.batch.synthetic, lrm.batch.real) == (128, 0)
    assert source.backgrounds == (0.0, 0.5, 1.0)
    for size, patch, samples in (("small", 64, 48), ("base", 96, 48), ("large", 128, 64)):
        of_size = _load("lrm", size)
        assert (of_size.render.resolution, of_size.render.samples) == (patch, samples)
        assert of_size.data.synthetic["gobjaverse"].target_sizes == (patch, 3 * patch)


def test_a_pair_of_the_paper_renders_eleven_views_ten_of_them_with_gradient(monkeypatch):
    """4 supervised views; input view, 4 semantic, 1 curriculum (no gradient) and 1 cycle view of the photograph."""
    from real3d_jax.losses import cycle
    from real3d_jax.training import objective

    config = shrink(_load("real3d"))
    rendered = []
    render_views = objective.render_views

    def counting(field, cameras, *args, **kwargs):
        rgb, opacity = render_views(field, cameras, *args, **kwargs)
        rendered.append(cameras.c2w.shape[1])
        return rgb, opacity

    for module in (objective, cycle):
        monkeypatch.setattr(module, "render_views", counting)
    batch = random_batch(config)
    _, make_state = _prepare(config)
    state = jax.eval_shape(make_state, jax.random.key(0))
    poses = objective.NovelPoses(
        cycle=jnp.zeros((4, 4, 4)), semantic=jnp.zeros((4, config.losses.semantic.views, 4, 4))
    )
    model = make_model(config.model, config.compute)
    jax.eval_shape(
        functools.partial(objective.batch_loss, frozen=_frozen(config), model=model, config=config),
        state.params, batch, poses,
    )  # fmt: skip
    assert sorted(rendered) == [1, 1, 4, 5]
