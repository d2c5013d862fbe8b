"""The frame of a camera-conditioned model's batches: what is known in 3D is seen where its cameras say."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from real3d_jax.config import files as config_files
from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.config.posed import PosedSourceConfig
from real3d_jax.data import frames, pipeline, record_writer
from real3d_jax.data.examples import ImageSizes
from real3d_jax.data.posed_examples import PosedExamples
from real3d_jax.data.posed_frames import WHOLE, check_normalised, posed_cameras, scale_to_extent
from real3d_jax.data.procedural.source import captured_cameras
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.data.records import MULTIVIEW, Item, Source, View
from real3d_jax.errors import UserError
from real3d_jax.evaluation.scored_objects import Instances
from tests.data import projection

SIZE, PATCH, VIEWS = 192, 96, 4
SOURCE = PosedSourceConfig(
    path="",
    weight=0.0,
    scale=1.3,
    extent=0.0,
    input_views=0,
    replacement=False,
    target_sizes=(PATCH, SIZE),
    backgrounds=(0.0, 0.5, 1.0),
)


def camera_of(camera: projection.Camera) -> np.ndarray:
    c2w = np.eye(4)
    c2w[:3] = np.stack([camera.right, camera.up, -camera.forward, camera.position], axis=1)
    return c2w


def drawn(c2w, intrinsics, points, size):
    """The discs of `projection.draw` where a record's camera sees points."""
    image = np.zeros((size, size, 4), np.uint8)
    centres = np.arange(size) + 0.5
    for (x, y), colour in zip(projection.projected(c2w, intrinsics, points, size), projection.COLOURS, strict=True):
        alpha = np.round(255 * np.clip(4.5 - np.hypot(centres - x, centres[:, None] - y), 0, 1)).astype(np.uint8)
        image[alpha > 0, :3] = colour
        image[..., 3] = np.maximum(image[..., 3], alpha)
    return image


@pytest.fixture(scope="module")
def filmed(tmp_path_factory):
    """Records of the points, seen by cameras that look past them, off-centre, in a turned world of another unit."""
    folder = tmp_path_factory.mktemp("filmed")
    turned = Rotation.from_euler("xyz", [0.7, -1.1, 2.0]).as_matrix()
    rng = np.random.default_rng(1)

    def items(split, chosen):
        for i in chosen:
            shots = []
            for v, camera in enumerate(projection.cameras(VIEWS, seed=i, x_fov=1.2, y_fov=1.2, size=SIZE)):
                c2w = camera_of(camera)
                c2w[:3, :3] = c2w[:3, :3] @ Rotation.from_euler("xyz", rng.uniform(-0.04, 0.04, 3)).as_matrix()
                c2w[:3] = turned @ c2w[:3]
                lens = np.array([0.75, 0.75, *(0.5 + rng.uniform(-0.05, 0.05, 2))])
                image = drawn(c2w, lens, projection.POINTS @ turned.T, SIZE)
                shots.append(View(f"o{i}", f"{v:05d}", image, c2w, lens))
            yield Item(f"o{i}", tuple(shots))

    record_writer.write(folder, Source(MULTIVIEW, 0, {"by": "a test"}, {"train": 3, "test": 0}, items), progress=False)
    return RecordSet(folder, "train"), projection.POINTS @ turned.T


def examples(filmed, **changes):
    return PosedExamples(filmed[0], dataclasses.replace(SOURCE, **changes), ImageSizes(SIZE, PATCH, True), VIEWS)


def in_frame(filmed, example, scale):
    """The points in the example's frame: by the input camera's own pose, before and after."""
    data, points = filmed
    for item in range(len(data.keys)):
        for view in range(VIEWS):
            shot = data.read_view(item, view)
            moved = example["source_c2w"].astype(float)
            rotation = moved[:3, :3] @ np.asarray(shot.c2w, float)[:3, :3].T
            if np.allclose(rotation @ (scale * np.asarray(shot.c2w, float)[:3, 3]), moved[:3, 3], atol=1e-4):
                return scale * points @ rotation.T
    raise AssertionError("no input view has that pose")


@pytest.mark.parametrize("item", range(3))
def test_points_are_seen_where_the_cameras_say_in_the_source_and_in_every_patch(filmed, item):
    example = examples(filmed)(item, np.random.default_rng(item))
    points = in_frame(filmed, example, SOURCE.scale)
    places = projection.projected(example["source_c2w"], example["source_intrinsics"], points, SIZE)
    for place, colour in zip(places, projection.COLOURS, strict=True):
        assert np.abs(_measured(example["image"], 1.0, colour, place) - place).max() < 0.1
    shown = 0
    for view in range(VIEWS):
        places = projection.projected(example["c2w"][view], example["intrinsics"][view], points, PATCH)
        for place, colour in zip(places, projection.COLOURS, strict=True):
            if (place > 8).all() and (place < PATCH - 8).all():
                shown += 1
                seen = _measured(example["rgb"][view], example["background"][view], colour, place)
                assert np.abs(seen - place).max() < 0.1
    assert shown > VIEWS


