"""Rendering of whole fields."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import RENDER

from real3d_jax.cameras import Cameras, canonical_c2w, intrinsics_from_fov, spherical_c2w
from real3d_jax.errors import UserError
from real3d_jax.models.decoder import Decoder
from real3d_jax.rendering import TriplaneField, query_field, render_rays, render_views

CONFIG = dataclasses.replace(RENDER, resolution=8, samples=64, rays_per_chunk=50)
# Op by op there are hundreds of programs to compile.
views_of = jax.jit(render_views, static_argnames=("config", "resolution"))
along_rays = jax.jit(render_rays, static_argnames="config")


@pytest.fixture(scope="module")
def field():
    decoder = Decoder(width=16, hidden_layers=2)
    planes = jax.random.normal(jax.random.key(0), (2, 3, 6, 6, 4))
    return TriplaneField(planes, decoder.init(jax.random.key(1), jnp.zeros((1, 12)))["params"], decoder)


def _half_space_field(axis):
    """Dense red matter where the coordinate `axis` is positive, nothing elsewhere.

    A plane holds a ramp; a decoder without hidden layers reads it as raw density and colour.
    """
    size = 64
    ramp = (jnp.arange(size) + 0.5) / size * 2 - 1
    planes = jnp.zeros((1, 3, size, size, 1))
    # (x, y) runs x along the width; (x, z) and (y, z) run z along the height.
    planes = planes.at[0, 0, :, :, 0].set(jnp.broadcast_to(ramp, (size, size)) if axis == 0 else ramp[:, None])
    if axis == 2:
        planes = jnp.zeros_like(planes).at[0, 1, :, :, 0].set(ramp[:, None])
    plane = 1 if axis == 2 else 0
    kernel = jnp.zeros((3, 4)).at[plane, 0].set(1e4)
    params = {"layer_0": {"kernel": kernel, "bias": jnp.array([0.0, 50.0, -50.0, -50.0])}}
    return TriplaneField(planes, params, Decoder(width=1, hidden_layers=0))


def _camera(azimuth, elevation):
    c2w = spherical_c2w(jnp.array([[azimuth]]), jnp.array([[elevation]]), 3.0)
    return Cameras(c2w, intrinsics_from_fov(jnp.full((1, 1), 0.6)))


def test_up_in_the_world_is_up_in_the_picture():
    _, opacity = views_of(_half_space_field(2), _camera(0.0, 0.0), CONFIG)
    picture = np.asarray(opacity[0, 0, :, :, 0])
    np.testing.assert_allclose(picture[0], 1.0, atol=1e-3)
    np.testing.assert_allclose(picture[-1], 0.0, atol=1e-3)


def test_y_of_the_world_is_right_of_the_canonical_camera_and_matter_hides_what_is_behind():
    rgb, opacity = views_of(_half_space_field(1), _camera(0.0, 0.0), CONFIG)
    np.testing.assert_allclose(opacity[0, 0, :, -1, 0], 1.0, atol=1e-3)
    np.testing.assert_allclose(opacity[0, 0, :, 0, 0], 0.0, atol=1e-3)
    np.testing.assert_allclose(rgb[0, 0, 4, -1], [1, 0, 0], atol=1e-3)
    np.testing.assert_allclose(rgb[0, 0, 4, 0], [1, 1, 1], atol=1e-3)


def test_positive_x_faces_the_canonical_camera():
    field = _half_space_field(0)
    density, _ = query_field(field, jnp.array([[[0.4, 0.1, 0.2], [-0.4, 0.1, 0.2]]]), CONFIG)
    assert density[0, 0] > 1e10
    assert density[0, 1] < 1e-10
    front, back = jnp.array([[[3.0, 0.1, 0.2]]]), jnp.array([[[-3.0, 0.1, 0.2]]])
    along = jnp.array([[[-1.0, 0.0, 0.0]]])
    for origin, direction in ((front, along), (back, -along)):
        _, opacity = along_rays(field, origin, direction, dataclasses.replace(CONFIG, samples=2))
        assert opacity[0, 0, 0] > 0.999


def test_field_is_read_at_points_over_the_radius_and_activated():
    """A ramp along x, read as density and as the three colours in turn, against the formulas."""
    field = _half_space_field(0)
    kernel = jnp.zeros((3, 4)).at[0].set(jnp.array([1.0, 2.0, -3.0, 4.0]))
    field = field.replace(decoder_params={"layer_0": {"kernel": kernel, "bias": jnp.array([2.0, 0.0, 0.5, 0.0])}})
    x = jnp.array([-0.8, -0.1, 0.6])
    density, rgb = query_field(field, jnp.stack([x, 0.3 * x, -x], axis=-1)[None], CONFIG)
    ramp = np.asarray(x, np.float64) / 0.87
    np.testing.assert_allclose(density[0], np.exp(ramp + 2.0 - 1.0), rtol=1e-4)
    raw = ramp[:, None] * [2.0, -3.0, 4.0] + [0.0, 0.5, 0.0]
    np.testing.assert_allclose(rgb[0], 1 / (1 + np.exp(-raw)), rtol=1e-4)


def test_an_unknown_implementation_is_refused(field):
    with pytest.raises(UserError, match=r"config\.render\.implementation .*'palas'.*'pallas'"):
        query_field(field, jnp.zeros((2, 1, 3)), dataclasses.replace(CONFIG, implementation="palas"))


@pytest.mark.parametrize(
    ("origin", "direction", "hit"),
    [
        ([3.0, 0.869, 0.0], [-1.0, 0.0, 0.0], True),
        ([3.0, 0.8695, 0.0], [-1.0, 0.0, 0.0], False),  # between 0.87 (1 - 1e-3) and 0.87
        ([0.869 - 0.005, 0.869, 0.0], [0.5**0.5, -(0.5**0.5), 0.0], False),  # a way of 0.007, in the rim of the box
        ([0.869 - 0.009, 0.869, 0.0], [0.5**0.5, -(0.5**0.5), 0.0], True),  # a way of 0.013
    ],
)
def test_rays_are_cut_with_the_inset_box_and_short_ways_miss(origin, direction, hit):
    origins, directions = jnp.array([[origin]]), jnp.array([[direction]])
    _, opacity = along_rays(_half_space_field(0), origins - directions, directions, CONFIG)
    np.testing.assert_allclose(opacity[0, 0, 0], float(hit), atol=1e-3)


def test_empty_field_is_the_given_background(field):
    empty = dataclasses.replace(CONFIG, density_bias=-200.0, background=0.25)
    rgb, opacity = views_of(field, _two_cameras(), empty)
    np.testing.assert_allclose(opacity, 0.0, atol=1e-6)
    np.testing.assert_allclose(rgb, 0.25, atol=1e-6)


def _two_cameras():
    c2w = jnp.stack([canonical_c2w(2.0), spherical_c2w(1.0, 0.5, 2.0)])
    return Cameras(jnp.stack([c2w, c2w[::-1]]), jnp.broadcast_to(intrinsics_from_fov(0.7), (2, 2, 4)))


def test_opacity_and_colour_stay_in_range(field):
    rgb, opacity = views_of(field, _two_cameras(), CONFIG, resolution=5)
    assert rgb.shape == (2, 2, 5, 5, 3)
    assert opacity.shape == (2, 2, 5, 5, 1)
    assert (np.asarray(opacity) >= 0).all() and (np.asarray(opacity) <= 1 + 1e-6).all()
    assert (np.asarray(rgb) >= 0).all() and (np.asarray(rgb) <= 1 + 1e-6).all()
    assert np.ptp(np.asarray(opacity)) > 0.01, "the test field must not be trivial"


@pytest.fixture(scope="module")
def in_chunks(field):
    """A loss of small views and its gradient by the planes, of views rendered in chunks of so many rays."""

    @functools.partial(jax.jit, static_argnums=1)
    @jax.value_and_grad
    def loss(planes, rays_per_chunk):
        config = dataclasses.replace(CONFIG, rays_per_chunk=rays_per_chunk, samples=8, resolution=4)
        rgb, opacity = render_views(field.replace(planes=planes), _two_cameras(), config)
        return jnp.sum(jnp.sin(3 * rgb)) + jnp.sum(opacity**2)

    return lambda rays_per_chunk: loss(field.planes, rays_per_chunk)


@pytest.mark.parametrize("rays_per_chunk", [1, 7, 128, 10_000])
def test_chunks_change_neither_values_nor_gradients(in_chunks, rays_per_chunk):
    (value, gradient), (expected, expected_gradient) = in_chunks(rays_per_chunk), in_chunks(32)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-5 * float(np.abs(expected_gradient).max()))


def test_ray_that_misses_is_background_with_exactly_zero_gradient(field):
    origins = jnp.array([[[3.0, 2.0, 0.0], [3.0, 0.0, 0.0]]] * 2)
    directions = jnp.array([[[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]] * 2)

    def colours(planes, params):
        return render_rays(field.replace(planes=planes, decoder_params=params), origins, directions, CONFIG)

    rgb, opacity = jax.jit(colours)(field.planes, field.decoder_params)
    np.testing.assert_array_equal(rgb, 1.0)
    np.testing.assert_array_equal(opacity, 0.0)
    gradients = jax.jit(jax.grad(lambda *a: sum(x.sum() for x in colours(*a)), argnums=(0, 1)))(
        field.planes, field.decoder_params
    )
    for gradient in jax.tree.leaves(gradients):
        np.testing.assert_array_equal(gradient, 0.0)


@pytest.mark.parametrize("bias", [-1e4, 0.0, 1e2, 1e4])
def test_extreme_raw_densities_keep_values_and_gradients_finite(field, bias):
    config = dataclasses.replace(CONFIG, density_bias=bias, samples=8, resolution=3)

    def loss(field):
        return sum(x.sum() for x in render_views(field, _two_cameras(), config))

    value, gradients = jax.jit(jax.value_and_grad(loss))(field)
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in jax.tree.leaves(gradients))


def test_memory_of_the_backward_pass_does_not_grow_with_the_rays(field):
    """Doubling the resolution doubles nothing but the rays and the picture themselves."""

    def peak(resolution):
        config = dataclasses.replace(CONFIG, resolution=resolution, rays_per_chunk=256)

        def loss(planes):
            return render_views(field.replace(planes=planes), _two_cameras(), config)[0].sum()

        return jax.jit(jax.grad(loss)).lower(field.planes).compile().memory_analysis().temp_size_in_bytes

    rays = 2 * 2 * (64**2 - 32**2)
    assert peak(64) - peak(32) < rays * 4 * 30, "at most some thirty floats a ray, not hundreds a sample"
