"""MVImgNet's COLMAP models, masks and object centres, and its single-view records."""

import dataclasses
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pycolmap
import pytest
from PIL import Image

from real3d_jax.data import preparation, record_writer
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.data.records import Rejection, Unusable
from real3d_jax.data.sources.captures import Squares
from real3d_jax.data.sources.mvimgnet import MVImgNet
from real3d_jax.errors import UserError
from tests.data import filming
from tests.data.filming import BACKGROUND, OFFSET, Lens
from tests.data.projection import POINTS, projected, seen

KEY = "175/280142be"
LENS = Lens(fx=155.0, fy=155.0, k=0.05)  # SIMPLE_RADIAL, as published
SHOTS = filming.film(6, seed=1)


@pytest.fixture
def source(tmp_path) -> pathlib.Path:
    """A folder of one object."""
    filming.write_mvimgnet(tmp_path / "raw" / KEY, SHOTS, LENS)
    return tmp_path / "raw"


def errors(view, centre=None):
    points = POINTS + OFFSET - (OFFSET + POINTS.mean(0) if centre is None else centre)
    return np.abs(seen(view.image) - projected(view.c2w, view.intrinsics, points, len(view.image)))


def centre_of(source: pathlib.Path) -> np.ndarray:
    """What the reader takes for the object's centre: cameras were moved by it."""
    view = next(view for view in MVImgNet(source).read(KEY).records if view.view == "002")
    return SHOTS[1].position - view.c2w[:3, 3]


def edit_mask(source: pathlib.Path, number: int, change) -> None:
    path = source / KEY / f"masks/{number:03d}.jpg.png"
    mask = np.asarray(Image.open(path)).copy()
    change(mask, SHOTS[number - 1])
    Image.fromarray(mask).save(path)


def places(camera, points) -> np.ndarray:
    """Rows and columns of points in the photograph itself, which the lens distorts."""
    local = (LENS.project(camera, points) - [LENS.cx, LENS.cy]) / LENS.fx
    distorted = local * (1 + LENS.k * (local**2).sum(-1, keepdims=True)) * LENS.fx + [LENS.cx, LENS.cy]
    return np.floor(distorted).astype(int)[:, ::-1]


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("lens", [LENS, Lens(k=-0.04), Lens(fx=150.0, fy=150.0)])
def test_lenses_and_versions_of_colmap(tmp_path, old, lens):
    filming.write_mvimgnet(tmp_path / KEY, SHOTS, lens, old=old)
    views = MVImgNet(tmp_path).read(KEY).records
    assert len(views) == 6
    assert all(errors(view).max() < 0.1 for view in views)


def test_an_object_in_a_corner_that_straightening_cuts_off(tmp_path):
    filming.write_mvimgnet(tmp_path / KEY, SHOTS, Lens(k=-0.2))
    path = tmp_path / KEY / "masks/002.jpg.png"
    corner = np.zeros_like(np.asarray(Image.open(path)))
    corner[:3, :3] = 255
    Image.fromarray(corner).save(path)
    item = MVImgNet(tmp_path).read(KEY)
    assert [(entry.key, entry.reason.split(":")[0]) for entry in item.dropped] == [
        (f"{KEY}/002", "'002.jpg.png' has an empty mask")
    ]


def rewrite(source: pathlib.Path, model: str, numbers: list[float]) -> None:
    """Gives the sparse model another lens."""
    folder = source / KEY / "sparse/0"
    reconstruction = pycolmap.Reconstruction(folder)
    camera = reconstruction.cameras[1]
    camera.model, camera.params = getattr(pycolmap.CameraModelId, model), numbers
    reconstruction.write_binary(folder)


@pytest.mark.parametrize("model, numbers", [("SIMPLE_PINHOLE", []), ("PINHOLE", [155.0]), ("RADIAL", [0.0, 0.0])])
def test_other_camera_models(tmp_path, model, numbers):
    lens = Lens(fx=155.0, fy=155.0)
    filming.write_mvimgnet(tmp_path / KEY, SHOTS, lens)
    middle = [lens.cx, lens.cy]
    rewrite(tmp_path, model, [155.0, *numbers, *middle] if model == "PINHOLE" else [155.0, *middle, *numbers])
    views = MVImgNet(tmp_path).read(KEY).records
    assert all(errors(view).max() < 0.1 for view in views)


