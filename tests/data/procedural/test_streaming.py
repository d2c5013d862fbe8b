"""Objects drawn while training goes on: which ones, from where, and as records would have them."""

import dataclasses

import jax
import numpy as np
import pytest

from real3d_jax.config import files as config_files
from real3d_jax.config.data import StreamedSourceConfig
from real3d_jax.data import pipeline
from real3d_jax.data.procedural import source, streaming
from real3d_jax.data.procedural.streaming import StreamedExamples, draw_examples, draw_on_mesh
from real3d_jax.errors import UserError
from real3d_jax.runtime.batch_layout import lay_out
from real3d_jax.runtime.sharding import make_mesh

STREAM = StreamedSourceConfig("chair+b", 4, 0.0, 2.4, zoom=1.0, cropped=0.0, crop_ratio=(1.1, 1.6))


def stacked(examples):
    return jax.tree.map(lambda *leaves: np.stack(leaves), *examples)


def leaves_equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def test_an_example_is_the_same_whenever_it_is_asked_for():
    assert leaves_equal(StreamedExamples(STREAM, 3)(5), StreamedExamples(STREAM, 3)(5))
    fewer = StreamedExamples(STREAM, 2)(5)
    np.testing.assert_array_equal(fewer.orbits, StreamedExamples(STREAM, 3)(5).orbits[:2])
    assert not leaves_equal(StreamedExamples(STREAM, 3)(5), StreamedExamples(STREAM, 3)(7))
    other = StreamedExamples(dataclasses.replace(STREAM, seed=5), 3)(5)
    assert not leaves_equal(StreamedExamples(STREAM, 3)(5), other)


@pytest.mark.parametrize(
    "change",
    [
        {"family": "chiar"},
        {"zoom": 0.0},
        {"zoom": 1.5},
        {"cropped": 1.1},
        {"crop_ratio": (0.9, 1.2)},
        {"crop_ratio": (1.5, 1.2)},
    ],
)
def test_bad_streams_are_refused(change):
    with pytest.raises(UserError):
        StreamedExamples(dataclasses.replace(STREAM, **change), 3)


@pytest.fixture(scope="module")
def drawn():
    batch = stacked([StreamedExamples(STREAM, 3)(i) for i in range(2)])
    return batch, jax.device_get(
        jax.jit(draw_examples, static_argnames=("image_size", "target_size"))(batch, image_size=32, target_size=16)
    )


def test_view_0_is_the_input_from_the_canonical_camera(drawn):
    _, views = drawn
    np.testing.assert_allclose(views.cameras.c2w[:, 0, :3, 3], [[2.4, 0, 0]] * 2, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(views.cameras.c2w[..., :3, 3], axis=-1), 2.4, rtol=0.07)
    # The input on grey and the first target on white show the same object.
    grey = np.abs(views.image.astype(int) - 128).max(-1) > 3
    seen = grey.reshape(2, 16, 2, 16, 2).any((2, 4))
    assert (seen == (views.mask[:, 0, ..., 0] > 0)).mean() > 0.97
    assert (views.rgb[:, :, 0] == 255).all()  # the border is white
    assert (views.rgb[views.mask[..., 0] == 0] == 255).all()
    assert (views.image[:, 0] == 128).all()


def test_targets_show_what_their_cameras_see(drawn):
    """Pictures of the same objects and poses by the renderer of records."""
    from real3d_jax.cameras import spherical_c2w

    batch, views = drawn
    for row in range(2):
        one = jax.tree.map(lambda x, row=row: np.repeat(x[row : row + 1], 3, axis=0), batch.objects)
        poses = np.asarray(spherical_c2w(*(batch.orbits[row, :, i] for i in range(3))))
        rgba = np.asarray(source.draw(one, poses, 16), np.float64)
        np.testing.assert_array_equal(rgba[..., 3:], views.mask[row])
        white = rgba[..., :3] * rgba[..., 3:] / 255 + 255 - rgba[..., 3:]
        assert np.abs(white - views.rgb[row]).max() <= 1


def test_zoom_shows_a_part_larger(drawn):
    batch, whole = drawn
    near = batch._replace(windows=np.tile(np.float32([0.25, 0.125, 0.5]), (2, 3, 1)))
    views = jax.device_get(
        jax.jit(draw_examples, static_argnames=("image_size", "target_size"))(near, image_size=32, target_size=16)
    )
    np.testing.assert_allclose(views.cameras.intrinsics[..., :2], 2 * whole.cameras.intrinsics[..., :2], rtol=1e-6)
    np.testing.assert_allclose(views.cameras.intrinsics[..., 2], 0.5, atol=1e-6)
    np.testing.assert_allclose(views.cameras.intrinsics[..., 3], 0.75, atol=1e-6)
    np.testing.assert_array_equal(views.image, whole.image)  # the input is always whole
    shrunk = views.mask[..., 0].reshape(2, 3, 8, 2, 8, 2).mean((3, 5))
    assert np.abs(shrunk - whole.mask[:, :, 2:10, 4:12, 0]).mean() < 12


