"""Instances from a COCO file, whose annotations travel with each photograph."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from real3d_jax.curation import coco, masks
from real3d_jax.curation.backends.interfaces import Segmentation, SourceImage
from real3d_jax.curation.instances import Instance
from real3d_jax.data.records import Unusable


@dataclasses.dataclass(frozen=True)
class PrecomputedInstances:
    """Decodes annotations."""

    def settings(self) -> Mapping[str, Any]:
        """See `Loadable`."""
        return {"segmentation": "precomputed"}

    def load(self) -> "PrecomputedInstances":
        """See `Loadable`."""
        return self

    def __call__(self, images: Sequence[SourceImage]) -> Sequence[Segmentation | Unusable]:
        """See `SegmentationBackend`."""
        return [_decode(image) for image in images]


def _decode(image: SourceImage) -> Segmentation | Unusable:
    for stated in (annotation["size"] for annotation in image.annotations if annotation["size"]):
        if tuple(stated) != image.size:
            height, width = image.size
            return Unusable(
                f"the annotations are for {stated[0]} x {stated[1]} pixels, the photograph has {height} x {width} "
                "(height x width)"
            )
    instances: dict[str, Instance] = {}  # by the id as a part of names: 5 and '5' are one
    unusable, crowds = [], set()
    for annotation in image.annotations:
        identity = annotation["id"]
        try:
            if str(identity) in instances:
                raise Unusable("another instance of the photograph has the same id")
            mask = masks.decode(annotation["segmentation"], image.size)
            score = coco.checked_score(annotation)
            instances[str(identity)] = Instance(identity, mask, annotation["category"], score)
        except Unusable as error:
            unusable.append((identity, str(error)))
            continue
        if annotation["iscrowd"]:
            crowds.add(identity)
    return Segmentation(list(instances.values()), frozenset(crowds), unusable)
