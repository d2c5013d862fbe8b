"""Depth by models of transformers: Depth Anything V1 and V2, DPT, ZoeDepth, Depth Pro, GLPN.

What a model gives is kept as it is: stretching it to a range, as for pictures, would change the ratios that the
occlusion rule goes by.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from real3d_jax.curation.backends import pretrained
from real3d_jax.curation.backends.interfaces import DepthBackend, SourceImage
from real3d_jax.curation.depth import DepthKind
from real3d_jax.data.records import Unusable
from real3d_jax.errors import UserError

# What models of a type give; Depth Anything's config says it.
_KINDS: Mapping[str, DepthKind] = {"dpt": "disparity", "glpn": "metric", "zoedepth": "metric", "depth_pro": "metric"}
_LEAST, _MULTIPLE = 518, 14  # pixels of Depth Anything's input


@dataclasses.dataclass(frozen=True)
class DepthModel:
    """A model of `AutoModelForDepthEstimation`.

    Attributes:
      model: hub name or folder.
      kind: what it gives; None takes what is known of its type.
      device: of torch; None takes a GPU, if there is one.
    """

    model: str
    kind: DepthKind | None = None
    device: str | None = None

    def settings(self) -> Mapping[str, Any]:
        """See `Loadable`."""
        return {"depth": self.model, "depth_kind": self.kind}

    def load(self) -> DepthBackend:
        """See `Loadable`."""
        pretrained.torch()
        from transformers import AutoImageProcessor, AutoModelForDepthEstimation

        model = pretrained.load(AutoModelForDepthEstimation, self.model, "depth_model")
        kind = self.kind or _kind(model.config)
        processor = pretrained.load(AutoImageProcessor, self.model, "depth_model")
        model = pretrained.on_device(model, self.device)
        loaded = _DepthAnything if model.config.model_type == "depth_anything" else _OtherModel
        return loaded(model, processor, kind)


class _DepthAnything:
    """Depth Anything as its authors run it: the shorter side at least 518 pixels, the aspect kept, both sides multiples
    of 14, bicubic; the result brought back bilinearly."""

    def __init__(self, model: Any, processor: Any, kind: DepthKind):
        self.kind: DepthKind = kind
        self._model = model
        self._mean, self._std = (
            pretrained.torch().tensor(values, device=model.device).view(1, 3, 1, 1)
            for values in (processor.image_mean, processor.image_std)
        )

    @pretrained.without_gradients
    def __call__(self, images: Sequence[SourceImage]) -> Sequence[Float[np.ndarray, "H W"] | Unusable]:
        """See `DepthBackend`. Photographs of one size share a forward pass."""
        found: dict[int, np.ndarray] = {}
        for size in sorted({image.size for image in images}):
            chosen = [n for n, image in enumerate(images) if image.size == size]
            found |= dict(zip(chosen, self._estimate([images[n].rgb for n in chosen]), strict=True))
        return [_checked(found[n]) for n in range(len(images))]

    def _estimate(self, images: Sequence[UInt8[np.ndarray, "H W 3"]]) -> Float[np.ndarray, "N H W"]:
        torch = pretrained.torch()
        size = images[0].shape[:2]
        pixels = torch.from_numpy(np.stack(images)).to(self._model.device).permute(0, 3, 1, 2).float() / 255
        resized = torch.nn.functional.interpolate(pixels, input_size(*size), mode="bicubic", align_corners=False)
        depth = self._model(pixel_values=(resized - self._mean) / self._std).predicted_depth
        back = torch.nn.functional.interpolate(depth[:, None], size, mode="bilinear", align_corners=False)
        return back[:, 0].float().cpu().numpy()


class _OtherModel:
    """A model with the preparation that its own files describe."""

    def __init__(self, model: Any, processor: Any, kind: DepthKind):
        self.kind: DepthKind = kind
        self._model, self._processor = model, processor

    @pretrained.without_gradients
    def __call__(self, images: Sequence[SourceImage]) -> Sequence[Float[np.ndarray, "H W"] | Unusable]:
        """See `DepthBackend`. One at a time: their sizes differ."""
        return [_checked(self._estimate(image)) for image in images]

    def _estimate(self, image: SourceImage) -> Float[np.ndarray, "H W"]:
        inputs = self._processor(images=image.rgb, return_tensors="pt").to(self._model.device)
        outputs = self._model(**inputs)
        options: dict[str, Any] = {"target_sizes": [image.size]}
        if self._model.config.model_type == "zoedepth":
            options["source_sizes"] = [image.size]
        found = self._processor.post_process_depth_estimation(outputs, **options)[0]["predicted_depth"]
        return found.float().cpu().numpy()


def input_size(height: int, width: int) -> tuple[int, int]:
    """The size at which Depth Anything sees a photograph: the shorter side exactly the least."""
    scale = _LEAST / min(height, width)
    high, wide = (round(side * scale / _MULTIPLE) * _MULTIPLE for side in (height, width))
    return high, wide


def _kind(config: Any) -> DepthKind:
    if config.model_type == "depth_anything":
        return "metric" if config.depth_estimation_type == "metric" else "disparity"
    if config.model_type not in _KINDS:
        raise UserError(
            f"--depth_model: it is not known what a model of the type '{config.model_type}' gives: "
            "say --depth_kind disparity or metric."
        )
    return _KINDS[config.model_type]


def _checked(depth: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "H W"] | Unusable:
    return depth if np.isfinite(depth).any() else Unusable("the depth model gave not one finite number")
