"""CO3D's annotations, cameras and point clouds."""

import gzip
import json
import pathlib
import re

import numpy as np
import pytest
from PIL import Image

from real3d_jax.data.records import Unusable
from real3d_jax.data.sources import co3d
from real3d_jax.data.sources.captures import Squares
from real3d_jax.data.sources.co3d import CO3D
from real3d_jax.errors import UserError
from tests.data import filming
from tests.data.filming import OFFSET, Lens
from tests.data.projection import POINTS, projected, seen

SEQUENCE, OTHER = "110_13051_23361", "189_20393_38136"
KEY = f"apple/{SEQUENCE}"
KEYS = [KEY, f"apple/{OTHER}"]
SHOTS = filming.film(6, seed=2)
LENS = Lens()


@pytest.fixture
def source(tmp_path) -> pathlib.Path:
    """A folder of two sequences."""
    filming.write_co3d(tmp_path / "raw" / KEY, SHOTS, LENS)
    filming.write_co3d(tmp_path / "raw/apple" / OTHER, SHOTS, LENS)
    return tmp_path / "raw"


@pytest.fixture(autouse=True)
def nothing_remembered():
    co3d._annotations.cache_clear()
    co3d._set_list.cache_clear()


def edit(path: pathlib.Path, change) -> None:
    """Rewrites an annotation file after `change` has altered its list."""
    entries = json.loads(gzip.decompress(path.read_bytes()))
    change(entries)
    path.write_bytes(gzip.compress(json.dumps(entries).encode()))


def edit_frame(source: pathlib.Path, number: int, change) -> None:
    def change_one(entries):
        for entry in entries:
            if (entry["sequence_name"], entry["frame_number"]) == (SEQUENCE, number):
                change(entry)

    edit(source / "apple/frame_annotations.jgz", change_one)


@pytest.mark.parametrize("kind", ["ndc_isotropic", "ndc_norm_image_bounds", None])
@pytest.mark.parametrize("lens", [LENS, Lens(width=210, height=140, cx=101.0, cy=73.0)])
def test_formats_of_intrinsics(tmp_path, kind, lens):
    filming.write_co3d(tmp_path / KEY, SHOTS, lens, intrinsics_format=kind)
    views = CO3D(tmp_path).read(KEY).records
    assert len(views) == 6
    for view in views:
        points = POINTS - POINTS.mean(0)
        errors = seen(view.image) - projected(view.c2w, view.intrinsics, points, len(view.image))
        assert np.abs(errors).max() < 0.1


@pytest.mark.parametrize(
    "change, reason",
    [
        (lambda f: f.update(viewpoint=None), "has no 'viewpoint'"),
        (lambda f: f.update(mask=None), "has no 'mask'"),
        (lambda f: f.pop("image"), "has no 'image'"),
        (lambda f: f["image"].pop("path"), "has no 'path'"),
        (lambda f: f["image"].update(size=[200]), r"no array of \(2,\) numbers in 'size'"),
        (lambda f: f["image"].update(size=[150, 200]), "has 150 x 200 pixels, and its camera is for 200 x 150"),
        (lambda f: f["image"].update(path="apple/nowhere.jpg"), "'nowhere.jpg' is missing"),
        (lambda f: f["mask"].update(path="apple/nowhere.png"), "'nowhere.png' is missing"),
        (lambda f: f["viewpoint"].pop("R"), "has no 'R'"),
        (lambda f: f["viewpoint"].update(T=[0, 0]), r"no array of \(3,\) numbers in 'T'"),
        (
            lambda f: f["viewpoint"]["T"].__setitem__(0, float("nan")),
            r"^'frame_annotations.jgz' has a camera with numbers that are not finite",
        ),
        (
            lambda f: f["viewpoint"]["R"][0].__setitem__(0, 5.0),
            r"^'frame_annotations.jgz' has a camera whose axes are no rotation",
        ),
        (
            lambda f: f["viewpoint"].update(R=np.diag([1.0, 1.0, -1.0]).tolist()),
            r"^'frame_annotations.jgz' has a camera whose axes are no rotation",
        ),
        (
            lambda f: f["viewpoint"].update(focal_length=[-2.0, 2.0]),
            r"^'frame_annotations.jgz' has a camera with focal lengths",
        ),
        (lambda f: f["viewpoint"].pop("principal_point"), "has no 'principal_point'"),
        (lambda f: f["viewpoint"].update(intrinsics_format="pixels"), "intrinsics of the unknown format 'pixels'"),
    ],
)
def test_a_bad_frame_is_dropped(source, change, reason):
    edit_frame(source, 4, change)
    item = CO3D(source).read(KEY)
    assert len(item.records) == 5
    ((key, why),) = item.dropped
    assert key.startswith(f"{KEY}/")
    assert re.search(reason, why)
    assert len(CO3D(source).read(f"apple/{OTHER}").records) == 6


