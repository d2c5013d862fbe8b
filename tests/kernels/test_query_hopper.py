"""Query and decoder on Hopper GPUs against the plain path, the kernel interpreted; what is PTX, `test_ptx` runs."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import pytest
from published import RENDER

from real3d_jax.cameras import Cameras, intrinsics_from_fov, spherical_c2w
from real3d_jax.kernels import decoder_hopper, plane_fragments, query_hopper, warpgroups
from real3d_jax.kernels.decoder_segments import output_layer
from real3d_jax.kernels.inline_ptx import SIDE as WIDTH
from real3d_jax.kernels.query_hopper import TILE
from real3d_jax.models.decoder import Decoder
from real3d_jax.rendering import TriplaneField, render_views
from real3d_jax.rendering.field import query_raw
from tests.commands import ENOUGH_THREADS, assert_passes_with, warpgroups_interpreted
from tests.kernels.agreement import awaited, with_gradients, worst

TOLERANCE = 8e-3  # of bfloat16, relative to the largest number
TEXELS = 8
query = awaited(query_hopper.query)


def _example(layers, tiles, fields=2):
    """Coordinates in texels, planes, hidden weights, biases and the output layer of a decoder."""
    keys = jax.random.split(jax.random.key(0), 6)
    at = jax.random.uniform(keys[0], (3, tiles * TILE), minval=-1.5, maxval=TEXELS + 0.5)
    planes = jax.random.normal(keys[1], (fields, 3, TEXELS, TEXELS, WIDTH))
    hidden, biases = (
        jax.random.normal(keys[2], (layers, WIDTH, WIDTH)) / 8,
        jax.random.normal(keys[3], (layers + 1, WIDTH)),
    )
    return at, planes, hidden, biases, jax.random.normal(keys[4], (WIDTH, 4)) / 8, jax.random.normal(keys[5], (4,))


def _plain(at, planes, hidden, biases, out, out_bias):
    """Outputs (4, N), and the pre-activations before each layer, of points in one field; in float32."""
    tents = jnp.maximum(1 - jnp.abs(at[:, :, None] - jnp.arange(TEXELS)), 0)
    z, planes_of = biases[0], zip(((0, 1), (0, 2), (1, 2)), planes, strict=True)
    for (across, down), plane in planes_of:
        z = z + jnp.einsum("ny,nx,yxc->nc", tents[down], tents[across], plane, precision="highest")
    before = [z]
    for weights, bias in zip(hidden, biases[1:], strict=True):
        before.append(jnp.matmul(jax.nn.silu(before[-1]), weights, precision="highest") + bias)
    return jnp.matmul(jax.nn.silu(before[-1]), out, precision="highest").T + out_bias[:, None], before


def test_with_enough_threads():
    assert_passes_with(__file__, "not enough_threads", **ENOUGH_THREADS)


@warpgroups_interpreted
@pytest.mark.parametrize(("layers", "before"), [(3, (0, 2)), (1, ())])
def test_outputs_and_what_they_start_from(layers, before):
    """Three runs of tiles, of two fields that do not come in their order; more tiles than there are warpgroups."""
    at, planes, hidden, biases, out, out_bias = _example(layers, tiles=12)
    fields = jnp.array([1, 0, 1], jnp.int32)
    parts = output_layer(out, out_bias, jnp.bfloat16)
    raw, *starts = query(
        at, fields, jnp.array([12], jnp.int32), planes, hidden, biases, parts, before=before, interpret=True
    )
    for run, field in enumerate(fields):
        points = slice(4 * TILE * run, 4 * TILE * (run + 1))
        wanted, of_layer = _plain(at[:, points], planes[field], hidden, biases, out, out_bias)
        assert worst(raw[:, points], wanted) < TOLERANCE
        for layer, halves in zip(before, starts, strict=True):
            assert worst(2 * halves[points].astype(jnp.float32), of_layer[layer]) < TOLERANCE


@warpgroups_interpreted
def test_pre_activations_alone():
    """Without an output layer, up to the last layer that is asked for."""
    at, planes, hidden, biases, *_ = _example(3, tiles=2, fields=1)
    place = at, jnp.zeros(1, jnp.int32), jnp.array([2], jnp.int32)
    for before in ((0,), (0, 1)):
        starts = query(*place, planes, hidden, biases, None, before=before, interpret=True)
        _, wanted = _plain(at, planes[0], hidden, biases, jnp.zeros((WIDTH, 4)), jnp.zeros(4))
        for layer, halves in zip(before, starts, strict=True):
            assert worst(2 * halves.astype(jnp.float32), wanted[layer]) < TOLERANCE


@warpgroups_interpreted
def test_tiles_that_do_not_count_are_not_looked_at():
    """Those behind: their field does not exist, and the others are right."""
    at, planes, hidden, biases, out, out_bias = _example(1, tiles=4, fields=1)
    fields, counted = jnp.array([0, 7], jnp.int32), jnp.array([2], jnp.int32)
    parts = output_layer(out, out_bias, jnp.bfloat16)
    (raw,) = query(at.at[:, 2 * TILE :].set(jnp.nan), fields, counted, planes, hidden, biases, parts, interpret=True)
    wanted, _ = _plain(at[:, : 2 * TILE], planes[0], hidden, biases, out, out_bias)
    assert worst(raw[:, : 2 * TILE], wanted) < TOLERANCE


def test_channel_order():
    """Lane g's eight channels, 8 g to 8 g + 7 in memory, are the g-th of each block of eight."""
    assert plane_fragments.channel_order(jnp.arange(float(WIDTH))[None])[0, 8:16].tolist() == list(range(1, WIDTH, 8))


