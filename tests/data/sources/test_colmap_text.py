"""Text models of COLMAP: the same records as of the binary ones, and damage that would be read in part."""

import pathlib
import shutil

import numpy as np
import pytest

from real3d_jax.data.records import Unusable
from real3d_jax.data.sources.captures import Squares
from real3d_jax.data.sources.mvimgnet import MVImgNet
from tests.data import filming

KEY = "7/1a2b"
MODEL = "sparse/0"


@pytest.fixture(scope="module")
def filmed(tmp_path_factory) -> pathlib.Path:
    """An object with a binary model, and with one in text."""
    root = tmp_path_factory.mktemp("mvimgnet")
    filming.write_mvimgnet(root / "binary" / KEY, filming.film(5, seed=0), filming.Lens(k=0.05))
    shutil.copytree(root / "binary", root / "text")
    filming.write_as_text(root / "text" / KEY / MODEL)
    return root


@pytest.fixture
def text(filmed, tmp_path) -> pathlib.Path:
    """The root of a copy to be damaged."""
    shutil.copytree(filmed / "text", tmp_path / "text")
    return tmp_path / "text"


def read(root: pathlib.Path):
    return MVImgNet(root, squares=Squares(image_size=64)).read(KEY)


def test_a_text_model_gives_the_records_of_the_binary_one(filmed):
    ours, theirs = read(filmed / "text"), read(filmed / "binary")
    assert len(ours.records) == 5
    for a, b in zip(ours.records, theirs.records, strict=True):
        assert a.view == b.view
        np.testing.assert_allclose(a.c2w, b.c2w, atol=1e-12)
        np.testing.assert_allclose(a.intrinsics, b.intrinsics, rtol=1e-12)
        np.testing.assert_array_equal(a.image, b.image)


def test_a_model_without_comments_is_read(text):
    """As people write them by hand, for poses that they know: no points beside the names, no last new line."""
    before = read(text)
    for path in (text / KEY / MODEL).iterdir():
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        path.write_text("\n".join(lines))
    assert (read(text).records[0].c2w == before.records[0].c2w).all()


def lines_of(path: pathlib.Path) -> list[str]:
    return path.read_text().splitlines()


@pytest.mark.parametrize("name", ["cameras.txt", "images.txt", "points3D.txt"])
@pytest.mark.parametrize("keep", [0.0, 0.3, 0.7, 0.97, -1])
def test_truncation(text, name, keep):
    path = text / KEY / MODEL / name
    content = path.read_text()
    path.write_text(content[: int(keep * len(content)) if keep >= 0 else -2])
    with pytest.raises(Unusable, match=r"\.txt' of the sparse model|has no point of"):
        read(text)


@pytest.mark.parametrize(
    ("name", "old", "new", "reason"),
    [
        ("cameras.txt", "OPENCV", "OPENCW", "'cameras.txt' of the sparse model is damaged in line 4"),
        ("cameras.txt", "OPENCV", "PINHOLE", "'cameras.txt' .* in line 4"),
        ("cameras.txt", " 150 ", " 15.5 ", "'cameras.txt' .* in line 4"),
        ("images.txt", "001.jpg", "", "'images.txt' .* in line 5"),
        ("images.txt", " 1 002.jpg", " 9 002.jpg", "'images.txt' .* in line 7"),
        ("points3D.txt", " 1 0 ", " 1 9999 ", "'points3D.txt' .* in line 4"),
        ("points3D.txt", " 1 0 ", " 1 ", "'points3D.txt' .* in line 4"),
        ("points3D.txt", " 1 0 ", " x 0 ", "'points3D.txt' .* in line 4"),
        ("images.txt", "Number of images: 5", "Number of images: 6", "is cut short: 5 of 6 entries are whole"),
    ],
)
def test_damage_is_named(text, name, old, new, reason):
    path = text / KEY / MODEL / name
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new, 1))
    with pytest.raises(Unusable, match=reason):
        read(text)


@pytest.mark.parametrize("name", ["cameras.txt", "points3D.txt"])
def test_missing_files(text, name):
    (text / KEY / MODEL / name).unlink()
    with pytest.raises(Unusable, match=f"'{name}' of the sparse model is missing"):
        read(text)
