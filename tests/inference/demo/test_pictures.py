"""What strangers send: looked at before it is decoded, and its cut-out corrected."""

import numpy as np
import pytest
from PIL import Image, ImageFile

from real3d_jax.data.records import Unusable
from real3d_jax.errors import UserError
from real3d_jax.inference.demo import pictures
from real3d_jax.inference.demo.limits import Limits, Settings
from tests.inference.demo.conftest import LIMITS, cut_out, encoded, written
from tests.inference.demo.stub import StubModel

GREEN, RED = (0, 208, 0, 255), (224, 0, 0, 255)


def opened(tmp_path, content):
    return pictures.opened(written(tmp_path, content), LIMITS)


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (b"", Unusable, "is empty"),
        (b"hello" * 50, pictures.NotAPicture, "no picture of a kind that is read"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', pictures.NotAPicture, "no picture of a kind that is read"),
        (encoded(Image.new("RGB", (8, 8)), "EPS"), pictures.NotAPicture, "no picture of a kind that is read"),
        (encoded(Image.new("RGB", (8, 8)), "PPM"), pictures.NotAPicture, "no picture of a kind that is read"),
        (encoded(cut_out())[:-30], Unusable, "cannot be decoded"),
        (encoded(Image.new("L", (99, 99)), "JPEG")[:300], Unusable, "cannot be decoded"),
        (encoded(Image.new("1", (201, 200))), Unusable, "more than 0 million pixels"),
        (bytes(200_001), Unusable, "more than 0.2 million bytes"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(content, error, said, tmp_path, limited):
    with pytest.raises(error, match=said) as refused:
        opened(tmp_path, content)
    assert type(refused.value) is error
    assert str(refused.value).startswith("'picture' ") and "\n" not in str(refused.value)


def test_pixels_are_counted_before_they_are_decoded(tmp_path, limited, monkeypatch):
    content = encoded(Image.new("1", (500, 500)))
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("it was decoded"))
    with pytest.raises(Unusable, match="million pixels"):
        opened(tmp_path, content)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "JPEG2000"])
def test_a_picture_is_what_it_was(kind, tmp_path):
    image = opened(tmp_path, encoded(cut_out(), kind, **({"lossless": True} if kind == "WEBP" else {})))
    np.testing.assert_array_equal(np.asarray(image)[..., 3], cut_out()[..., 3])
    assert image.mode == "RGBA"


def test_a_large_one_is_shrunk(tmp_path):
    limits = Limits(bytes=10**6, pixels=10**7, resolution=32, waiting=1, seconds=1)
    path = written(tmp_path, encoded(Image.new("RGB", (3000, 300)), "JPEG"))
    assert pictures.opened(path, limits).size == (2048, 205)


def strokes(size, *boxes):
    painted = np.zeros((size[1], size[0], 4), np.uint8)
    for (left, top, right, bottom), colour in boxes:
        painted[top:bottom, left:right] = colour
    return painted


def test_strokes_add_and_take_away():
    image = Image.fromarray(cut_out())
    drawn = strokes((30, 20), ((0, 0, 5, 5), GREEN), ((10, 5, 15, 10), RED))  # half as large as the picture
    alpha = np.asarray(pictures.cut(image, None, threshold=225, remedy="", strokes=drawn))[..., 3]
    expected = cut_out()[..., 3].copy()
    expected[0:10, 0:10], expected[10:20, 20:30] = 255, 0
    np.testing.assert_array_equal(alpha, expected)


def test_without_a_cut_out_strokes_make_it_and_none_are_told_how():
    image = Image.new("RGBA", (60, 40), (9, 9, 9, 255))
    with pytest.raises(Unusable, match=r"or paint it$"):
        pictures.cut(image, None, threshold=225, remedy="paint it", strokes=strokes((60, 40)))
    drawn = strokes((60, 40), ((5, 6, 20, 30), GREEN))
    alpha = np.asarray(pictures.cut(image, None, threshold=225, remedy="paint it", strokes=drawn))[..., 3]
    np.testing.assert_array_equal(alpha, drawn[..., 3])


def test_what_finds_objects_is_asked_and_corrected():
    image = Image.new("RGBA", (60, 40), (9, 9, 9, 255))
    mask = Image.fromarray(cut_out()[..., 3])
    drawn = strokes((60, 40), ((15, 10, 20, 20), RED))
    alpha = np.asarray(pictures.cut(image, lambda _: mask, threshold=225, remedy="", strokes=drawn))[..., 3]
    expected = cut_out()[..., 3].copy()
    expected[10:20, 15:20] = 0
    np.testing.assert_array_equal(alpha, expected)


def test_what_is_painted_on_shows_the_background_pale():
    rgba = np.full((40, 60, 4), (100, 100, 100, 255), np.uint8)
    rgba[:, :30, 3] = 0
    shown = np.asarray(pictures.to_correct(Image.fromarray(rgba)))
    assert shown.shape == (40, 60, 3)
    assert (shown[:, 30:] == 100).all() and abs(int(shown[0, 0, 0]) - (255 - 0.25 * 155)) <= 1


@pytest.mark.parametrize(
    ("resolution", "threshold", "crop_ratio", "said"),
    [
        (160, 10.0, 1.2, "resolution is 160: set it to a multiple of 32, at most 128"),
        (100, 10.0, 1.2, "resolution is 100"),
        (0, 10.0, 1.2, "resolution is 0"),
        (64, float("nan"), 1.2, "threshold is nan"),
        (64, 0.0, 1.2, "threshold is 0"),
        (64, 10.0, 3.1, "crop_ratio is 3.1: set it between 1 and 3"),
        (64, 10.0, float("nan"), "crop_ratio is nan"),
    ],
)
def test_numbers_out_of_range_are_refused(resolution, threshold, crop_ratio, said):
    Settings(64, 10.0, 1.2).check(LIMITS)
    with pytest.raises(UserError, match=said):
        Settings(resolution, threshold, crop_ratio).check(LIMITS)


@pytest.mark.parametrize("wrong", [{"resolution": 100}, {"bytes": 0}, {"waiting": 0}, {"seconds": 0}])
def test_limits_out_of_range_are_refused(wrong):
    with pytest.raises(UserError, match=r"set it to a multiple of 32|above 0"):
        Limits(**{"bytes": 1, "pixels": 1, "resolution": 32, "waiting": 1, "seconds": 1.0, **wrong})


@pytest.mark.parametrize("ratio", [1.0, 2.0, 3.0])
def test_a_model_sees_the_object_as_large_as_it_is_asked(ratio):
    model = StubModel()
    before, other = model.config, model.cropped(ratio)
    seen = other.prepare(Image.fromarray(cut_out((600, 400), (150, 100, 350, 200)))).image
    columns = (np.abs(seen.astype(int) - 128).max(-1) > 20).any(0)
    assert columns.sum() == pytest.approx(seen.shape[1] / ratio, abs=2)
    assert model.config is before and other.asked is model.asked
    with pytest.raises(UserError, match="crop_ratio is 0"):
        model.cropped(0.0)
