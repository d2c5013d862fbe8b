"""From files to records: splits, workers, what is left out, and being killed."""

import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from real3d_jax.data import preparation, record_writer
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.data.sources.views import Views
from real3d_jax.data.sources.wild_images import WildImages
from real3d_jax.errors import UserError
from tests.commands import run_here
from tests.data import miniatures, projection

SIZE = 32


@pytest.fixture(scope="module")
def shots():
    return projection.cameras(3, seed=0, x_fov=0.7, y_fov=0.7, size=SIZE)


@pytest.fixture
def views(tmp_path, shots):
    """A folder of twelve objects."""
    return written(tmp_path / "raw", [f"object{i:02d}" for i in range(12)], shots)


def written(folder: pathlib.Path, names, shots) -> pathlib.Path:
    for name in names:
        miniatures.write_views(folder / name, shots, size=SIZE)
    return folder


def prepare(folder: pathlib.Path, layout, **options) -> pathlib.Path:
    with preparation.file_source(layout, **options) as source:
        record_writer.write(folder, source, items_per_shard=3, progress=False)
    return folder


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".partial"}


def rejected(folder: pathlib.Path) -> dict[str, str]:
    entries = [json.loads(line) for line in (folder / "rejected.jsonl").read_text().splitlines()]
    assert all(set(entry) == {"split", "key", "reason"} for entry in entries)
    return {entry["key"]: entry["reason"] for entry in entries}


def counts(folder: pathlib.Path, split: str) -> dict[str, int]:
    return json.loads((folder / "summary.json").read_text())["splits"][split]


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_no_byte(views, tmp_path, workers):
    (views / "object04" / "00001.png").unlink()
    alone = prepare(tmp_path / "alone", Views(views), held_out=3)
    together = prepare(tmp_path / "together", Views(views), held_out=3, workers=workers)
    assert contents(alone) == contents(together)
    assert rejected(alone) == {"object04": "'00001.png' is missing"}


def test_a_worker_that_dies_ends_the_run_and_loses_no_shard(views, tmp_path):
    with preparation.file_source(Views(views), workers=2) as source:
        iterator = source.items("train", range(6))
        next(iter(iterator))
        for child in pathlib.Path(f"/proc/{os.getpid()}/task").glob("*/children"):
            for pid in child.read_text().split():
                if b"spawn_main" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(int(pid), signal.SIGKILL)
        with pytest.raises(UserError, match="fewer --workers"):
            list(source.items("train", range(6, 12)))


def test_splits():
    keys = [f"k{i}" for i in range(50)]
    held_out = preparation.split(keys, held_out=10)
    assert [len(held_out[name]) for name in ("train", "test")] == [40, 10]
    assert sorted([*held_out["train"], *held_out["test"]]) == sorted(keys)
    assert held_out["test"] == sorted(held_out["test"], key=keys.index)
    assert held_out["test"] != keys[:10]
    more = preparation.split([*keys, "new"], held_out=10)
    assert len(set(more["test"]) & set(held_out["test"])) >= 9
    named = preparation.split(keys, test_keys=["k7", "k3"], limit=5)
    assert named == {"train": ["k0", "k1", "k2", "k4", "k5"], "test": ["k3", "k7"]}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"held_out": 4}, r"--held_out .* 3, not 4"),
        ({"held_out": -1}, "--held_out"),
        ({"limit": 0}, "--limit must be at least 1"),
        ({"test_keys": ["a", "x"]}, "'x', which is no item"),
    ],
)
def test_splits_that_do_not_fit(options, message):
    with pytest.raises(UserError, match=message):
        preparation.split(["a", "b", "c"], **options)


@pytest.mark.parametrize("text", ['["a b", "c"]', "a b\nc\n\n"])
def test_test_lists(tmp_path, text):
    (tmp_path / "list").write_text(text)
    assert preparation.read_test_list(tmp_path / "list") == ["a b", "c"]
    with pytest.raises(UserError, match="--test_list"):
        preparation.read_test_list(tmp_path / "other")


def test_other_files_are_refused(views, tmp_path, shots):
    prepare(tmp_path / "d", Views(views))
    written(views, ["one more"], shots)
    with pytest.raises(UserError, match="delete the folder"):
        prepare(tmp_path / "d", Views(views))


