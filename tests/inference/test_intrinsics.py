"""Fields of view from EXIF: of frames and sensors, of turned, resized and cropped pictures, of squares in them."""

import io
import math

import pytest
from PIL import ExifTags, Image, ImageOps
from PIL.TiffImagePlugin import IFDRational

from real3d_jax.inference.intrinsics import NoIntrinsics, focal_length, fov_of_square

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
