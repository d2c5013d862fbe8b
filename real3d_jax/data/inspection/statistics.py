"""Numbers on a data set's views and cameras, and what in them deserves a remark."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from real3d_jax.data.inspection.examine import ItemReport, ViewReport

_OFF_AIM = 0.05  # of the distance to the origin by which an optical axis may miss it
_TOUCHING = 0.02  # of the views may touch the edge without a remark
_SMALL = 0.03  # of the image: a mask that is smaller wastes the picture


@dataclasses.dataclass(frozen=True)
class Statistics:
    """Numbers on all views that were examined, one entry a view unless said otherwise.

    Attributes:
      views: of each item.
      sizes: the different image sizes, `width x height`.
      area: share of the image that is mask.
      touching: views whose mask touches the image's edge.
      distance: of the camera from the world's origin.
      fov_y: degrees.
      elevation: degrees above the world's x-y plane.
      azimuth: degrees from the world's x axis.
      off_aim: how far the optical axis passes the origin, as a share of the distance.
    """

    views: Float[np.ndarray, "items"]
    sizes: tuple[str, ...]
    area: Float[np.ndarray, "views"]
    touching: int
    distance: Float[np.ndarray, "cameras"]
    fov_y: Float[np.ndarray, "cameras"]
    elevation: Float[np.ndarray, "cameras"]
    azimuth: Float[np.ndarray, "cameras"]
    off_aim: Float[np.ndarray, "cameras"]


def statistics(items: Sequence[ItemReport]) -> Statistics:
    """Of one item at least. Cameras that are not finite are left out of the numbers on cameras."""
    views = [view for item in items for view in item.views]
    cameras = [view for view in views if _finite(view)]
    c2w = np.array([view.c2w for view in cameras], np.float64).reshape(-1, 4, 4)
    position = c2w[:, :3, 3]
    distance = np.linalg.norm(position, axis=-1)
    safe = np.maximum(distance, 1e-9)
    missed = np.linalg.norm(np.cross(position, c2w[:, :3, 2]), axis=-1)
    behind = (position * c2w[:, :3, 2]).sum(-1) < 0  # the origin is at the camera's back
    return Statistics(
        views=np.array([len(item.views) for item in items], np.float64),
        sizes=tuple(sorted({f"{view.size[0]} x {view.size[1]}" for view in views})),
        area=np.array([view.area for view in views]),
        touching=sum(view.touches_edge for view in views),
        distance=distance,
        fov_y=np.array([view.fov_y for view in cameras], np.float64),
        elevation=np.degrees(np.arcsin(np.clip(position[:, 2] / safe, -1, 1))),
        azimuth=np.degrees(np.arctan2(position[:, 1], position[:, 0])),
        off_aim=np.where(behind, 1.0, missed / safe),
    )


def remarks(numbers: Statistics) -> list[str]:
    """Sentences on what may trouble training, the gravest first."""
    found = []
    views = len(numbers.area)
    if empty := int((numbers.area == 0).sum()):
        found.append(f"{empty} of {views} views have an empty mask.")
    if full := int((numbers.area == 1).sum()):
        found.append(f"In {full} of {views} views the mask is the whole image: is the background cut out?")
    if len(numbers.off_aim) and (share := (numbers.off_aim > _OFF_AIM).mean()) > 0.1:
        found.append(f"{share:.0%} of the cameras do not look at the world's origin, which training assumes.")
    if len(numbers.elevation) and (numbers.elevation < 0).mean() > 0.8:
        found.append("Most cameras are below the x-y plane: z may point down.")
    if numbers.touching > _TOUCHING * views:
        found.append(f"{numbers.touching} of {views} masks touch the image's edge, so the object may be cut off.")
    if (numbers.area < _SMALL).mean() > 0.1:
        found.append(f"{(numbers.area < _SMALL).mean():.0%} of the masks cover less than {_SMALL:.0%} of the image.")
    if len({size for size in numbers.sizes if not _square(size)}):
        found.append("Not all images are square, as multi-view training needs them." * bool(len(numbers.fov_y)))
    return [remark for remark in found if remark]


def _finite(view: ViewReport) -> bool:
    return view.c2w is not None and bool(np.isfinite(view.c2w).all())


def _square(size: str) -> bool:
    width, height = size.split(" x ")
    return width == height
