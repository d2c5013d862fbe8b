"""Damaged instances files: never a traceback, never another mask or category, never a neighbour less."""

import copy
import json
import pathlib
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pycocotools")

from real3d_jax.curation import coco, masks
from real3d_jax.curation.backends.interfaces import Segmentation, SourceImage
from real3d_jax.curation.backends.precomputed_instances import PrecomputedInstances
from real3d_jax.data.photograph_files import PhotographFile
from real3d_jax.data.records import Unusable
from real3d_jax.errors import UserError
from tests.curation.drawn_photographs import run_lengths
from tests.data import mutations

pytestmark = pytest.mark.curation

SIZE = (24, 32)
PHOTOGRAPH = PhotographFile("cats/one.png", ("cats/one", "one"))
BOXES = [(2, 3, 12, 13), (10, 8, 20, 20), (18, 2, 30, 12), (22, 14, 30, 22)]  # left, top, right, bottom
QUICK, SLOW = 100, 1000


def mask_of(box: tuple[int, int, int, int]) -> np.ndarray:
    left, top, right, bottom = box
    mask = np.zeros(SIZE, bool)
    mask[top:bottom, left:right] = True
    return mask


def content(kind: str) -> Any:
    """A data set file, or a list of results, with polygons and both kinds of run lengths."""
    annotations = []
    for number, (left, top, right, bottom) in enumerate(BOXES):
        polygon = [[left, top, right, top, right, bottom, left, bottom]]
        segmentation = [polygon, run_lengths(mask_of(BOXES[number])), masks.encode(mask_of(BOXES[number])), polygon]
        annotations.append(
            {
                "id": 10 + number,
                "image_id": 1 if kind == "data set" else "one",
                "category_id": 2 + number % 2,
                "segmentation": segmentation[number],
                "bbox": [left, top, right - left, bottom - top],
                "iscrowd": 0,
                "score": 1.0,
            }
        )
    if kind == "list":
        return annotations
    images = [{"id": 1, "file_name": "cats/one.png", "height": SIZE[0], "width": SIZE[1], "license": 1}]
    names = [{"id": 2, "name": "cat", "supercategory": "animal"}, {"id": 3, "name": "dog"}]
    return {"images": images, "annotations": annotations, "categories": names, "licenses": [{"id": 1}], "info": {}}


def read(path: pathlib.Path, text: str) -> tuple[Segmentation | Unusable | None, int]:
    """What becomes of the photograph, and how many lines tell of what belongs to none; None if the file is refused."""
    path.write_text(text)
    try:
        found = coco.read(path, [PHOTOGRAPH], categories={2: "cat", 3: "dog"})
    except UserError as error:
        assert str(path) in str(error)
        return None, 0
    annotations = json.loads(json.dumps(found.of.get(PHOTOGRAPH.key, [])))  # as they travel to workers
    image = SourceImage(PHOTOGRAPH, np.zeros((*SIZE, 3), np.uint8), annotations)
    (segmentation,) = PrecomputedInstances()([image])
    return segmentation, len(found.unmatched)


def check(tmp_path: pathlib.Path, kind: str, seeds: range) -> int:
    """Changes the file once a seed; gives how often an annotation was not used."""
    lost = 0
    for seed in seeds:
        value, how = mutations.change(content(kind), np.random.default_rng([seed, len(kind)]))
        text = json.dumps(value)
        if seed % 10 == 0:
            text, how = text[: seed * 7919 % len(text)], "cut"
        try:
            found, unmatched = read(tmp_path / "c.json", text)
        except Exception as error:
            raise AssertionError(f"{kind}, seed {seed}, {how}: {type(error).__name__}: {error}") from error
        if isinstance(found, Segmentation) and not how.endswith("replaced by '1'"):  # which may be a number as text
            _check(found, unmatched, value, f"{kind}, seed {seed}, {how}")
        lost += not isinstance(found, Segmentation) or len(found.instances) < len(BOXES)
    return lost


def _check(found: Segmentation, unmatched: int, value: Any, how: str) -> None:
    places = {str(10 + number): number for number in range(len(BOXES))}
    for instance in found.instances:
        number = places.get(str(instance.instance_id))
        expected = [mask_of(box) for box in BOXES] if number is None else [mask_of(BOXES[number])]
        assert any(np.array_equal(instance.mask, mask) for mask in expected), f"{how}: another mask"
        if number is not None:
            right = (("cat", "dog")[number % 2], "")[: 1 + isinstance(value, list)]
            assert instance.category in right or "'name' replaced by" in how, f"{how}: {instance.category}"
    annotations = value["annotations"] if isinstance(value, dict) else value
    seen = np.any([np.zeros(SIZE, bool), *(i.mask for i in (*found.instances, *found.neighbours))], axis=0)
    for place in found.unknown:
        seen |= np.ones(SIZE, bool) if place.box is None else mask_of(place.box)
    for number, box in enumerate(BOXES):
        still = [a for a in annotations if isinstance(a, dict) and str(a.get("id")) == str(10 + number)]
        placed = [
            a for a in still if a.get("image_id") in (1, "1", 1.0, "one") and (a.get("segmentation") or a.get("bbox"))
        ]
        if placed and not unmatched:
            assert seen[mask_of(box)].all(), f"{how}: {10 + number} hides nothing any more"


@pytest.mark.parametrize("kind", ["data set", "list"])
def test_damage_is_refused_or_harmless(tmp_path, kind):
    assert check(tmp_path, kind, range(QUICK))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["data set", "list"])
def test_much_damage_is_refused_or_harmless(tmp_path, kind):
    assert check(tmp_path, kind, range(QUICK, QUICK + SLOW)) > SLOW / 5


def test_the_file_as_it_is(tmp_path):
    for kind in ("data set", "list"):
        found, unmatched = read(tmp_path / "c.json", json.dumps(copy.deepcopy(content(kind))))
        assert isinstance(found, Segmentation)
        assert not unmatched
        assert not found.unusable
        assert [instance.category for instance in found.instances] == ["cat", "dog", "cat", "dog"]
