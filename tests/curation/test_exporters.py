"""What annotation tools write, read as meant. Each case is the odd part of a file of such a tool."""

import json
import unicodedata

import numpy as np
import pytest

pytest.importorskip("pycocotools")

from real3d_jax.curation import coco, exported_shapes, masks
from real3d_jax.curation.photograph_finder import PhotographFinder
from real3d_jax.data.photograph_files import PhotographFile
from real3d_jax.data.records import Unusable
from real3d_jax.errors import UserError

pytestmark = pytest.mark.curation

FILES = (
    "cats/one.png",
    "dogs/7.png",
    "fish/7.png",
    "my cat 1.jpg",
    "Köln.jpg",
    "UPPER.JPG",
    "cb0618f6-real.jpg",
    "b.jpg",
)
FOUND = [
    PhotographFile(
        file, (file.rpartition(".")[0], *([stem] if (stem := file.rpartition(".")[0].split("/")[-1]) != "7" else []))
    )
    for file in FILES
]
SQUARE = [2, 2, 8, 2, 8, 8, 2, 8]


def _mask() -> np.ndarray:
    expected = np.zeros((10, 20), bool)
    expected[2:8, 2:8] = True
    return expected


def read(tmp_path, annotations, *, images=None, categories=None, **more):
    images = images or [{"id": 1, "file_name": "one.png"}]
    categories = [{"id": 2, "name": "Bus"}, {"id": 3, "name": "cat"}] if categories is None else categories
    content = {
        "images": images,
        "annotations": annotations,
        "categories": categories,
        "licenses": [],
        "info": {},
        **more,
    }
    (tmp_path / "c.json").write_text(json.dumps(content))
    return coco.read(tmp_path / "c.json", FOUND, categories={})


def one(tmp_path, **fields):
    found = read(tmp_path, [{"id": 5, "image_id": 1, "category_id": 3, "segmentation": [SQUARE], **fields}])
    (annotation,) = found.of["cats/one"]
    return annotation, dict(found.repaired)


@pytest.mark.parametrize(
    ("segmentation", "repaired"),
    [
        ([SQUARE], {}),
        ([[float(c) for c in SQUARE]], {}),
        (SQUARE, {"polygons without the outer list": 1}),  # VIA
        ([[2, 2], [8, 2], [8, 8], [2, 8]], {"polygons of points": 1}),
        ([[[2, 2], [8, 2], [8, 8], [2, 8]]], {"polygons of points": 1}),
        ([[{"x": 2, "y": 2}, {"x": 8, "y": 2}, {"x": 8, "y": 8}, {"x": 2, "y": 8}]], {"polygons of points": 1}),
        ([[str(c) for c in SQUARE]], {"numbers as text": 1}),
        (json.dumps([SQUARE]), {"segmentations as text": 1}),
        ([SQUARE, []], {"polygons of fewer than three points, left out beside others": 1}),
        ([SQUARE, [3, 3], [1, 1, 4, 4]], {"polygons of fewer than three points, left out beside others": 1}),
        ([[2, 2, 8, 2, 8, 5, 2, 5], [2, 5, 8, 5, 8, 8, 2, 8]], {}),
        ({"size": [10, 20], "counts": [22, 6, 4, 6, 4, 6, 4, 6, 4, 6, 4, 6, 122]}, {}),  # CVAT
        ({"size": ["10", "20"], "counts": ["22", 6, 4, 6, 4, 6, 4, 6, 4, 6, 4, 6, 122]}, {"numbers as text": 1}),
        (masks.encode(_mask()), {}),
        ([masks.encode(_mask()), masks.encode(_mask())], {}),
        (json.dumps(masks.encode(_mask())), {"segmentations as text": 1}),
    ],
)
def test_segmentations(tmp_path, segmentation, repaired):
    annotation, found = one(tmp_path, segmentation=segmentation)
    np.testing.assert_array_equal(masks.decode(annotation["segmentation"], (10, 20)), _mask())
    assert found == repaired


