"""Curation from photographs to records, and what bad input does to it."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("pycocotools")

import tests.curation.beam  # noqa: F401
from real3d_jax.curation.backends.precomputed_depth import PrecomputedDepth
from real3d_jax.curation.backends.precomputed_instances import PrecomputedInstances
from real3d_jax.curation.run.curate import Curation
from real3d_jax.curation.settings import CurationSettings, FilterSettings, OcclusionSettings
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.data.records import Photograph
from real3d_jax.errors import UserError
from tests.curation import drawn_photographs
from tests.curation.drawn_photographs import OBJECTS, SMALL_RULES, expected

pytestmark = pytest.mark.curation


def _curation(folder, out, **options) -> Curation:
    chosen = {
        "source": str(folder / "images"),
        "segmentation": PrecomputedInstances(),
        "depth": PrecomputedDepth(folder / "depth"),
        "rules": CurationSettings(FilterSettings(**SMALL_RULES)),
        "instances": folder / "coco.json",
        "per_part": 3,
    }
    return Curation(out=out, **{**chosen, **options})


def _run(curation, **options):
    return curation.run(progress=False, **options)


def _lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def _reasons(out):
    return [line["reason"] for line in _lines(out / "decisions.jsonl")]


def _files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def curated(drawn, tmp_path_factory):
    """The results of twelve photographs."""
    out = tmp_path_factory.mktemp("curated") / "out"
    _run(_curation(drawn, out))
    return out


def test_every_instance_has_a_line_with_its_reason(curated):
    lines = _lines(curated / "decisions.jsonl")
    assert [line["instance_id"] for line in lines] == list(range(12 * len(OBJECTS)))
    assert [line["image"] for line in lines] == [f"{n:04d}.png" for n in range(12) for _ in OBJECTS]
    assert [line["reason"] for line in lines] == 12 * expected()
    assert [line["kept"] for line in lines] == [reason == "kept" for reason in 12 * expected()]
    assert [line["score"] for line in lines[: len(OBJECTS)]] == [entry[6] for entry in OBJECTS]
    assert lines[1]["box"] == list(OBJECTS[1][:4])
    assert lines[3]["category"] == "Bus"


def test_without_beam_the_files_are_the_same(curated, drawn, tmp_path):
    _run(_curation(drawn, tmp_path / "out"), beam=False)
    assert _files(tmp_path / "out") == _files(curated)


def test_nothing_else_is_left_in_the_folder(curated):
    assert sorted(path.name for path in curated.iterdir()) == [
        *("curation.json", "decisions.jsonl", "records", "rejected.jsonl", "report.html", "summary.json")
    ]


def test_summary_adds_up(curated):
    summary = json.loads((curated / "summary.json").read_text())
    assert summary["photographs"] == {"all": 12, "without_instances": 0}
    assert summary["instances"] == {"all": 12 * len(OBJECTS), "kept": 24}
    assert sum(summary["reasons"].values()) == 12 * len(OBJECTS)
    assert summary["reasons"]["occluded"] == 12
    assert summary["rejected"] == {}
    assert (curated / "rejected.jsonl").read_text() == ""


def test_records_are_the_kept_instances(curated):
    data = RecordSet(curated / "records", "train")
    assert data.keys == [f"{n:04d}/{len(OBJECTS) * n + place}" for n in range(12) for place in (1, 2)]
    assert data.mask_threshold == 225
    for item, (number, place) in enumerate((n, place) for n in range(12) for place in (1, 2)):
        record = data.read(item)
        assert isinstance(record, Photograph)
        rgb, _, masks = drawn_photographs.draw(number)
        left, top, right, bottom = record.provenance["crop"]
        np.testing.assert_array_equal(record.image[..., 3] > 0, masks[place][top:bottom, left:right])
        np.testing.assert_array_equal(record.image[..., :3], rgb[top:bottom, left:right])
        box = OBJECTS[place][:4]
        assert [left, top, right, bottom] == [box[0] - 4, box[1] - 4, box[2] + 4, box[3] + 4]
        assert record.provenance["image"] == f"{number:04d}.png"
        assert record.provenance["box"] == list(box)
        assert record.provenance["score"] == OBJECTS[place][6]
        assert record.provenance["details"]["side"] == min(box[2] - box[0], box[3] - box[1])


def test_training_reads_the_records(curated):
    from real3d_jax.config.data import SingleViewSourceConfig
    from real3d_jax.data.examples import ImageSizes, SingleViewExamples

    source = SingleViewSourceConfig(str(curated / "records"), 1.0, 2.4, 39.6, (1.45, 1.7), 1.0)
    sizes = ImageSizes(input=64, target=32, target_antialias=True)
    examples = SingleViewExamples(RecordSet(curated / "records", "train"), source, sizes)
    example = examples(0, np.random.default_rng(0))
    assert example["image"].shape == (64, 64, 3)
    share = (example["mask"] > 127).mean()  # a square object in a square 1.45 to 1.7 times as wide
    assert 1 / 1.75**2 < share < 1 / 1.4**2


@pytest.mark.parametrize("options", [{"per_part": 5}, {"batch_size": 1}, {"per_part": 100, "batch_size": 7}])
def test_how_the_work_is_cut_up_changes_nothing(drawn, curated, tmp_path, options):
    _run(_curation(drawn, tmp_path / "out", **options))
    found, before = _files(tmp_path / "out"), _files(curated)
    assert found.keys() == before.keys()
    # The plan says how it was cut, and which examples are drawn depends on it.
    assert [str(path) for path in found if found[path] != before[path] and "report" not in str(path)] in (
        ["curation.json"],
        [],
    )


def test_two_workers_make_the_same_bytes(drawn, curated, tmp_path, monkeypatch, request):
    monkeypatch.setenv("PYTHONPATH", str(request.config.rootpath))
    _run(_curation(drawn, tmp_path / "out"), workers=2)
    assert _files(tmp_path / "out") == _files(curated)


def test_a_finished_curation_does_nothing(drawn, tmp_path):
    _run(_curation(drawn, tmp_path / "out"))
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in (tmp_path / "out").rglob("*.*")}
    summary = _run(_curation(drawn, tmp_path / "out"))
    assert summary["instances"]["kept"] == 24
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in (tmp_path / "out").rglob("*.*")} == before


def test_a_lost_shard_is_made_again(drawn, curated, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(curated, out)
    next((out / "records").glob("*.array_record-*")).unlink()
    _run(_curation(drawn, out))
    assert _files(out) == _files(curated)


@pytest.mark.parametrize("finished", [True, False])
def test_what_a_kill_left_half_written_is_cleared(drawn, curated, tmp_path, finished):
    out = tmp_path / "out"
    if finished:
        shutil.copytree(curated, out)
        (out / "summary.json").unlink()
        (out / "records" / "dataset_info.json").unlink()
        (out / "records" / ".metadata-x").mkdir()
        (out / "decisions.jsonl.0123.partial").write_text("half a li")
    else:
        out.mkdir()
        (out / "curation.json.0123.partial").write_text("{")
    _run(_curation(drawn, out))
    assert _files(out) == _files(curated)
    assert not list(out.rglob(".metadata-*"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rules": CurationSettings(FilterSettings(**SMALL_RULES, min_score=0.4))}, "rules.filters.min_score = 0.3"),
        ({"image_size": 100}, "image_size = 512, not 100"),
        ({"held_out": 3}, "held_out = 0"),
        ({"source": "images/000*0.png"}, "photographs"),
    ],
)
def test_a_folder_of_other_settings_is_refused(drawn, curated, tmp_path, options, said):
    out = tmp_path / "out"
    shutil.copytree(curated, out)
    options = {name: f"{drawn}/{value}" if name == "source" else value for name, value in options.items()}
    with pytest.raises(UserError, match=said):
        _run(_curation(drawn, out, **options))
    assert _files(out) == _files(curated)


def test_other_annotations_are_refused(few, tmp_path):
    _run(_curation(few, tmp_path / "out"))
    content = json.loads((few / "coco.json").read_text())
    content["annotations"][0]["score"] = 0.8
    (few / "coco.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="instances_digest"):
        _run(_curation(few, tmp_path / "out"))


def test_a_folder_of_something_else_is_refused(few, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("precious")
    with pytest.raises(UserError, match="holds no curation"):
        _run(_curation(few, tmp_path / "out"))


def test_metric_depth_turns_the_ratio_round(few, tmp_path):
    for path in (few / "depth").iterdir():
        np.save(path, 1 / np.load(path))
    _run(_curation(few, tmp_path / "metric", depth=PrecomputedDepth(few / "depth", "metric")))
    assert _reasons(tmp_path / "metric") == 4 * expected()
    _run(_curation(few, tmp_path / "disparity"))
    assert _reasons(tmp_path / "disparity") != 4 * expected()


def test_the_robust_rule(few, tmp_path):
    rules = CurationSettings(FilterSettings(**SMALL_RULES), OcclusionSettings(rule="robust"))
    _run(_curation(few, tmp_path / "out", rules=rules))
    assert {
        line["details"]["occlusion"]["rule"] for line in _lines(tmp_path / "out/decisions.jsonl") if line["kept"]
    } == {"robust"}


def test_a_list_of_results(few, tmp_path):
    content = json.loads((few / "coco.json").read_text())
    results = [{**entry, "image_id": f"{entry['image_id'] - 100:04d}"} for entry in content["annotations"]]
    (few / "results.json").write_text(json.dumps(results))
    (few / "names.json").write_text(json.dumps({"2": "bus"}))
    named = {"instances": few / "results.json", "categories": few / "names.json"}
    _run(_curation(few, tmp_path / "out", **named))
    assert _reasons(tmp_path / "out") == 4 * expected()


def test_bad_input_is_listed_and_the_rest_goes_on(few, tmp_path):
    content = json.loads((few / "coco.json").read_text())
    annotations = content["annotations"]
    (few / "images/0000.png").write_bytes((few / "images/0000.png").read_bytes()[:300])
    np.save(few / "depth/0001.npy", np.ones((5, 5), np.float32))
    (few / "depth/0002.npy").unlink()
    annotations[3 * len(OBJECTS) + 3] |= {
        "segmentation": {"size": [10, 10], "counts": [100]},
        "bbox": [112, 75, 38, 35],
    }
    annotations[3 * len(OBJECTS) + 4]["score"] = 7
    annotations[3 * len(OBJECTS) + 5]["id"] = annotations[3 * len(OBJECTS) + 6]["id"]
    content["images"].append({"id": 500, "file_name": "gone.png"})
    annotations.append({**annotations[0], "id": 999, "image_id": 500})
    Image.new("RGB", (30, 20)).save(few / "images/empty.png")
    (few / "coco.json").write_text(json.dumps(content))
    summary = _run(_curation(few, tmp_path / "out"))
    rejected = _lines(tmp_path / "out/rejected.jsonl")
    assert [(line["image"], line.get("instance_id")) for line in rejected] == [
        ("0000.png", None),
        ("0001.png", None),
        ("0002.png", None),
        ("0003.png", 24),
        ("0003.png", 25),
        ("0003.png", 27),
        ("gone.png", None),
    ]
    said = ["cannot be decoded", "is 5 x 5", "no depth map", "10 x 10", "score is 7", "same id", "not among"]
    assert all(words in line["reason"] for words, line in zip(said, rejected, strict=True))
    assert _reasons(tmp_path / "out") == [expected()[place] for place in (0, 1, 2, 5)]
    assert summary["photographs"] == {"all": 5, "without_instances": 1}
    assert sum(summary["rejected"].values()) == len(rejected)


def test_a_size_that_the_file_says_otherwise(few, tmp_path):
    content = json.loads((few / "coco.json").read_text())
    content["images"][1]["width"] = 200
    (few / "coco.json").write_text(json.dumps(content))
    _run(_curation(few, tmp_path / "out"))
    (line,) = _lines(tmp_path / "out/rejected.jsonl")
    assert line["image"] == "0001.png"
    assert "120 x 200" in line["reason"]


def test_crowds_are_neighbours_but_no_objects(few, tmp_path):
    content = json.loads((few / "coco.json").read_text())
    content["annotations"][1]["iscrowd"] = 1  # kept, and in front of the one before
    (few / "coco.json").write_text(json.dumps(content))
    _run(_curation(few, tmp_path / "out"))
    assert _reasons(tmp_path / "out")[:2] == ["occluded", "crowd"]


def test_thin_objects_that_a_record_cannot_show(few, tmp_path):
    options = {"rules": CurationSettings(FilterSettings(min_score=0.0, min_side=1, border=0)), "image_size": 8}
    mask = np.zeros((drawn_photographs.HEIGHT, drawn_photographs.WIDTH), bool)
    mask[5, 10:150] = True
    content = json.loads((few / "coco.json").read_text())
    content["annotations"] = [drawn_photographs.annotation(0, 100, mask, 1, 1.0)]
    (few / "coco.json").write_text(json.dumps(content))
    summary = _run(_curation(few, tmp_path / "out", **options))
    assert _reasons(tmp_path / "out") == ["thin"]
    assert summary["instances"]["kept"] == 0


def test_nothing_kept_makes_no_records(few, tmp_path):
    summary = _run(_curation(few, tmp_path / "out", rules=CurationSettings()))  # all are small
    assert summary["instances"]["kept"] == 0
    assert not (tmp_path / "out/records").exists()
    assert _run(_curation(few, tmp_path / "out", rules=CurationSettings())) == summary


def test_held_out_records(few, tmp_path):
    _run(_curation(few, tmp_path / "out", held_out=2))
    train, test = (RecordSet(tmp_path / "out/records", split) for split in ("train", "test"))
    assert (len(train), len(test)) == (6, 2)
    assert not set(train.keys) & set(test.keys)


def test_a_backend_that_cannot_be_loaded_says_so(few, tmp_path):
    with pytest.raises(UserError, match=r"--depth: there is no folder '.*none': name the folder of the depth maps\.$"):
        _run(_curation(few, tmp_path / "out", depth=PrecomputedDepth(tmp_path / "none")))
    _run(_curation(few, tmp_path / "out"))
    assert _reasons(tmp_path / "out") == 4 * expected()


def test_settings_leave_out_paths(few, tmp_path):
    _run(_curation(few, tmp_path / "out"))
    moved = tmp_path / "elsewhere"
    few.rename(moved)
    summary = _run(_curation(moved, tmp_path / "out"))
    assert str(tmp_path) not in json.dumps(summary)
    assert (
        dataclasses.asdict(FilterSettings(**SMALL_RULES)) | {"excluded_categories": ["bus"]}
        == (summary["settings"]["rules"]["filters"])
    )