def test_each_device_draws_its_rows_after_those_that_were_read(drawn):
    batch, views = drawn
    config = config_files.load("configs/mini.py")
    mesh = make_mesh(config.mesh, 1)
    read = jax.tree.map(np.zeros_like, views)
    draw = jax.jit(draw_on_mesh, static_argnames=("mesh", "image_size", "target_size"))
    both = draw(batch, read, mesh, image_size=32, target_size=16)
    for read_leaf, drawn_leaf, leaf in zip(*map(jax.tree.leaves, (read, views, both)), strict=True):
        np.testing.assert_array_equal(leaf[:2], read_leaf)
        np.testing.assert_allclose(leaf[2:], drawn_leaf, atol=1e-6)


def config_of(share, synthetic=8):
    tree = config_files.load_tree("configs/mini.py")
    tree.data.streamed_share, tree.batch.synthetic, tree.data.workers = share, synthetic, 0
    return config_files.parse(tree)


def test_the_word_house_adds_a_stream_of_home_families():
    streams = {words: config_files.load(f"configs/mini.py:{words}").data.streamed for words in ("fine", "fine,house")}
    assert streams["fine"]["named"].weight == 0.85
    with_house = streams["fine,house"]
    assert {name: (s.family, s.weight) for name, s in with_house.items()} == {
        "named": ("named", 0.6),
        "abstract": ("a+b", 0.1),
        "house": ("home", 0.3),
    }
    assert StreamedExamples(with_house["house"], 2)(0).objects.solids.active.shape == (16,)


def test_hosts_share_a_batch_and_a_resumed_run_goes_on():
    config = config_of(1.0)
    whole = pipeline.train_batches(config)
    first, second = next(whole).streamed, next(whole).streamed
    assert first.orbits.shape == (8, 4, 3)
    assert not leaves_equal(first, second)
    halves = (lambda count: range(count // 2), lambda count: range(count // 2, count))
    hosts = [next(pipeline.train_batches(config, start_step=1, rows_of=half)) for half in halves]
    joined = jax.tree.map(lambda a, b: np.concatenate([a, b]), *(host.streamed for host in hosts))
    assert leaves_equal(joined, second)


def test_filler_of_objects_to_be_drawn_weighs_nothing():
    config = config_of(1.0, synthetic=2)
    layout = lay_out(config.batch, 3, streamed=2)
    streamed = next(pipeline.train_batches(config, layout=layout)).streamed
    np.testing.assert_allclose(streamed.weight, [1.5, 1.5, 0])
    np.testing.assert_array_equal(streamed.orbits[2], streamed.orbits[0])
    drawn = jax.eval_shape(lambda: draw_examples(streamed, image_size=8, target_size=8))
    assert drawn.weight.shape == (3,)


@pytest.mark.parametrize(("share", "message"), [(1.5, "between 0 and 1"), (-0.1, "between 0 and 1")])
def test_shares_out_of_range(share, message):
    with pytest.raises(UserError, match=message):
        next(pipeline.train_batches(config_of(share)))


def test_nothing_to_draw():
    tree = config_files.load_tree("configs/mini.py")
    tree.data.streamed = {}
    with pytest.raises(UserError, match="names nothing to draw"):
        next(pipeline.train_batches(config_files.parse(tree)))


@pytest.mark.parametrize(("share", "rows"), [(0.0, 0), (0.95, 8), (0.8125, 6), (1.0, 8)])
def test_the_share_of_a_batch_is_rounded_to_whole_objects(share, rows):
    assert pipeline.streamed_rows(config_of(share)) == rows


def test_a_model_that_is_told_its_camera_gets_it_and_white_behind(monkeypatch):
    behind = []
    monkeypatch.setattr(streaming, "_on", lambda rgba, grey: behind.append(grey) or rgba[..., :3])
    streamed = jax.tree.map(lambda *leaves: np.stack(leaves), *(StreamedExamples(STREAM, 2)(i) for i in range(2)))
    drawn = jax.eval_shape(lambda: draw_examples(streamed, image_size=8, target_size=8, posed=True))
    assert (drawn.source.c2w.shape, drawn.source.intrinsics.shape) == ((2, 4, 4), (2, 4))
    assert drawn.background.shape == (2, 2)
    assert behind == [1.0, 1.0]  # input and targets; the other model's input on grey is tested above
