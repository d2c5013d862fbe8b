"""Which views are scored, and how: the two protocols that Real3D's numbers may be compared with.

`paper` is what Section 5 and Appendix A describe, `released` what the published code computes. `protocol` gives either
for one of the four test sets as a group of config keys, so that a config file can take it and change single numbers.
docs/evaluation.md has the differences side by side, and the readings of what the paper leaves open.
"""

import dataclasses

import ml_collections
import numpy as np
from jaxtyping import Float

from real3d_jax.errors import UserError, did_you_mean

PROTOCOLS = ("paper", "released")
DATASETS = ("mvimgnet", "co3d", "omniobject3d", "wild")

# Appendix A, word for word.
CONSISTENCY_AZIMUTHS = (0.0, 30.0, 60.0, -30.0, -60.0, 30.0, 60.0, -30.0, -60.0, 30.0, 60.0, -30.0, -60.0)
CONSISTENCY_ELEVATIONS = (0.0, 0.0, 0.0, 0.0, 0.0, 30.0, 30.0, 30.0, 30.0, 60.0, 60.0, 60.0, 60.0)


@dataclasses.dataclass(frozen=True)
class InputViewConfig:
    """The view that goes into the model.

    Attributes:
      choice: 'centred' takes the view whose mask's centre is nearest to the image's centre (Appendix A), 'first' the
        first of an object.
      crop_ratio: side of the square crop relative to the object's box; 0 takes the image as it is. Photographs are cut
        around the object, multi-view images around their centre, all alike, by the smallest centred square that holds
        the input's object.
      distance: of the input camera from the object, in world units.
      fov_y: field of view that the cropped input view is given, in degrees; all views' focal lengths change by the same
        factor. 0 keeps the one of the data.
    """

    choice: str
    crop_ratio: float
    distance: float
    fov_y: float


@dataclasses.dataclass(frozen=True)
class NovelViewConfig:
    """Novel views against the true ones.

    Attributes:
      views: scored views of an object.
      input_scored: whether the input view is the first of them.
      selection: of the others: 'spread' takes them evenly from all views in their order, 'first' from the beginning.
      resolution: pixels per side of renders and targets.
      target_via: pixels per side that targets are first shrunk to; 0 shrinks them in one step.
      target_antialias: whether the last step averages; otherwise each pixel mixes its four nearest.
      ssim_window: 'uniform' or 'gaussian' (see `metrics.images.ssim`).
    """

    views: int
    input_scored: bool
    selection: str
    resolution: int
    target_via: int
    target_antialias: bool
    ssim_window: str


@dataclasses.dataclass(frozen=True)
class SemanticViewConfig:
    """Views around the object against the input view.

    Attributes:
      azimuths: of the views, degrees.
      elevation: of all of them, degrees.
      distance: of their cameras, in world units.
      fov_y: of their cameras, degrees.
      resolution: pixels per side.
      fid_azimuths: the azimuths whose renders are the one set of FID and KID; the input views are the other.
      fid_jpeg_quality: of JPEG files that these images go through first; 0 for none.
    """

    azimuths: tuple[float, ...]
    elevation: float
    distance: float
    fov_y: float
    resolution: int
    fid_azimuths: tuple[float, ...]
    fid_jpeg_quality: int


@dataclasses.dataclass(frozen=True)
class ConsistencyConfig:
    """The input view seen again by a second reconstruction, made from a view of the first.

    Attributes:
      azimuths: of the intermediate views, degrees.
      elevations: likewise.
      first_scored: the poses before this one are left out.
      intermediate_resolution: pixels per side of the intermediate view; 0 is the size of the model's input.
      resolution: pixels per side of the image that is scored.
      mask_threshold: opacity above which the intermediate view keeps its colour; elsewhere it becomes grey 0.5.
    """

    azimuths: tuple[float, ...]
    elevations: tuple[float, ...]
    first_scored: int
    intermediate_resolution: int
    resolution: int
    mask_threshold: float


