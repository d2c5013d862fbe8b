"""The readers of photographs with cameras, on miniature copies of each layout with known cameras."""

import dataclasses
import json
import math
import pathlib
import pickle
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from real3d_jax.config.data import MultiviewSourceConfig
from real3d_jax.data import frames, preparation, record_writer
from real3d_jax.data.examples import ImageSizes, MultiviewExamples
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.data.records import Unusable
from real3d_jax.data.sources.captures import Shot, Squares, survey
from real3d_jax.data.sources.co3d import CO3D
from real3d_jax.data.sources.mvimgnet import MVImgNet
from real3d_jax.errors import UserError
from tests.data import filming, projection
from tests.data.filming import OFFSET, Lens
from tests.data.projection import POINTS, projected, seen

CENTRE = OFFSET + POINTS.mean(0)
SHOTS = 6


@dataclasses.dataclass(frozen=True)
class Case:
    """A layout: how to write an object of it, how to read it, and where its files are."""

    reader: Any
    write: Callable
    keys: tuple[str, str]  # sorted
    lens: Lens
    name: Callable[[int], str]  # of a view
    image: Callable[[int], str]
    mask: Callable[[int], str]


CASES = {
    "mvimgnet": Case(
        MVImgNet,
        filming.write_mvimgnet,
        ("0/100021a3", "175/280142be"),
        Lens(k=0.08),
        lambda i: f"{i + 1:03d}",
        lambda i: f"images/{i + 1:03d}.jpg",
        lambda i: f"masks/{i + 1:03d}.jpg.png",
    ),
    "co3d": Case(
        CO3D,
        filming.write_co3d,
        ("apple/110_13051_23361", "toytruck/190_20494_39385"),
        Lens(),
        lambda i: f"frame{3 * i + 1:06d}",
        lambda i: f"images/frame{3 * i + 1:06d}.jpg",
        lambda i: f"masks/frame{3 * i + 1:06d}.png",
    ),
}


@pytest.fixture(params=CASES)
def case(request) -> Case:
    return CASES[request.param]


def written(case: Case, root: pathlib.Path, **squares):
    """Two objects of SHOTS views."""
    for seed, key in enumerate(case.keys):
        case.write(root / key, filming.film(SHOTS, seed=seed), case.lens)
    return case.reader(root, squares=Squares(**squares))


def errors(view, points=POINTS + OFFSET - CENTRE):
    """Pixels between where the points are seen and where the camera says that they are."""
    return np.abs(seen(view.image) - projected(view.c2w, view.intrinsics, points, len(view.image)))


def off_middle(case: Case, camera) -> float:
    """How far the discs' box is from the picture's middle."""
    places = case.lens.project(camera, POINTS + OFFSET)
    return math.dist((places.min(0) + places.max(0)) / 2, (case.lens.width / 2, case.lens.height / 2))


@pytest.mark.parametrize("crop", ["image", "mask"])
@pytest.mark.parametrize("image_size", [512, 100])
def test_known_points_reproject(case, tmp_path, crop, image_size):
    layout = written(case, tmp_path, crop=crop, image_size=image_size, crop_ratio=1.6)
    for key in case.keys:
        views = layout.read(key).records
        assert {view.view for view in views} == {case.name(i) for i in range(SHOTS)}
        for view in views:
            assert view.image.shape[0] == view.image.shape[1] <= image_size
            assert not view.image[view.image[..., 3] == 0].any()
            assert errors(view).max() < 0.1


def test_cameras_are_the_known_ones(case, tmp_path):
    item, shots = written(case, tmp_path).read(case.keys[1]), filming.film(SHOTS, seed=1)
    by_name = {view.view: view for view in item.records}
    for number, shot in enumerate(shots):
        known = np.stack([shot.right, shot.up, -shot.forward, shot.position - CENTRE], -1)
        np.testing.assert_allclose(by_name[case.name(number)].c2w[:3], known, atol=1e-5)
    side = len(item.records[0].image)  # nothing was resized
    left, top = (case.lens.width - side) // 2, (case.lens.height - side) // 2
    known = [case.lens.fx / side, case.lens.fy / side, (case.lens.cx - left) / side, (case.lens.cy - top) / side]
    for view in item.records:
        np.testing.assert_allclose(view.intrinsics, known, rtol=1e-6)