@pytest.mark.parametrize(
    "segmentation", ["", "[[1, 2", "a polygon", [[1, 2, 3]], [[1, 2, 3, 4, 5, None]], 7, True, {"a": 1}]
)
def test_segmentations_that_nobody_can_read(tmp_path, segmentation):
    annotation, _ = one(tmp_path, segmentation=segmentation)
    with pytest.raises(Unusable):
        masks.decode(annotation["segmentation"], (10, 20))


def test_shares_of_the_photograph_are_no_pixels():
    with pytest.raises(Unusable, match="look like shares of the photograph"):
        masks.decode([[0.1, 0.1, 0.5, 0.1, 0.5, 0.9]], (10, 20))


@pytest.mark.parametrize(
    ("given", "meant"), [(0, False), ("0", False), (False, False), (None, False), ("false", False)]
)
@pytest.mark.parametrize("other", [1, "1", True, "true", 1.0])
def test_crowds(tmp_path, given, meant, other):
    assert one(tmp_path, iscrowd=given)[0]["iscrowd"] is meant
    assert one(tmp_path, iscrowd=other)[0]["iscrowd"] is True
    assert "iscrowd is 'maybe'" in one(tmp_path, iscrowd="maybe")[0]["problem"]


@pytest.mark.parametrize(
    ("score", "read_as", "repaired"),
    [(0.5, 0.5, {}), (None, 1.0, {"scores of null, as 1": 1}), ("0.5", 0.5, {"scores as text": 1}), (1, 1, {})],
)
def test_scores(tmp_path, score, read_as, repaired):
    annotation, found = one(tmp_path, score=score)
    assert (coco.checked_score(annotation), found) == (read_as, repaired)


@pytest.mark.parametrize(
    ("category", "name", "repaired"),
    [
        (2, "Bus", {}),
        ("2", "Bus", {"category_id as text": 1}),
        (" 2 ", "Bus", {"category_id as text": 1}),
        (2.0, "Bus", {}),
        ("bus", "Bus", {"category by its name": 1}),
    ],
)
def test_categories(tmp_path, category, name, repaired):
    annotation, found = one(tmp_path, category_id=category)
    assert (annotation["category"], found) == (name, repaired)
    assert "problem" not in annotation


@pytest.mark.parametrize("category", [None, 99, "tram", True, [2]])  # null is VIA's for a category that is text
def test_categories_that_cannot_be_compared_are_no_objects(tmp_path, category):
    annotation, _ = one(tmp_path, category_id=category)
    assert "which 'categories' does not have" in annotation["problem"]


def test_ids_of_categories_as_text(tmp_path):
    rows = [{"id": "2", "name": " Bus "}, {"id": "3", "name": "cat"}]
    found = read(tmp_path, [{"image_id": 1, "category_id": 2, "segmentation": [SQUARE]}], categories=rows)
    assert found.of["cats/one"][0]["category"] == "Bus"


@pytest.mark.parametrize(("image", "annotation"), [(1, "1"), ("1", 1), ("1", "1"), (1.0, 1), ("a-1", "a-1")])
def test_ids_of_images(tmp_path, image, annotation):
    images = [{"id": image, "file_name": "one.png", "width": "20", "height": "10"}]
    found = read(tmp_path, [{"image_id": annotation, "category_id": 3, "segmentation": [SQUARE]}], images=images)
    assert found.of["cats/one"][0]["size"] == [10, 20]
    assert not found.unmatched


@pytest.mark.parametrize("name", [None, True, {}, ["Bus"], 1.5])
def test_names_of_categories_that_are_no_text(tmp_path, name):
    with pytest.raises(UserError, match="'categories' without 'id' or 'name'"):
        read(tmp_path, [], categories=[{"id": 2, "name": name}])


@pytest.mark.parametrize("field", ["images", "categories"])
def test_two_entries_of_one_id_are_refused(tmp_path, field):
    rows = {"images": [{"id": 1, "file_name": "one.png"}, {"id": "1", "file_name": "b.jpg"}]}
    rows["categories"] = [{"id": 2, "name": "Bus"}, {"id": "2", "name": "cat"}]
    with pytest.raises(UserError, match=f"has two '{field}' with the id"):
        read(tmp_path, [], **{field: rows[field]})
    assert not read(tmp_path, [], **{field: [rows[field][0]] * 2}).unmatched  # the same once more


