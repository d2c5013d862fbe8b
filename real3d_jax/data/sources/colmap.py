"""Sparse models of COLMAP, binary or text, read with `pycolmap`, which is an extra.

COLMAP's cameras have OpenCV axes (x right, y down, z forward); they become OpenGL axes here and nowhere else. Its pixel
positions start at the upper left corner of the picture, as everywhere in this package.
"""

import math
import pathlib
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from real3d_jax.data.records import Unusable
from real3d_jax.data.sources import colmap_text
from real3d_jax.data.sources.captures import Mesh
from real3d_jax.errors import check_installed

_CELLS = 40  # along the longer side; within a cell a lens's distortion counts as bilinear


class ModelCamera(NamedTuple):
    """A lens.

    Attributes:
      size: width and height of its pictures, in pixels.
      intrinsics: `fx, fy, cx, cy` in pixels, once the picture is straight.
      mesh: straightens a picture; empty if the lens does not distort.
    """

    size: tuple[int, int]
    intrinsics: Float[np.ndarray, "4"]
    mesh: Mesh


class Model(NamedTuple):
    """A sparse model.

    Attributes:
      images: name, camera to world with OpenGL axes, and lens of each picture, in the order of their names.
      points: in world coordinates.
      camera_file: where the poses come from.
    """

    images: list[tuple[str, Float[np.ndarray, "4 4"], ModelCamera]]
    points: Float[np.ndarray, "n 3"]
    camera_file: str = "images.bin"


def check_reader() -> None:
    """Refuses to go on without the package that reads them: see `errors.check_installed`."""
    check_installed("pycolmap", what="COLMAP models are read", extra="data")


def read_model(folder: pathlib.Path) -> Model:
    """The model in a folder of binary files or, if there is none of these, of text files.

    Raises:
      Unusable: a file is missing or damaged, or a camera is no perspective one.
    """
    import pycolmap

    as_text = not any((folder / name).exists() for name in _ENDS) and (folder / colmap_text.IMAGES).exists()
    if as_text:
        colmap_text.check(folder)
    else:
        for name, end in _ENDS.items():
            _check_whole(folder / name, end)
    try:
        model = pycolmap.Reconstruction(folder)
        posed = sorted((image.name, number) for number, image in model.images.items() if image.has_pose)
    except Exception as error:  # it raises many kinds for what does not fit together
        raise Unusable(f"the sparse model cannot be read ({' '.join(str(error).split())[:200]})") from error
    if not posed:
        raise Unusable("the sparse model has no pictures")
    lenses = {number: _lens(camera) for number, camera in model.cameras.items()}
    points = np.array([point.xyz for point in model.points3D.values()]).reshape(-1, 3)
    images = [(name, model.images[number]) for name, number in posed]
    camera_file = colmap_text.IMAGES if as_text else "images.bin"
    return Model([(name, _c2w(image), lenses[image.camera_id]) for name, image in images], points, camera_file)


def _check_whole(path: pathlib.Path, end: Callable[[bytes], int]) -> None:
    """Refuses a truncated file, of which `pycolmap` would take rubbish for counts and fill the memory.

    Raises:
      Unusable: the file is missing, or ends elsewhere than its own counts say.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise Unusable(f"'{path.name}' of the sparse model is missing") from error
    try:
        whole = end(content) == len(content)
    except (struct.error, ValueError, OverflowError):
        whole = False
    if not whole:
        raise Unusable(f"'{path.name}' of the sparse model is truncated or damaged")


# Where the lists of https://colmap.github.io/format.html end: a count, and then entries of varying length.
def _end_of_cameras(content: bytes) -> int:
    import pycolmap

    position = 8
    for _ in range(*struct.unpack_from("<Q", content)):
        (kind,) = struct.unpack_from("<i", content, position + 4)
        numbers = pycolmap.Camera.create_from_model_id(1, pycolmap.CameraModelId(kind), 1.0, 1, 1).params
        position += 24 + 8 * len(numbers)
    return position


def _end_of_images(content: bytes) -> int:
    position = 8
    for _ in range(*struct.unpack_from("<Q", content)):
        position = content.index(b"\0", position + 64) + 1  # after the name
        position += 8 + 24 * struct.unpack_from("<Q", content, position)[0]
    return position


def _end_of_points(content: bytes) -> int:
    position = 8
    for _ in range(*struct.unpack_from("<Q", content)):
        position += 51 + 8 * struct.unpack_from("<Q", content, position + 43)[0]
    return position


_ENDS = {"cameras.bin": _end_of_cameras, "images.bin": _end_of_images, "points3D.bin": _end_of_points}


def _c2w(image: Any) -> Float[np.ndarray, "4 4"]:
    opencv = np.eye(4)
    opencv[:3] = image.cam_from_world().inverse().matrix()
    return opencv * [1, -1, -1, 1]


def _lens(camera: Any) -> ModelCamera:
    if not camera.is_perspective_pinhole():
        raise Unusable(f"the sparse model has a camera of the kind {camera.model_name}, which is not perspective")
    if not np.isfinite(camera.params).all():
        raise Unusable("the sparse model has a camera with numbers that are not finite")
    focals = camera.focal_length_x, camera.focal_length_y
    if min(focals) <= 0:
        raise Unusable(f"the sparse model has a camera with focal lengths {list(focals)}")
    intrinsics = np.array([*focals, camera.principal_point_x, camera.principal_point_y])
    return ModelCamera((camera.width, camera.height), intrinsics, () if camera.is_undistorted() else _mesh(camera))


def _mesh(camera: Any) -> Mesh:
    """Where the cells of a straight picture lie in the distorted one."""
    cell = math.ceil(max(camera.width, camera.height) / _CELLS)
    xs, ys = (np.append(np.arange(0, length, cell), length) for length in (camera.width, camera.height))
    corners = np.stack(np.meshgrid(xs, ys), -1).astype(np.float64)
    local = (corners - [camera.principal_point_x, camera.principal_point_y]) / [
        camera.focal_length_x,
        camera.focal_length_y,
    ]
    rays = np.concatenate([local, np.ones_like(local[..., :1])], -1)
    source = np.asarray(camera.img_from_cam(rays.reshape(-1, 3))).reshape(corners.shape)
    # Upper left, lower left, lower right, upper right.
    quads = np.concatenate([source[:-1, :-1], source[1:, :-1], source[1:, 1:], source[:-1, 1:]], -1)
    return tuple(
        ((int(xs[i]), int(ys[j]), int(xs[i + 1]), int(ys[j + 1])), tuple(quads[j, i].tolist()))
        for j in range(len(ys) - 1)
        for i in range(len(xs) - 1)
    )