def test_the_first_view_is_the_best_centred(case, tmp_path):
    layout = written(case, tmp_path)
    for seed, key in enumerate(case.keys):
        distances = [off_middle(case, camera) for camera in filming.film(SHOTS, seed=seed)]
        best = int(np.argmin(distances))
        names = [view.view for view in layout.read(key).records]
        assert names == [case.name(best), *(case.name(i) for i in range(SHOTS) if i != best)]


def test_sizes_of_the_squares(case, tmp_path):
    """About the middle around what the first view shows; or about the object of each view."""
    first, *others = written(case, tmp_path, crop_ratio=1.6).read(case.keys[0]).records
    camera = filming.film(SHOTS, seed=0)[[case.name(i) for i in range(SHOTS)].index(first.view)]
    edges = case.lens.project(camera, POINTS + OFFSET) - [case.lens.width / 2, case.lens.height / 2]
    reach = np.abs(edges).max() + 4  # the discs' radius
    assert len(first.image) == pytest.approx(2 * 1.6 * reach, abs=3)
    assert {view.image.shape for view in others} == {first.image.shape}
    by_mask = case.reader(tmp_path, squares=Squares(crop="mask", crop_ratio=1.25)).read(case.keys[0]).records
    for view in by_mask:
        rows, columns = np.nonzero(view.image[..., 3] > 180)
        lengths = [np.ptp(rows) + 1, np.ptp(columns) + 1]
        assert len(view.image) == pytest.approx(1.25 * max(lengths), abs=2)
        middle = [(rows.min() + rows.max() + 1) / 2, (columns.min() + columns.max() + 1) / 2]
        np.testing.assert_allclose(middle, len(view.image) / 2, atol=1)


def test_beyond_the_picture_is_transparent(case, tmp_path):
    for view in written(case, tmp_path, crop_ratio=3.0).read(case.keys[0]).records:
        assert len(view.image) > case.lens.width
        assert not view.image[:, 0].any()
        assert errors(view).max() < 0.1


def test_a_field_of_view_may_be_claimed(case, tmp_path):
    true = written(case, tmp_path).read(case.keys[0]).records
    claimed = case.reader(tmp_path, squares=Squares(fov_y=39.6)).read(case.keys[0]).records
    assert claimed[0].intrinsics[1] == pytest.approx(0.5 / math.tan(0.691150367 / 2), rel=1e-5)
    for a, b in zip(claimed, true, strict=True):
        ratio = claimed[0].intrinsics[1] / true[0].intrinsics[1]
        np.testing.assert_allclose(a.intrinsics, b.intrinsics * [ratio, ratio, 1, 1], rtol=1e-6)
        np.testing.assert_array_equal(a.image, b.image)


def test_items_survive_the_way_to_records(case, tmp_path):
    layout = pickle.loads(pickle.dumps(written(case, tmp_path / "raw")))
    assert list(layout.keys()) == list(case.keys)
    assert json.loads(json.dumps(layout.settings())) == layout.settings()
    assert "raw" not in json.dumps(layout.settings())
    with preparation.file_source(layout) as source:
        record_writer.write(tmp_path / "out", source, progress=False)
    data = RecordSet(tmp_path / "out", "train")
    assert (data.keys, data.mask_threshold) == (list(case.keys), 225)
    for number in range(SHOTS):
        assert errors(data.read(1, number)).max() < 0.1


