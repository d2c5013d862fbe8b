"""Faults of the cameras and quirks of the layouts of rendered data sets."""

import json
import math
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from real3d_jax.data.records import Unusable
from real3d_jax.data.sources.gobjaverse import GObjaverse
from real3d_jax.data.sources.omniobject3d import OmniObject3D
from real3d_jax.data.sources.zero123 import Zero123
from real3d_jax.errors import UserError
from tests.data import projection
from tests.data.miniatures import write_gobjaverse, write_omniobject3d, write_png, write_zero123
from tests.data.projection import POINTS, projected, seen

SIZE = 64
SHOTS = projection.cameras(3, seed=3, x_fov=math.radians(49.1), y_fov=math.radians(49.1), size=SIZE)


def edit(path: pathlib.Path, change) -> None:
    """Rewrites a JSON file after `change` has altered its content."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.fixture
def gobjaverse(tmp_path):
    write_gobjaverse(tmp_path / "0/10005", SHOTS, SIZE)
    return GObjaverse(tmp_path, views=3)


@pytest.mark.parametrize(
    "change, reason",
    [
        (lambda c: c.update(origin=[0.0, math.nan, 1.0]), "not finite"),
        (lambda c: c.update(x=[-v for v in c["x"]]), "no rotation"),
        (lambda c: c.update(y=[1.1 * v for v in c["y"]]), "no rotation"),
        (lambda c: c.update(z=c["x"]), "no rotation"),
        (lambda c: c.update(origin=[0, 0, 0]), "at the origin"),
        (lambda c: c.pop("z"), "has no 'z'"),
        (lambda c: c.pop("y_fov"), "has no 'y_fov'"),
        (lambda c: c.update(x=[1.0, 0.0]), r"no array of \(3,\) numbers in 'x'"),
        (lambda c: c.update(x=[1.0, [0.0], 2.0]), r"no array of \(3,\) numbers in 'x'"),
        (lambda c: c.update(x=["1", "0", "0"]), r"no array of \(3,\) numbers in 'x'"),
        (lambda c: c.update(x=[True, 0.0, 0.0]), r"no array of \(3,\) numbers in 'x'"),  # NumPy takes true for 1
        (lambda c: c.update(x_fov=True), "no number in 'x_fov'"),
        (lambda c: c.update(origin=[1e39, 0.0, 0.0]), "not finite"),  # as float32, which records have
        (lambda c: c.update(x_fov="wide"), "no number in 'x_fov'"),
        (lambda c: c.update(x_fov=39.6), "field of view of 39.6 radians"),
        (lambda c: c.update(y_fov=0.0), "field of view of 0.0 radians"),
        (lambda c: c.update(y_fov=math.nan), "field of view of nan radians"),
    ],
)
def test_gobjaverse_names_a_bad_camera(gobjaverse, tmp_path, change, reason):
    edit(tmp_path / "0/10005/campos_512_v4/00001/00001.json", change)
    with pytest.raises(Unusable, match=rf"^'00001.json' .*{reason}"):
        gobjaverse.read("0/10005")


@pytest.mark.parametrize("text, reason", [('{"x": [1, 0', "is no JSON"), ("[1, 2]", "holds a list"), (None, "missing")])
def test_gobjaverse_names_a_bad_camera_file(gobjaverse, tmp_path, text, reason):
    path = tmp_path / "0/10005/campos_512_v4/00001/00001.json"
    path.write_text(text) if text else path.unlink()
    with pytest.raises(Unusable, match=rf"^'00001.json' .*{reason}"):
        gobjaverse.read("0/10005")


def test_gobjaverse_wants_all_views_and_no_more(gobjaverse, tmp_path):
    with pytest.raises(Unusable, match="'0/10005' has 3 view folders, not 40"):
        GObjaverse(tmp_path).read("0/10005")
    with pytest.raises(Unusable, match="'0/10005' has 3 view folders, not 2"):
        GObjaverse(tmp_path, views=2).read("0/10005")
    shutil.rmtree(tmp_path / "0/10005/campos_512_v4")
    with pytest.raises(Unusable, match="'0/10005' has 0 view folders, not 3"):
        gobjaverse.read("0/10005")


@pytest.mark.parametrize("views", ["", "campos_1024"])  # nothing is what the downloader of single files makes
def test_gobjaverse_with_another_folder_of_views(gobjaverse, tmp_path, views):
    expected = gobjaverse.read("0/10005").records
    (tmp_path / "moved/0/10005" / views).parent.mkdir(parents=True)
    (tmp_path / "0/10005/campos_512_v4").rename(tmp_path / "moved/0/10005" / views)
    moved = GObjaverse(tmp_path / "moved", views=3)
    assert list(moved.keys()) == ["0/10005"]
    for ours, theirs in zip(moved.read("0/10005").records, expected, strict=True):
        assert ours.view == theirs.view
        np.testing.assert_array_equal(ours.c2w, theirs.c2w)


def test_one_group_of_gobjaverse_is_refused(gobjaverse, tmp_path):
    with pytest.raises(UserError, match=r"one group.*name the folder above"):
        GObjaverse(tmp_path / "0").keys()


@pytest.fixture
def zero123(tmp_path):
    write_zero123(tmp_path / "0a1b", SHOTS, SIZE)
    (tmp_path / "valid_paths.json").write_text('["0a1b"]')
    return Zero123(tmp_path, views=3)


@pytest.mark.parametrize(
    "change, reason",
    [
        (lambda w2c: np.where(np.eye(3, 4) > 0, np.nan, w2c), "not finite"),
        (lambda w2c: np.where(np.eye(3, 4, 3) > 0, np.inf, w2c), "not finite"),
        (lambda w2c: w2c * [-1, 1, 1, 1], "no rotation"),
        (lambda w2c: w2c * 1.01, "no rotation"),
        (lambda w2c: w2c[:, :3], r"array \(3, 3\)"),
        (lambda w2c: np.concatenate([w2c, [[0, 0, 0, 1]]]), r"array \(4, 4\)"),
        (lambda w2c: w2c.astype(str), "array"),
        (lambda w2c: w2c.astype(object), "no array file"),
    ],
)
def test_zero123_names_a_bad_camera(zero123, tmp_path, change, reason):
    path = tmp_path / "0a1b/001.npy"
    np.save(path, change(np.load(path)))
    with pytest.raises(Unusable, match=rf"^'001.npy' .*{reason}"):
        zero123.read("0a1b")


@pytest.mark.parametrize("keep", [0, 40, 150])
def test_zero123_names_a_truncated_camera(zero123, tmp_path, keep):
    path = tmp_path / "0a1b/001.npy"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(Unusable, match=r"^'001.npy' is no array file"):
        zero123.read("0a1b")


def test_zero123_names_a_camera_with_a_damaged_header(zero123, tmp_path):
    path = tmp_path / "0a1b/001.npy"
    path.write_bytes(path.read_bytes().replace(b"(3, 4)", b"(3, 4("))
    with pytest.raises(Unusable, match=r"^'001.npy' is no array file"):
        zero123.read("0a1b")


def test_zero123_wants_all_views_and_both_files(zero123, tmp_path):
    assert list(zero123.keys()) == ["0a1b"]
    with pytest.raises(Unusable, match="'0a1b' has 3 views, not 12"):
        Zero123(tmp_path).read("0a1b")
    (tmp_path / "0a1b/002.npy").unlink()
    with pytest.raises(Unusable, match=r"^'002.npy' is missing"):
        zero123.read("0a1b")


def test_zero123_field_of_view_is_an_option(zero123, tmp_path):
    (view, *_) = Zero123(tmp_path, views=3, fov_y=60.0).read("0a1b").records
    np.testing.assert_allclose(view.intrinsics[:2], 0.5 * math.sqrt(3), rtol=1e-6)
    with pytest.raises(UserError, match=r"between 0 and 180 degrees, not 180\.0"):
        Zero123(tmp_path, fov_y=180.0)


@pytest.fixture
def omniobject3d(tmp_path):
    write_omniobject3d(tmp_path / "anise/anise_001", SHOTS, SIZE)
    return OmniObject3D(tmp_path)


@pytest.mark.parametrize(
    "change, reason",
    [
        (lambda c: c.pop("camera_angle_x"), "has no 'camera_angle_x'"),
        (lambda c: c.update(camera_angle_x=None), "no number in 'camera_angle_x'"),
        (lambda c: c.update(camera_angle_x=-0.5), "field of view of -0.5"),
        (lambda c: c.pop("frames"), "no list of 'frames'"),
        (lambda c: c.update(frames=[]), "no list of 'frames'"),
        (lambda c: c.update(frames=["r_0"]), "no list of 'frames'"),
        (lambda c: c["frames"][1].pop("file_path"), "no 'file_path'"),
        (lambda c: c["frames"][1].update(file_path="r_0"), "names 'r_0' a second time"),
        (lambda c: c["frames"][1].pop("transform_matrix"), "has no 'transform_matrix'"),
        (lambda c: c["frames"][1]["transform_matrix"].pop(), r"no array of \(4, 4\) numbers"),
        (lambda c: c["frames"][1]["transform_matrix"][0].pop(), r"no array of \(4, 4\) numbers"),
        (lambda c: c["frames"][1]["transform_matrix"][0].__setitem__(3, math.inf), "not finite"),
        (lambda c: c["frames"][1]["transform_matrix"][0].__setitem__(0, 7.0), "no rotation"),
        (lambda c: c["frames"][1]["transform_matrix"][3].__setitem__(0, 0.5), "no rotation"),
    ],
)
def test_omniobject3d_names_bad_cameras(omniobject3d, tmp_path, change, reason):
    edit(tmp_path / "anise/anise_001/render/transforms.json", change)
    with pytest.raises(Unusable, match=rf"'transforms.json' .*{reason}|{reason} .*'transforms.json'"):
        omniobject3d.read("anise/anise_001")


@pytest.mark.parametrize("path", ["r_{}.png", "./images/r_{}", "/home/someone/render/r_{}"])
def test_omniobject3d_paths_of_frames(omniobject3d, tmp_path, path):
    def change(content):
        for number, frame in enumerate(content["frames"]):
            frame["file_path"] = path.format(number)

    edit(tmp_path / "anise/anise_001/render/transforms.json", change)
    assert [view.view for view in omniobject3d.read("anise/anise_001").records] == ["r_0", "r_1", "r_2"]


def test_omniobject3d_of_its_own_script(omniobject3d, tmp_path):
    (tmp_path / "own/anise").mkdir(parents=True)
    (tmp_path / "anise/anise_001/render").rename(tmp_path / "own/anise/anise_001")
    own = OmniObject3D(tmp_path / "own")
    assert list(own.keys()) == ["anise/anise_001"]
    assert len(own.read("anise/anise_001").records) == 3


def test_omniobject3d_without_alpha(omniobject3d, tmp_path):
    for path in (tmp_path / "anise/anise_001/render/images").iterdir():
        picture = Image.open(path)
        write_png(path, np.asarray(Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture))[..., :3])
    with pytest.raises(Unusable, match=r"^'r_0.png' has mode RGB, not RGBA"):
        omniobject3d.read("anise/anise_001")
    for view in OmniObject3D(tmp_path, black_background=True).read("anise/anise_001").records:
        assert set(np.unique(view.image[..., 3])) == {0, 255}
        errors = seen(view.image) - projected(view.c2w, view.intrinsics, POINTS, SIZE)
        assert np.abs(errors).max() < 1  # the discs' edges are hard now
