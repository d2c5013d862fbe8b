"""Pixels of hostile files: the right ones, or one sentence that says what is wrong and what to do."""

import io
import os
import threading

import numpy as np
import pytest
from PIL import Image, ImageCms

from real3d_jax.data.decoding import SUFFIXES, decoded
from real3d_jax.data.records import Unusable

SCENE = np.zeros((20, 31, 3), np.uint8)
SCENE[:6], SCENE[6:, :10], SCENE[14:, 22:] = (200, 40, 40), (40, 180, 60), (250, 240, 10)
TURNED = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: np.rot90(x, 2).swapaxes(0, 1),
    8: lambda x: np.rot90(x),
}


def save(path, image, **options):
    Image.fromarray(image).save(path, **options) if isinstance(image, np.ndarray) else image.save(path, **options)
    return path


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_deflate"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_a_tiff_stands_upright(tmp_path, mode, compression, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(SCENE).convert(mode)
    save(tmp_path / "a.tif", image, exif=exif, compression=compression)
    np.testing.assert_array_equal(decoded(tmp_path / "a.tif"), TURNED[orientation](np.asarray(image)))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif"])
def test_others_stand_upright(tmp_path, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / f"a.{suffix}", SCENE, exif=exif, **({} if suffix == "png" else {"quality": 95}))
    turned = np.asarray(decoded(tmp_path / f"a.{suffix}"), int)
    assert np.abs(turned - TURNED[6](SCENE)).mean() < 6


@pytest.mark.parametrize("suffix", [s for s in SUFFIXES if s not in (".heic", ".heif")])
def test_every_format_has_its_colours(tmp_path, suffix):
    flat = np.full((16, 16, 3), (200, 60, 20), np.uint8)
    save(tmp_path / f"a{suffix}", flat, **({"format": "JPEG"} if suffix == ".jfif" else {}))
    found = np.asarray(decoded(tmp_path / f"a{suffix}").convert("RGB"), int)
    assert np.abs(found - flat).max() <= 3


@pytest.mark.parametrize("content", ["heic", "jpg"])
def test_heic_under_whatever_name(tmp_path, content):
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    flat = np.full((64, 64, 3), (200, 60, 20), np.uint8)
    save(tmp_path / f"a.{content}", flat, format="HEIF", quality=95)
    assert np.abs(np.asarray(decoded(tmp_path / f"a.{content}"), int) - flat).max() <= 4


def test_heic_without_its_package_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (tmp_path / "a.jpg").write_bytes(b"\x00\x00\x00\x18ftypheic" + bytes(40))
    with pytest.raises(Unusable, match=r"'a\.jpg' is HEIC.*pip install 'real3d-jax\[heic\]'"):
        decoded(tmp_path / "a.jpg")


