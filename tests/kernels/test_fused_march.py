"""The kernels that march against the plain path, in float32 and interpreted; and what they become on a GPU."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import RENDER

from real3d_jax.cameras import Cameras, camera_rays, intrinsics_from_fov, spherical_c2w
from real3d_jax.errors import UserError
from real3d_jax.kernels import fused_march, relaxed_atomics
from real3d_jax.kernels.pallas import launch
from real3d_jax.kernels.ray_compositing import composite_backward_kernel, composite_kernel
from real3d_jax.kernels.ray_groups import GROUP, RUN, March, fits
from real3d_jax.models.decoder import Decoder
from real3d_jax.rendering import TriplaneField, render_views
from real3d_jax.rendering.compositing import composite
from real3d_jax.rendering.rays import intersect_box
from real3d_jax.rendering.sample_order import to_tiles

TOLERANCE = 1e-5
RESOLUTION = 12


def _field(layers, dtype=jnp.float32):
    decoder = Decoder(16, layers, dtype=dtype)
    planes = jax.random.normal(jax.random.key(0), (2, 3, 12, 12, 3))
    params = decoder.init(jax.random.key(1), jnp.zeros((1, 9)))["params"]
    return TriplaneField(planes, params, decoder)


def _cameras(distance):
    angles = jnp.tile(jnp.array([[0.3, -2.0]]), (2, 1))
    return Cameras(spherical_c2w(angles, 0.4 * angles, distance), jnp.tile(intrinsics_from_fov(0.8), (2, 2, 1)))


def _worst(actual, expected):
    """The largest difference of any leaf, relative to the leaf's largest number."""
    pairs = zip(*(jax.tree.leaves(jax.device_get(tree)) for tree in (actual, expected)), strict=True)
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in pairs)


def _value_and_gradients(field, cameras, config):
    """Views, and the gradients of a random combination of them."""

    @jax.jit
    @functools.partial(jax.grad, argnums=(0, 1), has_aux=True)
    def run(planes, params):
        rgb, opacity = render_views(TriplaneField(planes, params, field.decoder), cameras, config)
        weights = jax.random.normal(jax.random.key(5), rgb.shape)
        return jnp.sum(weights * rgb) + jnp.sum(weights[..., :1] * opacity**2), (rgb, opacity)

    with jax.default_matmul_precision("highest"):
        return run(field.planes, field.decoder_params)


@pytest.mark.parametrize(
    ("layers", "samples", "rays_per_chunk", "distance"),
    [
        pytest.param(3, 48, 144, 2.2, id="one chunk, whose pre-activations are kept"),
        pytest.param(6, 16, 72, 6.0, id="two chunks, two segments of layers, groups that miss the box"),
    ],
)
def test_views_and_their_gradients(layers, samples, rays_per_chunk, distance, monkeypatch):
    marched = []
    march = fused_march._march
    monkeypatch.setattr(fused_march, "_march", lambda *args: marched.append(args) or march(*args))
    config = dataclasses.replace(
        RENDER, resolution=RESOLUTION, samples=samples, rays_per_chunk=rays_per_chunk, density_bias=1.0
    )
    field, cameras = _field(layers), _cameras(distance)
    fused, plain = (
        _value_and_gradients(field, cameras, dataclasses.replace(config, implementation=name))
        for name in ("pallas", "xla")
    )
    assert _worst(fused, plain) < TOLERANCE
    assert [args[0].keep for args in marched] == [layers == 3]
    origins, directions = (to_tiles(x).reshape(-1, GROUP, 3) for x in camera_rays(cameras, RESOLUTION, RESOLUTION))
    hit = intersect_box(origins, directions, half_size=config.radius, min_interval=config.min_interval)[2]
    assert bool((~hit).all(axis=1).any()) == (layers == 6)


def test_rays_and_samples_that_fill_no_group_go_the_other_way():
    assert fits(64, 16)
    assert not fits(40, 16)
    assert not fits(64, 24)


