"""The study of how many photographs it takes: what is drawn, what trains on how many, and what its table says."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from real3d_jax.ablation.adapting import documents, photographs, report, study
from real3d_jax.config import files
from real3d_jax.config.adapting import AdaptingConfig, DrawnPhotographsConfig
from real3d_jax.data.records import Item, Photograph
from real3d_jax.errors import UserError

DRAWN = DrawnPhotographsConfig(family="wheelbarrow", count=6, seed=3, drawn=40, width=90, height=60, cut=0.5)
METRICS = tuple(report.COLUMNS)


class Discs:
    """A source of discs, in place of the renderer."""

    def items(self, split, chosen):
        y, x = np.mgrid[:40, :40] - 19.5
        disc = np.full((40, 40, 4), 200, np.uint8)
        disc[..., 3] = 255 * (np.hypot(x, y) < 15)
        for number in chosen:
            yield Item(str(number), (Photograph(str(number), disc, {}),))


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(photographs, "procedural_single", lambda **_: Discs())
    photographs.draw_photographs(tmp_path / "drawn", DRAWN, settings=dataclasses.asdict(DRAWN))
    return tmp_path / "drawn"


def decoded(segmentation):
    flat = np.repeat(np.arange(len(segmentation["counts"])) % 2 == 1, segmentation["counts"])
    return flat.reshape(segmentation["size"][::-1]).T


def test_photographs_have_their_instances_and_depth(drawn):
    coco = json.loads((drawn / photographs.INSTANCES).read_text())
    cut = 0
    for image, annotation in zip(coco["images"], coco["annotations"], strict=True):
        mask = decoded(annotation["segmentation"])
        photograph = np.asarray(Image.open(drawn / photographs.PHOTOGRAPHS / image["file_name"]))
        depth = np.asarray(Image.open(drawn / photographs.DEPTHS / image["file_name"]))
        assert photograph.shape == (60, 90, 3)
        np.testing.assert_array_equal(photograph[mask], 200)
        assert depth[mask].min() > depth[~mask].max()
        cut += mask[:, 0].any()
        assert mask.sum() == pytest.approx(np.pi * 15**2, rel=0.02) or mask[:, 0].any()
    assert 1 <= cut <= 5


def test_other_photographs_are_not_drawn_into_the_same_folder(drawn):
    with pytest.raises(UserError, match=r"was drawn with seed = 3, not 4"):
        photographs.draw_photographs(drawn, DRAWN, settings={**dataclasses.asdict(DRAWN), "seed": 4})


def of_keys(keys):
    return type("Records", (), {"keys": keys})


@pytest.fixture
def planned(tmp_path, monkeypatch):
    keys = [f"photograph_{number}" for number in range(12)]
    monkeypatch.setattr(study, "RecordSet", lambda folder, split: of_keys(keys))
    config = files.load_as(AdaptingConfig, "configs/adapting.py:rehearsal", ["--config.numbers=(0, 2, 12)"])
    made = study.Study(config, tmp_path)
    return keys, made, study.plan(made)[0]


def test_each_run_trains_on_exactly_its_number(planned):
    keys, _, runs = planned
    taken = {}
    for (number, _), config in runs.items():
        share = config.data.real["own"].fraction if config.data.real else 0
        taken[number] = {key for key in keys if study.place(key, purpose="fraction") < share}
        assert config.batch.real == (1 if number else 0)
        assert config.init_from == "mini"
    assert {number: len(found) for number, found in taken.items()} == {0: 0, 2: 2, 12: 12}
    assert taken[2] < taken[12]


@pytest.mark.parametrize(
    ("numbers", "message"), [((2, 13), r"12 photographs were kept"), ((4, 2), r"must grow from 0 on")]
)
def test_numbers_that_cannot_be_are_refused(planned, numbers, message):
    _, made, _ = planned
    with pytest.raises(UserError, match=message):
        study.plan(study.Study(dataclasses.replace(made.config, numbers=numbers), made.out))


def gain(mean):
    return {name: {"mean": mean, "interval": [mean - 0.1, mean + 0.1]} for name in METRICS}


def tree(gains):
    """A study whose runs gain so much against the start, and half of that against no photographs."""
    rows = [
        {
            "photographs": number,
            "minus_start": gain(value),
            **({"minus_none": gain(value / 2)} if number else {}),
            "known_families": {"before": [20.0], "after": [19.5]},
        }
        for number, value in gains.items()
    ]
    return {
        "config": {"bootstrap": {"level": 0.95}, "seeds": [0], "numbers": list(gains)},
        "curation": {"instances": {"all": 1200, "kept": 1050}, "reasons": {"kept": 1050, "small": 150}},
        "device": "a card",
        "start": gain(18.0),
        "rows": rows,
    }


def test_table_and_answer_follow_from_the_scores():
    text = report.table(tree({0: 0.0, 16: 0.05, 64: 0.15, 256: 0.4}))
    assert "| as it comes | 18.00 [17.90, 18.10] | 18.000 [17.900, 18.100] |" in text
    assert "| 64 | +0.15 [0.05, 0.25] |" in text
    assert "| none | 0.00 [-0.10, 0.10] |" in text
    assert "Curation kept 1,050 of 1,200 objects (150 small). Seeds: 0." in text
    assert "Against the model as it comes, 64 photographs and more help" in text
    assert "Against as many steps without them, 256 photographs and more help" in text


def test_numbers_that_help_though_larger_ones_do_not_are_named():
    said = report.answers(tree({0: 0.0, 16: 0.3, 64: 0.05, 256: 0.4, 1000: 0.05}))
    words = "there is no number from which on photographs help novel views: 16, 256 did, and more did not"
    assert said == [
        f"Against {against}, {words} (95% intervals of PSNR)."
        for against in ("the model as it comes", "as many steps without them")
    ]
    assert "no number of photographs helps" in report.answers(tree({0: 0.0, 16: 0.05}))[0]


@pytest.mark.parametrize(
    ("gains", "number"),
    [
        ([(16, (0.1, 0.2)), (64, (0.0, 0.3)), (256, (0.1, 0.2))], 256),  # a later number that does not help counts
        ([(16, (0.1, 0.2)), (64, (0.2, 0.3))], 16),
        ([(16, (0.1, 0.2)), (64, (-0.1, 0.3))], None),
        ([(16, None)], None),
    ],
)
def test_helps_from_the_number_after_which_all_help(gains, number):
    assert report.helps_from(gains) == number


def test_curve_has_a_point_for_each_number():
    drawn = report.curve(tree({0: 0.0, 16: 0.05, 64: 0.15, 256: 0.4}))
    assert drawn.count("<circle") == 6
    heights = [float(part.split('"')[1]) for part in drawn.split("cy=")[1:4]]
    assert heights == sorted(heights, reverse=True)  # SVG's y grows downwards


def test_page_is_filled_between_its_marks():
    page = f"above\n{documents.BEGIN}\nold\n{documents.END}\nbelow\n"
    once = documents.filled(page, "| new |\n")
    assert once == f"above\n{documents.BEGIN}\n| new |\n{documents.END}\nbelow\n"
    assert documents.filled(once, "| new |\n") == once


def test_documents_say_what_their_file_says():
    page = documents.PAGE.read_text()
    assert documents.BEGIN in page
    if documents.KEPT.exists():
        found = report.read(documents.KEPT)
        assert documents.filled(page, documents.part(found)) == page
        assert (documents.IMAGES / documents.CURVE).read_text() == report.curve(found)