@pytest.mark.parametrize(
    "name, fault, reason",
    [
        (name, fault, reason)
        for name in ("frame_annotations.jgz", "sequence_annotations.jgz")
        for fault, reason in (
            (lambda b: b[: len(b) // 2], "cannot be read"),
            (lambda b: b"", "cannot be read"),
            (lambda b: b"<html>404</html>", "cannot be read"),
            (lambda b: gzip.compress(b"[1, 2]"), "cannot be read"),
            (lambda b: gzip.compress(b'{"a": 1}'), "cannot be read"),
            (lambda b: gzip.compress(gzip.decompress(b)[:-300]), "cannot be read"),
            (lambda b: gzip.compress(b"[]"), "is not in"),
        )
    ],
)
def test_damaged_annotations_are_named(source, name, fault, reason):
    path = source / "apple" / name
    path.write_bytes(fault(path.read_bytes()))
    for key in KEYS:
        with pytest.raises(Unusable, match=rf"'{name}'.*{reason}|{reason}.*'{name}'"):
            CO3D(source).read(key)


def test_annotations_are_read_once_for_a_category(source, monkeypatch):
    opened, really = [], gzip.open
    monkeypatch.setattr(gzip, "open", lambda path, *rest, **named: opened.append(path) or really(path, *rest, **named))
    for key in KEYS:
        CO3D(source).read(key)
    assert len(opened) == 2
    (source / "apple/frame_annotations.jgz").write_bytes(b"")
    co3d._annotations.cache_clear()
    for key in KEYS:
        with pytest.raises(Unusable):
            CO3D(source).read(key)
    assert len(opened) == 4


def test_frames_are_in_the_order_of_their_numbers(source):
    names = [view.view for view in CO3D(source).read(KEY).records]
    assert names[1:] == sorted(names[1:])
    assert len(set(names)) == 6


def test_a_frame_that_is_listed_twice_is_one_record(source):
    before = CO3D(source, squares=Squares(image_size=64)).read(KEY)
    edit(source / "apple/frame_annotations.jgz", lambda entries: entries.append(entries[0]))
    co3d._annotations.cache_clear()
    twice = json.loads(gzip.decompress((source / "apple/frame_annotations.jgz").read_bytes()))[-1]
    item = CO3D(source, squares=Squares(image_size=64)).read(f"apple/{twice['sequence_name']}")
    assert len(item.records) == len(before.records)
    assert [entry.reason.endswith("a second time") for entry in item.dropped] == [True]


def test_a_sequence_without_a_point_cloud(source):
    edit(source / "apple/sequence_annotations.jgz", lambda entries: entries[0].update(point_cloud=None))
    with pytest.raises(Unusable, match=rf"'{SEQUENCE}' has no point cloud in 'sequence_annotations.jgz'"):
        CO3D(source).read(KEY)


@pytest.mark.parametrize(
    "spoil, reason",
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(b""), "cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:-10]), "cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b"float z", b"float w")), "cannot be read"),
        (lambda path: filming.write_ply(path, np.zeros((0, 3))), "has no points"),
        (lambda path: filming.write_ply(path, np.full((3, 3), np.nan)), "has points that are not finite"),
    ],
)
def test_a_bad_point_cloud_is_named(source, spoil, reason):
    spoil(source / KEY / "pointcloud.ply")
    with pytest.raises(Unusable, match=rf"^'pointcloud.ply' {reason}"):
        CO3D(source).read(KEY)


def test_point_clouds_as_text(source):
    expected = CO3D(source).read(KEY).records[0].c2w
    lines = [" ".join(f"{value:.7f}" for value in point) for point in POINTS + OFFSET]
    header = ["ply", "format ascii 1.0", f"element vertex {len(lines)}", *(f"property double {a}" for a in "xyz")]
    (source / KEY / "pointcloud.ply").write_text("\n".join([*header, "end_header", *lines, ""]))
    np.testing.assert_allclose(CO3D(source).read(KEY).records[0].c2w, expected, atol=1e-5)


def test_subsets(source):
    folder = source / "apple/set_lists"
    folder.mkdir()
    frames = [[OTHER, number, f"apple/{OTHER}/images/frame{3 * number + 1:06d}.jpg"] for number in range(6)]
    content = {"train": frames[:3], "val": frames[3:4], "test": frames[4:5]}
    (folder / "set_lists_fewview_dev.json").write_text(json.dumps(content))
    assert list(CO3D(source).keys()) == KEYS
    layout = CO3D(source, subset="fewview_dev")
    assert list(layout.keys()) == [f"apple/{OTHER}"]
    assert {view.view for view in layout.read(f"apple/{OTHER}").records} == {f"frame{3 * n + 1:06d}" for n in range(5)}
    with pytest.raises(UserError, match=r"No category .* has a 'set_lists_manyview_dev_0.json'"):
        CO3D(source, subset="manyview_dev_0").keys()
    (folder / "set_lists_fewview_dev.json").write_text("{")
    co3d._set_list.cache_clear()
    with pytest.raises(UserError, match=r"set_lists_fewview_dev.json' cannot be read"):
        layout.keys()


def test_fewer_frames(source):
    views = CO3D(source, frames=3, squares=Squares(min_views=3)).read(KEY).records
    assert {view.view for view in views} == {"frame000001", "frame000007", "frame000016"}
    with pytest.raises(UserError, match="frames must be 0 or at least min_views, 5, not 3"):
        CO3D(source, frames=3)


def test_other_masks(source, tmp_path):
    better = tmp_path / "better" / KEY / "masks"
    better.parent.mkdir(parents=True)
    (source / KEY / "masks").rename(better)
    assert list(CO3D(source).keys()) == KEYS
    with pytest.raises(Unusable, match=r"0 sound views.*'frame000001.png' is missing"):
        CO3D(source).read(KEY)
    assert len(CO3D(source, masks=tmp_path / "better").read(KEY).records) == 6


@pytest.mark.parametrize("value, larger", [(180, False), (181, True)])
def test_soft_masks_count_from_180(source, value, larger):
    before = len(CO3D(source).read(KEY).records[0].image)
    for path in (source / KEY / "masks").iterdir():
        mask = np.asarray(Image.open(path)).copy()
        mask[:3] = np.maximum(mask[:3], value)
        Image.fromarray(mask).save(path)
    after = len(CO3D(source).read(KEY).records[0].image)
    assert after == pytest.approx(1.6 * LENS.height, abs=1) if larger else after == before
