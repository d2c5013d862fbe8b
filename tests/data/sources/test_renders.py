"""The readers of rendered data sets, on miniature copies of each layout with known cameras."""

import dataclasses
import json
import math
import pathlib
import pickle
import shutil
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from real3d_jax import cameras as jax_cameras
from real3d_jax.data import frames, preparation, record_writer
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.data.records import Unusable
from real3d_jax.data.sources.gobjaverse import GObjaverse
from real3d_jax.data.sources.layout import Layout
from real3d_jax.data.sources.nerf import Nerf
from real3d_jax.data.sources.omniobject3d import OmniObject3D
from real3d_jax.data.sources.openlrm import OpenLRM
from real3d_jax.data.sources.views import Views
from real3d_jax.data.sources.zero123 import Zero123
from real3d_jax.errors import UserError
from tests.data import miniatures, projection
from tests.data.projection import POINTS, projected, seen

VIEWS = 3
X_FOV, Y_FOV = math.radians(39.6), math.radians(44.0)


@dataclasses.dataclass(frozen=True)
class Case:
    """A layout: how to write an object of it, how to read it, and where its files are."""

    reader: Any
    write: Callable
    options: dict[str, int]
    keys: tuple[str, str]  # sorted
    fovs: tuple[float, float]
    views: int  # of a true object
    names: tuple[str, str, str]
    image: str  # of view 1


CASES = {
    "gobjaverse": Case(
        GObjaverse,
        miniatures.write_gobjaverse,
        {"views": VIEWS},
        ("0/10005", "12/60007"),
        (X_FOV, Y_FOV),
        40,
        ("00000", "00001", "00002"),
        "campos_512_v4/00001/00001.png",
    ),
    "zero123": Case(
        Zero123,
        miniatures.write_zero123,
        {"views": VIEWS},
        ("0a1b2c", "fd9e8f"),
        (math.radians(49.1), math.radians(49.1)),
        12,
        ("000", "001", "002"),
        "001.png",
    ),
    "omniobject3d": Case(
        OmniObject3D,
        miniatures.write_omniobject3d,
        {},
        ("anise/anise_001", "toy_train/toy_train_012"),
        (X_FOV, X_FOV),
        100,
        ("r_0", "r_1", "r_2"),
        "render/images/r_1.png",
    ),
    "nerf": Case(
        Nerf,
        miniatures.write_nerf,
        {},
        ("chair", "lego"),
        (X_FOV, Y_FOV),
        24,
        ("r_0", "r_1", "r_2"),
        "train/r_1.png",
    ),
    "openlrm": Case(
        OpenLRM,
        miniatures.write_openlrm,
        {"views": VIEWS},
        ("0a1b2c", "fd9e8f"),
        (X_FOV, Y_FOV),
        32,
        ("000", "001", "002"),
        "rgba/001.png",
    ),
    "views": Case(
        Views,
        miniatures.write_views,
        {},
        ("chair", "table"),
        (Y_FOV, Y_FOV),
        24,
        ("00000", "00001", "00002"),
        "00001.png",
    ),
}


@pytest.fixture(params=CASES)
def case(request) -> Case:
    return CASES[request.param]


def shots(case: Case, count: int = VIEWS, seed: int = 0) -> list[projection.Camera]:
    x_fov, y_fov = case.fovs
    return projection.cameras(count, seed=seed, x_fov=x_fov, y_fov=y_fov, size=miniatures.SIZE)


def written(case: Case, root: pathlib.Path, **options) -> Layout:
    """Two objects of VIEWS views."""
    for seed, key in enumerate(case.keys):
        case.write(root / key, shots(case, seed=seed))
    return case.reader(root, **{**case.options, **options})