def test_nothing_usable_is_said(views, tmp_path):
    for path in views.glob("*/00000.png"):
        path.unlink()
    with pytest.raises(UserError, match=r"None of the 12 items .*'00000.png' is missing"):
        prepare(tmp_path / "d", Views(views))
    with pytest.raises(UserError, match="unfinished"):
        RecordSet(tmp_path / "d", "train")


def test_a_shard_of_rejected_items_only(views, tmp_path):
    for number in range(3):
        (views / f"object{number:02d}" / "00000.png").unlink()
    data = RecordSet(prepare(tmp_path / "d", Views(views)), "train")
    assert data.keys == [f"object{i:02d}" for i in range(3, 12)]
    for item in range(9):
        assert data.read(item, 2).view == "00002"


def _png(path, array):
    Image.fromarray(array).save(path)


def _edit_camera(change):
    def fault(folder):
        path = folder / "00001.json"
        camera = json.loads(path.read_text())
        change(camera)
        path.write_text(json.dumps(camera))

    return fault


def _alpha(value):
    def fault(folder):
        image = np.asarray(Image.open(folder / "00001.png")).copy()
        image[..., 3] = value
        _png(folder / "00001.png", image)

    return fault


def _c2w(rows, columns, value):
    def change(camera):
        c2w = np.array(camera["c2w"])
        c2w[rows, columns] = value
        camera["c2w"] = c2w.tolist()

    return _edit_camera(change)


# What is done to an object, and what its reason must say.
FAULTS = [
    (lambda d: (d / "00001.png").write_bytes(b""), "empty"),
    (lambda d: (d / "00001.png").write_bytes((d / "00001.png").read_bytes()[:90]), "cannot be decoded"),
    (lambda d: (d / "00001.png").write_bytes((d / "00001.png").read_bytes()[:-20]), "cannot be decoded"),
    (lambda d: (d / "00001.png").write_text("<html>"), "cannot be decoded"),
    (lambda d: _png(d / "00001.png", np.zeros((32, 32, 3), np.uint8)), "mode RGB"),
    (lambda d: _png(d / "00001.png", np.zeros((32, 32), np.uint8)), "mode L"),
    (lambda d: _png(d / "00001.png", np.zeros((32, 16, 4), np.uint8)), "16 x 32"),
    (_alpha(0), "empty mask"),
    (_alpha(255), "full mask"),
    (lambda d: (d / "00001.png").unlink(), "'00001.png' is missing"),
    (lambda d: (d / "00001.json").unlink(), "'00001.json' is missing"),
    (lambda d: (d / "00001.json").write_bytes(b""), "no JSON"),
    (lambda d: (d / "00001.json").write_text('{"c2w": [['), "no JSON"),
    (lambda d: (d / "00001.json").write_text("[1, 2]"), "holds a list"),
    (_edit_camera(lambda c: c.pop("c2w")), "has no 'c2w'"),
    (_edit_camera(lambda c: c.pop("intrinsics")), "has no 'fov_y'"),
    (_edit_camera(lambda c: c.update(c2w=c["c2w"][:3])), "no array of"),
    (_edit_camera(lambda c: c.update(c2w="identity")), "no array of"),
    (_edit_camera(lambda c: c.update(intrinsics=[1.0, 1.0])), "no array of"),
    (_edit_camera(lambda c: c.update(intrinsics=[-1.0, 1.0, 0.5, 0.5])), "focal"),
    (_edit_camera(lambda c: (c.pop("intrinsics"), c.update(fov_y=0.0))), "field of view"),
    (_edit_camera(lambda c: (c.pop("intrinsics"), c.update(fov_y=181.0))), "field of view"),
    (_c2w(0, 0, float("nan")), "not finite"),
    (_c2w(2, 3, float("inf")), "not finite"),
    (_c2w(slice(0, 3), 3, 0.0), "origin"),
    (_c2w(slice(0, 3), 0, 0.0), "no rotation"),
    (_c2w(slice(0, 3), slice(0, 3), 2 * np.eye(3)), "no rotation"),
    (_c2w(slice(0, 3), slice(0, 3), np.diag([1.0, 1.0, -1.0])), "no rotation"),
    (lambda d: [path.unlink() for path in d.iterdir() if path.is_file()], "holds no views"),
    (lambda d: ((d / "00001.png").unlink(), (d / "00001.png").mkdir()), "'00001.png'"),
]


