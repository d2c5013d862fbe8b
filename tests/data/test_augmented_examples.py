"""Records changed at random: parts of views and mirrored objects are what their cameras say."""

import dataclasses

import numpy as np
import pytest

from real3d_jax.config.data import AugmentedSourceConfig
from real3d_jax.data import frames, pipeline, record_writer
from real3d_jax.data.augmented_examples import AugmentedExamples, mirrored
from real3d_jax.data.examples import ImageSizes, MultiviewExamples
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.data.records import MULTIVIEW, Item, Source, View
from real3d_jax.data.view_parts import random_parts
from tests.data.projection import COLOURS, POINTS, cameras, draw, in_input_frame, projected, seen

SIZE, VIEWS = 160, 4
SIZES = ImageSizes(SIZE, SIZE, target_antialias=True)
SOURCE = AugmentedSourceConfig("objects", 0.0, 2.4, 0, False, zoom=1.0, mirrored=0.0)
IN_MIRROR = POINTS * [1, -1, 1]


def view_of(camera, number):
    c2w = np.eye(4)
    c2w[:3] = np.stack([camera.right, camera.up, -camera.forward, camera.position], -1)
    focal = 0.5 / np.tan([camera.x_fov / 2, camera.y_fov / 2])
    return View("object", f"{number:05d}", draw(camera, SIZE), c2w, np.array([*focal, 0.5, 0.5]))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    views = [view_of(camera, i) for i, camera in enumerate(cameras(VIEWS, seed=3, x_fov=0.8, y_fov=0.8, size=SIZE))]
    source = Source(
        MULTIVIEW, 0, {}, {"train": 1, "test": 0}, lambda split, chosen: iter([Item("object", tuple(views))])
    )
    folder = tmp_path_factory.mktemp("data") / "objects"
    record_writer.write(folder, source, progress=False)
    return RecordSet(folder, "train")


def rgba(example, view):
    return np.concatenate([example["rgb"][view], example["mask"][view]], -1)


def places_in(example, view, points, input_pose):
    """Where the example's cameras say that points of the records' world are, in pixels."""
    framed = in_input_frame(input_pose, points, 2.4)
    return projected(example["c2w"][view], example["intrinsics"][view], framed, SIZE)


def test_unchanged_it_is_the_plain_example(data):
    plain = MultiviewExamples(data, SOURCE, SIZES, VIEWS).chosen(0, range(VIEWS))
    same = AugmentedExamples(data, SOURCE, SIZES, VIEWS).chosen(0, range(VIEWS))
    assert plain.keys() == same.keys()
    for name, values in plain.items():
        np.testing.assert_array_equal(same[name], values)
        assert same[name].dtype == values.dtype


def test_a_mirrored_view_shows_the_mirrored_points():
    (camera,) = cameras(1, seed=5, x_fov=0.8, y_fov=0.7, size=SIZE)
    view = dataclasses.replace(view_of(camera, 0), intrinsics=np.array([1.2, 1.3, 0.45, 0.52]))
    turned = mirrored(view)
    assert np.linalg.det(turned.c2w[:3, :3]) == pytest.approx(1)
    there = projected(view.c2w, view.intrinsics, POINTS, SIZE)
    expected = np.stack([SIZE - there[:, 0], there[:, 1]], -1)
    np.testing.assert_allclose(projected(turned.c2w, turned.intrinsics, IN_MIRROR, SIZE), expected, atol=1e-9)
    np.testing.assert_array_equal(mirrored(turned).image, view.image)
    np.testing.assert_allclose(mirrored(turned).c2w, view.c2w, atol=1e-12)


def test_mirrored_examples_are_seen_where_their_cameras_say(data):
    examples = AugmentedExamples(data, dataclasses.replace(SOURCE, mirrored=1.0), SIZES, VIEWS)
    example = examples.chosen(0, range(VIEWS))
    input_pose = mirrored(data.read_view(0, 0)).c2w
    plain = MultiviewExamples(data, SOURCE, SIZES, VIEWS).chosen(0, range(VIEWS))
    np.testing.assert_array_equal(example["image"], plain["image"][:, ::-1])
    for view in range(VIEWS):
        found = seen(rgba(example, view))
        np.testing.assert_allclose(places_in(example, view, IN_MIRROR, input_pose), found, atol=0.5)


def test_parts_are_seen_where_their_cameras_say(data):
    examples = AugmentedExamples(data, dataclasses.replace(SOURCE, zoom=0.3), SIZES, VIEWS)
    shots = [data.read_view(0, view) for view in range(VIEWS)]
    whole = MultiviewExamples(data, SOURCE, SIZES, VIEWS).chosen(0, range(VIEWS))
    shown, sides = 0, []
    for seed in range(12):
        example = examples._example(shots, np.random.default_rng(seed))
        np.testing.assert_array_equal(example["image"], whole["image"])  # the input is always whole
        sides += (whole["intrinsics"][:, 0] / example["intrinsics"][:, 0]).tolist()
        for view in range(VIEWS):
            places = places_in(example, view, POINTS, shots[0].c2w)
            inside = ((places > 4) & (places < SIZE - 4)).all(-1)
            x, y = places[inside].astype(int).T
            expected = np.where(COLOURS[inside] > 127, 255, 0)
            assert np.abs(example["rgb"][view][y, x] - expected).max(initial=0) < 60
            assert (example["mask"][view][y, x] > 200).all()
            shown += inside.sum()
    assert shown > 60
    assert 0.29 < min(sides) < 0.4
    assert 0.9 < max(sides) <= 1


def test_parts_lie_within_the_view():
    windows = random_parts(np.random.default_rng(0).uniform(size=(2000, 3)), 0.4)
    assert windows[:, 2].min() >= 0.4
    assert windows.min() >= 0
    assert (windows[:, :2] + windows[:, 2:]).max() <= 1 + 1e-6
    middle = windows[:, 0] + windows[:, 2] / 2
    assert np.abs(middle - 0.5).mean() < 0.08
    assert abs(middle.mean() - 0.5) < 0.006, "no side is preferred"


def test_share_of_mirrored_examples(data):
    examples = AugmentedExamples(data, dataclasses.replace(SOURCE, mirrored=0.3), SIZES, VIEWS)
    shots = [data.read_view(0, view) for view in range(VIEWS)]
    straight = examples._example(shots, np.random.default_rng(1))["rgb"]
    made = [examples._example(shots, np.random.default_rng(seed))["rgb"] for seed in range(60)]
    turned = sum(not np.array_equal(rgb, straight) for rgb in made)
    assert 8 <= turned <= 29


def test_batches_of_training_are_changed_and_held_out_objects_are_not(config):
    source = config.data.synthetic["objects"]
    changed = AugmentedSourceConfig(**dataclasses.asdict(source), zoom=0.4, mirrored=0.5)
    sets = {"synthetic": {"objects": changed}, "validation": {"objects": changed}}
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, **sets))
    batch = next(pipeline.train_batches(config)).synthetic
    focal = frames.centred_intrinsics(39.6)[0]
    assert (batch.cameras.intrinsics[..., 0] > 1.01 * focal).any()
    held_out = pipeline.validation_sets(config)["objects"]
    np.testing.assert_allclose(held_out.cameras.intrinsics[..., :2], focal, rtol=1e-6)
