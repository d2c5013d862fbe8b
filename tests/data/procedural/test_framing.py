"""Input views framed by the object's outline, as crops of photographs are."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from real3d_jax.cameras import Cameras, spherical_c2w
from real3d_jax.config.data import StreamedSourceConfig
from real3d_jax.data.procedural import framing, numbering, source
from real3d_jax.data.procedural.objects import MAX_SOLIDS, padded, stack
from real3d_jax.data.procedural.render import render_views
from real3d_jax.data.procedural.streaming import StreamedExamples, draw_examples

RATIO = 1.3
STREAM = StreamedSourceConfig("bottle+chair+bus", 3, 0.0, 2.4, zoom=1.0, cropped=1.0, crop_ratio=(RATIO, RATIO))


def outline(images, size):
    """Middle and longer side of the box of what is not grey, in parts of the picture."""
    boxes = []
    for image in images:
        ys, xs = np.where(np.abs(image.astype(int) - 128).max(-1) > 3)
        ends = np.array([[xs.min(), xs.max() + 1], [ys.min(), ys.max() + 1]]) / size
        boxes.append([*ends.mean(1), (ends[:, 1] - ends[:, 0]).max()])
    return np.array(boxes)


@pytest.fixture(scope="module")
def drawn():
    """The same six objects as they are and framed."""
    draw = jax.jit(draw_examples, static_argnames=("image_size", "target_size"))
    found = []
    for stream in (dataclasses.replace(STREAM, cropped=0.0), STREAM):
        examples = [StreamedExamples(stream, 2)(i) for i in range(6)]
        batch = jax.tree.map(lambda *leaves: np.stack(leaves), *examples)
        found.append((batch, jax.device_get(draw(batch, image_size=64, target_size=16))))
    return found


def test_the_outline_is_in_the_middle_and_fills_its_share(drawn):
    (_, whole), (batch, framed) = drawn
    np.testing.assert_allclose(batch.crop_ratio, RATIO, rtol=1e-6)
    before, after = (outline(views.image, 64) for views in (whole, framed))
    wanted = 1 / RATIO
    reachable = (wanted / before[:, 2] < 1.2) & (wanted / before[:, 2] > 0.65)
    assert reachable.sum() >= 3
    assert np.abs(after[reachable, :2] - 0.5).max() < 0.04
    assert np.abs(before[:, :2] - 0.5).max() > 0.05  # they were not
    assert np.abs(after[reachable, 2] - wanted).max() < 0.06
    assert np.abs(before[reachable, 2] - wanted).max() > 0.1


def test_targets_lie_in_the_frame_of_the_camera_that_moved(drawn):
    """A point of the object is where the framed and the unframed example say, in all their views."""
    (_, whole), (batch, framed) = drawn
    np.testing.assert_allclose(framed.cameras.c2w[:, 0, :3, 3], [[2.4, 0, 0]] * 6, atol=1e-5)
    poses = np.asarray(spherical_c2w(*(batch.orbits[..., i] for i in range(3))))
    for row in range(6):
        # The second view did not move in the object's world; so it tells how the frames differ: a turn they share, a
        # scale, and a shift.
        a, b = whole.cameras.c2w[row], framed.cameras.c2w[row]
        np.testing.assert_allclose(a[1, :3, :3], b[1, :3, :3], atol=1e-5)
        moved, to = framing.frame_outline(
            jax.tree.map(lambda x, row=row: x[row : row + 1], batch.objects),
            Cameras(jnp.asarray(poses[row, :1]), jnp.asarray(source.intrinsics())[None]),
            batch.crop_ratio[row : row + 1],
            **source.how_to_draw("cpu"),
        )
        scale = 2.4 / np.linalg.norm(moved[0, :3, 3] - to[0])
        world = poses[row, 1, :3, 3] - np.asarray(to[0])
        turn = a[0, :3, :3] @ poses[row, 0, :3, :3].T
        np.testing.assert_allclose(b[1, :3, 3], scale * turn @ world, atol=1e-4)
    np.testing.assert_array_equal(framed.mask[:, 1], whole.mask[:, 1])
    np.testing.assert_array_equal(framed.rgb[:, 1], whole.rgb[:, 1])


def test_the_first_target_shows_the_framed_view(drawn):
    _, (_, framed) = drawn
    seen = (np.abs(framed.image.astype(int) - 128).max(-1) > 3).reshape(6, 16, 4, 16, 4).any((2, 4))
    assert (seen == (framed.mask[:, 0, ..., 0] > 0)).mean() > 0.97


def test_a_camera_comes_no_nearer_than_may_be_and_stays_where_nothing_is_asked():
    objects = stack([padded(numbering.sample("bus", 0, i), MAX_SOLIDS) for i in range(3)])
    poses = spherical_c2w(jnp.array([0.3, 1.0, 2.0]), 0.2, 1.645)
    cameras = Cameras(poses, jnp.tile(source.intrinsics(), (3, 1)))
    how = source.how_to_draw("cpu")
    moved, to = framing.frame_outline(objects, cameras, jnp.array([0.0, 1e-3, 100.0]), **how)
    np.testing.assert_array_equal(moved[0], poses[0])
    np.testing.assert_array_equal(to[0], 0)
    distance = np.linalg.norm(moved[:, :3, 3] - to, axis=-1)
    np.testing.assert_allclose(distance[1:], [1.645 / 1.25, 1.645 / 0.6], rtol=1e-5)
    # It still looks along the same direction, at a point in the plane of the origin.
    np.testing.assert_array_equal(moved[:, :3, :3], poses[:, :3, :3])
    np.testing.assert_allclose(jnp.einsum("bi,bi->b", to, poses[:, :3, 2]), 0, atol=1e-6)


def test_the_box_of_a_mask():
    mask = np.zeros((2, 8, 8), bool)
    mask[0, 2:4, 1:7] = True
    centre, side = framing._box(jnp.asarray(mask))
    np.testing.assert_allclose(centre[0], [0.5, 3 / 8])
    np.testing.assert_allclose(side, [6 / 8, 0])


def test_without_an_outline_a_camera_stays():
    objects = stack([padded(numbering.sample("bus", 0, 0), MAX_SOLIDS)])
    away = spherical_c2w(0.0, 0.0, 1.645)[None].at[:, 1, 3].add(50.0)
    cameras = Cameras(away, jnp.asarray(source.intrinsics())[None])
    assert render_views(objects, cameras, size=8, supersample=1)[..., 3].max() == 0
    moved, to = framing.frame_outline(objects, cameras, jnp.array([1.3]), **source.how_to_draw("cpu"))
    np.testing.assert_array_equal(moved, away)
    np.testing.assert_array_equal(to, 0)


def test_as_many_are_framed_as_the_config_says():
    stream = dataclasses.replace(STREAM, cropped=0.3, crop_ratio=(1.2, 1.4))
    ratios = np.array([StreamedExamples(stream, 1)(i).crop_ratio for i in range(300)])
    framed = ratios[ratios > 0]
    assert 60 < len(framed) < 120
    assert 1.2 <= framed.min() < 1.22
    assert 1.38 < framed.max() <= 1.4
