"""The report: examples, counts and distributions."""

import base64
import dataclasses
import html.parser
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from real3d_jax.curation.backends.interfaces import SourceImage
from real3d_jax.curation.instances import Instance
from real3d_jax.curation.parts import Result
from real3d_jax.curation.report.examples import SHOWN, ExampleDrawer, draw, examples_of_part
from real3d_jax.curation.report.page import page
from real3d_jax.curation.report.statistics import Statistics
from real3d_jax.curation.rules.decisions import decide_all
from real3d_jax.curation.settings import CurationSettings, FilterSettings
from real3d_jax.data.photograph_files import PhotographFile
from tests.curation import drawn_photographs
from tests.curation.drawn_photographs import OBJECTS, SMALL_RULES

RULES = CurationSettings(FilterSettings(**SMALL_RULES, excluded_categories=("<b>2",)))  # names that are no HTML


def _photograph(number=0):
    rgb, disparity, masks = drawn_photographs.draw(number)
    instances = [
        Instance(place, mask, f"<b>{OBJECTS[place][5]}", OBJECTS[place][6]) for place, mask in enumerate(masks)
    ]
    decisions = decide_all(instances, disparity, settings=RULES, image_key=str(number))
    image = SourceImage(PhotographFile(f"{number}.png", (str(number),)), rgb)
    return image, disparity, list(zip(instances, decisions, strict=True))


def _picture(text):
    return Image.open(io.BytesIO(base64.b64decode(text)))


def _statistics(numbers, per_reason=3):
    statistics = Statistics({"rules": json.loads(json.dumps(dataclasses.asdict(RULES)))})
    for number in numbers:
        drawer = ExampleDrawer(per_reason)
        image, disparity, decided = _photograph(number)
        drawer.offer(image, disparity, decided)
        lines = [
            {
                "kept": decision.kept,
                "reason": str(decision.reason),
                "category": instance.category,
                "score": instance.score,
                "details": dict(decision.details),
            }
            for instance, decision in decided
        ]
        rejected = [{"image": "a", "reason": "'<x>.png' is 3 x 4"}] if number == 0 else []
        statistics.add(Result(lines, rejected, drawer.examples(), 1, 0, []))
    return statistics


def test_a_drawing_shows_what_the_filter_looked_at():
    image, disparity, decided = _photograph()
    (hidden, verdict), *others = decided
    assert verdict.reason == "occluded"
    drawing = draw(image, disparity, hidden, verdict, [other for other, _ in others])
    width, height = drawing["size"]
    # The box and 24 pixels around it, cut at the image's border.
    left, top = max(20 - 24, 0), max(20 - 24, 0)
    assert (width, height) == (70 + 24 - left, 70 + 24 - top)
    photo = np.asarray(_picture(drawing["photo"]), float)
    assert np.abs(photo - image.rgb[top : top + height, left : left + width]).mean() < 12  # noise, as JPEG
    depth = np.asarray(_picture(drawing["depth"]).convert("L"), int)
    assert depth[60, 75] > depth[30, 30] > depth[5, 5]  # neighbour, object, background: nearer is lighter
    pixels = np.asarray(_picture(drawing["pixels"]))
    shown = {(x + left, y + top) for y, x in np.argwhere((pixels == (255, 64, 200, 255)).all(-1))}
    contact = {(int(x), int(y)) for x, y in verdict.evidence.contact}
    assert shown == {(x, y) for x, y in contact if left <= x < left + width and top <= y < top + height}
    xs, ys = np.array(drawing["outline"][0]).reshape(-1, 2).T
    assert (xs.min() + left, ys.min() + top) == (20, 20)
    assert (xs.max() + left, ys.max() + top) == (70, 70)
    for point, at, vote in zip(drawing["points"], verdict.evidence.points, verdict.evidence.occluded, strict=True):
        np.testing.assert_allclose(np.add(point["at"], (left, top)), at + 0.5, atol=0.06)
        assert point["vote"] == ("occluded" if vote else "front")
        inner, outer = (np.floor(np.add(point[name], (left, top))).astype(int) for name in ("inner", "outer"))
        assert hidden.mask[inner[1], inner[0]]
        assert not hidden.mask[outer[1], outer[0]]