@pytest.mark.parametrize(
    ("name", "key", "how"),
    [
        ("cats/one.png", "cats/one", ""),
        ("cats\\one.png", "cats/one", "file names with backslashes"),
        ("..\\..\\label-studio\\media\\upload\\4\\one.png", "cats/one", "file names with backslashes"),  # issue 7294
        ("C:\\Users\\me\\dogs\\7.png", "dogs/7", "file names with backslashes"),
        ("images\\1/one.png", "cats/one", ""),  # Label Studio converter 139: the end says it all
        ("/datasets/mine/dogs/7.png", "dogs/7", ""),  # COCO Annotator's path
        ("data/local-files/?d=dogs/7.png", "dogs/7", "file names that are addresses"),  # Label Studio 4903
        ("/data/local-files/?d=photos%2Fdogs%2F7.png", "dogs/7", "file names that are addresses"),
        ("http://localhost:8080/data/upload/1/my%20cat%201.jpg", "my cat 1", "file names that are addresses"),
        ("s3://bucket/cats/one.png", "cats/one", ""),
        ("my%20cat%201.jpg", "my cat 1", "file names that are addresses"),
        ("images/1234abcd-b.jpg", "b", "file names with Label Studio's digits"),
        ("cb0618f6-real.jpg", "cb0618f6-real", ""),
        ("upper.jpg", "UPPER", "file names in another case or Unicode form"),
        (unicodedata.normalize("NFD", "Köln.jpg"), "Köln", "file names in another case or Unicode form"),
        ("7.png", None, ""),  # two photographs have it
        ("birds/7.png", None, ""),
        ("b_jpg.rf.0123456789abcdef.jpg", None, ""),  # Roboflow's are other pictures: resized, flipped
        ("one.jpeg", None, ""),
        ("", None, ""),
        ("..", None, ""),
    ],
)
def test_names_of_files(name, key, how):
    found = PhotographFinder(FOUND).by_file_name(name)
    assert (None if found is None else found.key) == key
    assert (found.how if found else "") == how


def test_the_path_decides_where_the_name_cannot(tmp_path):
    """COCO Annotator gives both."""
    images = [{"id": 1, "file_name": "7.png", "path": "/datasets/set/fish/7.png", "deleted": False}]
    found = read(tmp_path, [{"image_id": 1, "category_id": 3, "segmentation": [SQUARE]}], images=images)
    assert list(found.of) == ["fish/7"]


def test_two_images_that_may_be_one_photograph_are_not_mixed(tmp_path):
    """The input has one photograph of that name; the annotations of the other must not get into it."""
    images = [{"id": 1, "file_name": "train/one.png"}, {"id": 2, "file_name": "val/one.png"}]
    annotations = [{"image_id": number, "category_id": 3, "segmentation": [SQUARE]} for number in (1, 2)]
    found = read(tmp_path, annotations, images=images)
    assert not found.of
    assert [entry.image for entry in found.unmatched] == ["train/one.png", "val/one.png"]
    assert all("may be this photograph or another" in entry.reason for entry in found.unmatched)
    images[0]["file_name"] = "cats/one.png"  # its very path
    assert [len(of) for of in read(tmp_path, annotations, images=images).of.values()] == [1]


def test_a_byte_order_mark(tmp_path):
    (tmp_path / "c.json").write_bytes(b"\xef\xbb\xbf" + json.dumps([]).encode())
    assert not coco.read(tmp_path / "c.json", FOUND, categories={}).of


def test_deep_nesting_is_no_traceback(tmp_path):
    (tmp_path / "c.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match="is no JSON"):
        coco.read(tmp_path / "c.json", FOUND, categories={})


@pytest.mark.parametrize("value", ["1", "-2.5", 3, 4.5])
def test_numbers(value):
    assert exported_shapes.number(value) == float(value)


@pytest.mark.parametrize("value", ["", "one", "nan", float("inf"), "1e999", 10**400, None, True, [1], {}])
def test_what_is_no_number(value):
    assert exported_shapes.number(value) is None