def test_points_behind_a_camera_are_in_no_mask(tmp_path):
    """They project to the same pixels as those before it."""
    case, (camera,) = CASES["co3d"], filming.film(1, seed=0)
    image, mask = filming.picture(camera, case.lens)
    for name, pixels in (("image.png", image), ("mask.png", mask)):
        Image.fromarray(pixels).save(tmp_path / name)
    c2w = np.eye(4)
    c2w[:3] = np.stack([camera.right, camera.up, -camera.forward, camera.position], -1)
    lens, size = case.lens, (case.lens.width, case.lens.height)
    intrinsics = np.array([lens.fx, lens.fy, lens.cx, lens.cy])
    shot = Shot("one", tmp_path / "image.png", tmp_path / "mask.png", "cameras", size, c2w, intrinsics)
    before = POINTS + OFFSET
    behind = 2 * camera.position - before
    found = survey("object", [shot], threshold=225, points=np.concatenate([before, behind]))
    assert found.inside.tolist() == [1] * len(before) + [0] * len(behind)


@pytest.mark.parametrize("distance", [2.4, 3.0])
def test_input_frame_keeps_every_reprojection(case, tmp_path, distance):
    views = written(case, tmp_path).read(case.keys[0]).records
    poses = np.stack([view.c2w for view in views])
    points = projection.in_input_frame(poses[0], POINTS + OFFSET - CENTRE, distance)
    moved = frames.to_input_frame(poses[0], poses, distance)
    np.testing.assert_allclose(moved[0, :3, 3], [distance, 0, 0], atol=1e-5)
    for view, c2w in zip(views, moved, strict=True):
        assert errors(dataclasses.replace(view, c2w=c2w), points).max() < 0.1


def test_known_points_reproject_in_the_batches_of_training(case, tmp_path):
    """From the files to targets on white and cameras in the input-camera frame."""
    with preparation.file_source(written(case, tmp_path / "raw")) as source:
        record_writer.write(tmp_path / "out", source, progress=False)
    data = RecordSet(tmp_path / "out", "train")
    config = MultiviewSourceConfig("", 0.0, 3.0, 1, False)
    example = MultiviewExamples(data, config, ImageSizes(64, 64, True), views=SHOTS)(1, np.random.default_rng(0))
    points = projection.in_input_frame(data.read(1, 0).c2w, POINTS + OFFSET - CENTRE, 3.0)
    np.testing.assert_allclose(example["c2w"][0], frames.canonical_c2w(3.0), atol=1e-5)
    for rgb, c2w, intrinsics in zip(*(example[name] for name in ("rgb", "c2w", "intrinsics")), strict=True):
        alpha = 255 - rgb.min(-1, keepdims=True)  # each disc's colour has a channel without light
        colour = 255 * ((rgb - (255.0 - alpha)) > alpha / 2)
        places = seen(np.concatenate([colour, alpha], -1)) - projected(c2w, intrinsics, points, 64)
        assert np.abs(places).max() < 0.1


def spoil(path: pathlib.Path, fault: str) -> None:
    """Gives a picture or a mask one fault."""
    pixels = np.asarray(Image.open(path))
    if fault == "missing":
        path.unlink()
    elif fault == "zero bytes":
        path.write_bytes(b"")
    elif fault == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif fault == "no picture":
        path.write_text("<html>404</html>")
    elif fault == "other size":
        Image.fromarray(pixels[:-2]).save(path)
    elif fault == "channels":
        Image.fromarray(np.zeros((*pixels.shape[:2], 4), np.uint8)).save(path, "PNG")
    else:
        Image.fromarray(np.full_like(pixels, {"empty mask": 100, "full mask": 255}[fault])).save(path)


