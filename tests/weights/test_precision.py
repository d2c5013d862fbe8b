"""Parameters stored with fewer bits: how far they move, how much space they take, and what is refused."""

import functools
import json

import jax
import numpy as np
import pytest
import safetensors.numpy

from real3d_jax.errors import UserError
from real3d_jax.models.lrm import LRM, init_params
from real3d_jax.models.presets import PRESETS
from real3d_jax.weights.converted import PARAMS, Weights, load_weights, save_weights
from real3d_jax.weights.mapping import flatten
from real3d_jax.weights.precision import PRECISIONS

BOXED_BYTES = 32_000_000  # what the package has room for


@pytest.fixture
def params():
    """A stack of two matrices, the second a hundred times greater, a single one, and what is small or no matrix."""
    draw = np.random.default_rng(0).standard_normal
    stacked = draw((2, 300, 512), np.float32) * np.array([0.02, 2.0], np.float32)[:, None, None]
    single = draw((4, 150, 256), np.float32) * np.geomspace(1e-3, 10, 256, dtype=np.float32)
    single[..., 7] = 0
    return {
        "layers": {"up": {"kernel": stacked, "bias": draw((2, 512), np.float32)}},
        "head": {"kernel": single},
        "small": {"kernel": draw((8, 4), np.float32)},
        "table": {"embeddings": draw((3, 300, 200), np.float32)},
    }


def _stored(tmp_path, params, precision):
    """Relative error as told, and the parameters as read, by path."""
    error = save_weights(tmp_path / precision, Weights("lrm", {}, params, {}), precision=precision)
    read = flatten(load_weights(tmp_path / precision).params)
    assert {array.dtype for array in read.values()} == {np.dtype(np.float32)}
    return error, read


def _rms(params):
    return np.sqrt(sum(np.sum(np.square(x, dtype=np.float64)) for x in params.values()))


def test_float32_is_exact(tmp_path, params):
    error, read = _stored(tmp_path, params, "float32")
    assert error == 0
    assert all(np.array_equal(read[path], array) for path, array in flatten(params).items())
    assert read.keys() == flatten(params).keys()


def test_float16_keeps_eleven_bits(tmp_path, params):
    _, read = _stored(tmp_path, params, "float16")
    for path, array in flatten(params).items():
        np.testing.assert_allclose(read[path], array, rtol=2**-11, atol=2**-25, err_msg=path)


def test_int8_moves_no_number_by_more_than_half_a_step_of_its_channel_and_layer(tmp_path, params):
    _, read = _stored(tmp_path, params, "int8")
    for layer, matrix in enumerate(params["layers"]["up"]["kernel"]):
        moved = np.abs(read["layers/up/kernel"][layer] - matrix).max(0)
        assert (moved <= 0.5001 * np.abs(matrix).max(0) / 127).all()
        assert moved.max() > 0.4 * np.abs(matrix).max(0).min() / 127  # it is stored in so few bits indeed
    single = params["head"]["kernel"]
    assert (np.abs(read["head/kernel"] - single) <= 0.5001 * np.abs(single).max((0, 1)) / 127).all()
    assert not read["head/kernel"][..., 7].any()
    for path in ("layers/up/bias", "small/kernel", "table/embeddings"):
        np.testing.assert_allclose(read[path], flatten(params)[path], rtol=2**-11, atol=2**-25, err_msg=path)


@pytest.mark.parametrize(("precision", "most"), [("float16", 3e-4), ("int8", 8e-3)])
def test_the_error_that_is_told(tmp_path, params, precision, most):
    error, read = _stored(tmp_path, params, precision)
    flat = flatten(params)
    assert error == pytest.approx(_rms({path: read[path] - flat[path] for path in flat}) / _rms(flat), rel=1e-5)
    assert most / 10 < error < most


def test_the_preset_mini_fits_into_the_box(tmp_path):
    shapes = jax.eval_shape(functools.partial(init_params, LRM(PRESETS["mini"])), jax.random.key(0))
    zeros = jax.tree.map(lambda leaf: np.zeros(leaf.shape, np.float32), shapes)
    assert save_weights(tmp_path / "mini", Weights("lrm", {}, zeros, {}), precision="int8") == 0
    assert (tmp_path / "mini" / PARAMS).stat().st_size <= BOXED_BYTES


def test_what_cannot_be_stored(tmp_path, params):
    weights = Weights("lrm", {}, params, {})
    with pytest.raises(UserError, match="no precision 'int7': did you mean 'int8'"):
        save_weights(tmp_path / "w", weights, precision="int7")
    params["small"]["kernel"][0, 0] = 1e5
    with pytest.raises(UserError, match=r"'small/kernel' hold numbers that float16 cannot: .*--precision float32"):
        save_weights(tmp_path / "w", weights, precision="float16")
    params["small"]["kernel"][0, 0] = 0
    for value in (np.nan, np.inf):
        params["head"]["kernel"][0, 0, 0] = value
        with pytest.raises(UserError, match="'head/kernel' hold numbers that int8 cannot"):
            save_weights(tmp_path / "w", weights, precision="int8")
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda stored: stored.pop("head/kernel.scale"), "head/kernel has no fitting scales"),
        (lambda stored: stored.update({"head/kernel.scale": np.ones((1, 1, 1), np.float32)}), "has no fitting scales"),
        (lambda stored: stored.pop("head/kernel"), "head/kernel.scale belongs to no array"),
        (lambda stored: stored.update({"small/kernel": np.zeros((8, 4), np.int32)}), "small/kernel is int32"),
    ],
)
def test_damaged_files(tmp_path, params, change, said):
    save_weights(tmp_path / "w", Weights("lrm", {}, params, {}), precision="int8")
    stored = safetensors.numpy.load_file(tmp_path / "w" / PARAMS)
    change(stored)
    safetensors.numpy.save_file(stored, tmp_path / "w" / PARAMS)
    with pytest.raises(UserError, match=f"params.safetensors' is damaged .*{said}.*: convert the weights again"):
        load_weights(tmp_path / "w")


def test_damaged_descriptions(tmp_path, params):
    save_weights(tmp_path / "w", Weights("lrm", {}, params, {}), precision="float16")
    file = tmp_path / "w" / "config.json"
    config = json.loads(file.read_text())
    assert config["precision"] in PRECISIONS
    for change, said in (
        ({"precision": "int3"}, "another format"),
        ({"trained": {"step": 3}}, "damaged"),
        ({"trained": 3}, "damaged"),
    ):
        file.write_text(json.dumps(config | change))
        with pytest.raises(UserError, match=f"config.json' is .*{said}"):
            load_weights(tmp_path / "w")
    del config["precision"], config["trained"]  # as earlier versions wrote it
    file.write_text(json.dumps(config))
    assert load_weights(tmp_path / "w").trained == {}
