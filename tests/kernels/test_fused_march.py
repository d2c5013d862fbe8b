"""The kernels that march against the plain path, in float32 and interpreted; and what they become on a GPU."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax._src.pallas.triton import lowering
from published import RENDER

from real3d_jax.cameras import Cameras, camera_rays, intrinsics_from_fov, spherical_c2w
from real3d_jax.errors import UserError
from real3d_jax.kernels import fused_march, relaxed_atomics
from real3d_jax.kernels.pallas import launch
from real3d_jax.kernels.plane_windows import dot
from real3d_jax.kernels.ray_compositing import _sum_before, composite_backward_kernel, composite_kernel
from real3d_jax.kernels.ray_groups import GROUP, RUN, March
from real3d_jax.models.decoder import Decoder
from real3d_jax.rendering import TriplaneField, render_views
from real3d_jax.rendering.compositing import composite
from real3d_jax.rendering.field import choose_implementation, choose_ray_implementation
from real3d_jax.rendering.lens import Lens
from real3d_jax.rendering.rays import intersect_box
from real3d_jax.rendering.sample_order import to_tiles
from tests.commands import assert_passes_with_devices
from tests.kernels.agreement import with_gradients, worst

TOLERANCE = 1e-5
RESOLUTION = 12
SIZES = {"resolution": RESOLUTION, "samples": 16, "rays_per_chunk": 144}
CONFIG = dataclasses.replace(RENDER, **SIZES, implementation="pallas_march")


def _field(layers, dtype=jnp.float32):
    decoder = Decoder(16, layers, dtype=dtype)
    planes = jax.random.normal(jax.random.key(0), (2, 3, 12, 12, 3))
    params = decoder.init(jax.random.key(1), jnp.zeros((1, 9)))["params"]
    return TriplaneField(planes, params, decoder)


def _cameras(distance):
    angles = jnp.tile(jnp.array([[0.3, -2.0]]), (2, 1))
    return Cameras(spherical_c2w(angles, 0.4 * angles, distance), jnp.tile(intrinsics_from_fov(0.8), (2, 2, 1)))


def _value_and_gradients(field, cameras, config, remat=False):
    """Views, and the gradients of a random combination of them."""

    def views(field):
        return render_views(field, cameras, config)

    return with_gradients(jax.checkpoint(views) if remat else views, field)


def _render_config(implementation, **changes):
    return dataclasses.replace(CONFIG, **changes, implementation=implementation)


@pytest.fixture
def kept(monkeypatch):
    """Of each forward pass that is traced, whether its pre-activations are kept."""
    found, forward = [], fused_march._forward
    monkeypatch.setattr(fused_march, "_forward", lambda march, *args: found.append(march.keep) or forward(march, *args))
    return found


@pytest.mark.parametrize(
    ("layers", "distance", "remat", "changes"),
    [
        pytest.param(3, 2.2, False, {"samples": 48}, id="one chunk, whose pre-activations are kept"),
        pytest.param(
            6, 6.0, False, {"rays_per_chunk": 72}, id="two chunks, two segments of layers, groups that miss the box"
        ),
        pytest.param(
            2, 2.2, True, {"rays_per_chunk": 25, "density_bias": 12.0}, id="chunks that fill no group, opaque, remat"
        ),
    ],
)
def test_views_and_their_gradients(layers, distance, remat, changes, kept):
    field, cameras = _field(layers), _cameras(distance)
    changes = {"density_bias": 1.0} | changes
    fused, plain = (
        _value_and_gradients(field, cameras, _render_config(name, **changes), remat) for name in ("pallas_march", "xla")
    )
    assert worst(fused, plain) < TOLERANCE
    assert (True in kept) == (layers == 3)
    origins, directions = (to_tiles(x).reshape(-1, GROUP, 3) for x in camera_rays(cameras, RESOLUTION, RESOLUTION))
    hit = intersect_box(origins, directions, half_size=RENDER.radius, min_interval=RENDER.min_interval)[2]
    assert bool((~hit).all(axis=1).any()) == (layers == 6)
    if layers == 2:
        assert float(plain[0][1].max()) > 1 - 1e-6


def test_nothing_is_kept_where_there_is_no_gradient(kept):
    field, cameras = _field(3), _cameras(2.2)
    jax.eval_shape(lambda planes: render_views(field.replace(planes=planes), cameras, CONFIG), field.planes)
    assert kept == [False]


def test_nothing_is_kept_of_a_decoder_of_two_segments(kept):
    """In one chunk, where there is room: the second segment's start is not kept, so the backward pass stores both."""
    field, cameras = _field(6), _cameras(2.2)
    gradient = jax.grad(lambda planes: render_views(field.replace(planes=planes), cameras, CONFIG)[0].sum())
    assert jax.eval_shape(gradient, field.planes).shape == field.planes.shape
    assert set(kept) == {False}