def test_a_profile_of_another_space_becomes_srgb(tmp_path):
    """A linear-light profile is made of sRGB's by its curves: 0.5 there is 188 here."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for name in (b"rTRC", b"gTRC", b"bTRC"):
        place = profile.find(name, 128)
        start = int.from_bytes(profile[place + 4 : place + 8], "big")
        profile[start : start + 14] = b"curv" + bytes(4) + (1).to_bytes(4, "big") + (256).to_bytes(2, "big")
    title = profile.find("sRGB".encode("utf-16-be"))
    profile[title : title + 8] = "lin ".encode("utf-16-be")
    rgba = np.full((4, 4, 4), (128, 128, 128, 90), np.uint8)
    save(tmp_path / "a.png", rgba, icc_profile=bytes(profile))
    found = np.asarray(decoded(tmp_path / "a.png"))
    np.testing.assert_allclose(found[..., :3].astype(int), 188, atol=2)
    assert (found[..., 3] == 90).all()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for kept in (srgb, b"no profile"):
        save(tmp_path / "b.png", rgba, icc_profile=kept)
        np.testing.assert_array_equal(decoded(tmp_path / "b.png"), rgba)


def test_sixteen_bits(tmp_path):
    rising = np.linspace(0, 65535, 64 * 3).astype(np.uint16).reshape(8, 8, 3)
    header = b"\x89PNG\r\n\x1a\n"
    (tmp_path / "a.png").write_bytes(header + _chunks(rising))
    np.testing.assert_allclose(np.asarray(decoded(tmp_path / "a.png"), int), rising / 257, atol=1)
    save(tmp_path / "b.png", rising[..., 0])
    with pytest.raises(Unusable, match=r"'b\.png' has more than 8 bits a channel \(mode I;16\): save it with 8"):
        decoded(tmp_path / "b.png")


def _chunks(rgb):
    """A PNG's chunks of 16 bits a channel, which Pillow reads and does not write."""
    import struct
    import zlib

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rgb)
    size = struct.pack(">IIBBBBB", rgb.shape[1], rgb.shape[0], 16, 2, 0, 0, 0)
    return chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_palettes_and_greys_keep_their_transparency(tmp_path):
    alpha = np.repeat([[0, 255]], 4, 0).repeat(3, 1).astype(np.uint8)
    grey = np.dstack([np.full((4, 6), 77, np.uint8), alpha])
    save(tmp_path / "la.png", grey)
    np.testing.assert_array_equal(np.asarray(decoded(tmp_path / "la.png").convert("RGBA"))[..., 3], alpha)
    palette = Image.fromarray(np.repeat([[0, 1]], 4, 0).repeat(3, 1).astype(np.uint8), "P")
    palette.putpalette([0, 0, 0, 9, 8, 7])
    for suffix in ("png", "gif"):
        palette.save(tmp_path / f"p.{suffix}", transparency=0)
        found = np.asarray(decoded(tmp_path / f"p.{suffix}").convert("RGBA"))
        np.testing.assert_array_equal(found[..., 3], alpha)
        np.testing.assert_array_equal(found[:, 3:, :3], np.full((4, 3, 3), (9, 8, 7)))


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif", "avif"])
def test_animations_and_pages_are_refused(tmp_path, suffix):
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "green", "blue")]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
    with pytest.raises(Unusable, match=rf"'a\.{suffix}' has 3 (frames|pages): save the one to use as a PNG"):
        decoded(tmp_path / f"a.{suffix}")


def test_of_a_phones_jpeg_the_first_picture_is_the_photograph(tmp_path):
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=frames[1:])
    assert np.asarray(decoded(tmp_path / "a.jpg"))[8, 8, 0] > 240


def test_too_many_pixels(tmp_path, monkeypatch, recwarn):
    save(tmp_path / "a.png", np.zeros((60, 50, 3), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    assert decoded(tmp_path / "a.png").size == (50, 60)
    assert not recwarn.list
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(Unusable, match=r"'a\.png' has more than 0 million pixels: make it smaller"):
        decoded(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "avif", "jp2", "tif", "bmp", "gif"])
def test_every_truncation_is_refused_in_a_sentence(tmp_path, suffix):
    rng = np.random.default_rng(0)
    save(tmp_path / f"whole.{suffix}", rng.integers(0, 255, (40, 30, 3)).astype(np.uint8))
    whole = (tmp_path / f"whole.{suffix}").read_bytes()
    for share in (0, 0.001, 0.01, 0.1, 0.3, 0.5, 0.9):
        (tmp_path / f"a.{suffix}").write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(Unusable, match=rf"^'a\.{suffix}' (is empty|cannot be decoded|has )") as caught:
            decoded(tmp_path / f"a.{suffix}")
        assert "\n" not in str(caught.value)


def test_what_is_no_picture(tmp_path):
    (tmp_path / "a.jpg").write_text("<html>")
    with pytest.raises(Unusable, match=r"no picture of a known format\): save it as PNG"):
        decoded(tmp_path / "a.jpg")
    with pytest.raises(Unusable, match=r"'b\.jpg' is missing"):
        decoded(tmp_path / "b.jpg")
    lab = io.BytesIO()
    Image.new("LAB", (4, 4)).save(lab, "TIFF")
    (tmp_path / "c.tif").write_bytes(lab.getvalue())
    with pytest.raises(Unusable, match="has mode LAB, which is not read: save it as RGB"):
        decoded(tmp_path / "c.tif")


def test_a_pipe_is_not_waited_for(tmp_path):
    pipe = tmp_path / "a.png"
    os.mkfifo(pipe)
    threading.Thread(target=pipe.write_bytes, args=(b"",), daemon=True).start()  # so that a reader's wait would end
    with pytest.raises(Unusable, match=r"'a\.png' is no file of bytes"):
        decoded(pipe)
    os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))
