"""COCO's JSON of instances."""

import json

import pytest

from real3d_jax.curation import coco
from real3d_jax.data.photograph_files import PhotographFile
from real3d_jax.data.records import Unusable
from real3d_jax.errors import UserError

FOUND = [
    PhotographFile("000000397133.jpg", ("000000397133",)),
    PhotographFile("cats/one.png", ("cats/one", "one")),
    PhotographFile("dogs/7.png", ("dogs/7",)),
    PhotographFile("fish/7.png", ("fish/7",)),
]
MASK = {"size": [2, 3], "counts": [6]}


def _read(tmp_path, content, **options):
    (tmp_path / "c.json").write_text(json.dumps(content))
    return coco.read(tmp_path / "c.json", FOUND, categories=options.get("categories", {}))


def _annotation(image_id, **more):
    return {"image_id": image_id, "segmentation": MASK, "category_id": 3, **more}


def _data_set(*names, annotations):
    images = [{"id": number, "file_name": name} for number, name in enumerate(names)]
    return {"images": images, "annotations": annotations, "categories": [{"id": 3, "name": "cat"}]}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("000000397133.jpg", "000000397133"),
        ("train2017/000000397133.jpg", "000000397133"),
        ("cats/one.png", "cats/one"),
        ("one.png", "cats/one"),
        ("one", "cats/one"),
        ("dogs/7.png", "dogs/7"),
    ],
)
def test_a_data_set_names_photographs_by_file(tmp_path, name, key):
    content = _data_set(name, annotations=[_annotation(0, id=5, score=0.5, iscrowd=1)])
    found = _read(tmp_path, content)
    assert not found.unmatched
    expected = {"id": 5, "segmentation": MASK, "category": "cat", "score": 0.5, "iscrowd": True, "size": None}
    assert found.of == {key: [expected]}


@pytest.mark.parametrize(
    ("image_id", "key"),
    [
        (397133, "000000397133"),
        ("000000397133", "000000397133"),
        ("000000397133.jpg", "000000397133"),
        ("one", "cats/one"),
        ("dogs/7", "dogs/7"),
    ],
)
def test_a_list_names_photographs_by_stem_path_or_number(tmp_path, image_id, key):
    found = _read(tmp_path, [_annotation(image_id), _annotation(image_id, id=9)], categories={3: "fish"})
    assert not found.unmatched
    assert [(entry["id"], entry["category"], entry["score"]) for entry in found.of[key]] == [
        (0, "fish", 1.0),
        (9, "fish", 1.0),
    ]


@pytest.mark.parametrize("image_id", [7, "7", 12, "no", None, 1.5])
def test_ids_of_no_photograph_or_of_two_are_listed(tmp_path, image_id):
    found = _read(tmp_path, [_annotation(image_id), _annotation(image_id), _annotation("one")])
    assert list(found.of) == ["cats/one"]
    assert found.unmatched == [(str(image_id), "it has 2 instances, but is not among the photographs")]


def test_a_data_set_for_a_missing_photograph_is_listed(tmp_path):
    content = _data_set("one.png", "gone.png", annotations=[_annotation(0), _annotation(1), _annotation(8), "rubbish"])
    content["images"].append({"id": 3})
    found = _read(tmp_path, content)
    assert list(found.of) == ["cats/one"]
    assert sorted(found.unmatched) == [
        ("8", "1 instances name this image_id, which 'images' does not have"),
        ("None", "an entry of 'images' lacks 'id' or 'file_name'"),
        ("c.json", "entry 3 is no annotation with an 'image_id'"),
        ("gone.png", "it has 1 instances, but is not among the photographs"),
    ]


def test_the_size_of_the_photograph_goes_along(tmp_path):
    content = _data_set("one.png", annotations=[_annotation(0)])
    content["images"][0] |= {"height": 4, "width": 6}
    assert _read(tmp_path, content).of["cats/one"][0]["size"] == [4, 6]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("3", "neither"),
        ('{"images": []}', "no list 'annotations'"),
        ('{"images": 3, "annotations": []}', "no list 'images'"),
        ('{"images": [], "annotations": [], "categories": [{"id": 1}]}', "'categories' without"),
    ],
)
def test_files_that_are_none(tmp_path, text, said):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(UserError, match=said):
        coco.read(tmp_path / "c.json", FOUND, categories={})
    with pytest.raises(UserError, match="cannot be read"):
        coco.read(tmp_path / "none.json", FOUND, categories={})


@pytest.mark.parametrize(
    "text", ['{"3": "cat"}', '{"categories": [{"id": 3, "name": "cat"}]}', '[{"id": 3, "name": "cat"}]']
)
def test_names_of_categories(tmp_path, text):
    (tmp_path / "names.json").write_text(text)
    assert coco.read_categories(tmp_path / "names.json") == {3: "cat"}


@pytest.mark.parametrize("text", ['{"three": "cat"}', "3", '["cat"]'])
def test_names_of_categories_that_are_none(tmp_path, text):
    (tmp_path / "names.json").write_text(text)
    with pytest.raises(UserError, match=r"names\.json"):
        coco.read_categories(tmp_path / "names.json")


@pytest.mark.parametrize("score", [-0.1, 1.1, "0.5", None, True, float("nan")])
def test_scores_that_are_none(score):
    with pytest.raises(Unusable, match="score"):
        coco.checked_score({"score": score})
    assert coco.checked_score({"score": 1}) == 1.0
