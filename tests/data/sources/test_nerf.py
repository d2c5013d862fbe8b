"""Scenes of NeRF as Blender, instant-ngp and nerfstudio write them."""

import json
import math
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from real3d_jax.data.records import Unusable
from real3d_jax.data.sources.nerf import Nerf
from real3d_jax.errors import UserError
from tests.data import miniatures, projection
from tests.data.projection import POINTS, projected, seen

SIZE = 64
FOV = math.radians(49.1)
SHOTS = projection.cameras(3, seed=3, x_fov=FOV, y_fov=FOV, size=SIZE)
FOCAL = SIZE / 2 / math.tan(FOV / 2)


def scene(folder: pathlib.Path, lens: dict, shots=SHOTS, name="transforms.json", frames=None) -> pathlib.Path:
    """A scene whose pictures lie in `images`."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows = []
    for number, camera in enumerate(shots):
        miniatures.write_png(folder / "images" / f"{number:04d}.png", projection.draw(camera, SIZE))
        row = {"file_path": f"images/{number:04d}.png", "transform_matrix": miniatures.blender(camera)}
        rows.append(row | (frames or {}))
    (folder / name).write_text(json.dumps({**lens, "frames": rows}))
    return folder


def edited(folder: pathlib.Path, change, name="transforms.json") -> Nerf:
    content = json.loads((folder / name).read_text())
    change(content)
    (folder / name).write_text(json.dumps(content))
    return Nerf(folder.parent)


def off(views, points=POINTS) -> float:
    """How far a known point is from where the record's camera sees it, at most, in pixels."""
    apart = [seen(view.image) - projected(view.c2w, view.intrinsics, points, len(view.image)) for view in views]
    return float(np.abs(apart).max())


@pytest.mark.parametrize(
    "lens",
    [
        {"camera_angle_x": FOV},
        {"camera_angle_x": FOV, "camera_angle_y": FOV},
        {"fl_x": FOCAL, "fl_y": FOCAL, "cx": SIZE / 2, "cy": SIZE / 2, "w": SIZE, "h": SIZE},
        {"fl_x": FOCAL},
        {"fl_x": 10 * FOCAL, "w": 10 * SIZE, "h": 10 * SIZE, "cx": 5 * SIZE, "cy": 5 * SIZE},  # a smaller copy
        {"camera_angle_x": FOV, "fl_x": FOCAL, "w": SIZE, "h": SIZE, "k1": 0, "k2": 0.0, "p1": 0, "is_fisheye": False},
        {"fl_x": FOCAL, "camera_model": "OPENCV", "aabb_scale": 16, "scale": 0.33, "offset": [0.5, 0.5, 0.5]},
        {"camera_angle_x": FOV, "fl_y": None},
    ],
)
def test_known_points_reproject(tmp_path, lens):
    scene(tmp_path / "lego", lens)
    assert off(Nerf(tmp_path).read("lego").records) < 0.1


def test_a_lens_of_one_frame_goes_before_that_of_all(tmp_path):
    scene(tmp_path / "lego", {"fl_x": 3 * FOCAL, "cx": 7.0}, frames={"fl_x": FOCAL, "cx": SIZE / 2})
    assert off(Nerf(tmp_path).read("lego").records) < 0.1


def test_a_principal_point_beside_the_middle(tmp_path):
    """The pictures lose 6 columns on the left, so the middle of the lens moves there."""
    folder = scene(tmp_path / "lego", {"fl_x": FOCAL, "cx": SIZE / 2 - 6, "cy": SIZE / 2, "w": SIZE - 6, "h": SIZE})
    for path in (folder / "images").iterdir():
        miniatures.write_png(path, np.asarray(Image.open(path))[:, 6:])
    views = Nerf(tmp_path).read("lego").records
    assert {view.image.shape for view in views} == {(SIZE, SIZE, 4)}  # padded to a square
    assert off(views) < 0.1
    np.testing.assert_allclose(views[0].intrinsics[:2], FOCAL / SIZE, rtol=1e-6)


