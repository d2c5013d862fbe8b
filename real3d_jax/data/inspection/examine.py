"""Examines the items of a data set: cameras, masks, pose check, and the pictures of the page."""

import dataclasses
import functools
import math
import pathlib
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from real3d_jax.data import frames
from real3d_jax.data.inspection.mesh import HullMesh, hull_mesh
from real3d_jax.data.inspection.pose_check import PoseCheck, check_poses
from real3d_jax.data.inspection.silhouettes import mask_of, silhouettes
from real3d_jax.data.inspection.thumbnails import thumbnail
from real3d_jax.data.inspection.verdict import BROKEN, UNCHECKED, Verdict, judge
from real3d_jax.data.preparation import worker_pool
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.data.records import Photograph, View
from real3d_jax.errors import UserError

_MOST_THUMBNAILS = 16  # of one object


@dataclasses.dataclass(frozen=True)
class ViewReport:
    """One view of an object, or a photograph, without its pixels.

    Attributes:
      name: in its source; of a photograph, its key.
      size: width and height in pixels.
      c2w: as stored; None for photographs.
      fov_y: degrees; None for photographs.
      area: share of the image that is mask.
      touches_edge: whether the mask reaches the image's edge.
      iou: of its mask with the hull's; None if it was not compared.
      picture: data URI of a thumbnail with the mask's outline; None if there are many views.
    """

    name: str
    size: tuple[int, int]
    c2w: Float[np.ndarray, "4 4"] | None
    fov_y: float | None
    area: float
    touches_edge: bool
    iou: float | None
    picture: str | None


@dataclasses.dataclass(frozen=True)
class ItemReport:
    """What is known of one item; `check` and `mesh` are None where there is nothing to compare."""

    key: str
    views: tuple[ViewReport, ...]
    verdict: Verdict
    check: PoseCheck | None = None
    mesh: HullMesh | None = None


def examine_all(data: RecordSet, items: Sequence[int], *, workers: int = 0, progress: bool = True) -> list[ItemReport]:
    """Examines the numbered items, in order.

    Raises:
      UserError: a record is damaged, or `workers` is negative.
    """
    with worker_pool(workers) as pool:
        if pool:
            found = pool.map(functools.partial(_examine_in_worker, data.folder, data.split), items)
        else:
            found = map(functools.partial(examine, data), items)
        try:
            return list(tqdm(found, total=len(items), unit="object", desc="inspect", disable=not progress))
        except BrokenProcessPool as error:
            raise UserError(
                "A worker process died while it looked at objects (out of memory?): run again with fewer --workers."
            ) from error


def examine(data: RecordSet, item: int) -> ItemReport:
    """Examines one item.

    Raises:
      UserError: a record is damaged.
    """
    shots = [data.read(item, record) for record in range(int(data.counts[item]))]
    views = [shot for shot in shots if isinstance(shot, View)]
    if len(views) < len(shots):
        reports = tuple(_view(shot, data.mask_threshold) for shot in shots)
        return ItemReport(data.keys[item], reports, Verdict(UNCHECKED, "A photograph has no camera to check."))
    return _object(data.keys[item], views, data.mask_threshold)


def _object(key: str, views: Sequence[View], threshold: int) -> ItemReport:
    masks = [mask_of(view.image, threshold) for view in views]
    seen = [i for i, mask in enumerate(masks) if mask.any() and mask.shape == masks[0].shape]
    wrong = [view.view for view in views if not (frames.is_pose(view.c2w) and _is_lens(view.intrinsics))]
    check, mesh = None, None
    if wrong:
        verdict = Verdict(BROKEN, f"{_cameras(wrong)} no rotation, position and focal length.")
    elif len(seen) < 2:
        verdict = Verdict(UNCHECKED, "Fewer than two views have a mask, so there is nothing to compare.")
    else:
        outlines = silhouettes([masks[i] for i in seen])
        c2w = np.stack([views[i].c2w for i in seen]).astype(np.float64)
        intrinsics = np.stack([views[i].intrinsics for i in seen]).astype(np.float64)
        check = check_poses(outlines, c2w, intrinsics)
        verdict = judge(check, [views[i].view for i in seen])
        mesh = hull_mesh(outlines, c2w, intrinsics, [views[i].image[..., :3] for i in seen])
    shown = set(np.linspace(0, len(views) - 1, min(len(views), _MOST_THUMBNAILS)).round().astype(int).tolist())
    reports = []
    for i, view in enumerate(views):
        position = seen.index(i) if check and i in seen else -1
        reports.append(_view(view, threshold, check, position, shown=i in shown))
    return ItemReport(key, tuple(reports), verdict, check, mesh)


def _view(
    shot: View | Photograph, threshold: int, check: PoseCheck | None = None, position: int = -1, *, shown: bool = True
) -> ViewReport:
    mask = shot.image[..., 3] > threshold
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    unfilled = check.unfilled.get(position) if check else None
    return ViewReport(
        name=shot.view if isinstance(shot, View) else shot.key,
        size=(mask.shape[1], mask.shape[0]),
        c2w=shot.c2w if isinstance(shot, View) else None,
        fov_y=_fov_y(shot.intrinsics) if isinstance(shot, View) else None,
        area=float(mask.mean()),
        touches_edge=bool(border.any()),
        iou=check.view_iou.get(position) if check else None,
        picture=thumbnail(shot.image, mask, unfilled) if shown else None,
    )


def _fov_y(intrinsics: Float[np.ndarray, "4"]) -> float:
    return math.degrees(2 * math.atan2(0.5, float(intrinsics[1])))


def _is_lens(intrinsics: Float[np.ndarray, "4"]) -> bool:
    return bool(np.isfinite(intrinsics).all() and (intrinsics[:2] > 0).all())


def _cameras(names: Sequence[str]) -> str:
    return f"The camera of view {names[0]} is" if len(names) == 1 else f"{len(names)} cameras ({names[0]}, ...) are"


# Each worker opens the data set once.
_opened = functools.cache(RecordSet)


def _examine_in_worker(folder: pathlib.Path, split: str, item: int) -> ItemReport:
    return examine(_opened(folder, split), item)
