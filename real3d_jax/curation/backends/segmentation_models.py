"""Instances by models of transformers: MaskFormer, Mask2Former and OneFormer; Grounding DINO with SAM."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from real3d_jax.curation.backends import pretrained
from real3d_jax.curation.backends.interfaces import Segmentation, SegmentationBackend, SourceImage
from real3d_jax.curation.instances import Instance
from real3d_jax.data.records import Unusable
from real3d_jax.errors import UserError

_UNIVERSAL = ("maskformer", "mask2former", "oneformer")


@dataclasses.dataclass(frozen=True)
class UniversalSegmentation:
    """A model of `AutoModelForUniversalSegmentation` that answers with queries: a class and a mask each.

    transformers' own post-processing brings masks to the photograph's size by nearest pixels, from a square that counts
    the padding of a batch as photograph, and gives a query several classes. Here each query is one instance, of its
    most likely class, and its mask is cut to what was photograph and enlarged smoothly.

    Attributes:
      model: hub name or folder.
      min_score: least confidence (of the class, times the mean of the mask's probabilities).
      device: of torch; None takes a GPU, if there is one.
    """

    model: str
    min_score: float
    device: str | None = None

    def settings(self) -> Mapping[str, Any]:
        """See `Loadable`."""
        return {"segmentation": self.model}

    def load(self) -> SegmentationBackend:
        """See `Loadable`."""
        pretrained.torch()
        from transformers import AutoImageProcessor, AutoModelForUniversalSegmentation, AutoProcessor

        model = pretrained.load(AutoModelForUniversalSegmentation, self.model, "segmentation_model")
        if model.config.model_type not in _UNIVERSAL:
            raise UserError(
                f"--segmentation_model: '{self.model}' is of the type '{model.config.model_type}', not "
                f"{', '.join(_UNIVERSAL)}: name another one, or run it yourself and give its results as --instances."
            )
        named = AutoProcessor if model.config.model_type == "oneformer" else AutoImageProcessor
        processor = pretrained.load(named, self.model, "segmentation_model")
        return _Universal(pretrained.on_device(model, self.device), processor, self.min_score)


class _Universal:
    def __init__(self, model: Any, processor: Any, min_score: float):
        self._model, self._processor, self._min_score = model, processor, min_score
        self._options = {"task_inputs": ["instance"]} if model.config.model_type == "oneformer" else {}

    @pretrained.without_gradients
    def __call__(self, images: Sequence[SourceImage]) -> Sequence[Segmentation | Unusable]:
        """See `SegmentationBackend`."""
        if not images:
            return []
        options = {name: value * len(images) for name, value in self._options.items()}
        inputs = self._processor(images=[image.rgb for image in images], return_tensors="pt", **options)
        inputs = inputs.to(self._model.device)
        outputs = self._model(**inputs)
        padded = tuple(inputs["pixel_values"].shape[-2:])
        return [
            Segmentation(
                self._instances(
                    outputs.class_queries_logits[n],
                    outputs.masks_queries_logits[n],
                    padded,
                    _filled(inputs["pixel_mask"][n]),
                    image.size,
                )
            )
            for n, image in enumerate(images)
        ]

    def _instances(
        self,
        classes: Any,
        masks: Any,
        padded: tuple[int, ...],
        filled: tuple[int, int],
        size: tuple[int, int],
    ) -> list[Instance]:
        """The queries that are instances.

        Args:
          classes: logits (queries, classes + 1), the last for "nothing".
          masks: logits (queries, h, w) of the padded input.
          padded: height and width of the input.
          filled: of these, what was photograph.
          size: height and width of the photograph.
        """
        interpolate = pretrained.torch().nn.functional.interpolate
        scores, labels = classes.softmax(-1)[:, :-1].max(-1)
        instances = []
        for query in (scores >= self._min_score).nonzero()[:, 0].tolist():
            logits = interpolate(masks[query][None, None].float(), padded, mode="bilinear", align_corners=False)
            logits = interpolate(logits[..., : filled[0], : filled[1]], size, mode="bilinear", align_corners=False)
            mask = logits[0, 0] > 0
            if not mask.any():
                continue
            score = float(scores[query] * logits[0, 0].sigmoid()[mask].mean())
            if score >= self._min_score:
                category = str(self._model.config.id2label.get(int(labels[query]), ""))
                instances.append(Instance(query, mask.cpu().numpy(), category, min(score, 1.0)))
        return instances


@dataclasses.dataclass(frozen=True)
class DetectorAndSam:
    """Boxes of Grounding DINO for what words name, each made into a mask by SAM.

    Attributes:
      detector: hub name or folder.
      sam: hub name or folder.
      labels: what is looked for.
      min_score: least confidence of a box.
      device: of torch; None takes a GPU, if there is one.
    """

    detector: str
    sam: str
    labels: tuple[str, ...]
    min_score: float
    device: str | None = None

    def settings(self) -> Mapping[str, Any]:
        """See `Loadable`."""
        return {"segmentation": self.detector, "sam": self.sam, "labels": list(self.labels)}

    def load(self) -> SegmentationBackend:
        """See `Loadable`."""
        pretrained.torch()
        from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor, SamModel, SamProcessor

        if not self.labels:
            raise UserError("--detector needs --labels, the names of what it looks for: --labels cat 'traffic light'.")
        detector = pretrained.load(AutoModelForZeroShotObjectDetection, self.detector, "detector")
        sam = pretrained.load(SamModel, self.sam, "sam")
        return _DetectorAndSam(
            pretrained.on_device(detector, self.device),
            pretrained.load(AutoProcessor, self.detector, "detector"),
            pretrained.on_device(sam, self.device),
            pretrained.load(SamProcessor, self.sam, "sam"),
            self.labels,
            self.min_score,
        )


class _DetectorAndSam:
    def __init__(
        self,
        detector: Any,
        detector_processor: Any,
        sam: Any,
        sam_processor: Any,
        labels: Sequence[str],
        min_score: float,
    ):
        self._detector, self._detector_processor = detector, detector_processor
        self._sam, self._sam_processor = sam, sam_processor
        self._labels, self._min_score = labels, min_score

    @pretrained.without_gradients
    def __call__(self, images: Sequence[SourceImage]) -> Sequence[Segmentation | Unusable]:
        """See `SegmentationBackend`."""
        if not images:
            return []
        return [
            Segmentation(self._instances(image, found))
            for image, found in zip(images, self._detect(images), strict=True)
        ]

    def _detect(self, images: Sequence[SourceImage]) -> Sequence[Mapping[str, Any]]:
        """Boxes (left, top, right, bottom) in pixels, scores and labels of each photograph."""
        text = " ".join(f"{label.lower().rstrip('.')}." for label in self._labels)
        inputs = self._detector_processor(
            images=[Image.fromarray(image.rgb) for image in images], text=[text] * len(images), return_tensors="pt"
        ).to(self._detector.device)
        return self._detector_processor.post_process_grounded_object_detection(
            self._detector(**inputs),
            inputs["input_ids"],
            threshold=self._min_score,
            text_threshold=self._min_score,
            target_sizes=[image.size for image in images],
        )

    def _instances(self, image: SourceImage, found: Mapping[str, Any]) -> list[Instance]:
        if not len(found["boxes"]):
            return []
        inputs = self._sam_processor(image.rgb, input_boxes=[found["boxes"].tolist()], return_tensors="pt")
        outputs = self._sam(**inputs.to(self._sam.device), multimask_output=False)
        masks = self._sam_processor.post_process_masks(
            outputs.pred_masks.cpu(), inputs["original_sizes"].cpu(), inputs["reshaped_input_sizes"].cpu()
        )[0]
        return [
            Instance(number, np.asarray(mask[0], bool), str(label), min(float(score), 1.0))
            for number, (mask, label, score) in enumerate(
                zip(masks, found["text_labels"], found["scores"], strict=True)
            )
        ]


def _filled(pixel_mask: Any) -> tuple[int, int]:
    """Height and width of the part of a padded input that is photograph: it lies at the top left."""
    return int(pixel_mask.any(1).sum()), int(pixel_mask.any(0).sum())