def test_the_files_of_the_splits_are_joined(tmp_path):
    folder = tmp_path / "lego"
    for number, split in enumerate(("train", "val", "test")):
        scene(folder, {"camera_angle_x": FOV}, shots=SHOTS[number : number + 1], name=f"transforms_{split}.json")
        (folder / "images").rename(folder / split)
        edited(folder, lambda c, s=split: c["frames"][0].update(file_path=f"./{s}/0000"), f"transforms_{split}.json")
    views = Nerf(tmp_path).read("lego").records
    assert [view.view for view in views] == ["train_0000", "val_0000", "test_0000"]
    assert off(views) < 0.1
    shutil.copy(folder / "transforms_train.json", folder / "transforms.json")
    with pytest.raises(Unusable, match=r"'transforms.json' and 'transforms_train.json', which may tell of the same"):
        Nerf(tmp_path).read("lego")


def test_where_scenes_lie(tmp_path):
    scene(tmp_path / "synthetic/lego", {"camera_angle_x": FOV})
    scene(tmp_path / "chair", {"camera_angle_x": FOV})
    assert list(Nerf(tmp_path).keys()) == ["chair", "synthetic/lego"]
    assert list(Nerf(tmp_path / "chair").keys()) == ["chair"]
    assert off(Nerf(tmp_path / "chair").read("chair").records) < 0.1
    assert off(Nerf(tmp_path).read("synthetic/lego").records) < 0.1


@pytest.mark.parametrize(
    "path", ["images\\0000.png", "./images/0000", "/home/someone/lego/images/0000.png", "C:\\lego\\images\\0000.png"]
)
def test_paths_of_pictures(tmp_path, path):
    folder = scene(tmp_path / "lego", {"camera_angle_x": FOV})
    assert off(edited(folder, lambda c: c["frames"][0].update(file_path=path)).read("lego").records) < 0.1


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_photographs_with_masks(tmp_path, mode):
    folder = scene(tmp_path / "lego", {"camera_angle_x": FOV})
    for path in list((folder / "images").iterdir()):
        image = Image.open(path)
        image.getchannel("A").convert(mode).save(folder / f"mask_{path.name}")
        image.convert("RGB").save(path)

    def add(content):
        for frame in content["frames"]:
            frame["mask_path"] = "mask_" + pathlib.Path(frame["file_path"]).name

    with pytest.raises(Unusable, match=r"'0000.png' has mode RGB, no alpha, and its frame no 'mask_path'"):
        Nerf(tmp_path).read("lego")
    item = edited(folder, add).read("lego")
    assert off(item.records) < 0.1
    assert item.repaired == (() if mode == "L" else 3 * ("masks of RGB",))
    with pytest.raises(Unusable, match=r"frame 1 .*has no 'mask_path', which other frames have"):
        edited(folder, lambda content: content["frames"][1].pop("mask_path")).read("lego")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c: c.update(k1=0.02), "'k1': 0.02, which bends its pictures"),
        (lambda c: c["frames"][1].update(p2=1e-3), "frame 1 .*'p2': 0.001, which bends"),
        (lambda c: c.update(distortion_params=[0, 0.1, 0, 0]), "'distortion_params'"),
        (lambda c: c.update(is_fisheye=True), "'is_fisheye': True, which is not applied"),
        (lambda c: c.update(from_na=True), "'from_na'"),
        (lambda c: c.update(camera_model="OPENCV_FISHEYE"), "camera_model 'OPENCV_FISHEYE', which is no perspective"),
        (lambda c: c.update(camera_model="EQUIRECTANGULAR"), "camera_model 'EQUIRECTANGULAR'"),
        (lambda c: c.update(camera_angle_x=49.1), "camera_angle_x 49.1 radians; it looks like degrees"),
        (lambda c: c.update(camera_angle_x=math.nan), "camera_angle_x nan"),
        (lambda c: c.pop("camera_angle_x"), "neither 'camera_angle_x' nor 'fl_x'"),
        (lambda c: c.update(fl_x=2 * FOCAL), "fl_x .* and a camera_angle that says .*: one is wrong"),
        (lambda c: c.update(fl_x=0.5 * FOCAL / SIZE), "fl_x .*: give it in pixels"),
        (lambda c: c.update(cx=0.5), "cx 0.5 for 64 pixels: give it in pixels"),
        (lambda c: c.update(w=800, h=600), r"'0000.png' has 64 x 64 pixels, and frame 0 .* is for 800 x 600"),
        (lambda c: c["frames"][2].pop("transform_matrix"), "frame 2 .*has no 'transform_matrix'"),
        (lambda c: c["frames"][2].update(file_path="images/0001.png"), "names the picture 'images_0001' a second time"),
        (lambda c: c["frames"][2].update(file_path="images/0009"), "'0009.png' is missing"),
        (lambda c: c["frames"][2].update(file_path=""), "frame 2 .*has no 'file_path'"),
        (lambda c: c["frames"][2].update(mask_path=3), "frame 2 .*'mask_path' that is no text"),
        (lambda c: c["frames"][2]["transform_matrix"][0].__setitem__(0, 7.0), "no rotation"),
        (lambda c: c.update(frames={}), "no list of 'frames'"),
    ],
)
def test_what_is_not_applied_is_refused_by_name(tmp_path, change, reason):
    folder = scene(tmp_path / "lego", {"camera_angle_x": FOV})
    with pytest.raises(Unusable, match=reason):
        edited(folder, change).read("lego")


