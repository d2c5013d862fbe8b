"""The decoder's backward pass on Hopper GPUs against automatic differentiation, its kernel interpreted."""

import functools
import types

import jax
import jax.numpy as jnp
import pytest

from real3d_jax.kernels import decoder_hopper, decoder_segments, inline_ptx, warpgroups
from real3d_jax.kernels.decoder_hopper import TILE
from tests.commands import ENOUGH_THREADS, assert_passes_with, warpgroups_interpreted
from tests.kernels.agreement import awaited, worst

TOLERANCE = 8e-3  # of bfloat16, relative to the largest number
WIDTH = inline_ptx.SIDE
segment = awaited(decoder_hopper.segment)


def _example(layers, tiles, last, seed=0):
    """Pre-activations, what comes from behind, hidden weights, biases behind them, and the output layer's weights."""
    keys = jax.random.split(jax.random.key(seed), 5)
    z = jax.random.normal(keys[0], (tiles * TILE, WIDTH), jnp.bfloat16)
    incoming = jax.random.normal(keys[1], (4, len(z))) if last else jax.random.normal(keys[1], z.shape, z.dtype)
    hidden = (jax.random.normal(keys[2], (layers, WIDTH, WIDTH)) / 8).astype(jnp.bfloat16)
    return z, incoming, hidden, jax.random.normal(keys[3], (layers, WIDTH)), jax.random.normal(keys[4], (WIDTH, 4)) / 8


def _plain(z, incoming, hidden, biases, out, last):
    """Gradients of the pre-activations, the hidden weights, all biases and the output layer, in float32."""

    def run(z, hidden, first_bias, biases, out):
        z = z + first_bias
        for weights, bias in zip(hidden, biases, strict=True):
            z = jax.nn.silu(z) @ weights + bias
        return jax.nn.silu(z) @ out if last else z

    z, incoming, hidden = (x.astype(jnp.float32) for x in (z, incoming, hidden))
    with jax.default_matmul_precision("highest"):
        _, pull_back = jax.vjp(run, z, hidden, jnp.zeros(WIDTH), biases, out)
        dz, d_hidden, d_first, d_biases, d_out = pull_back(incoming.T if last else incoming)
    return dz, d_hidden, jnp.concatenate([d_first[None], d_biases]), d_out


def test_with_enough_threads():
    assert_passes_with(__file__, "not enough_threads", **ENOUGH_THREADS)


# Of three tiles and two programs one has two tiles; of one tile and two programs one has none.
@warpgroups_interpreted
@pytest.mark.parametrize(
    ("layers", "first", "last", "tiles"),
    [(4, True, False, 3), (3, False, False, 2), (2, False, True, 3), (1, True, True, 1), (4, True, True, 2)],
)
def test_segments(layers, first, last, tiles):
    example = _example(layers, tiles, last)
    halves, rest = 0.5 * example[0], example[1:]
    found = segment(halves, *rest, jnp.array([tiles], jnp.int32), first=first, last=last, programs=2, interpret=True)
    dz, d_hidden, d_biases, d_out = _plain(*example, last)
    wanted = (dz, d_hidden, d_biases if first else d_biases[1:])
    assert worst((found[0].astype(jnp.float32), *found[1:3]), wanted) < TOLERANCE
    if last:
        assert worst(found[3], d_out) < TOLERANCE


@warpgroups_interpreted
def test_tiles_that_do_not_count():
    """What lies behind them is in no sum."""
    z, incoming, hidden, biases, out = _example(2, 3, True)
    counted = 2 * TILE
    found = segment(
        (0.5 * z).at[counted:].set(jnp.nan), incoming, hidden, biases, out, jnp.array([2], jnp.int32),
        first=True, last=True, programs=2, interpret=True,
    )  # fmt: skip
    wanted = _plain(z[:counted], incoming[:, :counted], hidden, biases, out, True)
    assert worst((found[0][:counted].astype(jnp.float32), *found[1:]), wanted) < TOLERANCE


@warpgroups_interpreted
@pytest.mark.parametrize("tiles", [None, 2])
def test_whole_decoder(monkeypatch, tiles):
    """Five layers in segments of four and one, joined as the others are."""
    monkeypatch.setattr(warpgroups, "available", lambda: True)
    monkeypatch.setattr(warpgroups, "multiprocessors", lambda: 2)
    monkeypatch.setattr(decoder_hopper, "segment", lambda *args, **kind: segment(*args, **kind | {"interpret": True}))
    z, incoming, hidden, biases, out = _example(5, 2, True)
    before = decoder_segments.starts(hidden, interpret=False)
    assert before == (0, 4)
    stored, at = [z], z.astype(jnp.float32)
    for weights, bias in zip(hidden[:4], biases, strict=False):
        at = jax.nn.silu(at) @ weights.astype(jnp.float32) + bias
    stored.append(at.astype(z.dtype))
    found = decoder_segments.backward(
        [0.5 * z for z in stored], incoming, hidden, jnp.concatenate([jnp.zeros((1, WIDTH)), biases]), out,
        None if tiles is None else jnp.array([tiles], jnp.int32), interpret=False,
    )  # fmt: skip
    wanted = _plain(z, incoming, hidden, biases, out, True)
    assert worst((found[0].astype(jnp.float32), *found[1:]), wanted) < TOLERANCE


@pytest.mark.parametrize(
    ("width", "dtype", "taken"), [(64, jnp.bfloat16, True), (32, jnp.bfloat16, False), (64, jnp.float32, False)]
)
def test_what_it_takes(monkeypatch, width, dtype, taken):
    """Decoders of 64 channels in bfloat16; no interpreted ones, which the other kernels' tests are for."""
    monkeypatch.setattr(warpgroups, "available", lambda: True)
    assert warpgroups.fit(width, dtype, interpret=False) == taken
    assert not warpgroups.fit(width, dtype, interpret=True)


@pytest.mark.parametrize(
    ("backend", "capability", "taken"), [("gpu", "9.0", True), ("gpu", "10.0", False), ("cpu", "9.0", False)]
)
def test_it_is_for_hopper(monkeypatch, backend, capability, taken):
    """GPUs of compute capability 9: the products that it is made of are theirs alone."""
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    monkeypatch.setattr(jax, "devices", lambda: [types.SimpleNamespace(compute_capability=capability)])
    assert warpgroups.available.__wrapped__() == taken


def test_lowers_for_nvidia_gpus(monkeypatch):
    """Pallas' insides are as `warpgroups` expects them, and the kernel becomes one program; else it is not taken."""
    assert not warpgroups.available(), "there is no GPU here"
    assert inline_ptx.known()
    once = functools.partial(segment, first=True, last=True, programs=132, interpret=False)
    shapes = jax.eval_shape(lambda: (*_example(3, 4, True), jnp.array([4], jnp.int32)))
    twice = jax.jit(lambda halves, *rest: (once(halves, *rest), once(2 * halves, *rest)))
    assert twice.trace(*shapes).lower(lowering_platforms=("cuda",)).as_text().count("@mosaic_gpu_v2(") == 1
    with monkeypatch.context() as patch:
        patch.setattr("jax.experimental.mosaic.gpu.utils.memref_ptr", lambda: None)
        assert not inline_ptx.known(), "it takes no argument"
    with monkeypatch.context() as patch:
        patch.delattr("jax.experimental.pallas.mosaic_gpu.inline_mgpu")
        assert not inline_ptx.known(), "it is not there"
