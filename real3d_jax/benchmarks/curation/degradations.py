"""Exact depth and masks made worse, in the ways that estimated ones are."""

import dataclasses

import numpy as np
from jaxtyping import Float
from PIL import Image
from scipy import ndimage

from real3d_jax.benchmarks.curation.scenes import Scene


@dataclasses.dataclass(frozen=True)
class Degradation:
    """What is done to a scene before the rules see it.

    Attributes:
      name: as the report has it.
      noise: standard deviation of the disparity's relative errors: of each pixel, and again of smooth patches.
      blur: standard deviation of the Gaussian that smears depth over edges, pixels.
      mask_shift: standard deviation of the smooth displacement of the masks' edges, pixels.
    """

    name: str
    noise: float = 0.0
    blur: float = 0.0
    mask_shift: float = 0.0


DEGRADATIONS = (
    Degradation("exact"),
    Degradation("noise", noise=0.02),
    Degradation("blur", blur=4.0),
    Degradation("both", noise=0.02, blur=4.0),
    Degradation("both+masks", noise=0.02, blur=4.0, mask_shift=1.5),
)
_PATCH = 30.0  # pixels: size of the smooth errors of depth
_RIPPLE = 12.0  # pixels: size of the ripples of the masks' edges


def degrade(scene: Scene, degradation: Degradation, seed: int = 0) -> Scene:
    """The scene with worse depth and masks; its truth stays that of the exact one."""
    rng = np.random.default_rng([seed, *scene.key.encode()])
    disparity = scene.disparity
    if degradation.blur:
        disparity = ndimage.gaussian_filter(disparity, degradation.blur)
    if degradation.noise:
        errors = rng.standard_normal(disparity.shape) + _smooth(rng, disparity.shape, _PATCH)
        disparity = disparity * np.maximum(1 + degradation.noise * errors, 0)
    instances = scene.instances
    if degradation.mask_shift:
        y, x = np.indices(disparity.shape)
        dx, dy = (degradation.mask_shift * _smooth(rng, disparity.shape, _RIPPLE) for _ in range(2))
        rows = np.clip(np.rint(y + dy), 0, y.max()).astype(int)
        columns = np.clip(np.rint(x + dx), 0, x.max()).astype(int)
        instances = [dataclasses.replace(instance, mask=instance.mask[rows, columns]) for instance in instances]
    return dataclasses.replace(scene, instances=instances, disparity=disparity.astype(np.float32))


def _smooth(rng: np.random.Generator, shape: tuple[int, ...], size: float) -> Float[np.ndarray, "H W"]:
    """Gaussian noise of unit standard deviation that changes over `size` pixels."""
    height, width = shape
    coarse = rng.standard_normal((round(height / size) + 2, round(width / size) + 2)).astype(np.float32)
    fine = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    return fine / fine.std()