@dataclasses.dataclass(frozen=True)
class ProtocolConfig:
    """A protocol for one test set.

    Attributes:
      name: 'paper', 'released', or a name of one's own; shown with the results.
      every: only every so manieth object is scored.
      input_view: what goes in.
      novel_views: against the truth.
      semantic: around the object.
      consistency: back to the input view.
    """

    name: str
    every: int
    input_view: InputViewConfig
    novel_views: NovelViewConfig
    semantic: SemanticViewConfig
    consistency: ConsistencyConfig


def protocol(name: str, dataset: str) -> ml_collections.ConfigDict:
    """A protocol for a test set, as a group of config keys.

    Raises:
      UserError: there is no such protocol or test set.
    """
    if name not in PROTOCOLS:
        raise UserError(f"There is no protocol '{name}': {did_you_mean(name, PROTOCOLS)}")
    if dataset not in DATASETS:
        raise UserError(f"No protocol is known for the data set '{dataset}': {did_you_mean(dataset, DATASETS)}")
    return ml_collections.ConfigDict(dataclasses.asdict((_paper if name == "paper" else _released)(dataset)))


def spherical_angles(
    azimuths: tuple[float, ...], elevations: tuple[float, ...]
) -> tuple[Float[np.ndarray, "V"], Float[np.ndarray, "V"]]:
    """Azimuths and elevations in radians.

    Raises:
      UserError: there are not as many of one as of the other.
    """
    if len(azimuths) != len(elevations):
        raise UserError(
            f"config.protocol.consistency has {len(azimuths)} azimuths and {len(elevations)} elevations: give as many."
        )
    return np.radians(np.array(azimuths, np.float32)), np.radians(np.array(elevations, np.float32))


def _paper(dataset: str) -> ProtocolConfig:
    renders = dataset == "omniobject3d"
    around = tuple(45.0 * k for k in range(1, 8))  # Section 5: 7 novel views, uniform, no elevation
    return ProtocolConfig(
        name="paper",
        every=1,
        input_view=InputViewConfig(
            choice="first" if renders else "centred",
            crop_ratio=0.0 if renders else 1.6,
            distance=3.0,
            fov_y=0.0 if renders else 39.6,
        ),
        novel_views=NovelViewConfig(
            views=10 if renders else 5,
            input_scored=False,
            selection="spread",
            resolution=224,
            target_via=0,
            target_antialias=True,
            ssim_window="uniform",
        ),
        semantic=SemanticViewConfig(
            azimuths=around,
            elevation=0.0,
            distance=3.0,
            fov_y=39.6,
            resolution=224,
            fid_azimuths=around,
            fid_jpeg_quality=0,
        ),
        consistency=_consistency(first_scored=0, resolution=224),
    )


def _released(dataset: str) -> ProtocolConfig:
    renders, photographs = dataset == "omniobject3d", dataset == "wild"
    return ProtocolConfig(
        name="released",
        every=10 if renders or photographs else 1,  # its split 'val'
        input_view=InputViewConfig(
            choice="first",
            crop_ratio=0.0 if renders else 1.7 if photographs else 1.6,
            distance=3.0,
            fov_y=0.0 if renders else 39.6,
        ),
        novel_views=NovelViewConfig(
            views=11 if renders else 5,
            input_scored=True,
            selection="first",
            resolution=224,
            target_via=512,
            target_antialias=False,
            ssim_window="uniform",
        ),
        semantic=SemanticViewConfig(
            azimuths=tuple(48.0 * k for k in range(8)),  # every fourth of 30 views
            elevation=0.0,
            distance=3.0,
            fov_y=40.0,
            resolution=224,
            fid_azimuths=(0.0,),  # the only ones that its file names let through
            fid_jpeg_quality=75,
        ),
        consistency=_consistency(first_scored=1, resolution=512),
    )


def _consistency(*, first_scored: int, resolution: int) -> ConsistencyConfig:
    return ConsistencyConfig(
        azimuths=CONSISTENCY_AZIMUTHS,
        elevations=CONSISTENCY_ELEVATIONS,
        first_scored=first_scored,
        intermediate_resolution=0,
        resolution=resolution,
        mask_threshold=0.5,
    )