@pytest.mark.parametrize("image_size", [512, miniatures.SIZE, miniatures.SIZE // 2])
def test_known_points_reproject(case, tmp_path, image_size):
    for key in case.keys:
        layout = written(case, tmp_path, image_size=image_size)
        views = layout.read(key).records
        assert len(views) == VIEWS
        for view in views:
            size = min(image_size, miniatures.SIZE)
            assert view.image.shape == (size, size, 4)
            errors = seen(view.image) - projected(view.c2w, view.intrinsics, POINTS, size)
            assert np.abs(errors).max() < 0.1
        shutil.rmtree(tmp_path)


def test_cameras_are_the_known_ones(case, tmp_path):
    views = written(case, tmp_path).read(case.keys[1]).records
    for view, shot in zip(views, shots(case, seed=1), strict=True):
        known = np.stack([shot.right, shot.up, -shot.forward, shot.position], -1)
        np.testing.assert_allclose(view.c2w[:3], known, atol=1e-6)
        focals = [0.5 / math.tan(fov / 2) for fov in case.fovs]
        np.testing.assert_allclose(view.intrinsics, [*focals, 0.5, 0.5], rtol=1e-6)


@pytest.mark.parametrize("distance", [2.4, 3.0])
def test_input_frame_keeps_every_reprojection(case, tmp_path, distance):
    views = written(case, tmp_path).read(case.keys[0]).records
    poses = np.stack([view.c2w for view in views])
    for number, view in enumerate(views):
        points = projection.in_input_frame(view.c2w, POINTS, distance)
        for c2w in (
            frames.to_input_frame(view.c2w, poses, distance),
            np.asarray(jax_cameras.to_input_frame(jnp.asarray(view.c2w), jnp.asarray(poses), distance)),
        ):
            np.testing.assert_allclose(c2w[number, :3, 3], [distance, 0, 0], atol=1e-5)
            for target, moved in zip(views, c2w, strict=True):
                errors = seen(target.image) - projected(moved, target.intrinsics, points, miniatures.SIZE)
                assert np.abs(errors).max() < 0.1


def test_items_survive_the_way_to_records(case, tmp_path):
    layout = pickle.loads(pickle.dumps(written(case, tmp_path / "raw")))
    assert list(layout.keys()) == list(case.keys)
    assert json.loads(json.dumps(layout.settings())) == layout.settings()
    assert "raw" not in json.dumps(layout.settings())
    with preparation.file_source(layout) as source:
        record_writer.write(tmp_path / "out", source, progress=False)
    data = RecordSet(tmp_path / "out", "train")
    for number, view in enumerate(layout.read(case.keys[1]).records):
        stored = data.read(1, number)
        assert (stored.object_id, stored.view) == (case.keys[1], case.names[number])
        errors = seen(stored.image) - projected(stored.c2w, stored.intrinsics, POINTS, miniatures.SIZE)
        assert np.abs(errors).max() < 0.1
        np.testing.assert_array_equal(stored.image, view.image)


def test_a_true_number_of_views(case, tmp_path):
    case.write(tmp_path / case.keys[0], shots(case, case.views))
    views = case.reader(tmp_path).read(case.keys[0]).records
    assert len({view.view for view in views}) == case.views


def test_sixteen_bits_are_read_as_eight(case, tmp_path):
    layout = written(case, tmp_path)
    before = layout.read(case.keys[0]).records[1].image
    deep = before.astype(np.uint16) * 256 + np.arange(4, dtype=np.uint16)
    miniatures.write_png(tmp_path / case.keys[0] / case.image, deep)
    np.testing.assert_array_equal(layout.read(case.keys[0]).records[1].image, before)


def spoil_image(path: pathlib.Path, fault: str) -> None:
    """Gives an image one fault."""
    image = np.asarray(Image.open(path)).copy()
    if fault == "missing":
        path.unlink()
    elif fault == "zero bytes":
        path.write_bytes(b"")
    elif fault == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif fault == "no picture":
        path.write_text("<html>404</html>")
    elif fault == "no alpha":
        Image.fromarray(image).convert("RGB").save(path)
    elif fault == "not square":
        Image.fromarray(image[: len(image) // 2]).save(path)
    else:
        image[..., 3] = {"empty mask": 0, "full mask": 255}[fault]
        Image.fromarray(image).save(path)


@pytest.mark.parametrize(
    "fault, reason",
    [
        ("missing", "is missing"),
        ("zero bytes", "is empty"),
        ("truncated", "cannot be decoded"),
        ("no picture", "cannot be decoded"),
        ("no alpha", "has mode RGB"),
        ("not square", "has 128 x 64 pixels"),
        ("empty mask", "has an empty mask"),
        ("full mask", "has a full mask"),
    ],
)
def test_a_bad_image_makes_its_object_unusable(case, tmp_path, fault, reason):
    layout = written(case, tmp_path)
    path = tmp_path / case.keys[0] / case.image
    spoil_image(path, fault)
    with pytest.raises(Unusable, match=rf"^'{path.name}' {reason}"):
        layout.read(case.keys[0])
    assert list(layout.keys()) == list(case.keys)
    assert len(layout.read(case.keys[1]).records) == VIEWS


def test_other_folders_are_refused(case, tmp_path):
    def message():
        with pytest.raises(UserError) as error:
            case.reader(tmp_path / "raw").keys()
        return str(error.value)

    assert f"'{tmp_path / 'raw'}'" in message()  # missing
    (tmp_path / "raw").write_text("a file")
    message()
    (tmp_path / "raw").unlink()
    (tmp_path / "raw/chair/holiday").mkdir(parents=True)
    message()
    shutil.rmtree(tmp_path / "raw")
    for other in CASES.values():
        if other is not case:
            written(other, tmp_path / "raw")
    assert "name a folder with" in message()


def test_bad_options_are_refused(case, tmp_path):
    with pytest.raises(UserError, match="image_size must be at least 1, not 0"):
        case.reader(tmp_path, image_size=0)
    if case.options:
        with pytest.raises(UserError, match="views must be at least 1, not -1"):
            case.reader(tmp_path, views=-1)