def test_auto_marches_with_narrow_decoders(monkeypatch):
    """On a GPU; what was not measured to be faster stays with the fused query, and points always are."""
    auto = _render_config("auto")
    mini, base = (_field(2).replace(decoder=Decoder(64, layers, dtype=jnp.bfloat16)) for layers in (4, 9))
    assert choose_ray_implementation(auto, mini) == "xla", "there is no GPU here"
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert choose_ray_implementation(auto, mini) == "pallas_march"
    assert choose_implementation("auto", mini) == choose_implementation("pallas_march", mini) == "pallas"
    assert choose_ray_implementation(auto, base) == "pallas"
    assert choose_ray_implementation(auto, mini.replace(decoder=Decoder(128, 4, dtype=jnp.bfloat16))) == "pallas"
    assert choose_ray_implementation(auto, mini.replace(decoder=Decoder(64, 4))) == "xla"
    assert choose_ray_implementation(dataclasses.replace(auto, samples=24), mini) == "pallas"
    assert choose_ray_implementation(auto, mini.replace(lens=Lens(2.0, 3.0))) == "pallas"
    for name in ("pallas", "xla"):
        assert choose_ray_implementation(_render_config(name), mini) == name
    assert choose_ray_implementation(CONFIG, base) == "pallas_march"


def test_what_cannot_march_is_refused_by_name():
    field = _field(2)
    with pytest.raises(UserError, match=r"multiple of 16 as config\.render\.samples, which is 24"):
        choose_ray_implementation(_render_config("pallas_march", samples=24), field)
    with pytest.raises(UserError, match="field of view"):
        choose_ray_implementation(CONFIG, field.replace(lens=Lens(2.0, 3.0)))
    with pytest.raises(UserError, match="'pallas_march' needs a decoder"):
        choose_ray_implementation(CONFIG, field.replace(decoder=Decoder(24, 2)))


def test_each_device_marches_through_its_own_fields(monkeypatch):
    field, cameras = _field(2), _cameras(2.2)
    grouped, seen = fused_march._grouped, []

    def spy(march, planes, decoder, rays):
        seen.append((len(planes), len(rays)))
        return grouped(march, planes, decoder, rays)

    monkeypatch.setattr(fused_march, "_grouped", spy)
    mesh = jax.sharding.AbstractMesh((2,), ("x",), axis_types=(jax.sharding.AxisType.Auto,))
    with jax.sharding.use_abstract_mesh(mesh):
        rgb = jax.eval_shape(lambda planes: render_views(field.replace(planes=planes), cameras, CONFIG), field.planes)[
            0
        ]
    assert rgb.shape == (2, 2, RESOLUTION, RESOLUTION, 3)
    assert set(seen) == {(1, 1)}


@pytest.mark.slow
def test_on_two_devices_of_another_process():
    assert_passes_with_devices(2, __file__, "views_of_fields_on_two_devices")


@pytest.mark.skipif(jax.device_count() < 2, reason="needs two devices")
def test_views_of_fields_on_two_devices():
    field, cameras = _field(3), _cameras(2.2)
    plain = _value_and_gradients(field, cameras, _render_config("xla"))
    mesh = jax.make_mesh((2,), ("x",), axis_types=(jax.sharding.AxisType.Auto,), devices=jax.devices()[:2])
    with jax.set_mesh(mesh):
        split = jax.device_put(field.planes, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("x")))
        found = _value_and_gradients(field.replace(planes=split), cameras, CONFIG)
    assert worst(found, plain) < TOLERANCE


def test_cameras_have_no_gradient():
    field, cameras = _field(2), _cameras(2.2)
    with pytest.raises(UserError, match="set it to 'xla'"):
        jax.eval_shape(
            jax.grad(lambda c2w: render_views(field, Cameras(c2w, cameras.intrinsics), CONFIG)[0].sum()), cameras.c2w
        )


