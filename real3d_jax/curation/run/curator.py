"""Curates photographs: from files to decisions and records. Knows neither Beam nor where results go."""

import dataclasses
import itertools
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from real3d_jax.curation.backends.interfaces import (
    DepthBackend,
    Loadable,
    Segmentation,
    SegmentationBackend,
    SourceImage,
    UnknownNeighbour,
)
from real3d_jax.curation.depth import to_disparity
from real3d_jax.curation.instances import Instance
from real3d_jax.curation.parts import Job, Result
from real3d_jax.curation.report.examples import ExampleDrawer
from real3d_jax.curation.rules.decisions import Decision, decide_all
from real3d_jax.curation.settings import CurationSettings
from real3d_jax.data import orientations, photograph_files, records, transforms
from real3d_jax.data.records import SINGLE_VIEW, Photograph, Unusable
from real3d_jax.data.sources.layout import PHOTOGRAPHS, crop_to_object

CROWD = "crowd"  # reasons of the curator's own: several objects under one mask,
THIN = "thin"  # nothing left of the mask at the record's size,
UNKNOWN_NEIGHBOUR = "unknown_neighbour"  # and an annotation that may hide it, of which no mask is known


@dataclasses.dataclass(frozen=True)
class Curator:
    """How photographs are curated; travels to the workers.

    Attributes:
      folder: of the photographs.
      segmentation: finds instances.
      depth: estimates depth.
      rules: every constant of the decisions.
      image_size: the longer side of a record's image is made at most so long, in pixels.
      batch_size: photographs that the backends get at once.
    """

    folder: pathlib.Path
    segmentation: Loadable[SegmentationBackend]
    depth: Loadable[DepthBackend]
    rules: CurationSettings
    image_size: int = 512
    batch_size: int = 4

    def settings(self) -> Mapping[str, Any]:
        """What shapes the result, as JSON, without paths."""
        return {
            **self.segmentation.settings(),
            **self.depth.settings(),
            "rules": dataclasses.asdict(self.rules),
            "image_size": self.image_size,
        }

    def load(self) -> "LoadedCurator":
        """Loads the backends, once a process.

        Raises:
          UserError: a backend cannot be loaded.
        """
        return LoadedCurator(self, self.segmentation.load(), self.depth.load())


@dataclasses.dataclass(frozen=True)
class LoadedCurator:
    """A curator with its models in memory."""

    options: Curator
    segmentation: SegmentationBackend
    depth: DepthBackend

    def curate(self, job: Job, drawer: ExampleDrawer) -> tuple[Result, list[bytes]]:
        """Curates the photographs of a part, a batch at a time.

        Args:
          job: the photographs.
          drawer: draws those that become examples of the report.

        Returns:
          The result, and the records that its `keys` name.
        """
        collected = _Collected(drawer, self.options.image_size)
        images = self._read(job, collected)
        while batch := list(itertools.islice(images, self.options.batch_size)):
            self._curate_batch(batch, collected)
        result = Result(
            collected.decisions,
            collected.rejected,
            drawer.examples(),
            len(job.photographs),
            collected.empty,
            [key for key, _ in collected.records],
        )
        return result, [record for _, record in collected.records]

    def _read(self, job: Job, collected: "_Collected") -> Iterator[SourceImage]:
        for photograph in job.photographs:
            try:
                rgb = photograph_files.read(self.options.folder, photograph)
            except Unusable as error:
                collected.reject(photograph.file, str(error))
            else:
                orientation = orientations.read_orientation(self.options.folder / photograph.file)
                yield SourceImage(photograph, rgb, job.annotations.get(photograph.key, ()), orientation)

    def _curate_batch(self, batch: Sequence[SourceImage], collected: "_Collected") -> None:
        segmented = []
        for image, segmentation in zip(batch, self.segmentation(batch), strict=True):
            if isinstance(segmentation, Unusable):
                collected.reject(image.photograph.file, str(segmentation))
                continue
            for identity, reason in segmentation.unusable:
                collected.reject(image.photograph.file, reason, instance_id=identity)
            if segmentation.instances:
                segmented.append((image, segmentation))
            else:
                collected.empty += 1
        depths = self.depth([image for image, _ in segmented])
        for (image, segmentation), depth in zip(segmented, depths, strict=True):
            if isinstance(depth, Unusable):
                collected.reject(image.photograph.file, str(depth))
            else:
                self._decide(image, segmentation, depth, collected)

    def _decide(
        self, image: SourceImage, segmentation: Segmentation, depth: Float[np.ndarray, "H W"], collected: "_Collected"
    ) -> None:
        disparity = to_disparity(depth, kind=self.depth.kind)
        rules = self.options.rules
        everything = [*segmentation.instances, *segmentation.neighbours]
        decisions = decide_all(everything, disparity, settings=rules, image_key=image.photograph.key)
        unknown = [place for place in segmentation.unknown if place.score >= rules.filters.min_score]
        reach = rules.occlusion.contact_kernel // 2 + 1
        decided = []
        for instance, decision in zip(segmentation.instances, decisions, strict=False):  # neighbours come after them
            decision = _without_crowds(instance, decision, segmentation.crowds)
            decided.append((instance, _without_unknown(instance, decision, unknown, reach)))
        for instance, decision in decided:
            collected.decide(image, instance, decision)
        collected.drawer.offer(image, disparity, decided)