@pytest.mark.parametrize(
    "model, numbers, reason",
    [
        ("OPENCV_FISHEYE", [155.0, 155.0, 77.0, 96.5, 0, 0, 0, 0], "OPENCV_FISHEYE, which is not perspective"),
        ("SIMPLE_RADIAL", [155.0, 77.0, 96.5, np.nan], "^the sparse model has a camera with numbers"),
        ("SIMPLE_RADIAL", [-155.0, 77.0, 96.5, 0.0], "^the sparse model has a camera with focal lengths"),
    ],
)  # fmt: skip
def test_lenses_that_are_no_use(source, model, numbers, reason):
    rewrite(source, model, numbers)
    with pytest.raises(Unusable, match=reason):
        MVImgNet(source).read(KEY)


@pytest.mark.parametrize("name", ["cameras.bin", "images.bin", "points3D.bin"])
@pytest.mark.parametrize("kept", [None, 0, 0.3, 0.5, 0.97])
def test_a_damaged_model_is_named(source, name, kept):
    path = source / KEY / "sparse/0" / name
    if kept is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(Unusable, match=rf"sparse model|^'{name}'"):
        MVImgNet(source).read(KEY)
    assert list(MVImgNet(source).keys()) == [KEY]


def test_a_model_with_an_impossible_name(source):
    path = source / KEY / "sparse/0/images.bin"
    path.write_bytes(path.read_bytes().replace(b"003.jpg", b"\xb003.jp"))
    with pytest.raises(Unusable, match="the sparse model cannot be read"):
        MVImgNet(source).read(KEY)


def test_an_object_without_a_model(source):
    """As where reconstruction failed; further models are never taken."""
    (source / KEY / "sparse/0").rename(source / KEY / "sparse/1")
    with pytest.raises(Unusable, match=r"^'cameras.bin' of the sparse model is missing"):
        MVImgNet(source).read(KEY)


def test_a_picture_without_a_camera_is_dropped(source):
    shutil.copy(source / KEY / "images/001.jpg", source / KEY / "images/007.jpg")
    item = MVImgNet(source).read(KEY)
    assert item.dropped == (Rejection(f"{KEY}/007", "'007.jpg' has no camera in 'sparse/0'"),)
    assert len(item.records) == 6


@pytest.mark.parametrize(
    "place", ["option", "below the source", "below the source, one deeper", "without .jpg", "beside the pictures"]
)
def test_places_of_masks(source, tmp_path, place):
    own = source / KEY / "masks"
    root = {"option": tmp_path / "elsewhere", "beside the pictures": source}.get(place, source / "masks")
    if place == "without .jpg":
        for path in list(own.iterdir()):
            path.rename(own / path.name.replace(".jpg", ""))
    else:
        folder = root / KEY / "masks" if "deeper" in place else root / KEY
        folder.mkdir(parents=True, exist_ok=True)
        for path in list(own.iterdir()):
            path.rename(folder / path.name)
        own.rmdir()
    layout = MVImgNet(source, masks=root if place in ("option", "beside the pictures") else None)
    assert list(layout.keys()) == [KEY]
    assert len(layout.read(KEY).records) == 6


def test_the_centre_is_the_mean_of_the_objects_points(source):
    np.testing.assert_allclose(centre_of(source), OFFSET + POINTS.mean(0), atol=1e-6)


@pytest.mark.parametrize("lost, weight", [(1, 5 / 6), (2, 0.0)])
def test_points_count_as_often_as_masks_show_them(source, lost, weight):
    """Five of six masks are more than 80 %, four are not."""
    for number in range(1, lost + 1):

        def without_first(mask, camera):
            row, column = places(camera, POINTS[:1] + OFFSET)[0]
            mask[row - 7 : row + 8, column - 7 : column + 8] = 0

        edit_mask(source, number, without_first)
    expected = np.average(POINTS, axis=0, weights=[weight, 1, 1, 1, 1]) + OFFSET
    np.testing.assert_allclose(centre_of(source), expected, atol=1e-6)


@pytest.mark.parametrize("value, counted", [(128, False), (131, True)])
def test_a_mask_of_more_than_half_counts_for_points(source, value, counted):
    """Also where it is no part of the object, which takes 225. Straightening may change the value by a little."""
    visible = BACKGROUND[:1] * 0.2  # a sixth point, near enough to be in every picture
    folder = source / KEY / "sparse/0"
    model = pycolmap.Reconstruction(folder)
    model.add_point3D(visible[0] + OFFSET, pycolmap.Track(), np.zeros(3, np.uint8))
    model.write_binary(folder)
    for number in range(1, 7):

        def veil(mask, camera):
            row, column = places(camera, visible + OFFSET)[0]
            around = mask[row - 4 : row + 5, column - 4 : column + 5]
            around[:] = np.where(around > 0, around, value)
            around[around < value] = value

        edit_mask(source, number, veil)
    points = np.concatenate([POINTS, visible]) if counted else POINTS
    np.testing.assert_allclose(centre_of(source), points.mean(0) + OFFSET, atol=1e-6)


