"""The optimiser against PyTorch's formula, the decay mask on the real tree, and the schedule."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from real3d_jax.config.training import OptimizerConfig
from real3d_jax.errors import UserError
from real3d_jax.models.lrm import LRM, init_params
from real3d_jax.models.presets import PRESETS
from real3d_jax.training.optimizer import decay_mask, learning_rate_schedule, make_optimizer, muon_matrices, norm_limit

CONFIG = OptimizerConfig(
    method="adamw",
    muon_momentum=0.9,
    muon_rms=0.3,
    learning_rate=1e-2,
    warmup_steps=4,
    end_learning_rate=1e-4,
    b1=0.9,
    b2=0.96,
    eps=1e-6,
    weight_decay=0.05,
    clip_norm=1.0,
    skip_norm=0.0,
    ema_decay=0.0,
    max_skipped=3,
)


def mask_by_name():
    shapes = jax.eval_shape(functools.partial(init_params, LRM(PRESETS["tiny"])), jax.random.key(0))
    leaves, _ = jax.tree_util.tree_flatten_with_path(decay_mask(shapes))
    return {"/".join(k.key for k in path): value for path, value in leaves}


@pytest.mark.parametrize(
    "name",
    [
        "image_tokenizer/cls_token",
        "image_tokenizer/position_embedding",
        "image_tokenizer/patch_embedding/kernel",
        "image_tokenizer/layers/attention/query/kernel",
        "triplane_tokens/embeddings",
        "backbone/proj_in/kernel",
        "upsampler/kernel",
    ],
)
def test_kernels_and_tables_decay(name):
    assert mask_by_name()[name] is True


def test_biases_and_norms_do_not_decay_and_everything_else_does():
    mask = mask_by_name()
    exempt = {name for name, decays in mask.items() if not decays}
    assert {"image_tokenizer/layers/norm1/scale", "image_tokenizer/norm/bias", "backbone/norm/scale"} <= exempt
    assert {"upsampler/bias", "image_tokenizer/layers/mlp/up/bias"} <= exempt
    assert all(name.endswith(("/bias", "/scale")) for name in exempt)
    assert not any(name.endswith(("/bias", "/scale")) for name in set(mask) - exempt)


def test_learning_rate_warms_up_falls_and_stays():
    rate = learning_rate_schedule(CONFIG, 20)
    np.testing.assert_allclose([rate(0), rate(2), rate(4)], [0.0, 5e-3, 1e-2], rtol=1e-6)
    middle = (CONFIG.learning_rate + CONFIG.end_learning_rate) / 2
    np.testing.assert_allclose([rate(12), rate(20), rate(500)], [middle, 1e-4, 1e-4], rtol=1e-5)


def test_without_warm_up_the_first_rate_is_the_peak():
    rate = learning_rate_schedule(dataclasses.replace(CONFIG, warmup_steps=0), 20)
    np.testing.assert_allclose(rate(0), 1e-2, rtol=1e-6)


def test_a_warm_up_longer_than_the_run_is_refused():
    with pytest.raises(UserError, match=r"warmup_steps \(4\) must be smaller"):
        learning_rate_schedule(CONFIG, 4)


def test_the_norm_that_is_skipped_counts_in_clip_norms():
    config = dataclasses.replace(CONFIG, clip_norm=0.5, skip_norm=5.0)
    assert norm_limit(config) == 2.5
    assert norm_limit(CONFIG) == np.inf
    with pytest.raises(UserError, match=r"skip_norm is -1: give how many times clip_norm"):
        make_optimizer(dataclasses.replace(CONFIG, skip_norm=-1.0), 20)


def adamw_as_in_pytorch(params, gradients, rates, config, decays):
    """torch.optim.AdamW and clip_grad_norm_, written out."""
    p = {k: v.astype(np.float64) for k, v in params.items()}
    m = {k: np.zeros_like(v) for k, v in p.items()}
    v = {k: np.zeros_like(x) for k, x in p.items()}
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        norm = np.sqrt(sum(np.sum(x.astype(np.float64) ** 2) for x in g.values()))
        scale = min(1.0, config.clip_norm / norm)
        for k in p:
            x = g[k] * scale
            if decays[k]:
                p[k] = p[k] * (1 - rate * config.weight_decay)
            m[k] = config.b1 * m[k] + (1 - config.b1) * x
            v[k] = config.b2 * v[k] + (1 - config.b2) * x**2
            bias1, bias2 = 1 - config.b1**t, 1 - config.b2**t
            p[k] = p[k] - rate / bias1 * m[k] / (np.sqrt(v[k]) / np.sqrt(bias2) + config.eps)
    return p


def test_updates_equal_pytorchs_formula():
    rng = np.random.default_rng(0)
    shapes = {"kernel": (3, 4), "bias": (2, 5)}
    params = {k: rng.normal(size=s).astype(np.float32) for k, s in shapes.items()}
    gradients = [
        {k: (size * rng.normal(size=s)).astype(np.float32) for k, s in shapes.items()}
        for size in (1.0, 0.01, 0.1, 1.0, 3.0)
    ]
    optimizer = make_optimizer(CONFIG, 20)
    ours = jax.tree.map(jnp.asarray, params)
    state = optimizer.init(ours)
    for g in gradients:
        updates, state = optimizer.update(g, state, ours)
        ours = jax.tree.map(jnp.add, ours, updates)
    rates = [0.0, 2.5e-3, 5e-3, 7.5e-3, 1e-2]
    expected = adamw_as_in_pytorch(params, gradients, rates, CONFIG, {"kernel": True, "bias": False})
    for k in params:
        np.testing.assert_allclose(ours[k], expected[k], rtol=2e-6, atol=2e-6)


def orthogonalised(matrix, eps):
    """Five steps of Newton and Schulz with the published coefficients (Jordan et al. 2024), in float64."""
    x = matrix / (np.linalg.norm(matrix) + eps)
    wide = x if x.shape[0] <= x.shape[1] else x.T
    for _ in range(5):
        square = wide @ wide.T
        wide = 3.4445 * wide + (-4.775 * square + 2.0315 * square @ square) @ wide
    return wide if x.shape[0] <= x.shape[1] else wide.T


def test_muon_updates_the_blocks_matrices_layer_by_layer_and_adamw_the_rest():
    rng = np.random.default_rng(1)
    shapes = {
        "backbone": {"layers": {"query": {"kernel": (2, 3, 5), "bias": (2, 5)}}, "proj_in": {"kernel": (4, 3)}},
        "decoder": {"layer_0": {"kernel": (3, 4)}},
    }
    params = jax.tree.map(
        lambda shape: rng.normal(size=shape).astype(np.float32), shapes, is_leaf=lambda x: isinstance(x, tuple)
    )
    steps = [jax.tree.map(lambda p: rng.normal(size=p.shape).astype(np.float32), params) for _ in range(3)]
    config = dataclasses.replace(CONFIG, method="muon", warmup_steps=1, clip_norm=1e6, eps=0.02)
    optimizer = make_optimizer(config, 20)
    state, now = optimizer.init(params), params
    for gradients in steps:
        updates, state = optimizer.update(gradients, state, now)
        now = optax.apply_updates(now, updates)

    rates = [float(learning_rate_schedule(config, 20)(i)) for i in range(3)]

    def by_muon(start, gradients):
        p, momentum = start.astype(np.float64), np.zeros_like(start, np.float64)
        for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
            momentum = config.muon_momentum * momentum + (1 - config.muon_momentum) * g
            ahead = config.muon_momentum * momentum / (1 - config.muon_momentum ** (t + 1))
            ahead = ahead + (1 - config.muon_momentum) * g / (1 - config.muon_momentum**t)
            step = config.muon_rms * max(p.shape) ** 0.5 * orthogonalised(ahead, config.eps)
            p = p - rate * (step + config.weight_decay * p)
        return p

    query = lambda tree: tree["backbone"]["layers"]["query"]  # noqa: E731
    for layer in range(2):
        expected = by_muon(query(params)["kernel"][layer], [query(g)["kernel"][layer] for g in steps])
        np.testing.assert_allclose(query(now)["kernel"][layer], expected, rtol=2e-4, atol=2e-5)
    proj = lambda tree: tree["backbone"]["proj_in"]["kernel"]  # noqa: E731
    np.testing.assert_allclose(proj(now), by_muon(proj(params), [proj(g) for g in steps]), rtol=2e-4, atol=2e-5)

    rest = {
        "decoder": {"kernel": lambda tree: tree["decoder"]["layer_0"]["kernel"]},
        "bias": {"bias": lambda tree: query(tree)["bias"]},
    }
    for leaves in rest.values():
        ((name, of),) = leaves.items()
        expected = adamw_as_in_pytorch(
            {name: of(params)}, [{name: of(g)} for g in steps], rates, config, {name: name == "kernel"}
        )
        np.testing.assert_allclose(of(now), expected[name], rtol=1e-4, atol=1e-6)


def test_muons_matrices_in_the_true_tree():
    shapes = jax.eval_shape(functools.partial(init_params, LRM(PRESETS["tiny"])), jax.random.key(0))
    leaves, _ = jax.tree_util.tree_flatten_with_path(muon_matrices(shapes), is_leaf=lambda x: isinstance(x, tuple))
    found = {"/".join(k.key for k in path) for path, _ in leaves}
    assert {"backbone/layers/feed_forward/up/kernel", "image_tokenizer/layers/attention/query/kernel"} <= found
    assert {"backbone/proj_in/kernel", "backbone/proj_out/kernel"} <= found
    outside = ("decoder/", "upsampler/", "triplane_tokens/", "image_tokenizer/patch_embedding/")
    assert not any(name.startswith(outside) or not name.endswith("kernel") for name in found)
