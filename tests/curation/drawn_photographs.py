"""Photographs with drawn objects, their masks and depth, whose decisions are known."""

import json
import pathlib
from typing import Any

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 160, 120
CATEGORIES = ({"id": 1, "name": "cup"}, {"id": 2, "name": "Bus"})
# Left, top, right, bottom, disparity, category, score, and what becomes of it with `RULES`. Later ones hide earlier.
OBJECTS = (
    (20, 20, 70, 70, 0.5, 1, 0.9, "occluded"),
    (50, 45, 100, 100, 0.9, 1, 0.8, "kept"),
    (112, 20, 150, 60, 0.6, 1, 0.7, "kept"),
    (112, 75, 150, 110, 0.6, 2, 0.9, "category"),
    (112, 64, 118, 70, 0.6, 1, 0.9, "small"),
    (0, 80, 30, 119, 0.7, 1, 0.9, "truncated"),
    (76, 8, 106, 36, 0.4, 1, 0.2, "low_score"),
)
SMALL_RULES = {"min_side": 20, "border": 5}  # for objects of this size


def draw(number: int) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Pixels, disparity, and the masks of what is seen of `OBJECTS`; every number gives other colours."""
    rng = np.random.default_rng(number)
    rgb = rng.integers(80, 120, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    disparity = np.full((HEIGHT, WIDTH), 0.1, np.float32)
    owner = np.full((HEIGHT, WIDTH), -1)
    for place, (left, top, right, bottom, near, *_) in enumerate(OBJECTS):
        rgb[top:bottom, left:right] = rng.integers(0, 255, 3)
        disparity[top:bottom, left:right] = near
        owner[top:bottom, left:right] = place
    return rgb, disparity, [owner == place for place in range(len(OBJECTS))]


def write(folder: pathlib.Path, count: int) -> dict[str, Any]:
    """Makes `images`, `depth` and `coco.json`, and gives back the content of the last."""
    (folder / "images").mkdir(parents=True)
    (folder / "depth").mkdir()
    images, annotations = [], []
    for number in range(count):
        rgb, disparity, masks = draw(number)
        name = f"{number:04d}"
        Image.fromarray(rgb).save(folder / "images" / f"{name}.png", compress_level=1)
        np.save(folder / "depth" / f"{name}.npy", disparity)
        images.append({"id": 100 + number, "file_name": f"{name}.png", "width": WIDTH, "height": HEIGHT})
        annotations += [
            annotation(len(OBJECTS) * number + place, 100 + number, mask, OBJECTS[place][5], OBJECTS[place][6])
            for place, mask in enumerate(masks)
        ]
    content = {"images": images, "annotations": annotations, "categories": list(CATEGORIES)}
    (folder / "coco.json").write_text(json.dumps(content))
    return content


def annotation(identity: int, image_id: Any, mask: np.ndarray, category_id: int, score: float) -> dict[str, Any]:
    """An entry of `annotations`, with run lengths as numbers."""
    return {
        "id": identity,
        "image_id": image_id,
        "category_id": category_id,
        "score": score,
        "segmentation": run_lengths(mask),
    }


def run_lengths(mask: np.ndarray) -> dict[str, Any]:
    """Uncompressed run lengths: down the columns, zeros first."""
    flat = mask.T.ravel()
    changes = np.flatnonzero(np.diff(flat)) + 1
    edges = np.concatenate([[0] if not flat[0] else [0, 0], changes, [flat.size]])
    return {"size": list(mask.shape), "counts": np.diff(edges).tolist()}


def expected() -> list[str]:
    """The reasons of the objects of a photograph, in their order."""
    return [entry[-1] for entry in OBJECTS]