def test_no_point_on_the_object(source):
    folder = source / KEY / "sparse/0"
    model = pycolmap.Reconstruction(folder)
    for number, point in list(model.points3D.items()):
        if np.linalg.norm(point.xyz - OFFSET) < 1:
            model.delete_point3D(number)
    model.write_binary(folder)
    with pytest.raises(Unusable, match="has no point of 'sparse/0' in more than 80% of its masks"):
        MVImgNet(source).read(KEY)


def test_single_views_are_the_first_pictures(source, tmp_path, monkeypatch):
    """They need no cameras: not even `pycolmap`."""
    monkeypatch.setitem(sys.modules, "pycolmap", None)
    shutil.rmtree(source / KEY / "sparse")
    layout = MVImgNet(source, single_view=True)
    with preparation.file_source(layout) as made:
        record_writer.write(tmp_path / "out", made, progress=False)
    data = RecordSet(tmp_path / "out", "train")
    assert (data.schema, data.keys, data.mask_threshold) == ("single_view", [KEY], 225)
    record = data.read(0)
    left, top, right, bottom = record.provenance["box"]
    assert record.provenance["file"] == f"{KEY}/images/001.jpg"
    assert record.provenance["size"] == [LENS.width, LENS.height]
    image = np.asarray(Image.open(source / KEY / "images/001.jpg"))[top:bottom, left:right]
    mask = np.asarray(Image.open(source / KEY / "masks/001.jpg.png"))[top:bottom, left:right]
    np.testing.assert_array_equal(record.image, np.concatenate([image, mask[..., None]], -1))
    rows, columns = np.nonzero(mask > 225)
    assert (rows.min(), columns.min()) == (4, 4)


def test_single_views_pass_over_unsound_pictures(source):
    (source / KEY / "masks/001.jpg.png").unlink()
    (source / KEY / "images/002.jpg").write_bytes(b"")
    item = MVImgNet(source, single_view=True).read(KEY)
    assert item.records[0].provenance["file"] == f"{KEY}/images/003.jpg"
    assert [entry.key for entry in item.dropped] == [f"{KEY}/001", f"{KEY}/002"]
    shutil.rmtree(source / KEY / "masks")
    with pytest.raises(Unusable, match=rf"'{KEY}' has no sound picture \('001.jpg.png' is missing\)"):
        MVImgNet(source, single_view=True).read(KEY)


def test_every_picture_is_kept_where_that_is_asked(source):
    (source / KEY / "images/002.jpg").write_bytes(b"")
    layout = MVImgNet(source, single_view=True, every_picture=True)
    item = layout.read(KEY)
    files = [record.provenance["file"] for record in item.records]
    pictures = sorted(path.name for path in (source / KEY / "images").glob("*.jpg"))
    assert files == [f"{KEY}/images/{name}" for name in pictures if name != "002.jpg"] and len(files) > 3
    assert {record.key for record in item.records} == {KEY}
    assert [entry.key for entry in item.dropped] == [f"{KEY}/002"]
    assert layout.settings()["every_picture"] is True
    with pytest.raises(UserError, match="--every_picture belongs to --single_view"):
        MVImgNet(source, every_picture=True)


def test_single_views_are_made_smaller(source):
    layout = MVImgNet(source, single_view=True, squares=Squares(image_size=40))
    assert max(layout.read(KEY).records[0].image.shape) == 40
    assert layout.settings() == {"dataset": "mvimgnet", "single_view": True, "image_size": 40}


def test_the_command_line(source, tmp_path):
    filming.write_mvimgnet(source / "0/broken", SHOTS, dataclasses.replace(LENS, k=0.0))
    (source / "0/broken/sparse/0/points3D.bin").unlink()
    options = ["--dataset", "mvimgnet", "--source", str(source), "--out", str(tmp_path / "out"), "--workers", "1"]
    done = subprocess.run(
        [sys.executable, "launch/prepare_data.py", *options, "--crop", "mask", "--fov_y", "39.6"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "1 kept, 1 rejected, 6 records" in done.stdout
    assert RecordSet(tmp_path / "out", "train").keys == [KEY]
