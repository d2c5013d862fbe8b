"""From a photograph to the model's input."""

import sys
import types

import numpy as np
import pytest
from PIL import Image

from real3d_jax.config.reconstruction import InputConfig
from real3d_jax.data.records import Unusable
from real3d_jax.errors import UserError
from real3d_jax.inference.preprocess import load_rembg, model_input, with_mask
from tests.inference.conftest import photograph

OPTIONS = InputConfig(mask_threshold=225, crop_ratio=1.6)


def test_the_object_is_centred_on_grey_and_fills_its_share():
    image = model_input(photograph(), OPTIONS, size=64)
    assert image.shape == (64, 64, 3) and image.dtype == np.uint8
    assert (image[0] == 128).all() and (image[:, -1] == 128).all()
    shown = (image != 128).any(-1)
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    assert len(columns) == pytest.approx(64 / 1.6, abs=2)
    assert len(rows) == pytest.approx(64 / 1.6 / 2, abs=2)
    for places in (rows, columns):
        assert (places[0] + places[-1]) / 2 == pytest.approx(31.5, abs=1)
    np.testing.assert_array_equal(image[32, 32], (200, 100, 50))


def test_what_is_half_transparent_is_mixed_with_grey_but_no_part_of_the_box():
    rgba = photograph()
    rgba[10:20, 35:45] = (0, 0, 0, 100)
    image = model_input(rgba, OPTIONS, size=64)
    assert 60 < image[32, 54, 0] < 90  # black over grey, by 100 of 255
    np.testing.assert_array_equal(image[32, 32], (200, 100, 50))


@pytest.mark.parametrize(("alpha", "said"), [(100, "empty mask"), (255, "full mask")])
def test_photographs_without_an_object_or_a_background(alpha, said):
    rgba = np.full((8, 8, 4), alpha, np.uint8)
    with pytest.raises(Unusable, match=said):
        model_input(rgba, OPTIONS, size=32)


def test_only_opaque_photographs_are_cut_out():
    def left_half(rgb):
        assert rgb.mode == "RGB"
        return Image.fromarray(np.repeat([[255, 0]], rgb.height, 0).astype(np.uint8)).resize(rgb.size, 0)

    cut = Image.fromarray(photograph())
    np.testing.assert_array_equal(with_mask(cut, left_half), photograph())
    misty = Image.new("RGBA", (4, 4), (1, 2, 3, 254))  # no pixel of the background is wholly transparent
    np.testing.assert_array_equal(with_mask(misty, left_half), np.asarray(misty))
    opaque = cut.convert("RGB")
    assert set(np.unique(with_mask(opaque, left_half)[:, :30, 3])) == {255}
    assert not with_mask(opaque, left_half)[:, 30:, 3].any()
    np.testing.assert_array_equal(with_mask(opaque, left_half)[..., :3], np.asarray(opaque))
    with pytest.raises(Unusable, match=r"not transparent.*--cut_out"):
        with_mask(opaque, None)


def test_rembg_gives_the_mask(monkeypatch):
    asked = {}

    def new_session(name):
        if name == "none":
            raise OSError("no such\n  network")
        return name

    def remove(image, *, session, only_mask):
        asked.update(session=session, only_mask=only_mask)
        return Image.new("L", image.size, 200)

    monkeypatch.setitem(sys.modules, "rembg", types.SimpleNamespace(new_session=new_session, remove=remove))
    assert np.unique(with_mask(Image.new("RGB", (4, 3)), load_rembg("u2netp"))[..., 3]) == [200]
    assert asked == {"session": "u2netp", "only_mask": True}
    with pytest.raises(UserError, match=r"rembg cannot load 'none' \(no such network\)"):
        load_rembg("none")
    monkeypatch.setitem(sys.modules, "rembg", None)
    with pytest.raises(UserError, match=r"needs rembg .*pip install -e '\.\[cut_out\]'"):
        load_rembg("u2net")
