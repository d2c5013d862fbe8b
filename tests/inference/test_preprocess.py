"""From a photograph to the model's input."""

import dataclasses
import sys
import types

import numpy as np
import pytest
from PIL import Image

from real3d_jax.config.reconstruction import InputConfig
from real3d_jax.data.records import Unusable
from real3d_jax.errors import UserError
from real3d_jax.inference.preprocess import load_rembg, model_input, prepare, with_mask
from tests.inference.conftest import photograph

OPTIONS = InputConfig(mask_threshold=225, crop_ratio=1.6, intrinsics="training", background=0.5, elevation="0")


@pytest.mark.parametrize(
    ("ratio", "background", "value", "size"), [(1.6, 0.5, 128, 64), (1.25, 1.0, 255, 50)], ids=["grey", "white"]
)
def test_the_object_is_centred_on_the_background_and_fills_its_share(ratio, background, value, size):
    options = dataclasses.replace(OPTIONS, crop_ratio=ratio, background=background)
    image = model_input(photograph(), options, size=size)
    assert image.shape == (size, size, 3) and image.dtype == np.uint8
    assert (image[0] == value).all() and (image[:, -1] == value).all()
    shown = (image != value).any(-1)
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    assert len(columns) == pytest.approx(size / ratio, abs=2)
    assert len(rows) == pytest.approx(size / ratio / 2, abs=2)
    for places in (rows, columns):
        assert (places[0] + places[-1]) / 2 == pytest.approx((size - 1) / 2, abs=1)
    np.testing.assert_array_equal(image[size // 2, size // 2], (200, 100, 50))


def test_what_is_half_transparent_is_mixed_with_grey_but_no_part_of_the_box():
    rgba = photograph()
    rgba[10:20, 35:45] = (0, 0, 0, 100)
    image = model_input(rgba, OPTIONS, size=64)
    assert 60 < image[32, 54, 0] < 90  # black over grey, by 100 of 255
    np.testing.assert_array_equal(image[32, 32], (200, 100, 50))


@pytest.mark.parametrize(
    ("alpha", "said"), [(100, "empty mask.*; save it with its object opaque"), (255, "full mask.*; save it")]
)
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
    misty = Image.new("RGBA", (40, 40), (1, 2, 3, 254))  # what some programs save for opaque
    assert set(np.unique(with_mask(misty, left_half)[:, :20, 3])) == {254}
    assert not with_mask(misty, left_half)[:, 20:, 3].any()
    opaque = cut.convert("RGB")
    assert set(np.unique(with_mask(opaque, left_half)[:, :30, 3])) == {255}
    assert not with_mask(opaque, left_half)[:, 30:, 3].any()
    np.testing.assert_array_equal(with_mask(opaque, left_half)[..., :3], np.asarray(opaque))
    with pytest.raises(Unusable, match=r"not transparent.*--cut_out"):
        with_mask(opaque, None)


def framed(transparent):
    """100 x 100 pixels of one colour, with a transparent row of so many pixels at the top."""
    rgba = np.full((100, 100, 4), (10, 200, 30, 255), np.uint8)
    rgba.reshape(-1, 4)[:transparent] = (0, 0, 0, 0)
    return Image.fromarray(rgba)


@pytest.mark.parametrize(("transparent", "cut"), [(0, True), (86, True), (499, True), (501, False), (5000, False)])
def test_the_opaque_share_of_the_frame_decides(transparent, cut):
    """86 pixels are what rounded corners of a tenth of the side leave out."""
    seen = []

    def network(rgb):
        seen.append(np.asarray(rgb))
        return Image.fromarray(np.pad(np.full((60, 60), 255, np.uint8), 20))

    found = with_mask(framed(transparent), network)
    assert bool(seen) == cut
    if cut:  # what the file left out stays out, and the network sees white there, not what lies hidden
        assert (found[..., 3] > 0).sum() == 3600
        assert (seen[0].reshape(-1, 3)[:transparent] == 255).all()
    else:
        assert (found[..., 3] > 0).sum() == 10_000 - transparent
        forced = with_mask(framed(transparent), network, always=True)[..., 3]
        assert seen and (forced > 0).sum() == (1000 if transparent == 5000 else 3600) + 800 * (transparent == 5000)


def test_a_screenshot_with_round_corners_is_told_apart():
    with pytest.raises(Unusable, match=r"not transparent \(99\.1% of it is opaque\).*with a margin.*--cut_out"):
        with_mask(framed(86), None)


def test_specks_do_not_move_the_crop_and_are_told():
    alone = prepare(Image.fromarray(photograph()), OPTIONS, size=64)
    assert alone.notes == ()
    rgba = photograph()
    rgba[0, 0] = rgba[38, 58] = (255, 255, 255, 255)
    speckled = prepare(Image.fromarray(rgba), OPTIONS, size=64)
    np.testing.assert_array_equal(speckled.image[20:44], alone.image[20:44])
    np.testing.assert_array_equal(model_input(rgba, OPTIONS, size=64), speckled.image)
    assert speckled.notes == ("specks beyond the object do not move the crop (2)",)
    rgba[0, 0:3] = (255, 255, 255, 255)  # three of two hundred: a part of the object
    assert prepare(Image.fromarray(rgba), OPTIONS, size=64).notes == (
        "specks beyond the object do not move the crop (1)",
    )
    assert (prepare(Image.fromarray(rgba), OPTIONS, size=64).image != alone.image).any()


def test_a_tiny_object_is_told():
    notes = prepare(Image.fromarray(photograph()), OPTIONS, size=128).notes
    assert notes == ("the object is 20 x 10 pixels, few for a model that sees 128 x 128",)


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
    with pytest.raises(UserError, match=r"needs rembg .*pip install -e '\.\[cut-out\]'"):
        load_rembg("u2net")
