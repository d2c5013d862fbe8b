"""Fields of view from EXIF: of frames and sensors, of turned, resized and cropped pictures, of squares in them."""

import io
import math

import pytest
from PIL import ExifTags, Image, ImageOps
from PIL.TiffImagePlugin import IFDRational

from real3d_jax.config.reconstruction import InputConfig
from real3d_jax.data import photograph_files
from real3d_jax.inference.intrinsics import NoIntrinsics, focal_length, fov_of_square
from real3d_jax.inference.preprocess import prepare
from tests.inference.conftest import photograph as cut_out_box

TAG = ExifTags.Base
FILM = {TAG.FocalLengthIn35mmFilm: 26}


def photograph(tags, size=(400, 300), form="JPEG", orientation=1):
    """A photograph read from a file with these tags."""
    exif = Image.Exif()
    exif[TAG.Orientation] = orientation
    exif.get_ifd(ExifTags.IFD.Exif).update(tags)
    file = io.BytesIO()
    Image.new("RGB", size).save(file, form, exif=exif)
    return Image.open(file)


def test_the_frame_of_film_has_its_angle_of_view():
    """36 x 24 mm at 50 mm: 27.0 degrees high, 39.6 wide."""
    focal = focal_length(photograph({TAG.FocalLengthIn35mmFilm: 50}, size=(360, 240)))
    assert 2 * math.degrees(math.atan(120 / focal)) == pytest.approx(26.99, abs=0.01)
    assert 2 * math.degrees(math.atan(180 / focal)) == pytest.approx(39.60, abs=0.01)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_other_shapes_go_by_the_diagonal_however_they_are_turned(form, orientation):
    found = photograph(FILM | {TAG.ExifImageWidth: 400, TAG.ExifImageHeight: 300}, form=form, orientation=orientation)
    upright = ImageOps.exif_transpose(found).convert("RGBA")
    assert upright.size == ((400, 300) if orientation == 1 else (300, 400))
    assert focal_length(upright) == pytest.approx(26 / math.hypot(36, 24) * 500)


def test_a_resized_picture_has_the_same_angle():
    """The file says 4,000 x 3,000, and the picture has 400 x 300."""
    frame = {TAG.ExifImageWidth: 4000, TAG.ExifImageHeight: 3000}
    assert focal_length(photograph(FILM | frame)) == pytest.approx(focal_length(photograph(FILM)))
    sensor = {
        TAG.FocalLength: IFDRational(50, 1),
        TAG.FocalPlaneXResolution: IFDRational(4000 * 254, 360),  # a sensor 36 mm wide, in inches
        TAG.FocalPlaneResolutionUnit: 2,
    }
    assert focal_length(photograph(sensor | frame)) == pytest.approx(50 / 36 * 400, rel=1e-3)


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        ({}, "has no focal length"),
        ({TAG.FocalLength: IFDRational(4, 1)}, "has no focal length"),  # of a sensor of unknown size
        ({TAG.FocalLengthIn35mmFilm: 0}, "has no focal length"),
        ({TAG.FocalLength: IFDRational(4, 0), TAG.FocalPlaneXResolution: IFDRational(1, 0)}, "has no focal length"),
        (FILM | {TAG.ExifImageWidth: 4000, TAG.ExifImageHeight: 2000}, "4000 x 2000 pixels when it was taken"),
        (FILM | {TAG.DigitalZoomRatio: IFDRational(3, 2)}, "digital zoom"),
    ],
)
def test_what_is_not_known_is_told(tags, why):
    with pytest.raises(NoIntrinsics, match=why):
        focal_length(photograph(tags))


def test_a_square_sees_less_than_the_frame_and_less_beside_the_middle():
    """Of a picture 200 x 200 with 90 degrees, the middle's half has 53.1; the quarter beside it is seen askew."""
    assert fov_of_square((0, 0, 200), (200, 200), 100) == pytest.approx(90)
    assert fov_of_square((50, 50, 100), (200, 200), 100) == pytest.approx(2 * math.degrees(math.atan(0.5)))
    aside = fov_of_square((100, 50, 100), (200, 200), 100)
    assert aside == pytest.approx(2 * math.degrees(math.atan(50 / math.hypot(100, 50))))
    above = fov_of_square((50, 0, 100), (200, 200), 100)
    assert above == pytest.approx(45)
    assert fov_of_square((-50, -50, 300), (200, 200), 100) == pytest.approx(2 * math.degrees(math.atan(1.5)))


@pytest.mark.parametrize(("tags", "orientation"), [(FILM, 1), (FILM, 8), ({}, 1)])
def test_the_crop_of_a_file_has_its_field_of_view(tags, orientation, tmp_path):
    """The box of 20 x 10 about (25, 15) of 60 x 40 pixels has a crop of 32; lying on its side it is the same."""
    image = Image.fromarray(cut_out_box())
    exif = Image.Exif()
    exif[TAG.Orientation] = orientation
    exif.get_ifd(ExifTags.IFD.Exif).update(tags)
    if orientation == 8:
        image = image.transpose(Image.Transpose.ROTATE_270)
    image.save(tmp_path / "box.png", exif=exif)
    upright = photograph_files.open_file(tmp_path / "box.png")
    found = prepare(
        upright,
        InputConfig(mask_threshold=225, crop_ratio=1.6, intrinsics="exif", background=0.5, elevation="0"),
        size=16,
    )
    if not tags:
        assert found.fov_y is None
        assert found.notes[0] == "its field of view is taken to be that of the training: " + (
            "its file has no focal length (EXIF)"
        )
        return
    focal = 26 / math.hypot(36, 24) * math.hypot(60, 40)
    away = math.hypot(focal, 5)
    expected = math.degrees(math.atan2(11, away) + math.atan2(21, away))
    assert found.fov_y == pytest.approx(expected)
    assert found.notes[0] == f"the crop has a field of view of {expected:.1f} degrees, by the focal length in its file"
    unasked = prepare(
        upright,
        InputConfig(mask_threshold=225, crop_ratio=1.6, intrinsics="training", background=0.5, elevation="0"),
        size=16,
    )
    assert unasked.fov_y is None and len(unasked.notes) == len(found.notes) - 1
