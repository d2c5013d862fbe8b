"""The photographs of an input."""

import numpy as np
import pytest
from PIL import Image

from real3d_jax.data import photograph_files
from real3d_jax.data.records import Unusable
from real3d_jax.errors import UserError


def _write(path, size=(6, 4), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (10, 20, 30)).save(path, **options)


def test_a_folder_and_all_below_it(tmp_path):
    for name in ("b.jpg", "a.PNG", "sub/c.webp", "sub/.hidden.jpg", ".cache/d.jpg", "@eaDir/e.jpg"):
        _write(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no photograph")
    folder, found = photograph_files.find(str(tmp_path))
    assert folder == tmp_path
    assert [photograph.file for photograph in found] == ["a.PNG", "b.jpg", "sub/c.webp"]
    assert [photograph.names for photograph in found] == [("a",), ("b",), ("sub/c", "c")]


def test_one_file_alone_whatever_its_name(tmp_path):
    for name in ("x/a[1].jpg", "x/a1.jpg"):
        _write(tmp_path / name)
    folder, found = photograph_files.find(f"{tmp_path}/x/a[1].jpg")
    assert folder == tmp_path / "x"
    assert [photograph.file for photograph in found] == ["a[1].jpg"]


def test_a_pattern(tmp_path):
    for name in ("x/IMG_1.jpg", "x/other.jpg", "y/IMG_2.jpg", "y/z/IMG_3.jpg"):
        _write(tmp_path / name)
    folder, found = photograph_files.find(f"{tmp_path}/*/IMG*.jpg")
    assert folder == tmp_path
    assert [photograph.file for photograph in found] == ["x/IMG_1.jpg", "y/IMG_2.jpg"]


def test_a_stem_that_two_share_names_neither(tmp_path):
    for name in ("x/1.jpg", "y/1.jpg", "y/2.jpg"):
        _write(tmp_path / name)
    assert [photograph.names for photograph in photograph_files.find(str(tmp_path))[1]] == [
        ("x/1",),
        ("y/1",),
        ("y/2", "2"),
    ]


def test_a_stem_that_is_another_ones_path_names_it_no_more(tmp_path):
    for name in ("1.jpg", "y/2.jpg", "2/1.jpg", "2.jpg"):
        _write(tmp_path / name)
    names = {photograph.file: photograph.names for photograph in photograph_files.find(str(tmp_path))[1]}
    assert names["y/2.jpg"] == ("y/2",)
    assert names["2.jpg"] == ("2",)


@pytest.mark.parametrize(
    ("names", "source", "said"),
    [
        ([], "nowhere", "there is no folder"),
        ([], ".", "matches no"),
        (["a.jpg", "a.png"], ".", "'a.jpg' and 'a.png'"),
        (["a.jpg"], "*.png", "matches no"),
    ],
)
def test_inputs_that_are_none(tmp_path, names, source, said):
    for name in names:
        _write(tmp_path / name)
    with pytest.raises(UserError, match=said):
        photograph_files.find(f"{tmp_path}/{source}")


@pytest.mark.parametrize("source", ["", " "])
def test_nothing_is_not_the_current_folder(tmp_path, monkeypatch, source):
    _write(tmp_path / "a.jpg")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="--input is empty"):
        photograph_files.find(source)
    assert len(photograph_files.find(".")[1]) == 1


def test_photographs_stand_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to see it
    _write(tmp_path / "a.jpg", size=(6, 4), exif=exif)
    _, found = photograph_files.find(str(tmp_path))
    assert photograph_files.read(tmp_path, found[0]).shape == (6, 4, 3)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_any_mode_becomes_rgb(tmp_path, mode):
    Image.new(mode, (5, 3)).save(tmp_path / ("a.jpg" if mode == "CMYK" else "a.png"))
    rgb = photograph_files.read(tmp_path, photograph_files.find(str(tmp_path))[1][0])
    assert rgb.shape == (3, 5, 3)
    assert rgb.dtype == np.uint8


