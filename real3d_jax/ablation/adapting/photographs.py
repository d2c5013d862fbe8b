"""A folder of drawn photographs, as one takes them of one's own things, with their instances and depth."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from real3d_jax.config.adapting import DrawnPhotographsConfig
from real3d_jax.data.procedural.source import procedural_single
from real3d_jax.data.records import Item, Photograph
from real3d_jax.runtime import folders

INSTANCES, PHOTOGRAPHS, DEPTHS = "instances.json", "photographs", "depths"
_NEAR, _FAR = 40_000, 8_000  # disparity of object and backdrop, 16 bits
_SOLID = 128  # alpha from which on a pixel is of the object
_CUT = (0.15, 0.35)  # of the object's width that the border cuts off


def draw_photographs(folder: Path, config: DrawnPhotographsConfig, *, settings: Mapping[str, Any]) -> None:
    """Writes `photographs/`, `depths/` and COCO's `instances.json`, unless they are there.

    Args:
      folder: for all of it.
      config: what is drawn.
      settings: the same as JSON, which a folder is known by.

    Raises:
      UserError: the folder holds others, or a setting is out of range.
    """
    folders.begin(folder / "drawn.json", settings, made="drawn", foreign=f"'{folder}' holds something else")
    if (folder / INSTANCES).exists():
        return
    for name in (PHOTOGRAPHS, DEPTHS):
        (folder / name).mkdir(exist_ok=True)
    views = procedural_single(
        family=config.family, objects=config.count, held_out=0, image_size=config.drawn, seed=config.seed
    )
    found = []
    for number, item in enumerate(views.items("train", range(config.count))):
        assert isinstance(item, Item)
        (view,) = item.records
        assert isinstance(view, Photograph)
        rng = np.random.default_rng([config.seed, number])
        image = _placed(view.image, rng, config)
        mask = image[..., 3] >= _SOLID
        photograph = _before_backdrop(image, rng)
        name = f"{number:05d}.png"
        Image.fromarray(photograph).save(folder / PHOTOGRAPHS / name)
        Image.fromarray(np.where(mask, _NEAR, _FAR).astype(np.uint16)).save(folder / DEPTHS / name)
        found.append((name, mask))
    folders.write_result(folder / INSTANCES, json.dumps(_coco(found, config.family)) + "\n")


def _placed(
    view: UInt8[np.ndarray, "s s 4"], rng: np.random.Generator, config: DrawnPhotographsConfig
) -> UInt8[np.ndarray, "h w 4"]:
    """The object somewhere in the picture, whole or cut by the left border."""
    ys, xs = np.nonzero(view[..., 3])
    thing = view[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    height, width = thing.shape[:2]
    margin = 6
    top = int(rng.integers(margin, max(config.height - height - margin, margin) + 1))
    left = int(rng.integers(margin, max(config.width - width - margin, margin) + 1))
    if rng.uniform() < config.cut:
        left = -int(width * rng.uniform(*_CUT))
    canvas = np.zeros((config.height, config.width, 4), np.uint8)
    shown = thing[: config.height - top, max(-left, 0) : config.width - left]
    canvas[top : top + shown.shape[0], max(left, 0) : max(left, 0) + shown.shape[1]] = shown
    return canvas


def _before_backdrop(image: UInt8[np.ndarray, "h w 4"], rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """On a wall and a floor of other colours, each of which fades to one side."""
    height, width = image.shape[:2]
    wall, floor = rng.uniform(0.35, 0.95, (2, 1, 1, 3)) * 255
    horizon = rng.uniform(0.45, 0.75) * height
    below = (np.arange(height) > horizon)[:, None, None]
    fade = 1 - rng.uniform(0, 0.25) * np.linspace(0, 1, width)[None, :, None]
    backdrop = np.where(below, floor, wall) * fade
    alpha = image[..., 3:] / 255
    return np.round(alpha * image[..., :3] + (1 - alpha) * backdrop).astype(np.uint8)


def _coco(found: list[tuple[str, Bool[np.ndarray, "h w"]]], category: str) -> dict[str, Any]:
    return {
        "images": [
            {"id": number, "file_name": name, "height": mask.shape[0], "width": mask.shape[1]}
            for number, (name, mask) in enumerate(found)
        ],
        "categories": [{"id": 1, "name": category}],
        "annotations": [
            {"id": number, "image_id": number, "category_id": 1, "segmentation": run_lengths(mask)}
            for number, (_, mask) in enumerate(found)
        ],
    }


def run_lengths(mask: Bool[np.ndarray, "h w"]) -> dict[str, list[int]]:
    """COCO's run lengths: down the columns, zeros first."""
    flat = np.concatenate([[False], mask.T.ravel()])
    edges = np.concatenate([[0], np.flatnonzero(np.diff(flat)), [mask.size]])
    return {"size": list(mask.shape), "counts": np.diff(edges).tolist()}
