"""Depth maps in files."""

import numpy as np
import pytest

from real3d_jax.curation.backends.interfaces import SourceImage
from real3d_jax.curation.backends.precomputed_depth import PrecomputedDepth, write_png16
from real3d_jax.data.photograph_files import PhotographFile
from real3d_jax.data.records import Unusable
from real3d_jax.errors import UserError

DEPTH = np.linspace(0.5, 2, 12, dtype=np.float32).reshape(3, 4)


def _image(*names, size=(3, 4)):
    return SourceImage(PhotographFile(f"{names[0]}.jpg", names), np.zeros((*size, 3), np.uint8))


def _read(folder, image):
    return PrecomputedDepth(folder).load()([image])[0]


@pytest.mark.parametrize("shape", [(3, 4), (1, 3, 4), (3, 4, 1)])
@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "uint16"])
def test_arrays(tmp_path, shape, kind):
    values = (DEPTH * 100).astype(kind)
    np.save(tmp_path / "a.npy", values.reshape(shape))
    found = _read(tmp_path, _image("a"))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, values.astype(np.float32))


def test_png_keeps_ratios(tmp_path):
    write_png16(tmp_path / "a.png", DEPTH)
    found = _read(tmp_path, _image("a"))
    np.testing.assert_allclose(found / found[0, 0], DEPTH / DEPTH[0, 0], rtol=1e-4)


def test_a_photograph_in_a_folder_finds_its_own_map_before_that_of_its_stem(tmp_path):
    (tmp_path / "x").mkdir()
    np.save(tmp_path / "a.npy", DEPTH)
    np.testing.assert_array_equal(_read(tmp_path, _image("x/a", "a")), DEPTH)
    np.save(tmp_path / "x/a.npy", 2 * DEPTH)
    np.testing.assert_array_equal(_read(tmp_path, _image("x/a", "a")), 2 * DEPTH)


def test_unusable_maps_cost_no_other(tmp_path):
    np.save(tmp_path / "good.npy", DEPTH)
    np.save(tmp_path / "turned.npy", DEPTH.T)
    np.save(tmp_path / "nan.npy", DEPTH * np.nan)
    np.save(tmp_path / "text.npy", DEPTH.astype(str))
    np.save(tmp_path / "object.npy", DEPTH.astype(object))
    (tmp_path / "rubbish.npy").write_bytes(b"rubbish")
    (tmp_path / "empty.npy").write_bytes(b"")
    (tmp_path / "picture.png").write_bytes(b"rubbish")
    said = {
        "turned": "is 4 x 3, the photograph 3 x 4",
        "nan": "not one finite",
        "text": "not numbers",
        "object": "cannot be read",
        "rubbish": "cannot be read",
        "empty": "cannot be read",
        "picture": "cannot be decoded",
        "none": "no depth map 'none.npy' or '.png'",
    }
    found = PrecomputedDepth(tmp_path).load()([_image(name) for name in (*said, "good")])
    np.testing.assert_array_equal(found[-1], DEPTH)
    for name, answer in zip(said, found, strict=False):
        assert isinstance(answer, Unusable)
        assert said[name] in str(answer)


def test_png_of_8_bits_is_refused(tmp_path):
    from PIL import Image

    Image.fromarray((DEPTH * 100).astype(np.uint8)).save(tmp_path / "a.png")
    assert "mode L" in str(_read(tmp_path, _image("a")))


def test_a_missing_folder(tmp_path):
    with pytest.raises(UserError, match="--depth: there is no folder"):
        PrecomputedDepth(tmp_path / "none").load()