def _measured(rgb, grey, colour, place, reach=7):
    """The centroid of what covers a plain background near a place."""
    ground = np.floor(grey * 255 + 0.5)
    apart = np.abs(colour - ground) > 100
    cover = (np.abs(rgb.astype(float) - ground) / np.maximum(np.abs(colour - ground), 1))[..., apart].max(-1)
    x0, y0 = (round(float(v)) - reach for v in place)
    part = cover[y0 : y0 + 2 * reach, x0 : x0 + 2 * reach]
    centres = np.arange(2 * reach) + 0.5
    return np.array([x0 + part.sum(0) @ centres / part.sum(), y0 + part.sum(1) @ centres / part.sum()])


def test_scored_objects_tell_the_camera_that_took_their_input(filmed):
    data, points = filmed
    config = config_files.load_as(EvaluationConfig, "eval/lrm:tiny")
    novel = dataclasses.replace(config.protocol.novel_views, views=2, resolution=SIZE)
    protocol = dataclasses.replace(config.protocol, novel_views=novel)
    instance = Instances(data, protocol, SIZE, (0,), novel_views=True, conditioned=True).read(0)
    assert np.linalg.norm(instance["input_c2w"][:3, 3]) == pytest.approx(protocol.input_view.distance)
    np.testing.assert_allclose(instance["to_input"][:3, 3], 0, atol=1e-5, err_msg="the object is not at the origin")
    moved = points @ instance["to_input"][:3, :3].T + instance["to_input"][:3, 3]
    cameras = [(instance["image"], instance["input_c2w"], instance["input_intrinsics"])]
    cameras += list(zip(instance["rgb"], instance["c2w"], instance["intrinsics"], strict=True))
    for picture, c2w, lens in cameras:
        places = projection.projected(c2w, lens, moved, SIZE)
        for place, colour in zip(places, projection.COLOURS, strict=True):
            assert np.abs(_measured(picture, 1.0, colour, place) - place).max() < 0.1


def test_of_cameras_that_look_at_the_object_it_is_the_canonical_frame():
    cameras = projection.cameras(3, seed=4, x_fov=1.0, y_fov=1.0, size=SIZE)
    c2w = np.stack([camera_of(camera) for camera in cameras])
    distance = 2.4
    lens = np.tile([0.9, 0.9, 0.5, 0.5], (3, 1))
    scale = distance / np.linalg.norm(c2w[0, :3, 3])
    found, same = posed_cameras(c2w, lens, np.tile(WHOLE, (3, 1)), scale=scale, where="it")
    np.testing.assert_allclose(found, frames.to_input_frame(c2w[0], c2w, distance), atol=1e-5)
    np.testing.assert_allclose(same, lens, rtol=1e-6)


def test_the_input_camera_stands_at_its_distance_and_looks_where_it_looks():
    c2w = captured_cameras("a", 3, 0, 5).recorded
    found, _ = posed_cameras(c2w, np.tile([1, 1, 0.5, 0.5], (5, 1)), np.tile(WHOLE, (5, 1)), scale=2.0, where="it")
    distance = np.linalg.norm(c2w[0, :3, 3])
    np.testing.assert_allclose(found[0, :3, 3], [2 * distance, 0, 0], atol=1e-5)
    assert abs(found[0, 1, 1]) < 1e-6, "its up lies in the plane of x and z"
    assert 1e-5 < 1 - found[0, 0, 2] < 0.05, "it looks past the origin by some degrees"
    before, after = (np.linalg.inv(poses[0].astype(float)) @ poses[1:].astype(float) for poses in (c2w, found))
    np.testing.assert_allclose(after[:, :3, :3], before[:, :3, :3], atol=1e-5)
    np.testing.assert_allclose(after[:, :3, 3], 2 * before[:, :3, 3], atol=1e-4)


def test_a_capture_of_any_unit_gives_one_example(filmed):
    one, other = (examples(filmed, scale=0.0, extent=0.6)(0, np.random.default_rng(0)) for _ in range(2))
    np.testing.assert_array_equal(one["c2w"], other["c2w"])
    shot = filmed[0].read_view(0, 0)
    box, size = (40, 50, 140, 110), (SIZE, SIZE)
    scale = scale_to_extent(shot.c2w, shot.intrinsics, box, size, extent=0.6)
    larger = np.array(shot.c2w, float)
    larger[:3, 3] *= 5
    assert scale_to_extent(larger, shot.intrinsics, box, size, extent=0.6) == pytest.approx(scale / 5)
    # A stick as long as the box, across the line of sight at the centre's depth, has half-length `extent`.
    depth = scale * float(shot.c2w[:3, 2] @ shot.c2w[:3, 3])
    assert 0.5 * (100 / SIZE) / shot.intrinsics[0] * depth == pytest.approx(0.6, rel=1e-5)
    # Height counts by the picture's height and its own focal length: 100 of 200 at 2 are more than 20 of 100 at 1.
    tall = scale_to_extent(shot.c2w, np.array([1.0, 2.0, 0.5, 0.5]), (40, 50, 60, 150), (100, 200), extent=0.6)
    assert 0.5 * (100 / 200) / 2.0 * tall * depth / scale == pytest.approx(0.6, rel=1e-5)