@pytest.fixture
def hopper(monkeypatch):
    """As on a Hopper GPU, its kernels interpreted. Names those that are used, "again" where there are no outputs."""
    used = set()
    monkeypatch.setattr(warpgroups, "fit", lambda *_: True)
    monkeypatch.setattr(warpgroups, "multiprocessors", lambda: 2)
    for module, name in ((query_hopper, "query"), (decoder_hopper, "segment")):
        function = getattr(module, name)
        monkeypatch.setattr(module, name, functools.partial(_noting, used, name, function))
    return used


def _noting(used, name, function, *args, **kwargs):
    used.add("again" if name == "query" and args[-1] is None else name)
    return function(*args, **kwargs)


def _field(dtype, hidden_layers):
    decoder = Decoder(WIDTH, hidden_layers, dtype=dtype)
    planes = jax.random.normal(jax.random.key(0), (2, 3, TEXELS, TEXELS, 3))
    params = decoder.init(jax.random.key(1), jnp.zeros((1, 9)))["params"]
    return TriplaneField(planes, params, decoder)


@warpgroups_interpreted
@pytest.mark.parametrize("hidden_layers", [2, 6])
def test_fused_query(hopper, hidden_layers):
    """One segment of layers, and two; points that fill no tile, some outside the planes."""
    points = jax.random.uniform(jax.random.key(5), (2, 100, 3), minval=-1.3, maxval=1.3)
    found, wanted = (
        with_gradients(lambda field: query_raw(field, points, name), _field(dtype, hidden_layers))  # noqa: B023
        for dtype, name in ((jnp.bfloat16, "pallas"), (jnp.float32, "xla"))
    )
    assert hopper == {"query", "again", "segment"}
    assert worst(found, wanted) < 2 * TOLERANCE


@warpgroups_interpreted
@pytest.mark.parametrize(("hidden_layers", "rays_per_chunk"), [(4, 64), (6, 16)])
def test_marching(hopper, hidden_layers, rays_per_chunk):
    """Pre-activations that are kept, and in chunks and two segments of layers; groups of rays that miss the box."""
    angles = jnp.array([[0.3], [-2.0]])
    cameras = Cameras(spherical_c2w(angles, 0.4 * angles, 4.0), jnp.tile(intrinsics_from_fov(0.8), (2, 1, 1)))
    sizes = {"resolution": 8, "samples": 16, "rays_per_chunk": rays_per_chunk}
    found, wanted = (
        with_gradients(
            lambda field: render_views(field, cameras, dataclasses.replace(RENDER, implementation=name, **sizes)),  # noqa: B023
            _field(dtype, hidden_layers),
        )
        for dtype, name in ((jnp.bfloat16, "pallas_march"), (jnp.float32, "xla"))
    )
    assert hopper == {"query", "segment"} | (set() if hidden_layers == 4 else {"again"})
    assert worst(found, wanted) < 2 * TOLERANCE


def test_lowers_for_nvidia_gpus_once(monkeypatch):
    """The kernel becomes a program, with its PTX, and equal calls of it one."""
    monkeypatch.setattr(warpgroups, "multiprocessors", lambda: 132)
    at, planes, hidden, biases, out, out_bias = _example(3, tiles=2, fields=1)

    def run(at, planes, hidden, biases, out, out_bias):
        place = jnp.zeros(1, jnp.int32), jnp.array([2], jnp.int32)
        parts = output_layer(out, out_bias, jnp.bfloat16)
        return [query(x, *place, planes, hidden, biases, parts, before=(0, 2), interpret=False) for x in (at, at + 0.5)]

    traced = jax.jit(run).trace(at, planes, hidden, biases, out, out_bias)
    assert traced.lower(lowering_platforms=("cuda",)).as_text().count("@mosaic_gpu_v2(") == 1
