"""OmniObject3D's raw scans, laid into the world of its renders.

Its renderer multiplied each scan with the `scale` of `transforms.json` and, as Blender does to an OBJ file, turned y up
into z up: x, y, z became x, -z, y. The data set's own evaluation of meshes does the same
(https://github.com/omniobject3d/OmniObject3D/blob/main/tools/mesh_eval.py). Records keep the renders' world.
"""

import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import trimesh
from jaxtyping import Float

from real3d_jax.data import boxes
from real3d_jax.data.records import Rejection, Unusable, View
from real3d_jax.data.sources.layout import RENDERS
from real3d_jax.data.sources.omniobject3d import OmniObject3D
from real3d_jax.errors import UserError
from real3d_jax.runtime import folders

_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
_PLACES = ("Scan/Scan.obj", "Scan.obj", "{name}.obj", "Scan/{name}.obj")
_VIEWS = 5  # that are looked at
_NEAR = 0.03  # share of the object's larger side by which the borders of scan and mask may differ


class Laid(NamedTuple):
    """What became of the scans.

    Attributes:
      kept: keys of the objects whose meshes were written.
      rejected: the others.
    """

    kept: Sequence[str]
    rejected: Sequence[Rejection]


def lay_scans(layout: OmniObject3D, scans: pathlib.Path, out: pathlib.Path) -> Laid:
    """Writes `CATEGORY/OBJECT.ply` of each object that has renders and a scan. Those that stand are kept.

    Args:
      layout: the renders.
      scans: the folder `raw_scans`.
      out: the folder to make.

    Raises:
      UserError: a folder is missing or holds something else.
    """
    if not scans.is_dir():
        raise UserError(f"There is no folder '{scans}': correct --scans.")
    kept, rejected = [], []
    for key in list(layout.keys()):
        path = out / f"{key}.ply"
        try:
            if not path.exists():
                mesh = lay_scan(layout, key, find_scan(scans, key))
                with folders.replacing(path) as partial:
                    partial.write_bytes(_as_bytes(mesh))
            kept.append(key)
        except Unusable as error:
            rejected.append(Rejection(key, str(error)))
    if not kept:
        first = f" ('{rejected[0].key}': {rejected[0].reason})" if rejected else ""
        raise UserError(f"Not one scan of '{scans}' could be laid into the renders{first}: correct --scans.")
    return Laid(kept, rejected)


def find_scan(scans: pathlib.Path, key: str) -> pathlib.Path:
    """The OBJ file of an object.

    Raises:
      Unusable: there is none.
    """
    places = [scans / key / place.format(name=pathlib.PurePosixPath(key).name) for place in _PLACES]
    found = next((path for path in places if path.is_file()), None)
    if found is None:
        raise Unusable(f"'{key}' has no '{_PLACES[0]}'")
    return found


def lay_scan(layout: OmniObject3D, key: str, path: pathlib.Path) -> trimesh.Trimesh:
    """A scan in the world of its renders, z up.

    Raises:
      Unusable: it cannot be read, its scale is not known, or it does not fill the masks of the renders.
    """
    mesh = _read(path)
    mesh.vertices = np.asarray(mesh.vertices) * layout.scale(key) @ _Z_UP.T
    views = layout.some_views(key, _VIEWS)
    _check_fits(np.asarray(mesh.vertices[np.unique(mesh.faces)]), views, where=f"'{path.name}' of '{key}'")
    return mesh


def _read(path: pathlib.Path) -> trimesh.Trimesh:
    try:
        mesh: Any = trimesh.load(path, process=False, force="mesh", skip_materials=True, maintain_order=True)
        sound = len(mesh.faces) > 0 and np.isfinite(mesh.vertices).all()
    except Exception as error:  # it raises many kinds for damaged files
        raise Unusable(f"'{path.name}' cannot be read ({' '.join(str(error).split())[:200]})") from error
    if not sound:
        raise Unusable(f"'{path.name}' has no triangles, or vertices that are not finite")
    return trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)


def _check_fits(points: Float[np.ndarray, "n 3"], views: Sequence[View], *, where: str) -> None:
    """A scan that lies right has the borders of the masks."""
    for view in views:
        side = len(view.image)
        local = (points - view.c2w[:3, 3]) @ view.c2w[:3, :3]
        if (local[:, 2] >= 0).any():
            raise Unusable(f"{where} reaches behind the camera of view '{view.view}': scale or scan is wrong")
        fx, fy, cx, cy = view.intrinsics
        places = np.stack([cx - fx * local[:, 0] / local[:, 2], cy + fy * local[:, 1] / local[:, 2]], -1) * side
        seen = np.array(boxes.object_box(view.image[..., 3], threshold=RENDERS))
        laid = np.clip(np.concatenate([places.min(0), places.max(0)]), 0, side)
        off = np.abs(laid - seen).max()
        if off > _NEAR * max(seen[2] - seen[0], seen[3] - seen[1]) + 1:
            raise Unusable(
                f"{where} does not fill the mask of view '{view.view}': its border is {off:.0f} pixels off, so scale, "
                "axes or scan are wrong"
            )


def _as_bytes(mesh: trimesh.Trimesh) -> bytes:
    content = mesh.export(file_type="ply", vertex_normal=False)
    return content if isinstance(content, bytes) else str(content).encode()