def test_thirty_planted_faults_are_all_named(tmp_path, shots):
    assert len(FAULTS) == 30
    good, bad = [f"good{i:02d}" for i in range(7)], [f"bad{i:02d}" for i in range(30)]
    source = written(tmp_path / "raw", [*good, *bad], shots)
    for name, (fault, _) in zip(bad, FAULTS, strict=True):
        fault(source / name)
    folder = prepare(tmp_path / "d", Views(source), held_out=5)
    reasons = rejected(folder)
    assert sorted(reasons) == bad
    for name, (_, expected) in zip(bad, FAULTS, strict=True):
        assert expected in reasons[name], f"{name}: {reasons[name]}"
    kept = [key for split in ("train", "test") for key in RecordSet(folder, split).keys]
    assert sorted(kept) == good
    train, test = counts(folder, "train"), counts(folder, "test")
    for name, items in (("train", 32), ("test", 5)):
        assert counts(folder, name)["items"] == items == sum(counts(folder, name)[k] for k in ("kept", "rejected"))
    assert train["kept"] + test["kept"] == 7
    assert train["records"] + test["records"] == 7 * len(shots)
    reason_counts = json.loads((folder / "summary.json").read_text())["reasons"]
    assert sum(reason_counts.values()) == 30


def command(source, out, *options) -> list[str]:
    arguments = ["--dataset", "views", "--source", str(source), "--out", str(out), *options]
    return [sys.executable, "launch/prepare_data.py", *arguments]


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_random_it_goes_on_to_the_same_bytes(tmp_path, shots, kills):
    source = written(tmp_path / "raw", [f"object{i:03d}" for i in range(150)], shots)
    (source / "object005" / "00002.png").unlink()
    unbroken, folder = tmp_path / "unbroken", tmp_path / "broken"
    start = time.monotonic()
    subprocess.run(command(source, unbroken), check=True, capture_output=True)
    seconds = time.monotonic() - start
    choice, interrupted = random.Random(kills), 0
    for number in range(kills):
        start, afresh = time.monotonic(), not folder.exists()
        process = subprocess.Popen(
            command(source, folder, "--workers", str(2 * (number % 2))),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while number == 0 and not folder.exists() and process.poll() is None:
            time.sleep(0.001)  # the first kill comes when the work has just begun
        try:
            process.wait(timeout=choice.uniform(0.3, 1.0) * seconds if number else 0.01)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            interrupted += 1
            with contextlib.suppress(UserError):  # what claims to be finished is whole
                assert len(RecordSet(folder, "train")) == 149
        else:  # it got through: the next one begins again, and the machine may be faster than it was
            assert process.returncode == 0
            assert contents(folder) == contents(unbroken)
            shutil.rmtree(folder)
            seconds = time.monotonic() - start if afresh else seconds
    assert interrupted
    subprocess.run(command(source, folder), check=True, capture_output=True)
    assert contents(folder) == contents(unbroken)
    assert rejected(folder) == {"object005": "'00002.png' is missing"}


def test_the_command_line(views, tmp_path):
    (views / "object07" / "00000.png").write_bytes(b"")
    done = subprocess.run(
        command(views, tmp_path / "d", "--held_out", "2", "--limit", "8"), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "1 x '...' is empty (...)" in done.stdout
    assert "object/s" in done.stderr
    data = RecordSet(tmp_path / "d", "train")
    np.testing.assert_array_equal(data.read(0, 1).image, np.asarray(Image.open(views / data.keys[0] / "00001.png")))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dataset", "views", "--source", "nowhere", "--out", "d"], "error: 'nowhere' holds no views"),
        (["--dataset", "veiws", "--out", "d"], "invalid choice: 'veiws'"),
        (["--dataset", "views", "--source", ".", "--out", "d", "--fov_y", "3"], "unrecognized arguments: --fov_y 3"),
        (["--out", "d"], "name the data set"),
    ],
)
def test_wrong_command_lines(tmp_path, monkeypatch, options, message):
    program = pathlib.Path("launch/prepare_data.py").resolve()
    monkeypatch.chdir(tmp_path)
    done = run_here(program, *options)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "d").exists()