def test_a_truncated_file_is_unusable(tmp_path):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (64, 64, 3)).astype(np.uint8)).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Unusable, match=r"'a\.jpg' cannot be decoded"):
        photograph_files.read(tmp_path, photograph_files.find(str(tmp_path))[1][0])


def test_brackets_in_folder_names_are_names(tmp_path):
    for name in ("photos [1]/a.jpg", "photos [1]/b.png", "photos 1/c.jpg", "x[12]/y/d.jpg"):
        _write(tmp_path / name)
    for source, files in (
        ("photos [1]", ["a.jpg", "b.png"]),
        ("photos [1]/*.jpg", ["a.jpg"]),
        ("photos [1]/[ab].*", ["a.jpg", "b.png"]),
        ("x[12]/**/*.jpg", ["y/d.jpg"]),
        ("photos [[]1]/*", ["photos [1]/a.jpg", "photos [1]/b.png"]),
    ):
        _, found = photograph_files.find(f"{tmp_path}/{source}")
        assert [photograph.file for photograph in found] == files, source
    with pytest.raises(UserError, match=r"'\[' begins a set of characters"):
        photograph_files.find(f"{tmp_path}/[z]/*.jpg")


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        ("*.jpg", ["a.jpg"]),
        ("**/*.jpg", ["a.jpg", "x/b.jpg", "x/y/c.jpg"]),
        ("*/*", ["x/b.jpg"]),
        ("x/**", ["x/b.jpg", "x/y/c.jpg"]),
        ("**/y/*", ["x/y/c.jpg"]),
    ],
)
def test_patterns_reach_as_far_as_they_say(tmp_path, pattern, files):
    for name in ("a.jpg", "x/b.jpg", "x/y/c.jpg"):
        _write(tmp_path / name)
    folder, found = photograph_files.find(f"{tmp_path}/{pattern}")
    assert [(folder / photograph.file).relative_to(tmp_path).as_posix() for photograph in found] == files


def test_linked_folders_are_followed_once_and_loops_end(tmp_path):
    _write(tmp_path / "elsewhere" / "c.jpg")
    _write(tmp_path / "in" / "z" / "a.jpg")
    _write(tmp_path / "in" / "b.jpg")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "z" / "up").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "a_link").symlink_to(tmp_path / "in" / "z")
    (tmp_path / "in" / "self").symlink_to("self")
    (tmp_path / "in" / "lost.jpg").symlink_to("nowhere.jpg")
    folder, found = photograph_files.find(str(tmp_path / "in"))
    assert [photograph.file for photograph in found] == ["b.jpg", "link/c.jpg", "lost.jpg", "z/a.jpg"]
    with pytest.raises(Unusable, match=r"'lost\.jpg' is missing"):
        photograph_files.read(folder, found[2])


def test_names_that_differ_in_their_suffix_only(tmp_path):
    for name in ("chair.jpg", "chair.png", "chair.jpg.webp", "cup.png", "settings.json.png"):
        _write(tmp_path / name)
    _, found = photograph_files.find(str(tmp_path), same_names=True, reserved=["settings.json"])
    assert {photograph.file: photograph.key for photograph in found} == {
        "chair.jpg": "chair.jpg",
        "chair.png": "chair.png",
        "chair.jpg.webp": "chair.jpg.webp",  # without its suffix it would be the first one's
        "cup.png": "cup",
        "settings.json.png": "settings.json.png",
    }


def test_folders_are_skipped_unless_a_photograph_in_them_is_named(tmp_path):
    for name in ("a.jpg", "out/b.jpg", "out/more/c.jpg"):
        _write(tmp_path / name)

    def skip(folder):
        return folder.name == "out"

    _, found = photograph_files.find(str(tmp_path), skip=skip)
    assert [photograph.file for photograph in found] == ["a.jpg"]
    _, found = photograph_files.find(str(tmp_path / "out" / "b.jpg"), skip=skip)
    assert [photograph.file for photograph in found] == ["b.jpg"]
    with pytest.raises(UserError, match="matches no"):
        photograph_files.find(str(tmp_path / "out"), skip=skip)