def test_cameras_have_no_gradient():
    field, cameras = _field(2), _cameras(2.2)
    config = dataclasses.replace(RENDER, resolution=RESOLUTION, samples=16, rays_per_chunk=64, implementation="pallas")
    with pytest.raises(UserError, match="set it to 'xla'"):
        jax.eval_shape(
            jax.grad(lambda c2w: render_views(field, Cameras(c2w, cameras.intrinsics), config)[0].sum()), cameras.c2w
        )


def test_compositing_from_nothing_to_the_opaque():
    """Raw densities whose exponentials go from 0 to 5e34, in chunks of a ray that has more than one."""
    samples, groups = 96, 2
    march = March(samples, 0.5, jnp.dtype(jnp.float32), False, True)
    rng = np.random.default_rng(0)
    raw = np.float32(rng.normal(size=(groups * GROUP, samples, 4)))
    raw[..., 0] *= 4.0
    raw[1, 7, 0], raw[2, :, 0], raw[3, :, 0], raw[5, 90, 0] = 79.0, -1e4, 1e4, 40.0
    hit = np.ones(groups * GROUP, bool)
    hit[4] = False
    d_sums = jnp.asarray(rng.normal(size=(groups * GROUP, 4)), jnp.float32)

    def plain(raw):
        density = jnp.exp(jnp.minimum(raw[..., 0] + march.density_bias, 80.0))
        density = jnp.where(hit[:, None], density, 0.0)
        rgb, opacity = composite(density, jax.nn.sigmoid(raw[..., 1:]), step=1.0 / samples, background=0.0)
        return jnp.concatenate([opacity, rgb], axis=-1)

    expected, pull_back = jax.vjp(plain, jnp.asarray(raw))
    tiles = raw.reshape(groups, GROUP, samples // RUN, RUN, 4)
    in_order = jnp.asarray(np.moveaxis(np.swapaxes(tiles, 1, 2), -1, 0).reshape(4, -1))
    rays = jnp.zeros((8, groups * GROUP)).at[7].set(hit)
    live = jnp.array([groups], jnp.int32)
    shape = functools.partial(jax.ShapeDtypeStruct, dtype=jnp.float32)
    sums = launch(
        functools.partial(composite_kernel, march=march),
        shape((4, groups * GROUP)),
        in_order,
        rays,
        live,
        grid=(groups,),
        interpret=True,
    )
    d_raw, d_bias = launch(
        functools.partial(composite_backward_kernel, march=march),
        (shape(in_order.shape), shape((4, groups))),
        in_order,
        rays,
        live,
        d_sums.T,
        grid=(groups,),
        interpret=True,
    )
    np.testing.assert_allclose(sums.T, expected, atol=2e-6)
    (d_expected,) = pull_back(d_sums)
    d_tiles = np.moveaxis(np.asarray(d_raw).reshape(4, groups, samples // RUN, GROUP, RUN), 0, -1)
    d_found = np.swapaxes(d_tiles, 1, 2).reshape(raw.shape)
    np.testing.assert_allclose(d_found, d_expected, atol=2e-6)
    np.testing.assert_allclose(d_bias.sum(axis=1), d_expected.sum(axis=(0, 1)), atol=2e-5)


def test_a_gpu_adds_without_waiting(monkeypatch):
    """Pallas' insides are as `relaxed_atomics` expects them, and the kernels become Triton's."""
    assert relaxed_atomics._primitive() is not None
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    field, cameras = _field(3, jnp.bfloat16), _cameras(2.2)
    config = dataclasses.replace(RENDER, resolution=RESOLUTION, samples=16, rays_per_chunk=64, implementation="pallas")
    gradient = jax.grad(
        lambda planes: render_views(TriplaneField(planes, field.decoder_params, field.decoder), cameras, config)[
            0
        ].sum()
    )
    traced = jax.jit(gradient).trace(field.planes)
    assert "relaxed_add" in str(traced.jaxpr)
    assert "_scatter_kernel" in traced.lower(lowering_platforms=("cuda",)).as_text()
