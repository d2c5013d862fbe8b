"""The command line: the page, the JSON, and what it says of broken folders."""

import json
import pathlib
import re
import runpy
import sys

import numpy as np
import pytest

from real3d_jax.data import record_writer
from real3d_jax.data.inspection.examine import examine, examine_all
from real3d_jax.data.inspection.statistics import remarks, statistics
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.data.records import MULTIVIEW, SINGLE_VIEW, Item, Photograph, Source
from tests.data.inspection.scenes import FOV_Y, OPENCV, UNEVEN, cameras, shots, spheres

SCRIPT = pathlib.Path(__file__).parents[3] / "launch" / "inspect_data.py"
VIEWS = 8


def inspect_data(monkeypatch, *arguments) -> int:
    monkeypatch.setattr(sys, "argv", ["inspect_data.py", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    return exit_.value.code


def write(folder, keys=("first", "second <b>", "third"), stored=lambda c2w: c2w, change=lambda image: image):
    def items(split, chosen):
        for i in chosen:
            c2w = cameras(VIEWS, i)
            yield Item(keys[i], shots(keys[i], spheres(UNEVEN), c2w, stored(c2w), change))

    source = Source(MULTIVIEW, 0, {"made by": "a test"}, {"train": len(keys), "test": 0}, items)
    record_writer.write(folder, source, progress=False)
    return folder


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    return write(tmp_path_factory.mktemp("inspect") / "right")


def test_json_has_the_cameras_as_stored(monkeypatch, right, tmp_path):
    assert inspect_data(monkeypatch, "--data", right, "--out", tmp_path / "a.html", "--json", tmp_path / "a.json") == 0
    found = json.loads((tmp_path / "a.json").read_text())
    assert [item["key"] for item in found["items"]] == ["first", "second <b>", "third"]
    for number, item in enumerate(found["items"]):
        assert [view["name"] for view in item["views"]] == [f"{i:05d}" for i in range(VIEWS)]
        c2w = np.array([view["c2w"] for view in item["views"]])
        np.testing.assert_array_equal(c2w, cameras(VIEWS, number).astype(np.float32))
        np.testing.assert_allclose([view["fov_y"] for view in item["views"]], FOV_Y, atol=1e-4)
        assert 0.99 < item["hull_iou"] <= 1
        assert item["verdict"]["kind"] == "agree"
    assert found["verdict"]["kind"] == "agree"
    assert found["items_in_split"] == 3


def test_the_page_holds_everything_and_needs_no_network(monkeypatch, capsys, right, tmp_path):
    assert inspect_data(monkeypatch, "--data", right, "--out", tmp_path / "a.html") == 0
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    for key in ("first", "second &lt;b&gt;", "third"):
        assert f"<h3>{key} " in page
    assert "<b>:" not in page and "second <b>" not in page
    assert page.count("data:image/webp;base64,") == 3 * VIEWS
    assert page.count("<canvas>") == 3
    assert "://" not in page
    assert all(source.startswith("data:") for source in re.findall(r'(?:src|href)="([^"]*)"', page))
    scenes = [json.loads(text) for text in re.findall(r'<script type="application/json">(.*?)</script>', page)]
    assert [len(scene["cameras"]) for scene in scenes] == [VIEWS] * 3
    assert all(scene["mesh"] for scene in scenes)
    assert "object/s" in capsys.readouterr().err


def test_wrong_cameras_are_named(monkeypatch, capsys, tmp_path):
    folder = write(tmp_path / "opencv", stored=lambda c2w: c2w @ OPENCV)
    assert inspect_data(monkeypatch, "--data", folder, "--out", tmp_path / "a.html") == 0
    sentence = "With y and z flipped the hull IoU is 1.00, as stored it is 0.00: the cameras are OpenCV's."
    assert sentence in capsys.readouterr().out
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "The cameras are wrong" in page
    assert page.count('class="object wrong has-cameras"') == 3


def test_objects_are_chosen_evenly(monkeypatch, capsys, right, tmp_path):
    arguments = ("--data", right, "--out", tmp_path / "a.html", "--json", tmp_path / "a.json", "--objects", 2)
    assert inspect_data(monkeypatch, *arguments) == 0
    assert [item["key"] for item in json.loads((tmp_path / "a.json").read_text())["items"]] == ["first", "third"]
    assert "2 of 3 items" in capsys.readouterr().out


def test_workers_change_nothing(right):
    data = RecordSet(right, "train")
    alone, together = (examine_all(data, range(3), workers=n, progress=False) for n in (0, 2))
    assert [item.views[0].picture for item in alone] == [item.views[0].picture for item in together]
    assert [item.check.iou for item in alone] == [item.check.iou for item in together]


def test_photographs_have_pictures_only(monkeypatch, tmp_path):
    image = np.full((20, 30, 4), 255, np.uint8)
    image[:5, :, 3] = 0
    photographs = [Photograph(f"cat{i}", image, {}) for i in range(3)]

    def items(split, chosen):
        return (Item(photographs[i].key, (photographs[i],)) for i in chosen)

    record_writer.write(tmp_path / "cats", Source(SINGLE_VIEW, 225, {}, {"train": 3, "test": 0}, items), progress=False)
    arguments = ("--data", tmp_path / "cats", "--out", tmp_path / "a.html", "--json", tmp_path / "a.json")
    assert inspect_data(monkeypatch, *arguments) == 0
    found = json.loads((tmp_path / "a.json").read_text())["items"]
    assert [item["key"] for item in found] == ["cat0", "cat1", "cat2"]
    assert all(item["hull_iou"] is None for item in found)
    assert found[0]["views"][0] | {"c2w": None, "fov_y": None, "name": "cat0"} == found[0]["views"][0]
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert page.count("data:image/webp;base64,") == 3 and "<canvas>" not in page


def test_cameras_that_are_none(monkeypatch, tmp_path):
    def broken(c2w):
        c2w = c2w.copy()
        c2w[2, 0, 3] = np.nan
        c2w[3, :3, :3] *= -1
        return c2w

    folder = write(tmp_path / "broken", ("only",), broken)
    arguments = ("--data", folder, "--out", tmp_path / "a.html", "--json", tmp_path / "a.json")
    assert inspect_data(monkeypatch, *arguments) == 0
    found = json.loads((tmp_path / "a.json").read_text())["items"][0]
    assert found["verdict"]["kind"] == "broken"
    assert "2 cameras (00002, ...)" in found["verdict"]["sentence"]
    assert found["hull_iou"] is None
    assert found["views"][2]["c2w"][0][3] is None


def test_empty_masks_are_left_out_of_the_check(tmp_path):
    calls = iter(range(VIEWS))

    def emptied(image):
        return image * np.array([1, 1, 1, next(calls) != 4], np.uint8)

    report = examine(RecordSet(write(tmp_path / "empty", ("only",), change=emptied), "train"), 0)
    assert report.check is not None and report.check.iou > 0.99
    assert [view.iou is None for view in report.views] == [i == 4 for i in range(VIEWS)]
    assert "1 of 8 views have an empty mask." in remarks(statistics([report]))


def test_statistics_of_known_cameras(right):
    numbers = statistics(examine_all(RecordSet(right, "train"), range(3), progress=False))
    true = np.concatenate([cameras(VIEWS, seed) for seed in range(3)])
    np.testing.assert_allclose(numbers.distance, np.linalg.norm(true[:, :3, 3], axis=-1), atol=1e-5)
    np.testing.assert_allclose(np.sin(np.radians(numbers.elevation)), true[:, 2, 3] / numbers.distance, atol=1e-5)
    np.testing.assert_allclose(numbers.off_aim, 0, atol=1e-5)
    assert numbers.views.tolist() == [VIEWS] * 3 and numbers.touching == 0
    share = np.mean([spheres(UNEVEN)(pose).mean() for pose in true])
    np.testing.assert_allclose(numbers.area.mean(), share, atol=1e-6)
    assert remarks(numbers) == []


def test_remarks_on_cameras_that_do_not_aim_at_the_origin(tmp_path):
    def moved(c2w):
        c2w = c2w.copy()
        c2w[:, :3, 3] += np.array([0.0, 0.0, -2.0])
        return c2w

    report = examine(RecordSet(write(tmp_path / "moved", ("only",), moved), "train"), 0)
    assert report.verdict.kind == "agree"  # the world is free
    said = " ".join(remarks(statistics([report])))
    assert "do not look at the world's origin" in said and "below the x-y plane" in said


@pytest.mark.parametrize(
    ("make", "arguments", "said"),
    [
        (lambda folder: None, (), "There is no data set at"),
        (lambda folder: folder.mkdir(), (), "holds no data set"),
        (lambda folder: (folder.mkdir(), (folder / record_writer.PLAN).write_text("{}")), (), "is unfinished"),
        (write, ("--split", "test"), "has no items in the split 'test'"),
        (write, ("--split", "nonsense"), "has no items in the split 'nonsense'"),
        (write, ("--objects", "-1"), "--objects must be at least 0"),
        (write, ("--workers", "-1"), "--workers must be at least 0"),
        (lambda folder: _damaged(write(folder)), (), "cannot be read"),
    ],
)
def test_bad_input_is_one_sentence(monkeypatch, capsys, tmp_path, make, arguments, said):
    make(tmp_path / "data")
    code = inspect_data(monkeypatch, "--data", tmp_path / "data", "--out", tmp_path / "a.html", *arguments)
    assert code == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("error: ") and said in message


def _damaged(folder):
    shard = next(path for path in folder.iterdir() if "array_record" in path.name)
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])


def test_a_page_that_cannot_be_written_is_said_before_the_work(monkeypatch, capsys, right, tmp_path):
    (tmp_path / "file").write_text("")
    assert inspect_data(monkeypatch, "--data", right, "--out", tmp_path / "file" / "a.html") == 2
    output = capsys.readouterr().err
    assert "cannot be written" in output and "object/s" not in output