class _Collected:
    """The results of a part, as they come."""

    def __init__(self, drawer: ExampleDrawer, image_size: int):
        self.drawer = drawer
        self.decisions: list[dict[str, Any]] = []
        self.rejected: list[dict[str, Any]] = []
        self.records: list[tuple[str, bytes]] = []
        self.empty = 0
        self._image_size = image_size
        self._features = records.features(SINGLE_VIEW)

    def reject(self, file: str, reason: str, **more: Any) -> None:
        self.rejected.append({"image": file, **more, "reason": reason})

    def decide(self, image: SourceImage, instance: Instance, decision: Decision) -> None:
        height, width = image.size
        line = {
            "image": image.photograph.file,
            "instance_id": instance.instance_id,
            "kept": decision.kept,
            "reason": str(decision.reason),
            "category": instance.category,
            "score": instance.score,
            "box": instance.box,
            "size": [width, height],
            "details": dict(decision.details),
        }
        if decision.kept:
            provenance = {name: value for name, value in line.items() if name not in ("kept", "reason")}
            photograph = cut_out(image, instance, provenance, image_size=self._image_size)
            if transforms.binary_mask(photograph.image, threshold=PHOTOGRAPHS).any():
                self.records.append((photograph.key, records.encode(photograph, self._features)))
                line["record"] = photograph.key
            else:
                line |= {"kept": False, "reason": THIN}
        self.decisions.append(line)


def cut_out(image: SourceImage, instance: Instance, provenance: Mapping[str, Any], *, image_size: int) -> Photograph:
    """The record of an instance: its pixels with the mask as alpha, cropped to its box and a margin of transparency.

    The square around it is left to training (`crop_ratio`): all beyond the crop is transparent.

    Args:
      image: the photograph.
      instance: with a mask that is not empty.
      provenance: stored with it, and the crop's box in the photograph.
      image_size: the longer side is made at most so long, in pixels.
    """
    rgba = np.concatenate([image.rgb, (instance.mask * np.uint8(255))[..., None]], axis=-1)
    crop, box = crop_to_object(rgba, threshold=PHOTOGRAPHS)
    return Photograph(
        f"{image.photograph.key}/{instance.instance_id}",
        transforms.shrink_straight(crop, longest=image_size),
        {**provenance, "crop": box},
    )


def _without_crowds(instance: Instance, decision: Decision, crowds: Iterable[int | str]) -> Decision:
    if instance.instance_id not in crowds:
        return decision
    return dataclasses.replace(decision, kept=False, reason=CROWD)


def _without_unknown(
    instance: Instance, decision: Decision, unknown: Iterable[UnknownNeighbour], reach: int
) -> Decision:
    """Nobody can tell whether a neighbour without a mask hides what it touches, so that is not kept."""
    if not decision.kept or not any(_touches(instance, place, reach) for place in unknown):
        return decision
    return dataclasses.replace(decision, kept=False, reason=UNKNOWN_NEIGHBOUR)


def _touches(instance: Instance, place: UnknownNeighbour, reach: int) -> bool:
    if place.box is None:
        return True
    left, top, right, bottom = place.box
    near = instance.mask[max(0, top - reach) : bottom + reach, max(0, left - reach) : right + reach]
    return bool(near.any())