def test_backgrounds_are_those_of_the_list_and_of_the_pixels(filmed):
    example = examples(filmed)(1, np.random.default_rng(7))
    assert set(example["background"]) <= {0.0, 0.5, 1.0}
    for rgb, mask, grey in zip(example["rgb"], example["mask"], example["background"], strict=True):
        empty = rgb[mask[..., 0] == 0]
        assert np.median(np.abs(empty.astype(float) - 255 * grey)) <= 0.5


@pytest.mark.parametrize(
    "make", [PosedExamples.held_out, lambda made, item: made.chosen(item, range(VIEWS))], ids=["held out", "chosen"]
)
def test_what_is_drawn_for_views_that_are_named_is_each_objects_own_and_always_the_same(filmed, make):
    made = examples(filmed, backgrounds=tuple(np.linspace(0, 1, 21)))
    greys = [tuple(make(made, item)["background"]) for item in range(3)]
    assert greys == [tuple(make(made, item)["background"]) for item in range(3)]
    assert len(set(greys)) == 3


def test_held_out_views_are_all_different_whole_and_on_white(filmed):
    config = config_files.load("lrm:tiny")
    source = pipeline._held_out(config, dataclasses.replace(SOURCE, replacement=True))
    sizes = ImageSizes(SIZE, config.render.resolution, True)
    example = PosedExamples(filmed[0], source, sizes, VIEWS).held_out(0)
    assert not source.replacement
    assert example["background"].tolist() == [1.0] * VIEWS
    np.testing.assert_allclose(example["intrinsics"][0], example["source_intrinsics"])  # its own view


def test_what_is_wrong_is_told_in_a_sentence(filmed):
    with pytest.raises(UserError, match="'o1' are 900, 900, 320, 240, which look like pixels: divide fx and cx by"):
        check_normalised(np.array([[900.0, 900.0, 320.0, 240.0]]), where="'o1'")
    lens, window = np.array([[1, 1, 0.5, 0.5]]), np.array([WHOLE])
    above = np.eye(4)
    above[1, 3] = 2.0
    for pose in (np.eye(4), above):
        with pytest.raises(UserError, match="does not have the object before it: its pose is wrong"):
            posed_cameras(pose[None], lens, window, scale=1.0, where="'o1'")
    with pytest.raises(UserError, match="lies behind the input camera"):
        scale_to_extent(_behind(), lens[0], (0, 0, 5, 5), (9, 9), extent=1.0)
    with pytest.raises(UserError, match="begin at 80 pixels, of which no patch of 96"):
        examples(filmed, target_sizes=(80, 192))


def _behind():
    c2w = np.eye(4)
    c2w[2, 3] = -2.0
    return c2w


@pytest.mark.parametrize(
    ("source", "change", "message"),
    [
        ("lrm:tiny", "--config.batch.real=2", "config.batch.real asks for self-training"),
        ("lrm:tiny", "--config.losses.cycle.weights.mse=5", "config.losses.cycle.weights asks for self-training"),
        ("lrm:tiny", "--config.losses.semantic.weight=1", "config.losses.semantic.weight asks for self-training"),
        (
            "lrm:tiny",
            "--config.data.synthetic.a.extent=1",
            "scale is 2 and .extent 1: set one of them above 0, the other",
        ),
        ("lrm:tiny", "--config.data.synthetic.a.backgrounds=(2.0,)", "grey values between 0 and 1"),
        ("lrm:tiny", "--config.data.synthetic.mine.path=x", "makes all its input cameras the canonical one"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(source, change, message):
    with pytest.raises(UserError, match=message):
        config_files.load(source, [change])


def test_a_canonical_model_takes_no_posed_data():
    tree, other = (config_files.load_tree(name) for name in ("smoke:scratch", "lrm:tiny"))
    mixed = tree.copy_and_resolve_references()
    mixed.data.synthetic = other.data.synthetic
    with pytest.raises(UserError, match=r"config\.data\.synthetic\.a leaves its input cameras where they are"):
        config_files.parse(mixed)
    tree.render = other.render
    with pytest.raises(UserError, match=r"config\.render is that of a camera-conditioned model"):
        config_files.parse(tree)
