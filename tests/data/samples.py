"""Small data sets whose pictures tell which object and view they are."""

import numpy as np

from real3d_jax.data.frames import centred_intrinsics
from real3d_jax.data.records import MULTIVIEW, SINGLE_VIEW, Item, Photograph, Source, View

SIZE = 16
VIEWS = 6


def pose(number: int, view: int) -> np.ndarray:
    """A camera somewhere on a sphere, looking at the origin."""
    rng = np.random.default_rng([number, view])
    back = rng.normal(size=3)
    back /= np.linalg.norm(back)
    right = np.cross([0.0, 0.0, 1.0], back)
    right /= np.linalg.norm(right)
    c2w = np.eye(4)
    c2w[:3, :3] = np.stack([right, np.cross(back, right), back], -1)
    c2w[:3, 3] = back * rng.uniform(1.5, 2.0)
    return c2w


def picture(number: int, view: int) -> np.ndarray:
    """An opaque square in the colour (10 * number, 40 * view, 7), which survives any resizing."""
    image = np.zeros((SIZE, SIZE, 4), np.uint8)
    image[4:12, 4:12] = (10 * number, 40 * view, 7, 255)
    return image


def multiview_source(objects: int = 5, held_out: int = 3, views: int = VIEWS, c2w=pose) -> Source:
    """Objects whose input colour names object and view; test objects are numbered after the training ones."""

    def items(split, chosen):
        for i in chosen:
            number = i + (objects if split == "test" else 0)
            shots = [
                View(f"object{number}", f"{v:05d}", picture(number, v), c2w(number, v), centred_intrinsics(39.6))
                for v in range(views)
            ]
            yield Item(f"object{number}", tuple(shots))

    return Source(MULTIVIEW, 0, {"made by": "a test"}, {"train": objects, "test": held_out}, items)


def photograph_source(photographs: int = 4, first: int = 0) -> Source:
    """Photographs whose colour names them."""

    def items(split, chosen):
        for i in chosen:
            name = f"photograph{first + i}"
            yield Item(name, (Photograph(name, picture(first + i, 5), {"from": "a test"}),))

    return Source(SINGLE_VIEW, 225, {"made by": "a test"}, {"train": photographs, "test": 0}, items)