def test_large_objects_are_drawn_small():
    image, _, decided = _photograph()
    mask = np.zeros((1200, 1600), bool)
    mask[100:1100, 100:1500] = True
    large = SourceImage(image.photograph, np.zeros((1200, 1600, 3), np.uint8))
    drawing = draw(large, np.ones(mask.shape, np.float32), Instance(0, mask), decided[1][1], [])
    assert max(drawing["size"]) == 300
    assert _picture(drawing["photo"]).size == tuple(drawing["size"])
    assert max(drawing["outline"][0]) < 300


def test_unknown_depth_is_grey():
    image, disparity, decided = _photograph()
    drawing = draw(image, disparity * np.nan, decided[2][0], decided[2][1], [])
    np.testing.assert_allclose(np.asarray(_picture(drawing["depth"]))[5, 5], (110, 118, 128), atol=6)


def test_the_same_examples_whatever_the_order():
    found = []
    for numbers in (range(12), reversed(range(12))):
        drawer = ExampleDrawer(3)
        for number in numbers:
            drawer.offer(*_photograph(number))
        found.append(drawer.examples())
    assert found[0] == found[1]
    assert {reason: sum(e["reason"] == reason for e in found[0]) for reason in ("kept", "occluded", "small")} == {
        "kept": 3,
        "occluded": 3,
        "small": 3,
    }


@pytest.mark.parametrize("count", [1, 2, 5, 12, 99, 100, 101, 313, 100_000])
def test_parts_draw_enough_examples_but_few(count):
    drawn = [examples_of_part(number, count) for number in range(count)]
    assert sum(drawn) >= SHOWN
    assert sum(drawn) <= 200
    assert drawn == [examples_of_part(number, count) for number in range(count)]


def test_counts_and_distributions():
    statistics = _statistics(range(5))
    assert statistics.reasons.total() == 5 * len(OBJECTS)
    assert statistics.summary()["instances"] == {"all": 5 * len(OBJECTS), "kept": 10}
    assert statistics.summary()["rejected"] == {"'...' is N x N": 1}
    scores = statistics.histograms["score",]
    assert sum(scores.kept) == 10
    assert sum(scores.rejected) == 5 * (len(OBJECTS) - 2)
    assert scores.kept[14] == scores.kept[16] == 5  # 0.7 and 0.8
    sides = statistics.histograms["details", "side"]
    assert sum(sides.kept + sides.rejected) == 5 * (len(OBJECTS) - 1)  # all but the one of low confidence
    assert len(statistics.examples("kept")) == min(SHOWN, 10)


class _Reader(html.parser.HTMLParser):
    """Checks that what is opened is closed."""

    _VOID = ("meta", "input")

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.texts = [], [], [], []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values[name] for name in ("href", "src") if name in values]
        if tag not in self._VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_the_page_is_whole_and_needs_no_network():
    text = page(_statistics(range(4)))
    reader = _Reader()
    reader.feed(text)
    assert not reader.open
    assert all(link.startswith(("data:image/", "#")) for link in reader.links)
    assert {link[1:] for link in reader.links if link.startswith("#")} <= set(reader.ids)
    assert not re.search(r"https?:|<script|@import|url\(", text)
    assert any("<b>1" in words for words in reader.texts)  # names are shown, not interpreted
    assert {"kept", "occluded", "small", "truncated", "category", "low_score"} <= set(reader.ids)


def test_the_funnel_takes_what_the_filters_took():
    text = page(_statistics(range(4)))
    taken = [int(number) for number in re.findall(r"−(\d+)</td>", text)]
    assert sum(taken) == 4 * (len(OBJECTS) - 2)
    assert f"<td>{4 * 2}</td><td>−" in text or ">8</td>" in text
