"""What lies in users' folders beside the layouts of the data sets, and numbers in other units."""

import io
import json
import math
import pathlib
import shutil
import tarfile

import numpy as np
import pytest
from PIL import Image

from real3d_jax.data.records import Unusable
from real3d_jax.data.sources.gobjaverse import GObjaverse
from real3d_jax.data.sources.nerf import Nerf
from real3d_jax.data.sources.omniobject3d import OmniObject3D
from real3d_jax.data.sources.openlrm import OpenLRM
from real3d_jax.data.sources.views import Views
from real3d_jax.data.sources.wild_images import WildImages
from real3d_jax.data.sources.zero123 import Zero123
from real3d_jax.errors import UserError
from tests.data import miniatures, projection

SIZE = 64
FOV = math.radians(49.1)
SHOTS = projection.cameras(3, seed=3, x_fov=FOV, y_fov=FOV, size=SIZE)
LAYOUTS = {
    "gobjaverse": (lambda root: GObjaverse(root, views=3), miniatures.write_gobjaverse, "0/10005"),
    "nerf": (Nerf, miniatures.write_nerf, "lego"),
    "omniobject3d": (OmniObject3D, miniatures.write_omniobject3d, "anise/anise_001"),
    "openlrm": (OpenLRM, miniatures.write_openlrm, "0a1b"),
    "views": (Views, miniatures.write_views, "chair"),
    "zero123": (lambda root: Zero123(root, views=3), miniatures.write_zero123, "0a1b"),
}


def litter(folder: pathlib.Path) -> None:
    """What macOS leaves on other file systems, beside every file and folder, and a NAS of Synology."""
    for path in list(folder.rglob("*")):
        (path.parent / f"._{path.name}").write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X        ")
    shutil.copytree(folder, folder / "__MACOSX")
    (folder / "@eaDir" / "x").mkdir(parents=True)
    (folder / "@eaDir" / "x.png").write_bytes(b"\0")
    (folder / ".DS_Store").write_bytes(b"\0")


def same(ours, theirs) -> bool:
    pairs = list(zip(ours.records, theirs.records, strict=True))
    return all(a.view == b.view and (a.image == b.image).all() and (a.c2w == b.c2w).all() for a, b in pairs)


@pytest.mark.parametrize("name", LAYOUTS)
def test_litter_is_passed_over(tmp_path, name):
    reader, write, key = LAYOUTS[name]
    write(tmp_path / key, SHOTS, SIZE)
    before = reader(tmp_path).read(key)
    litter(tmp_path)
    assert list(reader(tmp_path).keys()) == [key]
    assert same(reader(tmp_path).read(key), before)


def test_litter_beside_photographs(tmp_path):
    pixels = np.zeros((20, 30, 4), np.uint8)
    pixels[5:10, 5:10] = 255
    (tmp_path / "cats").mkdir()
    Image.fromarray(pixels).save(tmp_path / "cats/a.png")
    litter(tmp_path)
    assert list(WildImages(tmp_path).keys()) == ["cats/a"]


@pytest.mark.parametrize(
    ("camera", "reason"),
    [
        ({"intrinsics": [70.0, 70.0, 32.0, 32.0]}, r"'00000.json' has intrinsics .*look like pixels: divide fx"),
        ({"intrinsics": [1.1, 1.1, 32.0, 32.0]}, "look like pixels"),
        ({"intrinsics": [1.1, 1.1, 0.5]}, r"no array of \(4,\) numbers"),
        ({"fov_y": FOV}, r"'00000.json' has a field of view of 0.85.* degrees, which looks like radians: 49.1 degrees"),
        ({"fov_y": 190.0}, "field of view"),
        ({"fov_y": 0}, "field of view"),
        ({"fov_y": 49.1, "intrinsics": [0.9, 0.9, 0.5, 0.5]}, "'intrinsics' and 'fov_y' that differ"),
    ],
)
def test_units_of_views(tmp_path, camera, reason):
    miniatures.write_views(tmp_path / "chair", SHOTS, SIZE)
    path = tmp_path / "chair/00000.json"
    path.write_text(json.dumps({"c2w": json.loads(path.read_text())["c2w"], **camera}))
    with pytest.raises(Unusable, match=reason):
        Views(tmp_path).read("chair")


def test_a_narrow_lens_is_given_as_intrinsics(tmp_path):
    miniatures.write_views(tmp_path / "chair", SHOTS, SIZE)
    path = tmp_path / "chair/00000.json"
    content = {"c2w": json.loads(path.read_text())["c2w"], "intrinsics": [25.0, 25.0, 0.5, 0.5]}
    path.write_text(json.dumps(content))  # 2.3 degrees
    np.testing.assert_allclose(Views(tmp_path).read("chair").records[0].intrinsics, [25, 25, 0.5, 0.5])
    both = {**content, "intrinsics": [1.0947, 1.0947, 0.5, 0.5], "fov_y": 49.1}
    path.write_text(json.dumps(both))
    assert Views(tmp_path).read("chair").records[0].intrinsics[0] == 1.0947


