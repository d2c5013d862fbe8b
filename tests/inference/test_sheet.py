"""The contact sheet: which pictures stand where, what is missing, and that its size has a bound."""

import numpy as np
import pytest
from PIL import Image

from real3d_jax.config.reconstruction import SheetConfig
from real3d_jax.inference.sheet import SHEET, Sheet

CONFIG = SheetConfig(photographs=4, views=3, pixels=20, columns=2)
COLOURS = {"a": (200, 30, 40), "sub/b": (20, 180, 60), "c": (40, 50, 220), "d": (90, 90, 90), "e": (1, 2, 3)}


@pytest.fixture
def results(tmp_path):
    """Results of five photographs: the input has the photograph's colour, view number i of eight a red of 30 i."""
    views = np.repeat(np.arange(8)[None, :, None] * np.array([30, 0, 0]), 10, 1).astype(np.uint8)
    for name, colour in COLOURS.items():
        (tmp_path / name).mkdir(parents=True)
        Image.new("RGB", (32, 32), colour).save(tmp_path / name / "input.png")
        Image.fromarray(np.repeat(views, 10, 0)).save(tmp_path / name / "views.png")
    return tmp_path


def tiles(folder, number):
    """The colours in the middles of a photograph's tiles: its input and three views."""
    sheet = np.asarray(Image.open(folder / SHEET))
    x, y = 6 + number % 2 * 86, 6 + number // 2 * 40 + 14
    return [sheet[y + 10, x + 20 * i + 10].tolist() for i in range(4)]


def test_each_input_stands_beside_views_from_around(results):
    sheet = Sheet(results, list(COLOURS)[:4], CONFIG)
    sheet.add("c")
    nothing = [232, 232, 232]
    assert tiles(results, 0) == [nothing] * 4
    assert tiles(results, 2) == [[40, 50, 220], [0, 0, 0], [60, 0, 0], [150, 0, 0]]
    sheet.add("a", "sub/b")
    assert [tiles(results, number)[0] for number in range(3)] == [list(COLOURS[name]) for name in ("a", "sub/b", "c")]
    assert np.asarray(Image.open(results / SHEET)).shape == (2 * 40 + 6, 2 * 86 + 6, 3)
    assert [path.name for path in results.glob("sheet*")] == [SHEET]


def test_its_size_does_not_grow_with_the_photographs(results):
    Sheet(results, list(COLOURS), CONFIG).add("a")
    before = np.asarray(Image.open(results / SHEET))
    written = (results / SHEET).stat().st_mtime_ns
    many = Sheet(results, [*COLOURS, *map(str, range(5000))], CONFIG)
    many.add("e", "7")  # not on it
    assert (results / SHEET).stat().st_mtime_ns == written
    many.add("a")
    now = np.asarray(Image.open(results / SHEET))
    assert now.shape == before.shape == (2 * 40 + 6 + 14, 2 * 86 + 6, 3)
    assert (now[-14:] != before[-14:]).any()  # 'and 5,001 more'
    np.testing.assert_array_equal(now[:-14], before[:-14])


def test_names_of_any_letters_and_length_fit(results):
    names = ["x" * 100, "a/深い/椅子"]
    for name in names:
        (results / name).mkdir(parents=True)
        for file in ("input.png", "views.png"):
            (results / name / file).write_bytes((results / "a" / file).read_bytes())
    Sheet(results, names, CONFIG).add(*names)
    title = np.asarray(Image.open(results / SHEET))[6:18]
    assert (title[:, 6:86] < 100).any() and (title[:, 92:] < 100).any()
    assert (title[:, 86:92] == 255).all()  # between the two


@pytest.mark.parametrize(("names", "photographs"), [(["a"], 4), (["a", "c"], 0)])
def test_one_photograph_or_a_wish_for_none_has_no_sheet(names, photographs, results):
    Sheet(results, names, SheetConfig(photographs, 3, 20, 2)).add("a")
    assert not (results / SHEET).exists()
