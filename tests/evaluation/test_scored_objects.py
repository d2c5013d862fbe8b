"""Which views are taken, how they are cropped, and that cameras follow."""

import dataclasses
import pathlib
import types

import numpy as np
import pytest
from PIL import Image

from real3d_jax.config.protocols import protocol
from real3d_jax.data import transforms
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.data.record_writer import write
from real3d_jax.data.records import CENTRED_FIRST, MULTIVIEW, Item, Source, View
from real3d_jax.data.sources.captures import Squares
from real3d_jax.data.sources.co3d import CO3D
from real3d_jax.data.sources.layout import PHOTOGRAPHS
from real3d_jax.errors import UserError
from real3d_jax.evaluation.scored_objects import Instances, open_instances, select
from tests.data import filming, projection
from tests.data.samples import VIEWS, multiview_source, photograph_source
from tests.evaluation.tiny_evaluation import make_tiny_evaluation

SIZE, PAD, FOV = 96, 40, 0.8


def with_protocol(config, group, **changes):
    protocol = config.protocol
    part = dataclasses.replace(getattr(protocol, group), **changes)
    return dataclasses.replace(config, protocol=dataclasses.replace(protocol, **{group: part}))


def on_disk(tmp_path, source, **changes):
    write(tmp_path / "views", source, progress=False)
    return make_tiny_evaluation(tmp_path, **changes)


def wide_views():
    """One object in three views, wider than high, with the object in the middle."""
    shots = []
    for number, camera in enumerate(projection.cameras(3, seed=1, x_fov=FOV, y_fov=FOV, size=SIZE)):
        image = np.pad(projection.draw(camera, SIZE), ((0, 0), (PAD, PAD), (0, 0)))
        c2w = np.eye(4)
        c2w[:3, :3] = np.stack([camera.right, camera.up, -camera.forward], -1)
        c2w[:3, 3] = camera.position
        focal = 0.5 / np.tan(FOV / 2)
        intrinsics = np.array([focal * SIZE / (SIZE + 2 * PAD), focal, 0.5, 0.5])
        shots.append(View("object", str(number), image, c2w, intrinsics))
    return Source(MULTIVIEW, 0, {}, {"train": 0, "test": 1}, lambda split, chosen: [Item("object", tuple(shots))])


def discs(rgb):
    """Where the discs of an image on white are, in pixels."""
    alpha = 255 - rgb.min(-1, keepdims=True).astype(int)
    colour = np.where(alpha > 0, (rgb - (255 - alpha)) * 255 / np.maximum(alpha, 1), 0)
    return projection.seen(np.concatenate([colour, alpha], -1))


@pytest.mark.parametrize("ratio", [1.1, 1.6])
def test_cropped_views_still_fit_their_cameras(tmp_path, ratio):
    config = on_disk(tmp_path, wide_views())
    config = with_protocol(config, "novel_views", views=2, resolution=192)
    config = with_protocol(config, "input_view", crop_ratio=ratio)
    instance = open_instances(config).read(0)
    points = np.concatenate([projection.POINTS, np.ones((len(projection.POINTS), 1))], -1) @ instance["to_input"].T
    for rgb, c2w, intrinsics in zip(instance["rgb"], instance["c2w"], instance["intrinsics"], strict=True):
        expected = projection.projected(c2w, intrinsics, points[:, :3], 192)
        np.testing.assert_allclose(discs(rgb), expected, atol=0.7)


def test_masks_are_where_the_object_is(tmp_path):
    config = with_protocol(on_disk(tmp_path, multiview_source(0, 1)), "novel_views", views=2, resolution=8)
    instance = open_instances(config).read(0)
    expected = np.zeros((8, 8, 1), np.uint8)
    expected[2:6, 2:6] = 255
    np.testing.assert_array_equal(instance["input_mask"], expected)
    np.testing.assert_array_equal(instance["mask"], np.stack([expected] * 2))


def test_the_input_view_can_be_given_another_field_of_view(tmp_path):
    config = with_protocol(on_disk(tmp_path, wide_views()), "novel_views", views=2)
    config = with_protocol(config, "input_view", crop_ratio=1.6)
    own = open_instances(config).read(0)
    forced = open_instances(with_protocol(config, "input_view", fov_y=39.6)).read(0)
    assert forced["input_intrinsics"][1] == pytest.approx(0.5 / np.tan(np.radians(19.8)), rel=1e-6)
    factor = forced["input_intrinsics"][:2] / own["input_intrinsics"][:2]
    np.testing.assert_allclose(forced["intrinsics"][:, :2], own["intrinsics"][:, :2] * factor, rtol=1e-6)
    np.testing.assert_array_equal(forced["intrinsics"][:, 2:], own["intrinsics"][:, 2:])


def test_wide_images_need_a_crop(tmp_path):
    config = with_protocol(on_disk(tmp_path, wide_views()), "novel_views", views=2)
    with pytest.raises(UserError, match=r"is not square \(176 x 96\)"):
        open_instances(config).read(0)


