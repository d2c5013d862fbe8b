"""Real photographs through the whole pipeline: scikit-image's, with masks from their cut-outs and a stand-in depth."""

import json

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("pycocotools")

import tests.curation.beam  # noqa: F401
from real3d_jax.curation import masks
from real3d_jax.curation.backends.precomputed_depth import PrecomputedDepth, write_png16
from real3d_jax.curation.backends.precomputed_instances import PrecomputedInstances
from real3d_jax.curation.run.curate import Curation
from real3d_jax.curation.settings import CurationSettings, OcclusionSettings
from real3d_jax.data.embedded.photograph_outlines import OUTLINES
from real3d_jax.data.embedded.photographs import cut_out
from real3d_jax.data.record_reader import RecordSet

pytestmark = pytest.mark.curation

SIZE = (900, 640)  # width, height
NAMES = ("motorcycle", "coffee", "helmet", "cat")  # no side below 100 pixels at the size they get


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Each photograph's object alone; and with the next one in front of its right side."""
    folder = tmp_path_factory.mktemp("real") / "in"
    (folder / "images").mkdir(parents=True)
    (folder / "depth").mkdir()
    objects = [_object(name) for name in NAMES]
    images, annotations = [], []
    for number in range(len(objects)):
        for covered in (False, True):
            placed = [(objects[number], 120, 120)]
            if covered:
                placed.append((objects[(number + 1) % len(objects)], 120 + int(objects[number].shape[1] * 0.7), 150))
            image_id = len(images) + 1
            images.append({"id": image_id, "file_name": f"{NAMES[number]}_{covered:d}.jpg"})
            seen = _write(folder, images[-1]["file_name"], placed)
            annotations += [
                {
                    "id": 10 * image_id + place,
                    "image_id": image_id,
                    "category_id": 1,
                    "segmentation": masks.encode(mask),
                }
                for place, mask in enumerate(seen)
            ]
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "thing"}]}
    (folder / "coco.json").write_text(json.dumps(content))
    return folder


def _object(name):
    image = Image.fromarray(cut_out(OUTLINES[name]))
    scale = 300 / max(image.size)
    return np.asarray(image.resize((round(image.width * scale), round(image.height * scale))))


def _write(folder, name, placed):
    """Writes photograph and depth; gives what is seen of each object."""
    width, height = SIZE
    rng = np.random.default_rng(0)
    rgb = rng.integers(90, 140, (height, width, 3)).astype(np.float32)
    disparity = np.full((height, width), 0.2, np.float32)
    owner = np.full((height, width), -1)
    for place, (rgba, left, top) in enumerate(placed):
        window = (slice(top, top + rgba.shape[0]), slice(left, left + rgba.shape[1]))
        alpha = rgba[..., 3:] / np.float32(255)
        rgb[window] = rgb[window] * (1 - alpha) + rgba[..., :3] * alpha
        inside = alpha[..., 0] > 0.5
        disparity[window][inside] = 0.5 + 0.3 * place
        owner[window][inside] = place
    Image.fromarray(rgb.round().astype(np.uint8)).save(folder / "images" / name, quality=92)
    write_png16(folder / "depth" / name.replace(".jpg", ".png"), disparity)
    return [owner == place for place in range(len(placed))]


@pytest.mark.parametrize("rule", ["paper", "robust"])
def test_covered_objects_are_left_out(scenes, tmp_path, rule):
    summary = Curation(
        source=str(scenes / "images"),
        out=tmp_path / "out",
        segmentation=PrecomputedInstances(),
        depth=PrecomputedDepth(scenes / "depth"),
        rules=CurationSettings(occlusion=OcclusionSettings(rule=rule)),
        instances=scenes / "coco.json",
    ).run(progress=False)
    assert summary["rejected"] == {}
    lines = [json.loads(line) for line in (tmp_path / "out/decisions.jsonl").read_text().splitlines()]
    assert len(lines) == 3 * 4
    alone = [line for line in lines if line["image"].endswith("_0.jpg")]
    assert all(line["kept"] for line in alone)
    behind = [line for line in lines if line["image"].endswith("_1.jpg") and line["instance_id"] % 10 == 0]
    assert not any(line["kept"] for line in behind)
    assert {line["reason"] for line in behind} <= {"occluded", "ambiguous_boundary"}
    records = RecordSet(tmp_path / "out/records", "train")
    assert len(records) == summary["instances"]["kept"] >= 4
