"""Instances from a COCO file, whose annotations travel with each photograph."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from real3d_jax.curation import coco, exported_shapes, masks
from real3d_jax.curation.backends.interfaces import Segmentation, SourceImage, UnknownNeighbour
from real3d_jax.curation.instances import Instance
from real3d_jax.data import orientations
from real3d_jax.data.records import Unusable


@dataclasses.dataclass(frozen=True)
class PrecomputedInstances:
    """Decodes annotations.

    Attributes:
      as_stored: they belong to the pixels that the files have, before any rotation that EXIF data ask for.
    """

    as_stored: bool = False

    def settings(self) -> Mapping[str, Any]:
        """See `Loadable`."""
        return {"segmentation": "precomputed", **({"instances_as_stored": True} if self.as_stored else {})}

    def load(self) -> "PrecomputedInstances":
        """See `Loadable`."""
        return self

    def __call__(self, images: Sequence[SourceImage]) -> Sequence[Segmentation | Unusable]:
        """See `SegmentationBackend`."""
        return [_decode(image, image.orientation if self.as_stored else 1) for image in images]


def _decode(image: SourceImage, orientation: int) -> Segmentation | Unusable:
    size = orientations.stored_size(image.size, orientation)
    if wrong := _other_size(image, size):
        return wrong
    instances: dict[str, Instance] = {}  # by the id as a part of names: 5 and '5' are one
    neighbours, unknown, unusable, crowds = [], [], [], set()
    for annotation in image.annotations:
        own, category = annotation["id"], annotation["category"]
        mask, score, reasons = None, 1.0, []
        try:
            mask = orientations.upright(masks.decode(annotation["segmentation"], size), orientation)
        except Unusable as error:
            reasons.append(str(error))
        if str(own) in instances:
            reasons.append("another instance of the photograph has the same id")
        if "problem" in annotation:
            reasons.append(annotation["problem"])
        try:
            score = coco.checked_score(annotation)
        except Unusable as error:
            reasons.append(str(error))
        if mask is not None and not reasons:
            instances[str(own)] = Instance(own, mask, category, score)
            if annotation["iscrowd"]:
                crowds.add(own)
            continue
        unusable.append((own, reasons[0]))
        if mask is not None:
            neighbours.append(Instance(own, mask, category, score))
        else:
            unknown.extend(_place(annotation, size, orientation, score))
    return Segmentation(list(instances.values()), frozenset(crowds), unusable, neighbours, unknown)


def _other_size(image: SourceImage, size: tuple[int, int]) -> Unusable | None:
    for stated in (tuple(annotation["size"]) for annotation in image.annotations if annotation["size"]):
        if stated != size:
            hint = ""
            if stated == size[::-1] and image.orientation != 1:
                hint = "; they look as if made on the picture as stored, without its EXIF rotation"
                hint = f"{hint}: --instances_as_stored" if size == image.size else "; they are for the upright picture"
            return Unusable(
                f"the annotations are for {stated[0]} x {stated[1]} pixels, the photograph has {size[0]} x {size[1]} "
                f"(height x width){hint}"
            )
    return None


def _place(
    annotation: Mapping[str, Any], size: tuple[int, int], orientation: int, score: float
) -> list[UnknownNeighbour]:
    """Where an annotation without a mask is; nowhere if it shows nothing.

    COCO's box is left, top, width, height. One that holds the corners instead lies within what this reads.
    """
    box = annotation.get("box")
    numbers = [exported_shapes.number(value) for value in box] if isinstance(box, list) else []
    if len(numbers) != 4 or any(value is None for value in numbers):
        empty = not annotation["segmentation"] and not box
        return [] if empty else [UnknownNeighbour(None, score)]
    left, top, width, height = (float(value or 0) for value in numbers)
    if width <= 0 or height <= 0:
        return [] if not annotation["segmentation"] else [UnknownNeighbour(None, score)]
    if max(abs(left), abs(top), width, height) <= 1:  # shares of the photograph
        return [UnknownNeighbour(None, score)]
    covered: Bool[np.ndarray, "H W"] = np.zeros(size, bool)
    rows = slice(max(0, math.floor(top)), max(0, math.ceil(top + height)))
    columns = slice(max(0, math.floor(left)), max(0, math.ceil(left + width)))
    covered[rows, columns] = True
    found = Instance(0, orientations.upright(covered, orientation)).box
    return [] if found is None else [UnknownNeighbour(found, score)]
