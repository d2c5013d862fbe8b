"""An annotation that cannot be used still counts as a neighbour: it cannot let an occluded object through."""

import json

import numpy as np
import pytest
from PIL import ExifTags, Image

pytest.importorskip("pycocotools")

import tests.curation.beam  # noqa: F401
from real3d_jax.curation.backends.precomputed_depth import PrecomputedDepth
from real3d_jax.curation.backends.precomputed_instances import PrecomputedInstances
from real3d_jax.curation.run.curate import Curation
from real3d_jax.curation.settings import CurationSettings, FilterSettings, OcclusionSettings
from tests.curation.drawn_photographs import OBJECTS, SMALL_RULES, expected

pytestmark = pytest.mark.curation

BROKEN = {"size": [10, 10], "counts": [100]}
BOX = [50, 45, 50, 55]  # of object 1, which hides a part of object 0 and comes near no other
KNOWN = "occluded"  # object 1 cannot be an object, but its mask is known
UNKNOWN = "unknown_neighbour"


def curate(folder, out, edit, **options):
    """The reasons by instance, and the summary, of the first photograph after its annotations were edited."""
    content = json.loads((folder / "coco.json").read_text())
    content["images"] = content["images"][:1]
    content["annotations"] = content["annotations"][: len(OBJECTS)]
    edit(content["annotations"])
    (folder / "coco.json").write_text(json.dumps(content))
    for path in (folder / "images").iterdir():
        if path.name != "0000.png":
            path.unlink()
    chosen = {
        "source": str(folder / "images"),
        "segmentation": PrecomputedInstances(),
        "depth": PrecomputedDepth(folder / "depth"),
        "rules": CurationSettings(FilterSettings(**SMALL_RULES)),
        "instances": folder / "coco.json",
    }
    summary = Curation(out=out, **{**chosen, **options}).run(progress=False)
    lines = [json.loads(line) for line in (out / "decisions.jsonl").read_text().splitlines()]
    return {line["instance_id"]: line["reason"] for line in lines}, summary


@pytest.mark.parametrize("rule", ["paper", "robust"])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"score": 7}, KNOWN),
        ({"score": "high"}, KNOWN),
        ({"category_id": None}, KNOWN),
        ({"category_id": 99}, KNOWN),
        ({"iscrowd": "maybe"}, KNOWN),
        ({"id": 6}, KNOWN),  # as another has
        ({"segmentation": [], "bbox": BOX}, UNKNOWN),
        ({"segmentation": [], "bbox": [str(n) for n in BOX]}, UNKNOWN),
        ({"segmentation": None, "bbox": [50, 45, 100, 100]}, UNKNOWN),  # corners in place of sides
        ({"segmentation": BROKEN, "bbox": BOX}, UNKNOWN),
        ({"segmentation": BROKEN, "bbox": [0.3, 0.4, 0.3, 0.4]}, UNKNOWN),  # shares: so it may be anywhere
        ({"segmentation": BROKEN, "bbox": "50 45 50 55"}, UNKNOWN),
        ({"segmentation": BROKEN}, UNKNOWN),
        ({"segmentation": BROKEN, "bbox": [0, 0, 0, 0]}, UNKNOWN),
        ({"segmentation": BROKEN, "score": 0.1}, "kept"),  # nobody's neighbour
        ({"segmentation": [], "bbox": [0, 0, 0, 0], "area": 0}, "kept"),  # COCO Annotator's empty ones: nothing
        ({"segmentation": []}, "kept"),
    ],
)
def test_the_object_behind_is_not_kept(few, tmp_path, change, reason, rule):
    rules = CurationSettings(FilterSettings(**SMALL_RULES), OcclusionSettings(rule=rule))

    def edit(annotations):
        if reason == "kept":  # object 1 shows nothing: so object 0 stands alone
            annotations[0]["segmentation"] = [[20, 20, 48, 20, 48, 70, 20, 70]]
        annotations[1].update(change)

    reasons, summary = curate(few, tmp_path / "out", edit, rules=rules)
    if rule == "robust" and reasons[0] == "occluded":  # it sees what hides without a mask
        assert reason != "kept"
    else:
        assert reasons[0] == reason
    assert sum(summary["rejected"].values()) == 1
    everywhere = reason == UNKNOWN and ("bbox" not in change or change["bbox"] not in (BOX, [str(n) for n in BOX]))
    if not everywhere or change.get("bbox") == [50, 45, 100, 100]:
        assert reasons[3] == "category"
    if "bbox" not in change and reason == UNKNOWN:
        assert reasons[2] == UNKNOWN  # it may be anywhere
    elif change.get("bbox") == BOX:
        assert reasons[2] == "kept"


def test_an_excluded_category_as_text(few, tmp_path):
    def edit(annotations):
        for annotation in annotations:
            annotation["category_id"] = str(annotation["category_id"])

    reasons, summary = curate(few, tmp_path / "out", edit)
    assert list(reasons.values()) == expected()
    assert summary["repaired"] == {"category_id as text": len(OBJECTS)}


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_annotations_and_depth_as_stored(few, tmp_path, orientation):
    """The photograph gets an EXIF rotation; its masks and depth are those of the pixels in the file."""
    path = few / "images/0000.png"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.open(path).copy().save(path, exif=exif)
    as_stored = {"segmentation": PrecomputedInstances(True), "depth": PrecomputedDepth(few / "depth", as_stored=True)}
    reasons, _ = curate(few, tmp_path / "out", lambda annotations: None, **as_stored)
    assert list(reasons.values()) == expected()
    if orientation != 3:
        _, summary = curate(few, tmp_path / "upright", lambda annotations: None)
        ((reason, count),) = summary["rejected"].items()
        assert count == 1
        assert "as stored, without its EXIF rotation: --instances_as_stored" in reason


def test_records_of_annotations_as_stored_show_the_object(few, tmp_path):
    from real3d_jax.data.record_reader import RecordSet

    path = few / "images/0000.png"
    pixels = np.asarray(Image.open(path))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.fromarray(pixels).save(path, exif=exif)
    as_stored = {"segmentation": PrecomputedInstances(True), "depth": PrecomputedDepth(few / "depth", as_stored=True)}
    curate(few, tmp_path / "out", lambda annotations: None, **as_stored)
    record = RecordSet(tmp_path / "out/records", "train").read(0)
    left, top, right, bottom = OBJECTS[1][:4]
    shown = record.image[..., 3] > 0
    assert shown.sum() == (right - left) * (bottom - top)
    assert (record.image[shown][:, :3] == pixels[top + 1, left + 1]).all()
