"""The whole loss of a batch (Eq. 1 and 10) against its parts composed by hand: which image, pose and target goes where.

Each part is written out here from the renderer and the model alone, for one example.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from miniature import shrink

from real3d_jax.batches import as_float
from real3d_jax.benchmarks.random_batches import random_batch
from real3d_jax.cameras import Cameras
from real3d_jax.config.training import BatchConfig
from real3d_jax.losses.cycle import intermediate_input
from real3d_jax.losses.reconstruction import View
from real3d_jax.models.lrm import init_params, make_model
from real3d_jax.rendering import render_views
from real3d_jax.rendering.field import reconstruct
from real3d_jax.training.gradients import draw_poses
from real3d_jax.training.objective import batch_loss
from real3d_jax.weights.networks import load_frozen


@pytest.fixture(scope="module")
def config(smoke_config):
    """Every loss but LPIPS, with weights of the same order, so that none hides another."""
    config = shrink(smoke_config)
    losses = config.losses
    losses = dataclasses.replace(
        losses,
        supervised=dataclasses.replace(losses.supervised, mse=1.0, lpips=0.0, mask=1.0),
        input_view=dataclasses.replace(losses.input_view, mse=0.3, mask=0.3),
        cycle=dataclasses.replace(
            losses.cycle, weights=dataclasses.replace(losses.cycle.weights, mse=5.0, mask=2.0), mask_threshold=0.01
        ),
        semantic=dataclasses.replace(losses.semantic, weight=1.0, views=2),
    )
    return dataclasses.replace(config, losses=losses)


@pytest.fixture(scope="module")
def frozen(config):
    return load_frozen(config.perceptual, need_encoder=True, need_lpips=False)


@pytest.fixture(scope="module")
def params(config):
    """A model whose fields differ from image to image, and have a shape: its planes are strong."""
    params = jax.jit(lambda key: init_params(make_model(config.model, config.compute), key))(jax.random.key(0))
    params["upsampler"]["kernel"] *= 30.0
    return params


@pytest.fixture(scope="module")
def by_hand(config, frozen, params):
    """A batch of two objects and two photographs, the poses of its novel views, and the terms of each example."""
    config = dataclasses.replace(config, batch=BatchConfig(2, 2, 1))
    model = make_model(config.model, config.compute)
    batch = random_batch(config, seed=4)

    @jax.jit
    def compose(params, frozen, batch):
        poses = draw_poses(jax.random.key(3), jnp.asarray(100), batch.real, config=config)
        return poses, _by_hand(params, as_float(batch), poses, frozen=frozen, model=model, config=config)

    return batch, *compose(params, frozen, batch)


@pytest.mark.parametrize(
    ("real", "weight"), [(2, (1.6, 0.4)), (1, None)], ids=["in one pass, not all alike", "in two passes"]
)
def test_the_loss_of_a_batch_is_its_parts_composed_by_hand(config, frozen, params, by_hand, real, weight):
    """As many of both halves share a pass through the model (the paper's 40 + 40); other numbers do not.

    Every term counts an example by its weight, by which filler counts for nothing.
    """
    batch, poses, terms_by_example = by_hand
    first = functools.partial(jax.tree.map, lambda x: x[:real])
    batch, poses = batch.replace(real=first(batch.real)), first(poses)
    if weight is not None:
        halves = (half.replace(weight=np.float32(weight)) for half in (batch.synthetic, batch.real))
        batch = batch.replace(**dict(zip(("synthetic", "real"), halves, strict=True)))
    expected = {
        name: np.average(values[:real] if name.startswith("real/") else values, weights=weight)
        for name, values in terms_by_example.items()
    }
    model = make_model(config.model, config.compute)
    loss_fn = jax.jit(functools.partial(batch_loss, model=model, config=config))
    loss, terms = loss_fn(params, batch, poses, frozen=frozen)
    assert set(terms) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(terms[name], value, rtol=1e-5, err_msg=name)
    losses = config.losses
    weights = {
        "synthetic/mse": losses.supervised.mse,
        "synthetic/mask": losses.supervised.mask,
        "real/input_view/mse": losses.input_view.mse,
        "real/input_view/mask": losses.input_view.mask,
        "real/cycle/mse": losses.cycle.weights.mse,
        "real/cycle/mask": losses.cycle.weights.mask,
        "real/semantic": losses.semantic.weight,
    }
    np.testing.assert_allclose(loss, sum(weights[name] * value for name, value in expected.items()), rtol=1e-5)


def _by_hand(params, batch, poses, *, frozen, model, config):
    """Every term of the loss of each example; it is computed from its example alone."""

    def field_of(image):
        return reconstruct(params, image[None], model=model)

    def seen(field, c2w, intrinsics):
        rgb, opacity = render_views(field, Cameras(c2w[None, None], intrinsics[None, None]), config.render)
        return rgb[0, 0], opacity[0, 0]

    def squares(name, view, rgb, mask):
        return {f"{name}/mse": jnp.mean((view[0] - rgb) ** 2), f"{name}/mask": jnp.mean((view[1] - mask) ** 2)}

    def of_object(example):
        field = field_of(example.image)
        views = [
            squares("synthetic", seen(field, c2w, intrinsics), rgb, mask)
            for c2w, intrinsics, rgb, mask in zip(
                example.cameras.c2w, example.cameras.intrinsics, example.rgb, example.mask, strict=True
            )
        ]
        return jax.tree.map(lambda *terms: jnp.mean(jnp.stack(terms)), *views)

    def of_photograph(example, poses):
        phi, intrinsics = example.cameras.c2w, example.cameras.intrinsics
        field = field_of(example.image)
        terms = squares("real/input_view", seen(field, phi, intrinsics), example.rgb, example.mask)

        novel = seen(field, poses.cycle, intrinsics)  # Eq. 3
        image = intermediate_input(
            View(novel[0][None], novel[1][None]),
            image_size=config.model.image_size,
            mask_threshold=config.losses.cycle.mask_threshold,
            end_to_end=False,
        )
        change = jnp.linalg.inv(phi) @ poses.cycle  # Phi = phi dPhi
        back = phi @ jnp.linalg.inv(change)  # Eq. 4
        terms |= squares("real/cycle", seen(field_of(image[0]), back, intrinsics), example.rgb, example.mask)

        views = [example.rgb, *(seen(field, pose, intrinsics)[0] for pose in poses.semantic)]  # Eq. 7
        reference, *novel = (frozen.embed(view[None])[0] for view in views)
        return terms | {"real/semantic": jnp.max(jnp.stack([-jnp.dot(view, reference) for view in novel]))}  # Eq. 9

    return jax.vmap(of_object)(batch.synthetic) | jax.vmap(of_photograph)(batch.real, poses)
