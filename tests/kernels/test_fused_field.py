"""The fused query against the plain one, in float32, its kernels interpreted."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import RENDER

from real3d_jax.cameras import Cameras, intrinsics_from_fov, spherical_c2w
from real3d_jax.errors import UserError
from real3d_jax.kernels.decoder_segments import decode, output_layer
from real3d_jax.kernels.fused_field import query_raw_fused
from real3d_jax.models.decoder import Decoder
from real3d_jax.rendering import TriplaneField, render_views
from real3d_jax.rendering.field import choose_implementation, query_raw
from tests.kernels.agreement import with_gradients, worst

CHANNELS, SIDE, WIDTH = 3, 12, 16
TOLERANCE = 1e-5


def _field(layers, batch=2, seed=0):
    decoder = Decoder(WIDTH, layers)
    planes = jax.random.normal(jax.random.key(seed), (batch, 3, SIDE, SIDE, CHANNELS))
    params = decoder.init(jax.random.key(seed + 1), jnp.zeros((1, 3 * CHANNELS)))["params"]
    return TriplaneField(planes, params, decoder)


def _value_and_gradients(field, points, implementation):
    """Raw outputs, and the gradients of a random combination of them."""
    return with_gradients(lambda field: query_raw(field, points, implementation), field)


# Segments of the backward pass: one layer; a whole one; one and a bit.
@pytest.mark.parametrize("layers", [2, 5, 6])
def test_scattered_points_beyond_the_box(layers):
    """Tiles that span the whole planes and lie partly outside, in a number that fills no tile."""
    field = _field(layers)
    points = jax.random.uniform(jax.random.key(5), (2, 150, 3), minval=-1.3, maxval=1.3)
    points = points.at[0, :3].set(jnp.array([[9.0, -9.0, 1e5], [1.0, 1.0, 1.0], [-1.0, 1.0, -1.0]]))
    fused, plain = (_value_and_gradients(field, points, name) for name in ("pallas", "xla"))
    assert worst(fused, plain) < TOLERANCE


def test_each_coordinate_meets_its_own_plane():
    """Points that differ in one coordinate only, near the edge of a window of texels."""
    field = _field(2, batch=1)
    for axis in range(3):
        line = jnp.full((1, 64, 3), 0.21).at[0, :, axis].set(jnp.linspace(-0.4, 0.4, 64))
        fused, plain = (_value_and_gradients(field, line, name) for name in ("pallas", "xla"))
        assert worst(fused, plain) < TOLERANCE


def test_rendered_views_and_their_gradients():
    field = _field(3, batch=1)
    angles = jnp.array([[0.3, -2.0]])
    cameras = Cameras(spherical_c2w(angles, 0.4 * angles, 2.2), jnp.tile(intrinsics_from_fov(0.8), (1, 2, 1)))

    def value_and_gradients(implementation, rays_per_chunk):
        config = dataclasses.replace(
            RENDER, implementation=implementation, rays_per_chunk=rays_per_chunk, resolution=12, samples=12
        )

        return with_gradients(lambda field: render_views(field, cameras, config), field)

    plain = value_and_gradients("xla", 100_000)
    assert worst(value_and_gradients("pallas", 100_000), plain) < TOLERANCE
    assert worst(value_and_gradients("pallas", 25), plain) < TOLERANCE, "chunks that fill no tile"


def test_cameras_have_no_gradient_and_say_so():
    field = _field(2, batch=1)
    with pytest.raises(UserError, match="no gradient with respect to points"):
        jax.grad(lambda points: query_raw(field, points, "pallas").sum())(jnp.zeros((1, 4, 3)))


def test_choice_of_the_implementation():
    field = _field(2)
    assert choose_implementation("auto", field) == "xla", "there is no GPU here"
    assert choose_implementation("pallas", field) == "pallas"
    with pytest.raises(UserError, match="did you mean 'pallas'"):
        choose_implementation("palas", field)
    odd = field.replace(decoder=Decoder(24, 2))
    with pytest.raises(UserError, match="widths"):
        choose_implementation("pallas", odd)


def test_bfloat16_is_as_near_to_float32_as_the_plain_path():
    """Outside the kernel, in the interpreter: the rounding of planes, weights and activations, not the GPU's tanh."""
    field = _field(6)
    points = jax.random.uniform(jax.random.key(5), (2, 256, 3), minval=-1.0, maxval=1.0)
    exact, _ = _value_and_gradients(field, points, "xla")
    rounded = field.replace(decoder=Decoder(WIDTH, 6, dtype=jnp.bfloat16))
    error = {
        name: float(np.linalg.norm(_value_and_gradients(rounded, points, name)[0] - exact) / np.linalg.norm(exact))
        for name in ("xla", "pallas")
    }
    assert 0 < error["pallas"] < 1.5 * error["xla"], error
    assert error["pallas"] < 0.03


def test_the_output_layer_is_not_rounded_to_bfloat16():
    """Its error would be enlarged by the exponential: its weights are two numbers each."""
    rng = np.random.default_rng(0)
    z, out = (rng.normal(size=shape).astype(np.float32) for shape in ((32, WIDTH), (WIDTH, 4)))
    hidden, bias = jnp.zeros((0, WIDTH, WIDTH), jnp.bfloat16), jnp.arange(4.0)
    output = output_layer(jnp.asarray(out), bias, jnp.bfloat16)
    found = decode(jnp.asarray(z), hidden, jnp.zeros((1, WIDTH)), output, jnp.dtype(jnp.bfloat16), True)[:, :4]
    activations = np.asarray(jax.nn.silu(z).astype(jnp.bfloat16), np.float64)
    np.testing.assert_allclose(found, activations @ out + bias, atol=2e-4)


def test_kernels_lower_for_a_gpu():
    """What the GPU's compiler gets is made here already, where there is none."""
    device = jax.sharding.AbstractDevice("NVIDIA H100 80GB HBM3", None, "cuda")
    mesh = jax.sharding.AbstractMesh((1,), ("x",), axis_types=(jax.sharding.AxisType.Auto,), abstract_device=device)
    field = _field(6, batch=1)

    def gradient(planes, params, points):
        return jax.grad(lambda planes: query_raw_fused(planes, params, points, dtype=jnp.bfloat16).sum())(planes)

    with jax.sharding.use_abstract_mesh(mesh):
        traced = jax.jit(gradient).trace(field.planes, field.decoder_params, jnp.zeros((1, 256, 3)))
        text = traced.lower(lowering_platforms=("cuda",)).as_text()
    for kernel in ("_store_kernel", "_segment_kernel", "_scatter_kernel"):
        assert kernel in text