def test_compositing_from_nothing_to_the_opaque():
    """Raw densities whose exponentials go from 0 to 5e34, in chunks of a ray that has more than one."""
    samples, groups = 96, 2
    march = March(samples, 0.5, jnp.dtype(jnp.float32), False, True)
    rng = np.random.default_rng(0)
    raw = np.float32(rng.normal(size=(groups * GROUP, samples, 4)))
    raw[..., 0] *= 4.0
    raw[1, 7, 0], raw[2, :, 0], raw[3, :, 0], raw[5, 90, 0] = 79.0, -1e4, 1e4, 40.0
    raw[6:12, :, 0] -= 6.0  # rays that are not opaque: opacity has a gradient along them alone
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
    assert ((expected[:, 0] > 0.1) & (expected[:, 0] < 0.9)).sum() >= 3
    (d_expected,) = pull_back(d_sums)
    d_tiles = np.moveaxis(np.asarray(d_raw).reshape(4, groups, samples // RUN, GROUP, RUN), 0, -1)
    d_found = np.swapaxes(d_tiles, 1, 2).reshape(raw.shape)
    np.testing.assert_allclose(d_found, d_expected, atol=2e-6)
    np.testing.assert_allclose(d_bias.sum(axis=1), d_expected.sum(axis=(0, 1)), atol=2e-5)


@pytest.mark.parametrize(("dtype", "full"), [(jnp.float32, True), (jnp.bfloat16, False)])
def test_products_are_of_full_precision_where_their_factors_are(dtype, full):
    """On a GPU float32 ones would be rounded to fewer bits; sums are always float32."""
    lowered = jax.jit(dot).lower(*[jax.ShapeDtypeStruct((16, 16), dtype)] * 2)
    assert ("HIGHEST" in lowered.as_text()) == full
    assert lowered.out_info.dtype == jnp.float32


@pytest.mark.parametrize("reverse", [False, True], ids=["before", "behind"])
def test_sums_along_a_ray_are_as_exact_on_a_gpu(reverse):
    """There they are products of bfloat16 numbers; three of them make up one of float32."""
    values = np.random.default_rng(0).uniform(0.1, 1.0, (4, 64)).astype(np.float32)
    ahead = values[:, ::-1] if reverse else values
    expected = np.cumsum(ahead.astype(np.float64), axis=1) - ahead
    found = np.asarray(_sum_before(jnp.asarray(values), False, reverse))
    np.testing.assert_allclose(found, expected[:, ::-1] if reverse else expected, rtol=1e-6)


def _gradient_on_a_gpu(monkeypatch, implementation):
    """The program of a gradient, as traced, and as a GPU's compiler gets it."""
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    field, cameras = _field(3, jnp.bfloat16), _cameras(2.2)
    config = _render_config(implementation)
    gradient = jax.grad(lambda planes: render_views(field.replace(planes=planes), cameras, config)[0].sum())
    traced = jax.jit(gradient).trace(field.planes)
    text = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert "_scatter_kernel" in text and ("composite_backward_kernel" in text) == (implementation == "pallas_march")
    return str(traced.jaxpr)


@pytest.fixture
def relaxed_anew():
    relaxed_atomics.relaxed_addition.cache_clear()
    yield
    relaxed_atomics.relaxed_addition.cache_clear()


@pytest.mark.parametrize("implementation", ["pallas", "pallas_march"])
def test_a_gpu_adds_without_waiting(monkeypatch, implementation):
    """Pallas' insides are as `relaxed_atomics` expects them, and the kernels become Triton's."""
    assert "relaxed_add" in _gradient_on_a_gpu(monkeypatch, implementation)


@pytest.mark.usefixtures("relaxed_anew")
def test_a_pallas_with_other_insides_adds_in_its_own_way(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(lowering, "_atomic_rmw", lambda operation, pointer, value: value)
        assert relaxed_atomics.relaxed_addition() is None, "it takes other arguments"
    relaxed_atomics.relaxed_addition.cache_clear()
    with monkeypatch.context() as patch:
        patch.delattr(lowering, "_compute_pointers_from_indices")
        assert relaxed_atomics.relaxed_addition() is None
    program = _gradient_on_a_gpu(monkeypatch, "pallas_march")
    assert "relaxed_add" not in program and "atomic_rmw" in program
