"""Pictures of decisions that were wrong."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from real3d_jax.benchmarks.curation.scenes import Scene
from real3d_jax.curation.rules.decisions import Decision

_COLOURS = np.array([[70, 130, 200], [90, 170, 90], [200, 170, 60], [150, 100, 190], [70, 180, 180], [190, 120, 90]])
_ITS_COLOUR = np.array([225, 70, 60])
_MARGIN = 60  # pixels around the instance


def draw(scene: Scene, instance: int, decision: Decision, *, hidden: float, side: int = 320) -> Image.Image:
    """The instance in red; the points examined, black, or yellow where they say "occluded"."""
    box = scene.instances[instance].box
    assert box is not None, "instances that reach the occlusion filter have a box"
    left, top, right, bottom = box
    half = max(right - left, bottom - top) // 2 + _MARGIN
    x, y = (left + right) // 2 - half, (top + bottom) // 2 - half
    tile = Image.fromarray(_colours(scene, instance)).crop((x, y, x + 2 * half, y + 2 * half)).resize((side, side))
    pen, scale = ImageDraw.Draw(tile), side / (2 * half)
    if decision.evidence is not None:
        for point, occluded in zip(decision.evidence.points, decision.evidence.occluded, strict=True):
            px, py = (point[0] - x) * scale, (point[1] - y) * scale
            pen.ellipse((px - 2, py - 2, px + 2, py + 2), fill="yellow" if occluded else "black")
    pen.text((4, 4), f"{decision.reason}; in truth {hidden:.1%} hidden", fill="white")
    pen.text((4, 16), f"scene {scene.key}, {scene.instances[instance].category}", fill="white")
    return tile


def sheet(tiles: Sequence[Image.Image], *, columns: int = 4) -> Image.Image:
    """Tiles of one size, row by row."""
    width, height = tiles[0].size
    canvas = Image.new("RGB", (columns * width, -(-len(tiles) // columns) * height))
    for number, tile in enumerate(tiles):
        canvas.paste(tile, (number % columns * width, number // columns * height))
    return canvas


def _colours(scene: Scene, chosen: int) -> np.ndarray:
    colour = np.full((*scene.disparity.shape, 3), 110)
    for number, instance in enumerate(scene.instances):
        colour[instance.mask] = _ITS_COLOUR if number == chosen else _COLOURS[number % len(_COLOURS)]
    shade = np.clip(scene.disparity / 0.5, 0.1, 1) ** 0.4
    return (colour * shade[..., None]).astype(np.uint8)