def test_wild_images_with_alpha(tmp_path):
    image = np.zeros((60, 80, 4), np.uint8)
    image[20:40, 30:70] = (200, 10, 10, 255)
    image[10:20, 30:70] = (0, 200, 0, 225)  # not above the threshold of photographs
    (tmp_path / "raw" / "cats").mkdir(parents=True)
    _png(tmp_path / "raw" / "cats" / "one.png", image)
    Image.fromarray(image).save(tmp_path / "raw" / "two.webp", lossless=True, exact=True)
    _png(tmp_path / "raw" / "three.png", image[..., :3])
    folder = prepare(tmp_path / "d", WildImages(tmp_path / "raw", image_size=512))
    data = RecordSet(folder, "train")
    assert (data.keys, data.mask_threshold) == (["cats/one", "two"], 225)
    for item in range(2):
        np.testing.assert_array_equal(data.read(item).image, image[16:44, 26:74])
    assert data.read(0).provenance == {"file": "cats/one.png", "box": [26, 16, 74, 44], "size": [80, 60]}
    assert rejected(folder) == {"three": "'three.png' has no alpha (its mode is RGB)"}
    small = RecordSet(prepare(tmp_path / "small", WildImages(tmp_path / "raw", image_size=24)), "train").read(0).image
    assert small.shape == (14, 24, 4)
    assert tuple(small[7, 12]) == (200, 10, 10, 255)


def test_wild_images_with_masks(tmp_path):
    raw = tmp_path / "raw"
    (raw / "masks").mkdir(parents=True)
    rgb = np.full((40, 60, 3), 90, np.uint8)
    mask = np.zeros((40, 60), np.uint8)
    mask[10:30, 20:40] = 255
    for name in ("a", "turned", "no mask", "other size"):
        Image.fromarray(rgb).save(raw / f"{name}.jpg")
    upright = Image.fromarray(rgb.transpose(1, 0, 2))
    exif = upright.getexif()
    exif[0x0112] = 6  # turn by 90 degrees to see it: 40 x 60 becomes 60 x 40
    upright.save(raw / "turned.jpg", exif=exif)
    for name in ("a", "turned"):
        _png(raw / "masks" / f"{name}.png", mask)
    _png(raw / "masks" / "other size.png", mask[:30])
    folder = prepare(tmp_path / "d", WildImages(raw, masks=raw / "masks"))
    data = RecordSet(folder, "train")
    assert data.keys == ["a", "turned"]
    for item in range(2):
        image = data.read(item).image
        assert image.shape == (28, 28, 4)
        np.testing.assert_array_equal(image[..., 3] > 225, np.pad(np.ones((20, 20), bool), 4))
        assert np.abs(image[..., :3].astype(int) - 90)[4:24, 4:24].max() < 4
    reasons = rejected(folder)
    assert reasons["no mask"] == "'no mask' has no image in 'masks'"
    assert "'other size.jpg' has an image of (60, 40) and a mask of (60, 30) pixels" in reasons["other size"]


def test_masks_below_the_photographs_are_none_of_them(tmp_path, monkeypatch):
    """However the two folders are written."""
    (tmp_path / "raw/masks").mkdir(parents=True)
    for folder in ("raw", "raw/masks"):
        _png(tmp_path / folder / "a.png", np.zeros((8, 8), np.uint8))
    monkeypatch.chdir(tmp_path)
    for source, masks in (
        ("raw", "raw/masks"),
        (tmp_path / "raw", "raw/../raw/masks"),
        ("raw", tmp_path / "raw/masks"),
    ):
        assert WildImages(pathlib.Path(source), masks=pathlib.Path(masks)).keys() == ["a"]


def test_two_images_of_one_name_are_refused(tmp_path):
    image = np.zeros((8, 8, 4), np.uint8)
    _png(tmp_path / "a.png", image)
    Image.fromarray(image).save(tmp_path / "a.webp")
    with pytest.raises(UserError, match="two images of the name 'a'"):
        WildImages(tmp_path).keys()
    with pytest.raises(UserError, match="no folder"):
        WildImages(tmp_path / "nowhere").keys()