def test_an_input_view_that_shows_nothing_is_named(tmp_path):
    source = wide_views()
    (item,) = source.items("test", range(1))
    empty = dataclasses.replace(item.records[0], image=0 * item.records[0].image)
    source = dataclasses.replace(source, items=lambda split, chosen: [Item("object", (empty, *item.records[1:]))])
    config = with_protocol(
        with_protocol(on_disk(tmp_path, source), "novel_views", views=2), "input_view", crop_ratio=1.6
    )
    with pytest.raises(UserError, match=r"View '0' of 'object' .* shows nothing"):
        open_instances(with_protocol(config, "input_view", choice="first")).read(0)
    assert open_instances(with_protocol(config, "input_view", choice="centred")).read(0)["rgb"].shape[0] == 2


def test_images_of_different_sizes_are_refused(tmp_path):
    source = wide_views()
    (item,) = source.items("test", range(1))
    odd = dataclasses.replace(item.records[2], image=item.records[2].image[:-2])
    broken = Item("object", (*item.records[:2], odd))
    config = on_disk(tmp_path, dataclasses.replace(source, items=lambda split, chosen: [broken]))
    config = with_protocol(with_protocol(config, "novel_views", views=2), "input_view", crop_ratio=1.6)
    with pytest.raises(UserError, match=r"View '2' of 'object' .* is 176 x 94 and view '0' is 176 x 96"):
        open_instances(config).read(0)


