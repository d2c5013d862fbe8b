"""The public door: fields, orbits and surfaces are those of the model and the renderer."""

import dataclasses
import functools

import jax
import numpy as np
import optax
import pytest

from real3d_jax import cameras
from real3d_jax.config import files as config_files
from real3d_jax.config.training import MeshConfig
from real3d_jax.errors import UserError
from real3d_jax.export.isosurface import extract_mesh
from real3d_jax.inference.reconstructor import Reconstructor, load, orbit_cameras
from real3d_jax.models.lrm import init_params, make_model
from real3d_jax.rendering import render_views
from real3d_jax.rendering.field import reconstruct
from real3d_jax.runtime.sharding import make_mesh
from real3d_jax.training.checkpoints import Checkpoints
from real3d_jax.training.state import create
from tests.inference.conftest import photograph


@pytest.fixture(scope="module")
def reconstructor(tiny, params):
    return Reconstructor(tiny, params)


@pytest.fixture(scope="module")
def image(reconstructor):
    return reconstructor.input_image(photograph())


@pytest.fixture(scope="module")
def field(reconstructor, image):
    return reconstructor.field(image)


def test_the_field_is_the_models(tiny, params, image, field):
    assert image.shape == (32, 32, 3)
    model = make_model(tiny.model, tiny.compute)
    with jax.default_matmul_precision("highest"):
        expected = jax.jit(functools.partial(reconstruct, model=model))(params, np.float32(image[None]) / 255)
    np.testing.assert_allclose(field.planes, expected.planes, atol=1e-5 * np.abs(expected.planes).max())


def test_the_orbit_begins_at_the_input_camera_and_goes_to_its_right(tiny):
    way = orbit_cameras(dataclasses.replace(tiny.orbit, frames=4, elevation=0.0, distance=3.0, fov_y=39.6))
    np.testing.assert_allclose(way.c2w[0], cameras.canonical_c2w(3.0), atol=1e-6)
    np.testing.assert_allclose(way.c2w[:, :3, 3], [[3, 0, 0], [0, 3, 0], [-3, 0, 0], [0, -3, 0]], atol=1e-6)
    np.testing.assert_allclose(way.intrinsics, np.tile([1.3889, 1.3889, 0.5, 0.5], (4, 1)), atol=1e-4)
    above = orbit_cameras(dataclasses.replace(tiny.orbit, elevation=30.0, distance=2.0))
    np.testing.assert_allclose(above.c2w[:, 2, 3], 1.0, atol=1e-6)


def test_views_are_the_renderers_however_many_at_once(tiny, params, reconstructor, field):
    views = reconstructor.orbit(field)
    assert views.shape == (5, 16, 16, 3) and views.dtype == np.uint8
    way = jax.tree.map(lambda x: x[None], orbit_cameras(tiny.orbit))
    with jax.default_matmul_precision("highest"):
        render = jax.jit(functools.partial(render_views, config=tiny.render, resolution=16))
        expected, _ = render(field, way)
    np.testing.assert_allclose(views, 255 * np.asarray(expected[0]), atol=0.51)
    assert views.std() > 3  # something is seen
    at_once = dataclasses.replace(tiny, orbit=dataclasses.replace(tiny.orbit, frames_at_once=64))
    np.testing.assert_allclose(Reconstructor(at_once, params).orbit(field), views, atol=1)


def test_where_the_density_is_low_an_orbit_shows_nothing(tiny, params, reconstructor, field):
    def orbit(least_density):
        changed = dataclasses.replace(tiny.orbit, least_density=least_density)
        return Reconstructor(dataclasses.replace(tiny, orbit=changed), params).orbit(field)

    np.testing.assert_allclose(orbit(1e-9), reconstructor.orbit(field), atol=1)  # nothing is so low
    assert (orbit(1e36) == 255).all()


def test_the_surface_is_the_fields(tiny, reconstructor, field):
    mesh = reconstructor.surface(field)
    expected = extract_mesh(field, tiny.render, resolution=16, threshold=0.5)
    assert len(mesh.faces) > 10
    np.testing.assert_allclose(mesh.vertices, expected.vertices, atol=1e-5)


def test_layers_that_are_compiled_one_by_one_give_the_same_field(tiny, params, reconstructor, image):
    """From weights that need not be copied out of their stacks."""
    apart = Reconstructor(dataclasses.replace(tiny, compute=dataclasses.replace(tiny.compute, unroll=0)), params)
    assert list(apart._params["backbone"]["layers"]) == [str(i) for i in range(tiny.model.layers)]
    np.testing.assert_allclose(apart.field(image).planes, reconstructor.field(image).planes, rtol=1e-4, atol=1e-5)


def test_broken_weights_are_told(tiny, params, image):
    broken = jax.tree.map(lambda x: x * np.float32("nan"), params)
    with pytest.raises(UserError, match="planes are not finite"):
        Reconstructor(tiny, broken).field(image)


def test_a_run_brings_its_own_model_and_box(tiny, tmp_path):
    trained = dataclasses.replace(
        tiny,
        model=dataclasses.replace(tiny.model, plane_channels=8),
        render=dataclasses.replace(tiny.render, radius=0.5, samples=3),
    )
    model = make_model(trained.model, trained.compute)
    state = create(
        lambda key: init_params(model, key),
        jax.random.key(0),
        optimizer=optax.adamw(1e-3),
        keep_ema=False,
        mesh=make_mesh(MeshConfig(1), 1),
    )
    checkpoints = Checkpoints(tmp_path, keep=1)
    checkpoints.save(state, {"config": config_files.to_tree(trained), "data": {}, "run": {}})
    checkpoints.wait()
    config, checkpoint = load(tmp_path, tiny)
    assert config.model == trained.model
    assert config.render == dataclasses.replace(tiny.render, radius=0.5)
    jax.tree.map(np.testing.assert_array_equal, checkpoint.params, jax.device_get(state.params))
    assert checkpoint.step == 0
    with pytest.raises(UserError, match="averaged"):
        load(tmp_path, tiny, ema=True)
    with pytest.raises(UserError, match="There is no checkpoint"):
        load(tmp_path / "nowhere", tiny)
