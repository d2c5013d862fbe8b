"""Views as files: what was rendered is read again, and what cannot be written is told."""

import errno
import importlib.util

import av
import numpy as np
import pytest
from PIL import Image

from real3d_jax.cameras import Cameras, intrinsics_from_fov, spherical_c2w
from real3d_jax.errors import UserError
from real3d_jax.inference import views as views_module
from real3d_jax.inference.views import Views

SIDE = 33  # odd, which H.264's colours are not


@pytest.fixture(scope="module")
def views():
    """Six views: a red square whose place moves on blue; a surface in the left half, which faces x, then z."""
    rgb = np.full((6, SIDE, SIDE, 3), (30, 60, 200), np.uint8)
    for number, frame in enumerate(rgb):
        frame[4:14, 4 * number : 4 * number + 10] = (200, 60, 30)
    depth, normals = np.zeros((6, SIDE, SIDE), np.float32), np.zeros((6, SIDE, SIDE, 3), np.float32)
    depth[..., :16] = 1.23456
    normals[:3, :, :16], normals[3:, :, :16] = (1, 0, 0), (0, 0, -1)
    cameras = Cameras(spherical_c2w(np.arange(6.0), 0.0, 2.4), np.tile(np.asarray(intrinsics_from_fov(0.7)), (6, 1)))
    return Views(rgb, 8.0, depth, normals, cameras)


def test_a_video_is_what_browsers_play(views, tmp_path):
    path = views.save(tmp_path / "in" / "a.mp4")
    content = path.read_bytes()
    assert 0 < content.find(b"moov") < content.find(b"mdat")  # it plays before it is loaded
    with av.open(str(path)) as container:
        (stream,) = container.streams
        context = stream.codec_context
        assert (context.name, context.pix_fmt, context.width, context.height) == ("h264", "yuv420p", 34, 34)
        assert (stream.average_rate, stream.frames, float(stream.duration * stream.time_base)) == (8, 6, 0.75)
        bt709, limited = 1, 1
        assert (context.colorspace, context.color_primaries, context.color_trc) == (bt709,) * 3
        assert context.color_range == limited
        decoded = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    assert np.abs(decoded[:, :SIDE, :SIDE].astype(int) - views.rgb).mean() < 4
    for number, frame in enumerate(decoded):  # away from the edges, where colour is coarse
        np.testing.assert_allclose(frame[9, 4 * number + 5], (200, 60, 30), atol=6)
        np.testing.assert_allclose(frame[25, 16], (30, 60, 200), atol=4)
    np.testing.assert_allclose(decoded[:, 25, 33], decoded[:, 25, 32], atol=3)  # repeated, not black


def test_depth_has_sixteen_bits_and_normals_are_colours(views, tmp_path):
    depth = np.asarray(Image.open(views.save(tmp_path / "depth.png", of="depth")))
    assert (depth.dtype, depth.shape) == (np.uint16, (SIDE, 6 * SIDE))
    assert (depth[0, 0], depth[0, SIDE - 1]) == (12346, 0)
    normals = np.asarray(Image.open(views.save(tmp_path / "normals.png", of="normals")))
    assert normals.shape == (SIDE, 6 * SIDE, 3)
    assert normals[0, 0].tolist() == [255, 128, 128]
    assert normals[0, 3 * SIDE].tolist() == [128, 128, 0]
    assert normals[0, SIDE - 1].tolist() == [0, 0, 0]
    with Image.open(views.save(tmp_path / "normals.gif", of="normals")) as animation:
        assert animation.n_frames == 2  # Pillow joins those that are the same


def test_all_numbers_go_into_one_file(views, tmp_path):
    with np.load(views.save(tmp_path / "a.npz")) as read:
        assert set(read) == {"rgb", "depth", "normals", "c2w", "intrinsics"}
        for name, expected in (("rgb", views.rgb), ("depth", views.depth), ("normals", views.normals)):
            np.testing.assert_array_equal(read[name], expected)
        np.testing.assert_array_equal(read["c2w"], views.cameras.c2w)
    with np.load(Views(views.rgb).save(tmp_path / "b.npz")) as read:
        assert set(read) == {"rgb"}


@pytest.mark.parametrize(
    ("name", "of", "said"),
    [
        ("a.avi", "rgb", r"has no ending of pictures: write \.gif or \.mp4"),
        ("a.png", "normal", "no 'normal' to save: did you mean 'normals'"),
        ("a.jpg", "depth", r"a\.jpg' cannot hold depth, which has 16 bits: write \.png or \.npz"),
        ("a.mp4", "depth", "cannot hold depth"),
    ],
)
def test_what_cannot_be_written_is_told(name, of, said, views, tmp_path):
    with pytest.raises(UserError, match=said):
        views.save(tmp_path / name, of=of)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("name", "speed", "said"),
    [
        ("a.mp4", 1e-4, "frames_per_second is 0.0001 for 6 frames: set it to at most 1000, and"),
        ("a.gif", 1e-3, "last at most 600 seconds"),
        ("a.mp4", 2000, "at most 1000"),
        ("a.gif", 60, "more than the 50 of a GIF: write .mp4"),
    ],
)
def test_speeds_that_a_file_cannot_tell_are_refused(name, speed, said, views, tmp_path):
    with pytest.raises(UserError, match=said):
        Views(views.rgb, speed).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("speed", [8, 30, 48])
def test_an_animation_lasts_as_long_as_its_frames(speed, views, tmp_path):
    with Image.open(Views(np.concatenate([views.rgb] * 8), speed).save(tmp_path / "a.gif")) as animation:
        durations = [animation.seek(frame) or animation.info["duration"] for frame in range(animation.n_frames)]
    assert sum(durations) == pytest.approx(1000 * 48 / speed, abs=5)


@pytest.mark.parametrize("name", ["a.png", "a.gif", "a.mp4", "a.npz"])
def test_what_cannot_be_written_leaves_what_stood_there(name, views, tmp_path, monkeypatch):
    before = views.save(tmp_path / name).read_bytes()

    def full(path, *_, **__):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    for writer in ("save_strip", "save_animation"):
        monkeypatch.setattr(views_module, writer, full)
    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(UserError, match=rf"{name}' cannot be written \(No space left on device\)"):
        views.save(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == before


def test_no_geometry_and_too_great_depth_are_told(views, tmp_path):
    with pytest.raises(UserError, match="have no depth: render them with geometry=True"):
        Views(views.rgb).save(tmp_path / "a.png", of="depth")
    far = Views(views.rgb, depth=views.depth * 6, normals=views.normals)
    with pytest.raises(UserError, match=r"up to 7\.40736, and a PNG holds up to 6\.5535: write \.npz"):
        far.save(tmp_path / "a.png", of="depth")


def test_without_its_package_a_video_is_refused(views, tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "av" else found(name))
    with pytest.raises(UserError, match=r"^Videos \(\.mp4\) are written with av, .*'real3d-jax\[video\]'`\.$"):
        views.save(tmp_path / "a.mp4")