def test_matrices_of_three_rows(tmp_path):
    folder = scene(tmp_path / "lego", {"camera_angle_x": FOV})
    layout = edited(folder, lambda c: [frame["transform_matrix"].pop() for frame in c["frames"]])
    assert off(layout.read("lego").records) < 0.1


def _changed(folder, change) -> Nerf:
    """The matrices of all frames, changed."""

    def all_(content):
        for frame in content["frames"]:
            frame["transform_matrix"] = change(np.array(frame["transform_matrix"])).tolist()

    return edited(folder, all_)


@pytest.mark.parametrize("change", [lambda m: m * [1, -1, -1, 1], np.linalg.inv])
def test_axes_of_another_convention_are_named(tmp_path, change):
    folder = scene(tmp_path / "lego", {"camera_angle_x": FOV})
    with pytest.raises(Unusable, match=r"OpenCV's|do not have the origin|no rotation"):
        _changed(folder, change).read("lego")


def test_an_object_off_the_origin_is_refused_or_recentred(tmp_path):
    folder = scene(tmp_path / "lego", {"camera_angle_x": FOV})
    _changed(folder, lambda m: m + np.array([[0, 0, 0, 5.0], [0, 0, 0, -3.0], [0, 0, 0, 2.0], [0, 0, 0, 0]]))
    with pytest.raises(Unusable, match=r"3 of 3 cameras that do not have the origin .* --recentre moves it"):
        Nerf(tmp_path).read("lego")
    views = Nerf(tmp_path, recentre=True).read("lego").records
    assert off(views) < 0.1  # the cameras look at the points' own origin
    np.testing.assert_allclose(views[0].c2w[:3, 3], SHOTS[0].position, atol=1e-6)


def test_cameras_that_all_look_the_same_way_have_no_centre(tmp_path):
    folder = scene(tmp_path / "lego", {"camera_angle_x": FOV}, shots=SHOTS[:1])
    with pytest.raises(Unusable, match=r"all look the same way"):
        Nerf(folder, recentre=True).read("lego")


def test_a_folder_of_something_else(tmp_path):
    (tmp_path / "lego").mkdir()
    with pytest.raises(UserError, match=r"does not hold scenes of NeRF: name a folder with SCENE/transforms.json"):
        Nerf(tmp_path).keys()