@pytest.mark.parametrize(
    ("file", "fault", "reason"),
    [
        *((file, "missing", "is missing") for file in ("image", "mask")),
        *((file, "zero bytes", "is empty") for file in ("image", "mask")),
        *((file, "truncated", "cannot be decoded") for file in ("image", "mask")),
        *((file, "no picture", "cannot be decoded") for file in ("image", "mask")),
        *((file, "other size", "has 150 x 198 pixels, and its camera is for 150 x 200") for file in ("image", "mask")),
        ("image", "channels", "has mode RGBA, not"),
        ("mask", "channels", "has an empty mask"),
        ("mask", "empty mask", "has an empty mask"),
        ("mask", "full mask", "has a full mask"),
    ],
)
def test_a_bad_file_drops_its_view(case, tmp_path, file, fault, reason):
    layout = written(case, tmp_path)
    key = case.keys[0]
    before = layout.read(key).records
    worst = next(i for i in range(SHOTS) if case.name(i) == before[0].view)  # the first view itself
    path = tmp_path / key / (case.image if file == "image" else case.mask)(worst)
    spoil(path, fault)
    item = layout.read(key)
    assert [(entry.key, entry.reason.startswith(f"'{path.name}' {reason}")) for entry in item.dropped] == [
        (f"{key}/{case.name(worst)}", True)
    ]
    assert {view.view for view in item.records} == {view.view for view in before[1:]}
    # Without the mask of one view the centre may move; what is kept is still right.
    assert all(errors(view).max() < 0.1 for view in item.records)
    assert len(layout.read(case.keys[1]).records) == SHOTS


def test_too_few_sound_views_make_an_object_unusable(case, tmp_path):
    layout = written(case, tmp_path)
    for number in range(2):
        (tmp_path / case.keys[0] / case.mask(number)).unlink()
    with pytest.raises(Unusable, match=rf"has 4 sound views, not 5 or more \('{case.name(0)}.*is missing\)"):
        layout.read(case.keys[0])
    assert len(case.reader(tmp_path, squares=Squares(min_views=4)).read(case.keys[0]).records) == 4


def test_an_object_beside_the_square_drops_its_view(case, tmp_path):
    """A view is of no use if the square about the picture's middle shows nothing of the object."""
    layout = written(case, tmp_path, crop_ratio=1.0)
    path = tmp_path / case.keys[0] / case.mask(0)
    mask = np.zeros((case.lens.height, case.lens.width), np.uint8)
    mask[-4:, -4:] = 255
    if case is CASES["mvimgnet"]:
        mask[-30:-22, -30:-22] = 255  # straightening takes the corner away
    Image.fromarray(mask).save(path)
    item = layout.read(case.keys[0])
    assert [entry.reason.split(":")[0] for entry in item.dropped] == [
        f"'{pathlib.Path(case.image(0)).name}', cropped, has an empty mask"
    ]


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 0}, "image_size must be at least 1, not 0"),
        ({"min_views": 0}, "min_views must be at least 1, not 0"),
        ({"crop": "object"}, "crop must be 'image' or 'mask', not 'object'"),
        ({"crop_ratio": 0.9}, "crop_ratio must be at least 1, not 0.9"),
        ({"crop_ratio": math.nan}, "crop_ratio must be at least 1, not nan"),
        ({"fov_y": 180.0}, "fov_y must be between 0 and 180 degrees, not 180.0"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        Squares(**options)


def test_other_folders_are_refused(case, tmp_path):
    for source in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(UserError, match=rf"'{source}' does not hold .*: name a folder with"):
            case.reader(source).keys()
    for other in CASES.values():
        if other is not case:
            written(other, tmp_path)
    if case is CASES["co3d"]:
        with pytest.raises(UserError, match="does not hold"):
            case.reader(tmp_path).keys()
    with pytest.raises(UserError, match="correct --masks"):
        case.reader(tmp_path, masks=tmp_path / "no masks").keys()


@pytest.mark.parametrize(("module", "reader"), [("pycolmap", MVImgNet), ("plyfile", CO3D)])
def test_a_missing_package_is_named(tmp_path, monkeypatch, module, reader):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=rf"{module}, which is not installed: run `pip install 'real3d-jax\[data\]'`"):
        reader(tmp_path).keys()