def test_axes_of_opencv_in_views_are_named(tmp_path):
    miniatures.write_views(tmp_path / "chair", SHOTS, SIZE)
    for path in (tmp_path / "chair").glob("*.json"):
        content = json.loads(path.read_text())
        content["c2w"] = (np.array(content["c2w"]) * [1, -1, -1, 1]).tolist()
        path.write_text(json.dumps(content))
    with pytest.raises(Unusable, match=r"'chair' has cameras that all look away from the origin: .*OpenCV"):
        Views(tmp_path).read("chair")


def test_json_with_a_byte_order_mark(tmp_path):
    miniatures.write_views(tmp_path / "chair", SHOTS, SIZE)
    before = Views(tmp_path).read("chair")
    for path in (tmp_path / "chair").glob("*.json"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert same(Views(tmp_path).read("chair"), before)


@pytest.mark.parametrize("views", [12, 24])
def test_the_number_of_views_of_zero123_is_found_out(tmp_path, views):
    shots = [SHOTS[number % 3] for number in range(views)]
    for name in ("0a", "0b", "0c"):
        miniatures.write_zero123(tmp_path / name, shots, 16)
    (tmp_path / "0b/003.png").unlink()
    (tmp_path / "0b/003.npy").unlink()
    layout = Zero123(tmp_path)
    assert layout.settings()["views"] == views
    assert len(layout.read("0a").records) == views
    with pytest.raises(Unusable, match=f"'0b' has {views - 1} views, not {views}"):
        layout.read("0b")
    with pytest.raises(Unusable, match=f"has {views} views, not {36 - views}"):
        Zero123(tmp_path, views=36 - views).read("0a")


def pack(folder: pathlib.Path, archive: pathlib.Path, inside: str, mode: str = "w") -> None:
    with tarfile.open(archive, mode) as tar:
        tar.add(folder, inside)


@pytest.mark.parametrize("inside", ["10005", "./10005", "objaverse/0/10005", "."])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_gobjaverse_from_its_archives(tmp_path, inside, mode):
    miniatures.write_gobjaverse(tmp_path / "raw/0/10005", SHOTS, SIZE)
    before = GObjaverse(tmp_path / "raw", views=3).read("0/10005")
    (tmp_path / "packed/0").mkdir(parents=True)
    pack(tmp_path / "raw/0/10005", tmp_path / "packed/0/10005.tar", inside, mode)
    packed = GObjaverse(tmp_path / "packed", views=3)
    assert list(packed.keys()) == ["0/10005"]
    assert same(packed.read("0/10005"), before)
    shutil.copytree(tmp_path / "raw/0/10005", tmp_path / "packed/0/10005")  # unpacked where it lies, in part
    shutil.rmtree(tmp_path / "packed/0/10005/campos_512_v4/00001")
    assert list(packed.keys()) == ["0/10005"]
    assert same(packed.read("0/10005"), before)


def test_archives_of_gobjaverse_that_are_damaged(tmp_path):
    miniatures.write_gobjaverse(tmp_path / "raw/0/10005", SHOTS, SIZE)
    archive = tmp_path / "packed/0/10005.tar"
    archive.parent.mkdir(parents=True)
    pack(tmp_path / "raw/0/10005", archive, "10005")
    layout, whole = GObjaverse(tmp_path / "packed", views=3), archive.read_bytes()
    for keep in (0, 100, 700, len(whole) // 2, len(whole) - 11000):
        archive.write_bytes(whole[:keep])
        with pytest.raises(Unusable, match=r"'10005.tar' (is no whole tar file|has \d view folders, not 3)|is missing"):
            layout.read("0/10005")
    archive.write_text("<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>")
    with pytest.raises(Unusable, match=r"'10005.tar' is no whole tar file"):
        layout.read("0/10005")
    pack(tmp_path / "raw/0/10005", archive, "10005")
    with tarfile.open(archive, "a") as tar:
        tar.add(tmp_path / "raw/0/10005/campos_512_v4/00001/00001.png", "10005/other/00001/00001.png")
    with pytest.raises(Unusable, match=r"'10005.tar' holds views in several folders"):
        layout.read("0/10005")
    with tarfile.open(archive, "w") as tar:
        link = tarfile.TarInfo("10005/campos/00000/00000.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(link)
    with pytest.raises(Unusable, match="has 0 view folders, not 3"):
        layout.read("0/10005")
    with pytest.raises(UserError, match="one group"):
        GObjaverse(tmp_path / "packed/0").keys()


def test_the_last_of_two_members_of_an_archive_counts(tmp_path):
    miniatures.write_gobjaverse(tmp_path / "raw/0/10005", SHOTS, SIZE)
    before = GObjaverse(tmp_path / "raw", views=3).read("0/10005")
    archive = tmp_path / "packed/0/10005.tar"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w") as tar:
        first = tarfile.TarInfo("10005/campos_512_v4/00001/00001.png")
        first.size = 4
        tar.addfile(first, io.BytesIO(b"old!"))
        tar.add(tmp_path / "raw/0/10005", "10005")
    assert same(GObjaverse(tmp_path / "packed", views=3).read("0/10005"), before)