def colours(instance):
    """The views that an instance shows: `samples.picture` paints the view's number."""
    return [round(float(rgb[rgb.shape[0] // 2, rgb.shape[1] // 2, 1]) / 40) for rgb in instance["rgb"]]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"views": 3, "selection": "spread"}, [1, 3, 5]),
        ({"views": 3, "selection": "first"}, [1, 2, 3]),
        ({"views": 3, "selection": "first", "input_scored": True}, [0, 1, 2]),
        ({"views": 1, "selection": "spread"}, [1]),
        ({"views": 5, "selection": "spread"}, [1, 2, 3, 4, 5]),
    ],
)
def test_which_views_are_scored(tmp_path, changes, expected):
    config = with_protocol(on_disk(tmp_path, multiview_source(0, 2)), "novel_views", **changes)
    assert colours(open_instances(config).read(1)) == expected


def test_the_most_centred_view_is_the_input(tmp_path):
    source = multiview_source(0, 1)
    (item,) = source.items("test", range(1))
    shifted = [
        dataclasses.replace(shot, image=np.roll(shot.image, 0 if view == 4 else 2, axis=view % 2))
        for view, shot in enumerate(item.records)
    ]
    source = dataclasses.replace(source, items=lambda split, chosen: [Item(item.key, tuple(shifted))])
    config = with_protocol(on_disk(tmp_path, source), "input_view", choice="centred")
    config = with_protocol(config, "novel_views", views=5)
    instances = open_instances(config)
    assert colours(instances.read(0)) == [0, 1, 2, 3, 5]
    assert round(float(instances.read(0)["image"][16, 16, 1]) / 40) == 4


@pytest.mark.parametrize("settings", [CO3D(pathlib.Path()).settings(), {}], ids=["said", "found"])
def test_records_of_captures_are_taken_as_their_reader_has_left_them(tmp_path, settings):
    """The reader's first view is the input, and its square is not cropped again. Views that the object fills, or leaves
    by the border, would be more centred; neither takes them."""
    folder = tmp_path / "co3d" / "apple" / "one"
    filming.write_co3d(folder, filming.film(6, seed=3), filming.Lens())
    mask = np.full((200, 150), 255, np.uint8)
    mask[90:110, 70:80] = 0
    Image.fromarray(mask).save(folder / "masks" / "frame000007.png")
    item = CO3D(tmp_path / "co3d", squares=Squares(crop_ratio=1.6)).read("apple/one")
    assert isinstance(item, Item)
    names = [shot.view for shot in item.records]
    assert names[0] != "frame000007" and sorted(names[1:]) == names[1:]
    shots = [shot for shot in item.records if isinstance(shot, View)]
    counts = {"train": 0, "test": 1}
    source = Source(MULTIVIEW, PHOTOGRAPHS, settings, counts, lambda split, chosen: [Item(item.key, shots)])
    paper = protocol("paper", "co3d").to_dict()
    config = with_protocol(on_disk(tmp_path, source), "input_view", **(paper["input_view"] | {"fov_y": 0.0}))
    config = with_protocol(config, "novel_views", views=5, resolution=len(shots[0].image))
    instance = open_instances(config).read(0)
    np.testing.assert_allclose(instance["input_intrinsics"], shots[0].intrinsics, rtol=0.02)
    points = np.append(projection.POINTS - projection.POINTS.mean(0), np.ones((5, 1)), -1) @ instance["to_input"].T
    for view, c2w, intrinsics in zip(shots[1:], instance["c2w"], instance["intrinsics"], strict=True):
        size = len(view.image)
        expected = projection.projected(view.c2w, view.intrinsics, projection.POINTS - projection.POINTS.mean(0), size)
        np.testing.assert_allclose(
            projection.projected(c2w, intrinsics, points[:, :3], size) / size, expected / size, atol=0.02
        )


def test_the_first_view_is_taken_where_the_data_say_that_it_is_the_most_centred(tmp_path, monkeypatch):
    source = dataclasses.replace(multiview_source(0, 1), settings={CENTRED_FIRST: True})
    config = with_protocol(on_disk(tmp_path, source), "input_view", choice="centred")
    instances, read = open_instances(with_protocol(config, "novel_views", views=2)), []
    monkeypatch.setattr(RecordSet, "read_view", lambda data, item, view: read.append(view) or data.read(item, view))
    instances.read(0)
    assert read == [0, 1, VIEWS - 1]  # no other is decoded


def test_every_tenth_object_and_a_limit(tmp_path):
    config = on_disk(tmp_path, multiview_source(0, 21))
    for every, limit, expected in ((10, 0, [0, 10, 20]), (10, 2, [0, 10]), (1, 3, [0, 1, 2])):
        chosen = dataclasses.replace(
            config,
            data=dataclasses.replace(config.data, limit=limit),
            protocol=dataclasses.replace(config.protocol, every=every),
        )
        assert open_instances(chosen).keys == [f"object{number}" for number in expected]


def test_photographs(tmp_path):
    write(tmp_path / "views", photograph_source(4), progress=False)
    config = make_tiny_evaluation(tmp_path, data__split="train")
    with pytest.raises(UserError, match="photographs, which have no other views"):
        open_instances(config)
    config = dataclasses.replace(config, scored=dataclasses.replace(config.scored, novel_views=False))
    with pytest.raises(UserError, match="crop_ratio and fov_y above 0"):
        open_instances(config)
    instances = open_instances(with_protocol(config, "input_view", crop_ratio=2.0, fov_y=39.6))
    instance = instances.read(1)
    assert instance["rgb"].shape == (0, 16, 16, 3)
    # The object is half as wide as the crop, on white, in its colour.
    np.testing.assert_array_equal(instance["input_rgb"][4:12, 4:12], np.broadcast_to([10, 200, 7], (8, 8, 3)))
    assert (instance["input_rgb"][:3] == 255).all()
    assert (instance["image"][:6] == 128).all()


def test_what_is_refused_before_anything_is_read(tmp_path):
    config = on_disk(tmp_path, multiview_source(0, 1))
    with pytest.raises(UserError, match=rf"has {VIEWS} views where 8 are needed"):
        open_instances(with_protocol(config, "novel_views", views=7))
    with pytest.raises(UserError, match="did you mean 'spread'"):
        open_instances(with_protocol(config, "novel_views", selection="spraed"))
    with pytest.raises(UserError, match="did you mean 'centred'"):
        open_instances(with_protocol(config, "input_view", choice="center"))
    with pytest.raises(UserError, match=r"The 'train' split of .* is empty"):
        open_instances(dataclasses.replace(config, data=dataclasses.replace(config.data, split="train")))
    write(tmp_path / "cropped", dataclasses.replace(multiview_source(0, 1), settings={"crop": "mask"}), progress=False)
    cropped = dataclasses.replace(config, data=dataclasses.replace(config.data, path="cropped"))
    with pytest.raises(UserError, match=r"cropped one by one \(--crop mask\)"):
        open_instances(with_protocol(cropped, "input_view", crop_ratio=1.6))
    with pytest.raises(UserError, match="There is no data set"):
        open_instances(dataclasses.replace(config, data=dataclasses.replace(config.data, path="nothing")))


def test_selection_is_even():
    assert select(30, 5, "spread") == [0, 7, 14, 22, 29]
    assert select(4, 4, "spread") == [0, 1, 2, 3]


@pytest.mark.parametrize(("via", "between"), [(0, 8), (4, 4), (8, 8), (16, 8)])
def test_targets_go_by_a_smaller_size_where_they_are_larger(via, between):
    """The means of 2 x 2 pixels first, and then what is asked for; never by a larger size than their own."""
    rgba = np.random.default_rng(0).integers(0, 256, (8, 8, 4)).astype(np.uint8)
    rgba[..., 3] = 255
    novel_views = types.SimpleNamespace(target_via=via, target_antialias=False)
    asked = types.SimpleNamespace(protocol=types.SimpleNamespace(novel_views=novel_views))
    shrunk = np.rint(rgba.reshape(between, 8 // between, between, 8 // between, 4).mean((1, 3))).astype(np.uint8)
    expected = transforms.composite(
        transforms.premultiply(shrunk), size=3, background=transforms.WHITE, antialias=False
    )
    np.testing.assert_allclose(Instances._on_white(asked, rgba, 3), expected, atol=1)
