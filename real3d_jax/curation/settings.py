"""Every constant of the curation rules; the defaults are the paper's (Appendix B) where it gives one."""

import dataclasses
from typing import Literal

from real3d_jax.errors import UserError, did_you_mean

Rule = Literal["paper", "robust"]
RULES: tuple[Rule, ...] = ("paper", "robust")


@dataclasses.dataclass(frozen=True)
class FilterSettings:
    """Of the filters that need no depth.

    Attributes:
      min_score: detections below this confidence are no instances: rejected, and nobody's neighbour. [paper: 0.3]
      min_side: least side of the mask's box, pixels. [paper: "instance scale threshold of 100 pixels"]
      border: least distance between the mask's box and the image's border, pixels. [paper: 10]
      excluded_categories: names, compared without regard to case. [paper: "e.g. bus"]
    """

    min_score: float = 0.3
    min_side: int = 100
    border: int = 10
    excluded_categories: tuple[str, ...] = ("bus",)


@dataclasses.dataclass(frozen=True)
class ContourSettings:
    """Of the occlusion rule 'robust', which walks the whole contour. Lengths "in s" are of the mean box side.

    Attributes:
      spacing: between the contour's points, pixels.
      smoothing: of the normals along the contour, standard deviation in pixels.
      least_curve: shorter closed curves (specks, pinholes) are not looked at, pixels.
      band: how far from the contour disparity is averaged on each side, in s.
      least_band: but at least this far, pixels.
      band_samples: places on each side.
      window: stretch of contour over which a point's ratio is replaced by the median, in s.
      ratio: a neighbour owns the contour where inner over outer disparity is below this.
      background_ratio: like `ratio`, where the contour meets no instance; an object without a mask may hide it there.
      tangent: stretch of contour from which it is continued behind what is nearer, pixels.
      extension: how far it is continued at most, in units of the hidden stretch.
      hidden: an object is occluded if more than this share of it is guessed to be hidden.
    """

    spacing: float = 3.0
    smoothing: float = 3.0
    least_curve: float = 20.0
    band: float = 0.05
    least_band: float = 7.0
    band_samples: int = 6
    window: float = 0.15
    ratio: float = 0.97
    background_ratio: float = 0.9
    tangent: float = 12.0
    extension: float = 1.0
    hidden: float = 0.01


@dataclasses.dataclass(frozen=True)
class OcclusionSettings:
    """Of the occlusion filter.

    Attributes:
      rule: 'paper' is Appendix B; 'robust' walks the whole contour and reads of the fields below only
        `boundary_kernel`, `contact_kernel`, `epsilon` and `contour` (docs/curation.md compares the rules).
      boundary_kernel: side of the square that erodes the mask; the boundary is what it takes off, pixels. [paper: 9]
      contact_kernel: side of the square within which another instance's boundary is in contact, pixels. [paper: 15]
      samples: points drawn on the contact, with replacement. [paper: 20]
      sobel_kernel: side of the Sobel operator that gives the normals, 3, 5 or 7 pixels. [not in the paper]
      offset: distance along the normal at which depth is read, in units of the mean box side s. [paper: 0.05]
      lookup: distance along the normal at which the mask tells inside from outside, pixels. [not in the paper]
      ratio: a point is occluded if inner over outer disparity is below this. [paper: 0.95]
      votes: an object is occluded if at least this share of its points is. [paper: "half"]
      epsilon: added to both disparities before they are divided.
      contour: constants of 'robust'.
    """

    rule: Rule = "paper"
    boundary_kernel: int = 9
    contact_kernel: int = 15
    samples: int = 20
    sobel_kernel: int = 3
    offset: float = 0.05
    lookup: float = 2.0
    ratio: float = 0.95
    votes: float = 0.5
    epsilon: float = 1e-6
    contour: ContourSettings = ContourSettings()

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise UserError(f"There is no occlusion rule '{self.rule}': {did_you_mean(str(self.rule), RULES)}")
        for name in ("boundary_kernel", "contact_kernel"):
            if getattr(self, name) < 3 or getattr(self, name) % 2 == 0:
                raise UserError(f"{name} is {getattr(self, name)}: give an odd number of pixels, at least 3.")
        if self.sobel_kernel not in (3, 5, 7):
            raise UserError(f"sobel_kernel is {self.sobel_kernel}: give 3, 5 or 7.")
        if self.samples < 1 or not 0 < self.votes <= 1:
            raise UserError(
                f"samples is {self.samples} and votes {self.votes}: give at least 1, and a share in (0, 1]."
            )


PAPER = OcclusionSettings(rule="paper")
ROBUST = OcclusionSettings(rule="robust")


@dataclasses.dataclass(frozen=True)
class CurationSettings:
    """All rules.

    Attributes:
      filters: score, size, truncation and category.
      occlusion: which rule, and its constants.
      seed: of the sampled points, with the image's key and the instance's id.
    """

    filters: FilterSettings = FilterSettings()
    occlusion: OcclusionSettings = OcclusionSettings()
    seed: int = 0
