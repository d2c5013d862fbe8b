"""EXIF orientations of arrays, and masks made without them."""

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from real3d_jax.data import orientations
from real3d_jax.data.records import Unusable
from real3d_jax.data.sources.wild_images import WildImages
from real3d_jax.errors import UserError

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)


def write(path, orientation, pixels=PIXELS) -> np.ndarray:
    """A photograph with EXIF data; gives it as Pillow turns it upright."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray(pixels).save(path, exif=exif)
    return np.asarray(ImageOps.exif_transpose(Image.open(path)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_arrays_turn_as_pictures_do(tmp_path, orientation):
    turned = write(tmp_path / "a.png", orientation)
    assert orientations.read_orientation(tmp_path / "a.png") == orientation
    np.testing.assert_array_equal(orientations.upright(PIXELS, orientation), turned)
    assert orientations.stored_size(turned.shape[:2], orientation) == (20, 30)
    np.testing.assert_array_equal(orientations.upright(PIXELS[..., 0] / 7, orientation), turned[..., 0] / 7)


def test_what_has_no_orientation_is_upright(tmp_path):
    (tmp_path / "a.png").write_bytes(b"rubbish")
    assert orientations.read_orientation(tmp_path / "a.png") == 1
    write(tmp_path / "a.png", 77)
    assert orientations.read_orientation(tmp_path / "a.png") == 1
    assert orientations.read_orientation(tmp_path / "none.png") == 1


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_masks_as_stored(tmp_path, orientation):
    for name in ("photographs", "masks"):
        (tmp_path / name).mkdir()
    turned = write(tmp_path / "photographs/a.png", orientation)
    mask = np.zeros((20, 30), np.uint8)
    mask[3:9, 5:27] = 255
    Image.fromarray(mask).save(tmp_path / "masks/a.png")
    layout = WildImages(tmp_path / "photographs", tmp_path / "masks", masks_as_stored=True)
    assert layout.settings()["masks_as_stored"] is True
    (record,) = layout.read("a").records
    left, top, right, bottom = record.provenance["box"]
    expected = orientations.upright(mask, orientation)
    np.testing.assert_array_equal(record.image[..., 3], expected[top:bottom, left:right])
    np.testing.assert_array_equal(record.image[..., :3], turned[top:bottom, left:right])
    if orientation != 3:
        with pytest.raises(Unusable, match=r"'a.png' looks as if made on 'a.png' as stored.*--masks_as_stored"):
            WildImages(tmp_path / "photographs", tmp_path / "masks").read("a")


def test_without_masks_there_are_none_as_stored(tmp_path):
    with pytest.raises(UserError, match="--masks_as_stored belongs to --masks"):
        WildImages(tmp_path, masks_as_stored=True)
